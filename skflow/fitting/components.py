"""The parts of a fitted density that need no training, and how much each part weighs."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.special import logsumexp
from torch import Tensor

from skflow.data.weighted_rows import deal_folds
from skflow.fitting.defaults import Recipe
from skflow.fitting.gmm_and_kde import (
    MixtureShape,
    choose_bandwidth,
    choose_mixture,
    fit_gaussians,
    fit_kernels,
    have_ties,
)
from skflow.fitting.initial_fit import STARTS, Start, choose_start
from skflow.fitting.stacking import blend_weights
from skflow.fitting.student_t import DEGREES_OF_FREEDOM
from skflow.flows.bijections import Bijection, Chain, Standardize
from skflow.flows.distributions.distribution import Density
from skflow.flows.distributions.flow import Flow
from skflow.flows.spec import Part, make_base, names_of
from skflow.preprocessing.dataset import Split, Table
from skflow.preprocessing.marginals import LEAST_SLOPE, Marginals, choose_marginals

_WIDE_DF = 2.0  # of the t that expects what nothing else does
_PLAIN_DF = (10.0,)  # where nothing hangs on the degrees of freedom
_CHOICE_ROWS = 4000  # on which choices are made
_CHOICE_FOLDS = 5
_MIXTURE_CELLS = 60_000  # rows times columns on which Gaussian mixtures are compared
_BLEND_ROWS = 20_000  # that a split weighs the parts on
_BLOCK = 2048  # rows scored at a time
_MIXTURE_ROWS = 10  # below which Gaussian mixture and kernels are not tried
_LEAST_SHARE = {"flow": 0.0, "kernels": 0.05, "wide t": 0.0}  # of a part kept; kernels are slow


@dataclass(frozen=True)
class Piece:
    """A density that may become part of the mixture, and its entry in the blueprint."""

    flow: Flow
    part: Part


@dataclass(frozen=True)
class Choices:
    """What all rows decide together; everything else is fitted per split.

    `mixture` is the shape of the Gaussian mixture, in whitened space or
    in standardised units, `bandwidth` of the kernels in whitened space; None leaves the part
    out.
    """

    marginals: Marginals
    start: Start
    mixture: MixtureShape | None = None
    mixture_whitened: bool = True
    bandwidth: float | None = None
    seed: int = 0


def choose(table: Table, recipe: Recipe, rng: np.random.Generator) -> Choices:
    """Choose by the likelihood of left-out rows, on a bounded number of them."""
    n = len(table.x)
    if n == 1:
        return Choices(Marginals("standardize"), STARTS[recipe.context]())
    some = table.take(rng.permutation(n)[:_CHOICE_ROWS])
    folds = deal_folds(len(some.x), min(_CHOICE_FOLDS, n), rng)
    seed = int(rng.integers(2**31))
    marginals, start = _choose_start(some, folds, recipe)
    if not recipe.mixtures or n < _MIXTURE_ROWS:
        return Choices(marginals, start, seed=seed)
    left_out = torch.from_numpy(folds == 0)
    links = _links(some, marginals, start)
    z, log_det = Chain(links)(some.x)
    plain, plain_log_det = Standardize.fit(some.x, some.w)(some.x)
    few = torch.arange(len(some.x)) < max(_MIXTURE_ROWS, _MIXTURE_CELLS // some.x.shape[1])
    ties = have_ties(some.x)
    whitened = choose_mixture(z[few], some.w[few], left_out[few], ties, seed)
    standardized = choose_mixture(plain[few], some.w[few], left_out[few], ties, seed)
    gain = whitened.score - standardized.score
    gain += some.mean(log_det - plain_log_det, left_out & few)
    return Choices(
        marginals,
        start,
        whitened if gain > 0 else standardized,
        gain > 0,
        choose_bandwidth(z, some.w, left_out),
        seed,
    )


def choose_given(table: Table, recipe: Recipe, rng: np.random.Generator) -> Chain:
    """What a context of numbers goes through: units, and powers where left-out rows ask for it."""
    if recipe.context != "numbers":
        return Chain()
    units = Standardize.fit(table.context, table.w)
    c, _ = units(table.context)
    candidates = [
        Chain([units, *Marginals(kind, (), LEAST_SLOPE).fit(c, table.w)])
        for kind in recipe.marginals
        if kind != "kernel"
    ]
    if len(candidates) == 1 or len(c) == 1:
        return candidates[0]
    some = table.take(rng.permutation(len(c))[:_CHOICE_ROWS])
    folds = deal_folds(len(some.x), min(_CHOICE_FOLDS, len(some.x)), rng)
    starts = [choose_start("numbers", some.through(g), folds, _PLAIN_DF) for g in candidates]
    return candidates[int(np.argmax([start.shape.score for start in starts]))]


def side_pieces(table: Table, choices: Choices, recipe: Recipe) -> dict[str, Piece]:
    """What needs no training, fitted to the table: the start, and the safety net."""
    links = _links(table, choices.marginals, choices.start)
    z, _ = Chain(links)(table.x, table.c)
    d = table.x.shape[1]
    start = make_base(recipe.base, d, choices.start.shape.df)
    pieces = {"start": _piece(links, start, recipe.base)}
    if not recipe.safety_net:
        return pieces
    pieces["wide t"] = _piece(links, make_base("t", d, _WIDE_DF), "t")
    if choices.mixture is not None:
        at: list[Bijection] = links
        rows = z
        if not choices.mixture_whitened:
            at = [Standardize.fit(table.x, table.w)]
            rows, _ = at[0](table.x)
        gaussians = fit_gaussians(rows, table.w, choices.mixture, choices.seed)
        pieces["gaussians"] = _piece(at, gaussians, "gaussians")
    if choices.bandwidth is not None:
        kernels = fit_kernels(z, table.w, choices.bandwidth)
        pieces["kernels"] = _piece(links, kernels, "kernels")
    return pieces


@dataclass(frozen=True)
class Unseen:
    """Scores (n, parts) of rows under parts that were fitted without them, weights (n,).

    In the user's units.
    """

    names: list[str]
    scores: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(
        cls, flows: list[Piece], sides: list[dict[str, Piece]], splits: list[Split], table: Table
    ) -> "Unseen":
        """Every split's left-out rows."""
        scores, weights = [], []
        for flow, side, split in zip(flows, sides, splits, strict=True):
            rows = table.take(split.left_out[:_BLEND_ROWS])
            candidates = [flow, *side.values()]
            log_probs = torch.stack([_log_prob(c.flow, rows) for c in candidates], dim=1)
            scores.append(log_probs + rows.volume.unsqueeze(1))
            weights.append(rows.w)
        return cls(["flow", *sides[0]], torch.cat(scores).numpy(), torch.cat(weights).numpy())

    def blended(self, shares: dict[str, float]) -> np.ndarray:
        """Log-likelihoods (n,) under the parts by their shares."""
        with np.errstate(divide="ignore"):
            log_shares = np.log([shares.get(name, 0.0) for name in self.names])
        return logsumexp(self.scores + log_shares, axis=1)


def blend(unseen: Unseen) -> dict[str, float]:
    """Weights of the parts, from rows under what was fitted without them."""
    w = unseen.weights / unseen.weights.mean()
    shares = blend_weights(unseen.scores, w, net=unseen.names.index("wide t"))
    if not np.isfinite(shares).all():
        raise FloatingPointError(
            "The log-likelihood of left-out rows is not a number under some part of the "
            "density; where flow= is your own function, check its log-determinants."
        )
    least = np.array([_LEAST_SHARE.get(name, 1e-3) for name in unseen.names])
    shares = np.where(shares < least, 0.0, shares)
    shares /= shares.sum()
    kept = zip(unseen.names, shares, strict=True)
    return {name: float(share) for name, share in kept if share > 0 or name == "flow"}


def _choose_start(some: Table, folds: np.ndarray, recipe: Recipe) -> tuple[Marginals, Start]:
    """Marginals and what comes behind them, by the left-out log-likelihood of the start."""
    df = DEGREES_OF_FREEDOM[-1:] if recipe.base == "normal" else DEGREES_OF_FREEDOM
    starts, scores = [], []
    slope = LEAST_SLOPE if recipe.context == "numbers" else 0.0
    for marginals in choose_marginals(recipe.marginals, some, folds, slope):
        z, log_det = Chain(marginals.fit(some.x, some.w, some.cells))(some.x)
        start = choose_start(recipe.context, replace(some, x=z), folds, df)
        starts.append((marginals, start))
        scores.append(start.merit(some.mean(log_det)))
    return starts[int(np.argmax(scores))]


def _log_prob(flow: Flow, table: Table) -> Tensor:
    with torch.no_grad():
        return torch.cat([flow.log_prob(block.x, block.c) for block in table.blocks(_BLOCK)])


def _links(table: Table, marginals: Marginals, start: Start) -> list[Bijection]:
    """Marginals, and behind them what leaves a standard t."""
    links = marginals.fit(table.x, table.w, table.cells)
    z, _ = Chain(links)(table.x)
    return [*links, *start.fit(replace(table, x=z))]


def _piece(links: list[Bijection], base: Density, name: str) -> Piece:
    flow = Flow(Chain(links), base).double().requires_grad_(False)
    return Piece(flow, Part(names_of(links), False, name))
