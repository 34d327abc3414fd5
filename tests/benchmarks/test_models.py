"""Presets, ablations and peers of the benchmarks."""

from unittest import mock

import numpy as np
import pytest
import torch
from torch import nn

from skflow import NormalizingFlowDensity

RNG = np.random.default_rng(0)
SAMPLES = RNG.normal(size=(200, 2)) @ [[1.0, 0.9], [0.0, 0.3]]
SAMPLES[:, 0] += 10 * (RNG.random(200) < 0.4)  # two modes, for which marginals need kernels
SHORT_FIT = {"max_iter": 20, "tol": 10, "hidden_layer_sizes": 8, "n_transforms": 1}
ABLATIONS = {
    "columns only standardized",
    "power transforms without kernels",
    "diagonal start",
    "normal start and base",
    "coupled splines",
    "no noise",
    "no dropout",
    "one member",
    "fast",
    "no rows left out and no net",
    "no safety net",
}
OPTIONAL = ["Vine", "ZukoNSF", "ZukoCNF", "NormflowsNSF", "NflowsNSF", "Flowjax"]


def test_every_model_has_a_name(script):
    models = script("models")
    assert set(models.ABLATIONS) == ABLATIONS | {"recipe"}
    assert set(models.PEERS) == {"KDE", "GMM", "TorchCFM", "TorchCFMOT", *OPTIONAL}
    for name in {*models.PRESETS, *models.ABLATIONS, *models.PEERS}:
        assert hasattr(models.model(name), "fit")


@pytest.mark.parametrize("preset", ["skflow", "skflow fast"])
def test_stages_of_a_preset(script, preset):
    fitted = script("models").model(preset).fit(SAMPLES)
    stages = fitted.stages(SAMPLES, SAMPLES)
    assert np.isfinite([stages[key] for key in ("start", "member", "flow", "flow_se")]).all()
    assert sum(stages["weights"].values()) == pytest.approx(1)
    assert stages["flow"] >= stages["member"] - 1e-9  # by concavity of the logarithm


@pytest.mark.parametrize("name", sorted(ABLATIONS))
def test_an_ablation_changes_the_fit(script, monkeypatch, name):
    models = script("models")
    # beside the safety net the weight of so short a fit is low, and hides what changes the flow
    fit = SHORT_FIT if name == "no safety net" else SHORT_FIT | {"safety_net": False}
    monkeypatch.setattr(models, "NormalizingFlowDensity", NormalizingFlowDensity)
    plain, ablated = (
        models.Preset(ablation.patch, **fit | ablation.params).fit(SAMPLES).score_samples(SAMPLES)
        for ablation in (models.ABLATIONS["recipe"], models.ABLATIONS[name])
    )
    assert np.isfinite(ablated).all()
    assert np.abs(ablated - plain).max() > 1e-4


def test_the_fit_calls_what_an_ablation_replaces(script):
    models = script("models")
    patched = [ablation for ablation in models.ABLATIONS.values() if ablation.patch]
    assert patched
    for ablation in patched:
        with ablation.patch() as replaced:
            models.NormalizingFlowDensity(random_state=0).fit(SAMPLES)
        assert replaced.called


def test_an_ablation_without_effect_is_an_error(script):
    models = script("models")

    def of_something_else():
        return mock.patch.object(np, "polyfit")

    with pytest.raises(RuntimeError, match="does not call what of_something_else replaces"):
        models.Preset(of_something_else).fit(SAMPLES)


@pytest.mark.parametrize("name", ["KDE", "GMM"])
def test_peers_of_scikit_learn_score_in_the_units_of_the_data(script, name):
    models = script("models")
    scaled = models.model(name).fit(100 * SAMPLES).score_samples(100 * SAMPLES)
    plain = models.model(name).fit(SAMPLES).score_samples(SAMPLES)
    np.testing.assert_allclose(scaled, plain - 2 * np.log(100), rtol=1e-6)


@pytest.mark.parametrize("name", OPTIONAL)
def test_a_peer_that_is_not_installed_is_reported(script, name):
    quality = script("quality")
    with mock.patch.dict("sys.modules", dict.fromkeys(PACKAGES, None)):
        record = quality.measure(name, script("tables").Split(SAMPLES, SAMPLES))
    assert record["error"].startswith("ModuleNotFoundError")


PACKAGES = ["pyvinecopulib", "zuko", "normflows", "nflows", "flowjax", "jax", "torchcfm"]


class DiagonalNormal(nn.Module):
    """A torch flow for the training loop of the peers."""

    def __init__(self, d):
        super().__init__()
        self.loc, self.log_scale = nn.Parameter(torch.ones(d)), nn.Parameter(torch.zeros(d))

    def log_prob(self, z):
        return torch.distributions.Normal(self.loc, self.log_scale.exp()).log_prob(z).sum(1)


def test_training_loop_of_the_peers_fits_a_normal(script):
    peers = script("peers")

    class Peer(peers.TorchLoop):
        learning_rate, epochs = 0.02, 300

        def build(self, d):
            return DiagonalNormal(d)

    rows = 5 + 3 * np.random.default_rng(0).normal(size=(400, 2))
    before = torch.get_rng_state()
    scores = Peer().fit(rows).score_samples(rows)
    torch.set_rng_state(before)  # the loop of a user may seed torch
    z = (rows - rows.mean(0)) / rows.std(0)
    best = -0.5 * (np.square(z) + np.log(2 * np.pi)).sum(1) - np.log(rows.std(0)).sum()
    assert scores.mean() == pytest.approx(best.mean(), abs=0.03)


class StraightPaths:
    """The matcher of torchcfm without a coupling."""

    def sample_location_and_conditional_flow(self, noise, z):
        t = torch.rand(len(z))
        return t, noise + t[:, None] * (z - noise), z - noise


def test_flow_matching_of_the_peers_is_a_density(script):
    peers = script("peers")

    class Peer(peers.TorchCFM):
        epochs, steps = 100, 10

        def matcher(self):
            return StraightPaths()

    rows = np.random.default_rng(0).normal(size=(200, 1)) ** 3
    before = torch.get_rng_state()
    peer = Peer().fit(rows)
    torch.set_rng_state(before)
    grid = np.linspace(-25, 25, 1001)[:, None]
    assert 0.05 * np.exp(peer.score_samples(grid)).sum() == pytest.approx(1, abs=0.02)
