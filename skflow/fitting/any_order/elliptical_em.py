"""EM for mixtures of elliptical distributions whose samples have holes and states.

A missing cell, and one in an atom, has no number: the E-step takes its conditional distribution
given the numbers of its row, which is right as well where holes depend on observed numbers.
"""

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from skflow.flows.any_order.belief import bounded_surprise, patterns_of
from skflow.runtime.deadline import check_time

_MAX_ITERATIONS = 60
_TOLERANCE = 1e-3  # nats per sample
_BLOCK = 1024  # rows
_MAX_ENTRIES = 1e7  # of the matrices of all patterns and components at a time
_MIN_VARIANCE = 1e-12
_MIN_EIGENVALUE = 1e-13  # of a correlation matrix
_PSEUDO_COUNT = 1.0  # of samples, spread evenly over the states of a column


@dataclass(frozen=True)
class IncompleteSamples:
    """Latent values (n, d) of samples, which of them are known, and states.

    Parameters
    ----------
    u : Tensor of shape (n, d)
        Any finite number where there is none.
    known : Tensor of bool, shape (n, d)
        Which cells are numbers.
    state : Tensor of int, shape (n, d)
    observed : Tensor of bool, shape (n, d)
        Which cells have a state.
    weights : Tensor of shape (n,)
    """

    u: Tensor
    known: Tensor
    state: Tensor
    observed: Tensor
    weights: Tensor

    def __len__(self) -> int:
        return len(self.u)

    def take(self, index: Tensor | slice) -> "IncompleteSamples":
        """Some of the samples."""
        return IncompleteSamples(
            self.u[index],
            self.known[index],
            self.state[index],
            self.observed[index],
            self.weights[index],
        )


@dataclass(frozen=True)
class EllipticalMixture:
    """Parameters of m elliptical components, as in `skflow.flows.any_order.elliptical`."""

    log_weights: Tensor
    loc: Tensor
    scatter: Tensor
    df: float
    log_states: Tensor


@dataclass(frozen=True)
class Regularization:
    """Shrinkage of the scatter towards its diagonal, and what is added to the diagonal."""

    shrinkage: float = 0.0
    added: float = 0.0

    def of(self, scatter: Tensor) -> Tensor:
        """The regularized scatter, (..., d, d)."""
        scatter = positive_definite(scatter)
        diagonal = scatter.diagonal(dim1=-2, dim2=-1).clamp_min(_MIN_VARIANCE)
        return (1 - self.shrinkage) * scatter + torch.diag_embed(
            self.shrinkage * diagonal + self.added
        )


def positive_definite(scatter: Tensor) -> Tensor:
    """Scatter (..., d, d) without eigenvalues that are 0 or negative, by rounding.

    In terms of the correlation; where all eigenvalues are positive it is unchanged.
    """
    scale = scatter.diagonal(dim1=-2, dim2=-1).clamp_min(_MIN_VARIANCE).sqrt()
    outer = scale.unsqueeze(-1) * scale.unsqueeze(-2)
    values, vectors = torch.linalg.eigh(scatter / outer)
    is_fine = (values > _MIN_EIGENVALUE).all(-1)[..., None, None]
    raised = (vectors * values.clamp_min(_MIN_EIGENVALUE).unsqueeze(-2)) @ vectors.mT
    return torch.where(is_fine, scatter, raised * outer)


def fit_by_em(
    samples: IncompleteSamples,
    initial: EllipticalMixture,
    is_possible: Tensor,
    regularization: Regularization,
    max_iterations: int = _MAX_ITERATIONS,
) -> EllipticalMixture:
    """Maximum likelihood from initial parameters on, for fixed degrees of freedom.

    `is_possible` (d, n_states) says which states each column has.
    """
    model, score = initial, -torch.inf
    blocks = _blocks(samples, len(initial.loc))
    for _ in range(max_iterations):
        sums = _expectations(blocks, model)
        model = sums.maximized(model, is_possible, regularization)
        log_likelihood = sums.log_likelihood / len(samples)
        gain, score = log_likelihood - score, log_likelihood
        if gain < _TOLERANCE:
            break
    return model


def state_shares(samples: IncompleteSamples, is_possible: Tensor) -> Tensor:
    """log-probabilities of the states of each column, (d, n_states), with a pseudo-count."""
    weights = samples.weights / samples.weights.mean()
    counts = _state_counts(samples, weights.unsqueeze(0), is_possible.shape[1])
    return _log_shares(counts, is_possible)[0]


@dataclass
class _Sums:
    """Sums over samples, of each component; what the M-step needs."""

    log_likelihood: float
    weight: Tensor  # of responsibilities, (m,)
    em_weight: Tensor  # times the weights of the t, (m,)
    first: Tensor  # (m, d)
    second: Tensor  # (m, d, d), around the current location
    states: Tensor  # (m, d, n_states)

    def __add__(self, other: "_Sums") -> "_Sums":
        return _Sums(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def maximized(
        self, model: EllipticalMixture, is_possible: Tensor, regularization: Regularization
    ) -> EllipticalMixture:
        """The M-step."""
        em_weight = self.em_weight.clamp_min(1e-300)
        moved = self.first / em_weight.unsqueeze(-1)  # from the current location
        scatter = self.second / em_weight.view(-1, 1, 1)
        scatter = scatter - moved.unsqueeze(-1) * moved.unsqueeze(-2)
        return replace(
            model,
            log_weights=(self.weight / self.weight.sum()).clamp_min(1e-300).log(),
            loc=model.loc + moved,
            scatter=regularization.of(scatter),
            log_states=_log_shares(self.states, is_possible),
        )


def _blocks(samples: IncompleteSamples, n_components: int) -> list[IncompleteSamples]:
    """Samples with mean weight 1, those of a pattern together, few enough for their matrices."""
    numbers, _ = patterns_of(samples.known)
    samples = replace(samples, weights=samples.weights / samples.weights.mean())
    size = max(_BLOCK, int(_MAX_ENTRIES / (n_components * samples.u.shape[1] ** 2)))
    return [samples.take(index) for index in numbers.argsort(stable=True).split(size)]


def _expectations(blocks: list[IncompleteSamples], model: EllipticalMixture) -> _Sums:
    """The E-step."""
    total = None
    for block in blocks:
        check_time()
        sums = _expectations_of(block, model)
        total = sums if total is None else total + sums
    assert total is not None
    return total


def _expectations_of(samples: IncompleteSamples, model: EllipticalMixture) -> _Sums:
    patterns = patterns_of(samples.known)
    given = [_GivenPatterns(model, k, samples, patterns) for k in range(len(model.loc))]
    log_probs = torch.stack([g.log_prob for g in given]) + model.log_weights.unsqueeze(-1)
    log_probs = log_probs + _log_states(samples, model)
    responsibilities = log_probs.softmax(0) * samples.weights
    sums = [g.sums(r) for g, r in zip(given, responsibilities, strict=True)]
    em_weight, first, second = (torch.stack(each) for each in zip(*sums, strict=True))
    return _Sums(
        float(samples.weights @ log_probs.logsumexp(0)),
        responsibilities.sum(1),
        em_weight,
        first,
        second,
        _state_counts(samples, responsibilities, model.log_states.shape[-1]),
    )


class _GivenPatterns:
    """Component k given the known numbers of each sample."""

    def __init__(
        self,
        model: EllipticalMixture,
        k: int,
        samples: IncompleteSamples,
        patterns: tuple[Tensor, int],
    ):
        number_of, n_patterns = patterns
        scatter, d = model.scatter[k], samples.u.shape[1]
        known = torch.zeros(n_patterns, d, dtype=scatter.dtype)
        known[number_of] = samples.known.to(scatter.dtype)
        masked = scatter * known.unsqueeze(-1) * known.unsqueeze(-2)
        factor = torch.linalg.cholesky(masked + torch.diag_embed(1 - known))
        self._cross = torch.linalg.solve_triangular(
            factor, scatter * known.unsqueeze(-1), upper=False
        )
        self._scatter, self._number_of, self._n_patterns = scatter, number_of, n_patterns
        surprise = torch.where(samples.known, samples.u - model.loc[k], 0.0)
        white = _by_pattern(
            lambda f, x: torch.linalg.solve_triangular(f, x.unsqueeze(-1), upper=False)[..., 0],
            factor,
            surprise,
            number_of,
        )
        white = bounded_surprise(white)
        expected = _by_pattern(
            lambda c, x: (c.mT @ x.unsqueeze(-1))[..., 0], self._cross, white, number_of
        )
        self._expected = torch.where(samples.known, surprise, expected)
        count, distance = known.sum(1)[number_of], white.square().sum(1)
        df = torch.tensor(model.df, dtype=scatter.dtype)
        self._em_weight = (df + count) / (df + distance)
        log_det = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)[number_of]
        self.log_prob = _log_density(distance, df, count) - log_det

    def sums(self, responsibility: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Total weight, first and second moments around the location."""
        weight = responsibility * self._em_weight
        first = weight @ self._expected
        second = (self._expected * weight.unsqueeze(-1)).T @ self._expected
        by_pattern = torch.zeros(self._n_patterns, dtype=weight.dtype)
        by_pattern = by_pattern.index_add(0, self._number_of, responsibility)
        flat = self._cross.reshape(-1, self._cross.shape[-1])
        explained = (
            flat * by_pattern.repeat_interleave(self._cross.shape[1]).unsqueeze(1)
        ).T @ flat
        unknown = by_pattern.sum() * self._scatter - explained
        return weight.sum(), first, second + unknown


def _log_density(distance: Tensor, df: Tensor, d: Tensor) -> Tensor:
    """log-density of a t in d dimensions of scatter 1, at squared distances from its center."""
    log_norm = torch.lgamma((df + d) / 2) - torch.lgamma(df / 2) - d / 2 * (df * torch.pi).log()
    return log_norm - (df + d) / 2 * (distance / df).log1p()


def _by_pattern(function, matrices: Tensor, rows: Tensor, number_of: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
    """A function of the matrix of each row's pattern and the row, block by block."""
    if len(matrices) == 1:
        return function(matrices.expand(len(rows), -1, -1), rows)
    blocks = [
        function(matrices[number_of[s : s + _BLOCK]], rows[s : s + _BLOCK])
        for s in range(0, len(rows), _BLOCK)
    ]
    return torch.cat(blocks)


def _log_states(samples: IncompleteSamples, model: EllipticalMixture) -> Tensor:
    """log-probabilities of the states of each sample, summed over its columns, (m, n)."""
    d = samples.state.shape[1]
    own = model.log_states[:, torch.arange(d), samples.state]  # (m, n, d)
    return torch.where(samples.observed, own, 0.0).sum(-1)


def _state_counts(samples: IncompleteSamples, responsibilities: Tensor, n_states: int) -> Tensor:
    """Weights of the states of each column by component, (m, d, n_states)."""
    weights = responsibilities.unsqueeze(1) * samples.observed.T  # (m, d, n)
    counts = weights.new_zeros(*weights.shape[:2], n_states)
    return counts.scatter_add(2, samples.state.T.expand(weights.shape), weights)


def _log_shares(counts: Tensor, is_possible: Tensor) -> Tensor:
    """From weights of states (m, d, n_states) to log-probabilities of the same shape."""
    share = is_possible.to(counts) / is_possible.sum(1, keepdim=True)
    smoothed = torch.where(is_possible, counts + _PSEUDO_COUNT * share, 0.0)
    return (smoothed / smoothed.sum(-1, keepdim=True)).log()
