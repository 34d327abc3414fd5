"""All models of the benchmarks by name: presets, ablations of the defaults, and peers."""

import contextlib
from collections.abc import Callable
from unittest import mock

import numpy as np
import torch
from peers import PEERS

import skflow.fitting.initial_fit
from skflow import NormalizingFlowDensity

PRESETS = {"skflow": {}, "skflow fast": {"effort": "fast"}}


class Preset:
    """NormalizingFlowDensity with given parameters.

    `patch` makes a context manager that replaces a function of skflow during the fit, and enters
    as the mock in its place.
    """

    def __init__(self, patch: Callable | None = None, **params):
        self.patch, self.params = patch, params

    def fit(self, X):
        with self.patch() if self.patch else contextlib.nullcontext() as mocked:
            self.model_ = NormalizingFlowDensity(random_state=0, **self.params).fit(X)
        if mocked is not None and not mocked.called:
            raise RuntimeError(f"The fit does not call what {self.patch.__name__} replaces.")
        return self

    def score_samples(self, X):
        return self.model_.score_samples(X)

    def stages(self, X_train, X):
        """Mean log p of the initial fit, of an ensemble member and of the ensemble.

        `score_samples` has the last stage, the mixture with the safety net.
        """
        untrained = {"max_iter": 1, "learning_rate_init": 1e-12, "early_stopping": False}
        initial = NormalizingFlowDensity(random_state=0, n_estimators=1, **untrained).fit(X_train)
        members = self._member_scores(X)
        ensemble = np.logaddexp.reduce(members, axis=0) - np.log(len(members))
        return {
            "start": float(initial.score(X)),
            "member": float(members.mean()),
            "flow": float(ensemble.mean()),
            "flow_se": float(ensemble.std() / np.sqrt(len(X))),
            "weights": self.model_.weights_,
        }

    def _member_scores(self, X):
        """log p of the samples under each ensemble member, (n_members, n)."""
        model = self.model_
        components = zip(model.flow_.base.components, model._spec.components, strict=True)
        with torch.no_grad():
            z, log_det = model.flow_.chain(torch.from_numpy(X))
            return np.stack(
                [
                    (component.log_prob(z) + log_det).numpy()
                    for component, spec in components
                    if spec.learned
                ]
            )


def _without_correlations():
    """An initial fit that only scales: correlations are left to the flow."""
    module = skflow.fitting.initial_fit
    fit_student_t = module.fit_student_t

    def fit_diagonal(rows, weights, shape):
        location, factor = fit_student_t(rows, weights, shape)
        return location, np.diag(np.linalg.norm(factor, axis=1))

    return mock.patch.object(module, "fit_student_t", autospec=True, side_effect=fit_diagonal)


ABLATIONS = {
    "recipe": Preset(),
    "columns only standardized": Preset(marginals=None),
    "power transforms without kernels": Preset(marginals="yeo-johnson"),
    "diagonal start": Preset(_without_correlations),
    "normal start and base": Preset(base="normal"),
    "coupled splines": Preset(flow="nsf"),
    "no noise": Preset(noise=0.0),
    "no dropout": Preset(dropout=0.0),
    "one member": Preset(n_estimators=1),
    "fast": Preset(effort="fast"),
    "no rows left out and no net": Preset(early_stopping=False),
    "no safety net": Preset(safety_net=False),
}


def model(name: str):
    """A model to fit: a preset, an ablation or a peer."""
    if name in PRESETS:
        return Preset(**PRESETS[name])
    return ABLATIONS[name] if name in ABLATIONS else PEERS[name]()
