"""The safety net's Gaussian mixture and kernels."""

import threading
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import multivariate_normal, norm
from sklearn.neighbors import KernelDensity

from skflow.fitting.gmm_and_kde import (
    MixtureConfig,
    fit_gaussians,
    fit_kernels,
    has_ties,
    resample_by_weight,
    select_bandwidth,
    select_mixture_config,
)
from skflow.flows.distributions.gaussian_mixture_and_kernels import (
    GaussianKernels,
    GaussianMixture,
)

Z = torch.from_numpy(np.random.default_rng(0).normal(size=(300, 2)))
ONES = torch.ones(300, dtype=torch.float64)
FOUR = MixtureConfig(4, 3e-3)


def clusters(n=400, k=4):
    generator = np.random.default_rng(1)
    centers = 8 * np.array([[0, 0], [1, 0], [0, 1], [1, 1]])[:k]
    return torch.from_numpy(centers[np.arange(n) % k] + generator.normal(size=(n, 2)))


def every_fifth(n):
    return torch.arange(n) % 5 == 0


def test_resampling_with_equal_weights_returns_the_samples():
    assert torch.equal(resample_by_weight(Z, ONES, 300), Z)


def test_samples_are_resampled_in_proportion_to_their_weights():
    rows = resample_by_weight(Z[:3], torch.tensor([1.0, 2, 5], dtype=torch.float64), 8)
    assert [int((rows == z).all(1).sum()) for z in Z[:3]] == [1, 2, 5]


def test_kernels_equal_those_of_scikit_learn():
    ours = fit_kernels(Z, ONES, 0.3).log_prob(1.5 * Z)
    theirs = KernelDensity(bandwidth=0.3).fit(Z.numpy()).score_samples(1.5 * Z.numpy())
    np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-9)


@pytest.mark.parametrize("bandwidth", [0.3, 0.01])
def test_kernels_far_from_their_centers(bandwidth):  # where scikit-learn is not exact
    rows = torch.cat([Z - 1, 3 * Z, 100 * Z])  # more than one block
    ours = fit_kernels(Z, ONES, bandwidth).log_prob(rows)
    each = norm(Z.numpy(), bandwidth).logpdf(rows.numpy()[:, None]).sum(-1)
    np.testing.assert_allclose(ours.numpy(), logsumexp(each, axis=1) - np.log(300), rtol=1e-12)


def test_weighted_kernels_equal_those_of_scikit_learn():
    weights = torch.rand(300, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ours = fit_kernels(Z, weights, 0.3).log_prob(Z)
    theirs = KernelDensity(bandwidth=0.3).fit(Z.numpy(), sample_weight=weights.numpy())
    np.testing.assert_allclose(ours.numpy(), theirs.score_samples(Z.numpy()), rtol=1e-9)


def test_kernels_have_at_most_2000_centers():
    z = Z.repeat(20, 1)
    kernels = fit_kernels(z, torch.ones(len(z), dtype=torch.float64), 0.3)
    assert len(kernels.centers) == 2000


def test_mixtures_are_weighted_sums_of_multivariate_normals():
    model = fit_gaussians(clusters(), torch.ones(400, dtype=torch.float64), FOUR, 0)
    components = zip(model.log_weights, model.means, model.factors, strict=True)
    expected = sum(
        np.exp(float(w)) * multivariate_normal(m.numpy(), (f @ f.T).numpy()).pdf(Z.numpy())
        for w, m, f in components
    )
    np.testing.assert_allclose(model.log_prob(Z).exp().numpy(), expected, rtol=1e-9)


@pytest.mark.parametrize("kind", ["gaussians", "kernels"])
def test_samples_have_the_moments_of_the_mixture(kind):
    ones = torch.ones(400, dtype=torch.float64)
    fit = {"gaussians": lambda: fit_gaussians(clusters(), ones, FOUR, 0)}
    fit["kernels"] = lambda: fit_kernels(clusters(), ones, 0.5)
    sample = fit[kind]().sample(20_000, torch.Generator().manual_seed(0))
    assert (sample.mean(0) - clusters().mean(0)).abs().max() < 0.1
    added = 0.25 if kind == "kernels" else 0.0
    assert (sample.var(0) / (clusters().var(0) + added) - 1).abs().max() < 0.03


def test_scores_far_away_are_finite():
    far = torch.full((1, 2), 1e200, dtype=torch.float64)
    assert fit_kernels(Z, ONES, 0.3).log_prob(far).isfinite().all()
    assert fit_gaussians(Z, ONES, MixtureConfig(2, 3e-3), 0).log_prob(far).isfinite().all()


def test_the_number_of_components_is_that_of_separate_clusters():
    z = clusters()
    selected = select_mixture_config(
        z, torch.ones(400, dtype=torch.float64), every_fifth(400), False, 0
    )
    assert selected.n_components == 4


@pytest.mark.parametrize(
    ("scores", "k"),
    [([1, 0, 2, 3, 0], 16), ([2, 1, 1], 2), ([1, 2, 3, 4, 5], 24)],
)
def test_components_are_added_until_two_increases_have_not_helped(monkeypatch, scores, k):
    scores_left = iter([*scores, -1])  # the last for the small regularization
    stub = SimpleNamespace(
        log_prob=lambda z: torch.full((len(z),), float(next(scores_left))).double()
    )
    monkeypatch.setattr("skflow.fitting.gmm_and_kde.fit_gaussians", lambda *args: stub)
    selected = select_mixture_config(Z, ONES, every_fifth(300), False, 0)
    assert selected == MixtureConfig(k, 3e-3, max(scores))
    assert not list(scores_left)


def test_narrow_clusters_take_a_small_regularization_unless_there_are_ties():
    z = clusters()
    z = (z - z.mean(0)) / z.std(0)
    centers = z.reshape(-1, 4, 2).mean(0).repeat(100, 1)
    narrow = centers + 0.05 * (z - centers)
    ones = torch.ones(400, dtype=torch.float64)
    for ties, expected in [(False, 3e-4), (True, 3e-3)]:
        selected = select_mixture_config(narrow, ones, every_fifth(400), ties, 0)
        assert selected.regularization == expected


def test_ties_are_columns_with_few_distinct_values():
    halves = torch.arange(300, dtype=torch.float64).remainder(140).unsqueeze(1)
    assert not has_ties(Z)
    assert has_ties(torch.cat([Z, halves], dim=1))


def test_the_bandwidth_of_normal_samples_is_near_scotts_rule():
    selected = select_bandwidth(Z, ONES, every_fifth(300))
    assert 0.15 < selected < 0.7  # Scott's rule: 300^(-1/6) = 0.39


def test_no_kernels_beyond_four_columns():
    z = torch.randn(50, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert select_bandwidth(z, torch.ones(50, dtype=torch.float64), every_fifth(50)) is None


def test_fits_in_threads_leave_the_warning_filters_alone():
    before = list(warnings.filters)
    threads = [
        threading.Thread(target=fit_gaussians, args=(Z, ONES, MixtureConfig(8, 3e-3), seed))
        for seed in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(warnings.filters) == before


def test_gaussians_and_kernels_integrate_to_one():
    axis = torch.linspace(-8, 8, 401, dtype=torch.float64)
    grid = torch.cartesian_prod(axis, axis)
    cell = float(axis[1] - axis[0]) ** 2
    eye = torch.eye(2, dtype=torch.float64)
    log_halves = torch.tensor([0.5, 0.5], dtype=torch.float64).log()
    gaussians = GaussianMixture(log_halves, Z[:2], torch.stack([eye, 0.5 * eye]))
    kernels = GaussianKernels(log_halves, Z[:2], torch.tensor(0.4, dtype=torch.float64))
    for density in (gaussians, kernels):
        assert float(density.log_prob(grid).exp().sum()) * cell == pytest.approx(1, abs=1e-6)
