"""The parts of a fitted density that need no training, and how much each part weighs."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from skflow.flows.bijections import Bijection, Chain, Whiten
from skflow.flows.blueprint import Part, make_base, names_of
from skflow.flows.flow import Flow
from skflow.marginals import fit_marginals
from skflow.recipe import Recipe
from skflow.training.batches import deal_folds
from skflow.training.blend import blend_weights
from skflow.training.start import DEGREES_OF_FREEDOM, TShape, choose_shape, fit_t

_WIDE_DF = 2.0  # of the t that expects what nothing else does
_START_ROWS = 4000  # on which the start is chosen
_START_FOLDS = 5


@dataclass(frozen=True)
class Table:
    """Weighted rows in standardised units, float64: x (n, d), w (n,)."""

    x: Tensor
    w: Tensor

    def take(self, index: np.ndarray) -> "Table":
        """Some of the rows."""
        return Table(self.x[index], self.w[index])

    def mean(self, values: Tensor) -> float:
        """Weighted mean of one value a row."""
        return float(self.w @ values / self.w.sum())


@dataclass(frozen=True)
class Split:
    """Which rows a member may see, and which it leaves out."""

    seen: np.ndarray
    left_out: np.ndarray


@dataclass(frozen=True)
class Piece:
    """A density that may become part of the mixture, and its entry in the blueprint."""

    flow: Flow
    part: Part


@dataclass(frozen=True)
class Start:
    """What all rows decide about the start; everything else about it is fitted per split."""

    marginals: str
    shape: TShape


def choose_start(table: Table, recipe: Recipe, rng: np.random.Generator) -> Start:
    """Marginals, degrees of freedom and shrinkage, by left-out log-likelihood under the t."""
    n = len(table.x)
    some = table.take(np.sort(rng.permutation(n)[:_START_ROWS]))
    folds = deal_folds(len(some.x), min(_START_FOLDS, n), rng)
    df = DEGREES_OF_FREEDOM[-1:] if recipe.base == "normal" else DEGREES_OF_FREEDOM
    starts, scores = [], []
    for marginals in recipe.marginals:
        z, log_det = Chain(fit_marginals(marginals, some.x, some.w))(some.x)
        shape = choose_shape(z.numpy(), some.w.numpy(), folds, df)
        starts.append(Start(marginals, shape))
        scores.append(shape.score + some.mean(log_det))
    return starts[int(np.argmax(scores))]


def side_pieces(table: Table, start: Start, recipe: Recipe) -> dict[str, Piece]:
    """Fitted to the table: the start, and a t with wide tails."""
    marginals = fit_marginals(start.marginals, table.x, table.w)
    z, _ = Chain(marginals)(table.x)
    loc, factor = fit_t(z.numpy(), table.w.numpy(), start.shape)
    links = [*marginals, Whiten(torch.from_numpy(loc), torch.from_numpy(factor))]
    return {
        "start": _over_base(links, recipe.base, len(loc), start.shape.df),
        "wide t": _over_base(links, "t", len(loc), _WIDE_DF),
    }


def blend(
    flows: list[Piece], sides: list[dict[str, Piece]], splits: list[Split], table: Table
) -> dict[str, float]:
    """Weights of the parts, from every split's left-out rows under what was fitted without."""
    names = ["flow", *sides[0]]
    scores, weights = [], []
    for flow, side, split in zip(flows, sides, splits, strict=True):
        rows = table.take(split.left_out)
        with torch.no_grad():
            columns = [piece.flow.log_prob(rows.x) for piece in (flow, *side.values())]
        scores.append(torch.stack(columns, dim=1))
        weights.append(rows.w)
    w = torch.cat(weights).numpy()
    shares = blend_weights(torch.cat(scores).numpy(), w / w.mean(), net=names.index("wide t"))
    return {name: float(share) for name, share in zip(names, shares, strict=True) if share > 0}


def _over_base(links: list[Bijection], base: str, n_features: int, df: float) -> Piece:
    density = make_base(base, n_features, df)
    flow = Flow(Chain(links), density).double().requires_grad_(False)
    return Piece(flow, Part(names_of(links), False, base))
