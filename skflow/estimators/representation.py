"""What ``str()`` and notebooks show of a fitted estimator."""

import html
from typing import Any

from sklearn.base import BaseEstimator


class RepresentationMixin(BaseEstimator):
    """Adds a summary of the fit to ``str()`` and to the HTML representation.

    The summary has two lines: the size of the training data, and the components of the density
    with the held-out score. ``repr()`` shows parameters only, as scikit-learn's does.
    """

    def __str__(self) -> str:
        return "\n".join([repr(self), *self._summary()])

    def _repr_html_inner(self) -> str:
        return str(super()._repr_html_inner()) + self._summary_html()

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        bundle: dict[str, str] = super()._repr_mimebundle_(**kwargs)
        if "text/html" in bundle:
            bundle["text/html"] += self._summary_html()
        return bundle

    def _summary(self) -> list[str]:
        """Lines that describe the fit; none before it."""
        if not self.__sklearn_is_fitted__():
            return []
        size = f"{self.n_samples_fit_:,} rows × {self.n_features_in_:,} columns"
        components = [self._component(name, weight) for name, weight in self.weights_.items()]
        score = self.held_out_score_
        nats = "" if score is None else f"; {score:.3f} nats per held-out sample"
        return [f"Fitted on {size}", ", ".join(components) + nats]

    def _component(self, name: str, weight: float) -> str:
        n_members = sum(component.learned for component in self._spec.components)
        members = f" ({n_members} members)" if name == "flow" and n_members > 1 else ""
        return f"{_percent(weight)} {name}{members}"

    def _summary_html(self) -> str:
        summary = "<br>".join(html.escape(line) for line in self._summary())
        return f'<div class="skflow-summary">{summary}</div>' if summary else ""


def _percent(weight: float) -> str:
    """A weight in percent, in which only 0 and 1 look like 0 and 1."""
    if 0 < weight < 0.005:
        return "<1 %"
    return ">99 %" if 0.995 < weight < 1 else f"{100 * weight:.0f} %"
