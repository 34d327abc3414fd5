"""Every model of the benchmarks by name: the presets, the recipe's ablations, and the peers."""

import contextlib
from collections.abc import Callable
from unittest import mock

import numpy as np
import torch
from peers import PEERS

import skflow.fitting.components
import skflow.fitting.defaults
from skflow import NormalizingFlowDensity

PRESETS = {"skflow": {}, "skflow fast": {"effort": "fast"}}


class Preset:
    """NormalizingFlowDensity, perhaps with something of its recipe taken away."""

    def __init__(self, change: Callable = contextlib.nullcontext, **params):
        self.change, self.params = change, params

    def fit(self, X):
        with self.change():
            self.model_ = NormalizingFlowDensity(random_state=0, **self.params).fit(X)
        return self

    def score_samples(self, X):
        return self.model_.score_samples(X)

    def stages(self, X_train, X):
        """Mean log p of the start, of a member, and of the members together: log p is `net`."""
        untrained = {"max_iter": 1, "learning_rate_init": 1e-12, "early_stopping": False}
        start = NormalizingFlowDensity(random_state=0, n_estimators=1, **untrained).fit(X_train)
        members = self._member_scores(X)
        together = np.logaddexp.reduce(members, axis=0) - np.log(len(members))
        return {
            "start": float(start.score(X)),
            "member": float(members.mean()),
            "flow": float(together.mean()),
            "flow_se": float(together.std() / np.sqrt(len(X))),
            "weights": self.model_.weights_,
        }

    def _member_scores(self, X):
        model = self.model_
        with torch.no_grad():
            z, log_det = model.flow_.chain(torch.from_numpy(X))
            return np.stack(
                [
                    (part.log_prob(z) + log_det).numpy()
                    for part, record in zip(
                        model.flow_.base.components, model._spec.components, strict=True
                    )
                    if record.learned
                ]
            )


def _diagonal_start():
    """Whitening that only scales: the start's correlations are left to the flow."""
    fit_student_t = skflow.fitting.components.fit_student_t

    def diagonal(rows, weights, shape):
        location, factor = fit_student_t(rows, weights, shape)
        return location, np.diag(np.linalg.norm(factor, axis=1))

    return mock.patch.object(skflow.fitting.components, "fit_student_t", diagonal)


ABLATIONS = {
    "recipe": Preset(),
    "columns only standardised": Preset(marginals=None),
    "power transforms without kernels": Preset(marginals="yeo-johnson"),
    "diagonal start": Preset(_diagonal_start),
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
