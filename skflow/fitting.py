"""From a weighted set of rows to a fitted density."""

import copy
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Generator, Tensor

from skflow.flows.bijections import Bijection, Chain, Standardize, Whiten
from skflow.flows.blueprint import Blueprint, Design, Part, make_base, names_of
from skflow.flows.flow import Flow
from skflow.flows.mixture import Mixture
from skflow.marginals import fit_marginals
from skflow.recipe import Recipe
from skflow.training.batches import Rows, deal_folds
from skflow.training.blend import blend_weights
from skflow.training.loop import Record, train
from skflow.training.members import Members
from skflow.training.start import DEGREES_OF_FREEDOM, TShape, choose_shape, fit_t

_WIDE_DF = 2.0  # of the t that expects what nothing else does
_START_ROWS = 4000  # on which the start's shape is chosen
_START_FOLDS = 5

Watch = Callable[[Iterator[Record]], Iterable[Record]]


@dataclass
class History:
    """How training went; log-likelihoods in nats a row, in the user's units."""

    n_epochs: int = 0
    losses: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    best_score: float | None = None
    still_improving: bool = False
    interrupted: bool = False

    def go_on_from(self, n_epochs: int, losses: list[float], scores: list[float]) -> None:
        """Put an earlier history in front."""
        self.n_epochs += n_epochs
        self.losses = losses + self.losses
        self.scores = scores + self.scores


@dataclass(frozen=True)
class Fitted:
    """A density, what it takes to rebuild it, the weights of its parts, and its history."""

    density: Flow
    blueprint: Blueprint
    weights: dict[str, float]
    history: History


@dataclass(frozen=True)
class _Table:
    """Weighted rows in standardised units, float64."""

    x: Tensor
    w: Tensor

    def take(self, index: np.ndarray) -> "_Table":
        return _Table(self.x[index], self.w[index])


@dataclass(frozen=True)
class _Split:
    """Which rows a member may see, and which it leaves out, if any."""

    seen: np.ndarray
    left_out: np.ndarray | None


@dataclass(frozen=True)
class _Piece:
    """A density that may become part of the mixture, and its entry in the blueprint."""

    flow: Flow
    part: Part


@dataclass(frozen=True)
class _Member:
    """A flow to be trained, behind its fixed links."""

    fixed: Chain
    links: tuple[str, ...]  # the fixed links' names
    flow: Flow


@dataclass(frozen=True)
class Earlier:
    """A fitted density to go on from."""

    density: Flow
    blueprint: Blueprint

    def units(self) -> Bijection:
        """The link that all parts share."""
        return copy.deepcopy(self.density.chain.links[0]).cpu()

    def members(self, design: Design, n_members: int) -> list[_Member]:
        """The members as they were, ready to be trained on.

        Raises
        ------
        ValueError
            When they are not of the given design and number.
        """
        learned = [k for k, part in enumerate(self.blueprint.parts) if part.learned]
        if design != self.blueprint.design or n_members != len(learned):
            raise ValueError(
                "warm_start=True goes on from the earlier fit, which has "
                f"{len(learned)} members of design {self.blueprint.design}; this one would "
                f"have {n_members} members of design {design}. Set n_estimators, "
                "n_transforms, hidden_layer_sizes and dropout to fixed values, or use "
                "warm_start=False."
            )
        return [self._member(k) for k in learned]

    def _member(self, k: int) -> _Member:
        part, flow = self.blueprint.parts[k], copy.deepcopy(self.density.base.parts[k]).cpu()
        n_fixed = len(part.links)
        fixed, learned = flow.chain.links[:n_fixed], flow.chain.links[n_fixed:]
        trainable = Flow(Chain(learned), flow.base).float().train().requires_grad_(True)
        return _Member(Chain(fixed), part.links, trainable)


def fit_density(
    rows: np.ndarray,
    weights: np.ndarray,
    recipe: Recipe,
    seed: int,
    device: torch.device,
    watch: Watch = iter,
    earlier: "Earlier | None" = None,
) -> Fitted:
    """Fit the members, and the safety net under them.

    Parameters
    ----------
    rows, weights : ndarray of shape (n, d) and (n,)
        A merged set of rows in the user's units; weights with mean 1.
    recipe : Recipe
        All settings.
    seed : int
        Fixes every random number.
    device : torch.device
        Where training runs.
    watch : callable
        Passes the records of training on, to show them.
    earlier : Earlier, optional
        A fit to go on from.

    Returns
    -------
    Fitted
    """
    rng = np.random.default_rng(seed)
    x, w = torch.from_numpy(rows), torch.from_numpy(weights)
    units = Standardize.fit(x, w) if earlier is None else earlier.units()
    x, units_log_det = units(x)
    table = _Table(x, w)
    start = _choose_start(table, recipe, rng)
    splits = _deal_splits(len(x), recipe, rng)
    sides = [_side_pieces(table.take(split.seen), start, recipe) for split in splits]
    generator = Generator().manual_seed(int(rng.integers(2**31)))
    untrained = _untrained(sides, start, recipe, generator)
    if earlier is not None:
        untrained = earlier.members(recipe.design, len(splits))
    members = _Training(untrained, splits, table, recipe, generator, device)
    history = members.run(watch, float(units_log_det[0]))
    pieces = {"flow": members.pieces()}
    shares = {"flow": 1.0}
    if recipe.safety_net:
        shares = _blend(pieces["flow"], sides, splits, table)
        everywhere = _side_pieces(table, start, recipe)
        pieces |= {name: [piece] for name, piece in everywhere.items()}
    parts = [(p, shares[name] / len(pieces[name])) for name in shares for p in pieces[name]]
    density = Flow(
        Chain([units]),
        Mixture([p.flow for p, _ in parts], torch.tensor([s for _, s in parts]).double()),
    )
    blueprint = Blueprint(recipe.design, names_of([units]), tuple(p.part for p, _ in parts))
    density = density.eval().requires_grad_(False).to(device)
    return Fitted(density, blueprint, shares, history)


@dataclass(frozen=True)
class _Start:
    """What all rows decide about the start; everything else about it is fitted per split."""

    marginals: str
    shape: TShape


def _choose_start(table: _Table, recipe: Recipe, rng: np.random.Generator) -> _Start:
    """Marginals, degrees of freedom and shrinkage, by left-out log-likelihood under the t."""
    n = len(table.x)
    some = table.take(np.sort(rng.permutation(n)[:_START_ROWS]))
    folds = deal_folds(len(some.x), min(_START_FOLDS, n), rng)
    df = DEGREES_OF_FREEDOM[-1:] if recipe.base == "normal" else DEGREES_OF_FREEDOM
    starts, scores = [], []
    for marginals in recipe.marginals:
        z, log_det = Chain(fit_marginals(marginals, some.x, some.w))(some.x)
        shape = choose_shape(z.numpy(), some.w.numpy(), folds, df)
        starts.append(_Start(marginals, shape))
        scores.append(shape.score + float(some.w @ log_det / some.w.sum()))
    return starts[int(np.argmax(scores))]


def _deal_splits(n: int, recipe: Recipe, rng: np.random.Generator) -> list[_Split]:
    """One split a member: it leaves out one of the folds, or none."""
    if recipe.n_folds is None:
        return [_Split(np.arange(n), None)] * recipe.n_members
    folds = deal_folds(n, recipe.n_folds, rng)
    return [
        _Split(np.flatnonzero(folds != k), np.flatnonzero(folds == k))
        for k in range(min(recipe.n_members, recipe.n_folds))
    ]


def _side_pieces(table: _Table, start: _Start, recipe: Recipe) -> dict[str, _Piece]:
    """What needs no training: the start, and a t with wide tails."""
    marginals = fit_marginals(start.marginals, table.x, table.w)
    z, _ = Chain(marginals)(table.x)
    loc, factor = fit_t(z.numpy(), table.w.numpy(), start.shape)
    links = [*marginals, Whiten(torch.from_numpy(loc), torch.from_numpy(factor))]
    return {
        "start": _piece(links, recipe.base, start.shape.df),
        "wide t": _piece(links, "t", _WIDE_DF),
    }


def _piece(links: list[Bijection], base: str, df: float) -> _Piece:
    """Fixed links over a base."""
    flow = Flow(Chain(links), make_base(base, links[0].loc.shape[-1], df)).double()
    return _Piece(flow, Part(names_of(links), False, base))


def _untrained(
    sides: list[dict[str, _Piece]], start: _Start, recipe: Recipe, generator: Generator
) -> list[_Member]:
    """Members that are what they start at, each behind its own split's fixed links."""
    n_features = recipe.design.sizes.n_features
    return [
        _Member(
            side["start"].flow.chain,
            side["start"].part.links,
            recipe.design.build(
                make_base(recipe.base, n_features, start.shape.df), generator
            ),
        )
        for side in sides
    ]


class _Training:
    """The members' training, from table to trained pieces."""

    def __init__(
        self,
        untrained: list[_Member],
        splits: list[_Split],
        table: _Table,
        recipe: Recipe,
        generator: Generator,
        device: torch.device,
    ):
        self._recipe, self._generator, self._untrained = recipe, generator, untrained
        self._members = Members([copy.deepcopy(m.flow).to(device) for m in untrained])
        self._seen, self._seen_log_det = self._latent(table, [s.seen for s in splits], device)
        self._left_out, self._left_log_det = None, np.zeros(1)
        if recipe.n_folds is not None:
            left_out = [s.left_out for s in splits]
            self._left_out, self._left_log_det = self._latent(table, left_out, device)

    def run(self, watch: Watch, units_log_det: float) -> History:
        """Train; Ctrl-C ends training with the best weights so far, unless in a search."""
        history = History()
        seen_log_det = float(self._seen_log_det.mean()) + units_log_det
        left_log_det = float(np.mean(self._left_log_det)) + units_log_det
        records = train(
            self._members, self._seen, self._left_out, self._recipe.schedule, self._generator
        )
        try:
            with closing(records):
                for record in watch(records):
                    history.n_epochs = record.epoch
                    history.losses = [loss - seen_log_det for loss in record.losses]
                    if record.best is not None:
                        history.scores.append(float(record.scores.mean()) + left_log_det)
                        history.best_score = float(record.best.scores.mean()) + left_log_det
                        history.still_improving = record.best.still_improving
        except KeyboardInterrupt:
            if _inside_search():
                raise
            history.interrupted = True
        return history

    def pieces(self) -> list[_Piece]:
        """The trained members, in float64 on the CPU, their fixed links in front."""
        pieces = []
        for k, member in enumerate(self._untrained):
            member.flow.load_state_dict(self._members.state(self._members.values, k))
            chain = Chain([*member.fixed.links, *member.flow.chain.links])
            part = Part(member.links, True, self._recipe.base)
            pieces.append(_Piece(Flow(chain, member.flow.base).double().eval(), part))
        return pieces

    def _latent(
        self, table: _Table, index: list[np.ndarray], device: torch.device
    ) -> tuple[Rows, np.ndarray]:
        """Each member's rows behind its fixed links, and their mean log-determinants."""
        tables = [table.take(rows) for rows in index]
        images = [m.fixed(t.x) for m, t in zip(self._untrained, tables, strict=True)]
        rows = Rows.stack([z.float() for z, _ in images], [t.w.float() for t in tables])
        means = [float(t.w @ ld / t.w.sum()) for t, (_, ld) in zip(tables, images, strict=True)]
        return rows.to(device), np.array(means)


def _blend(
    flows: list[_Piece], sides: list[dict[str, _Piece]], splits: list[_Split], table: _Table
) -> dict[str, float]:
    """Weights of the parts, from every split's left-out rows under what it was fitted on."""
    names = ["flow", *sides[0]]
    scores, weights = [], []
    for flow, side, split in zip(flows, sides, splits, strict=True):
        rows = table.take(split.left_out)
        candidates = [flow, *side.values()]
        with torch.no_grad():
            scores.append(torch.stack([c.flow.log_prob(rows.x) for c in candidates], dim=1))
        weights.append(rows.w)
    log_prob, w = torch.cat(scores).numpy(), torch.cat(weights).numpy()
    shares = blend_weights(log_prob, w / w.mean(), net=names.index("wide t"))
    return {name: float(s) for name, s in zip(names, shares, strict=True) if s > 0}


def _inside_search() -> bool:
    """Whether a search, a cross-validation or a parallel job called this fit."""
    frame = sys._getframe()
    while frame is not None:
        if frame.f_globals.get("__name__", "").startswith(("sklearn.model_selection", "joblib")):
            return True
        frame = frame.f_back
    return False
