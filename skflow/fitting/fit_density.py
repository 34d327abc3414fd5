"""From a weighted set of rows to a fitted density."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Generator, Tensor

from skflow.data.weighted_rows import deal_folds
from skflow.fitting.components import (
    Choices,
    Piece,
    Unseen,
    blend,
    choose,
    choose_given,
    side_pieces,
)
from skflow.fitting.defaults import Recipe
from skflow.fitting.ensemble import Earlier, History, Supervision, Training, new_members
from skflow.fitting.streaming import LongTable
from skflow.flows.bijections import Bijection, Chain, Standardize
from skflow.flows.distributions.constrained import Supported
from skflow.flows.distributions.flow import Flow
from skflow.flows.distributions.mixture import Mixture
from skflow.flows.spec import Blueprint, names_of
from skflow.preprocessing.dataset import Split, Table
from skflow.preprocessing.supports import Lifted
from skflow.runtime.device import scoring_dtype
from skflow.runtime.processes import ALONE, Team


@dataclass(frozen=True)
class Fitted:
    """A density, what it takes to rebuild it, the weights of its parts, and its history.

    `unseen` has scores and weights of rows under what was fitted without them.
    """

    density: Flow | Supported
    blueprint: Blueprint
    weights: dict[str, float]
    history: History
    unseen: tuple[np.ndarray, np.ndarray] | None = None


@dataclass(frozen=True)
class Plan:
    """What is settled before training: `sides` has what needs none, fitted to each split."""

    choices: Choices
    splits: list[Split]
    sides: list[dict[str, Piece]]
    seed: int


def fit_density(
    rows: Lifted,
    recipe: Recipe,
    seed: int,
    device: torch.device,
    supervision: Supervision | None = None,
    earlier: Earlier | None = None,
    team: Team = ALONE,
    long: LongTable | None = None,
) -> Fitted:
    """Fit the members, and the safety net under them.

    Parameters
    ----------
    rows : Lifted
        A merged set of rows in the user's units, made real numbers; weights with mean 1.
    recipe : Recipe
        All settings.
    seed : int
        Fixes every random number.
    device : torch.device
        Where training runs.
    supervision : Supervision, optional
        Who looks on while members are trained, and when they are to stop.
    earlier : Earlier, optional
        A fit to go on from.
    team : Team, default=ALONE
        Processes that fit together, and have the same rows.
    long : LongTable, optional
        Where training goes over more rows than these.

    Returns
    -------
    Fitted
    """
    with torch.inference_mode(False), torch.enable_grad():  # whatever the caller is in
        return _fit(rows, recipe, seed, device, supervision or Supervision(), earlier, team, long)


def _fit(
    rows: Lifted,
    recipe: Recipe,
    seed: int,
    device: torch.device,
    supervision: Supervision,
    earlier: Earlier | None,
    team: Team,
    long: LongTable | None,
) -> Fitted:
    rng = np.random.default_rng(seed)  # of the first process: it makes all choices
    x, w = torch.from_numpy(rows.rows), torch.from_numpy(rows.weights)
    of_all = None if long is None else long.units(team)  # checks all rows, too

    def choose_units() -> Chain:
        if earlier is not None:
            return earlier.units()
        return _fit_units(rows.links, x, w) if of_all is None else of_all

    units = team.decide(choose_units)
    x, log_det = units(x)
    context = None if rows.context is None else torch.from_numpy(rows.context)
    cells = None if rows.cells is None else units(rows.cells)[0]
    table = Table(x, w, context, log_det, cells)
    given = team.decide(
        lambda: choose_given(table, recipe, rng) if earlier is None else earlier.given()
    )
    table = table.through(given)
    plan = team.decide(lambda: _plan(table, recipe, rng))
    generator = Generator().manual_seed(plan.seed)
    if earlier is None:
        starts = [side["start"] for side in plan.sides]
        members = new_members(starts, plan.choices, recipe, generator)
    else:
        members = earlier.members(recipe.design, len(plan.splits))
    training = Training(members, plan.splits, table, recipe, generator, device, team)
    if long is not None:
        fixed = [member.fixed for member in members]
        training.go_over(long.stream(units, fixed, plan.splits, device, team))
    history = training.run(supervision)
    pieces, shares, unseen = team.decide(lambda: _weighed(training.pieces(), plan, table, recipe))
    reals, blueprint = _assemble(pieces, shares, units, given, recipe)
    density = rows.settle(reals)
    blueprint = replace(blueprint, supported=density is not reals)
    density = density.to(device, scoring_dtype(device))
    return Fitted(density, blueprint, shares, team.decide(lambda: history), unseen)


def _plan(table: Table, recipe: Recipe, rng: np.random.Generator) -> Plan:
    choices = choose(table, recipe, rng)
    splits = _deal_splits(len(table.x), recipe, rng)
    sides = [side_pieces(table.take(split.seen), choices, recipe) for split in splits]
    return Plan(choices, splits, sides, int(rng.integers(2**31)))


def _weighed(
    flows: list[Piece], plan: Plan, table: Table, recipe: Recipe
) -> tuple[dict[str, list[Piece]], dict[str, float], tuple[np.ndarray, np.ndarray] | None]:
    """All pieces by kind, the kinds' shares, and how left-out rows score under them."""
    pieces, shares, unseen = {"flow": flows}, {"flow": 1.0}, None
    if recipe.scores_unseen:
        scored = Unseen.of(flows, plan.sides, plan.splits, table)
        if recipe.safety_net:
            shares = blend(scored)
            pieces |= _net(plan.sides, table, plan.choices, recipe)
        unseen = scored.blended(shares), scored.weights
    return pieces, shares, unseen


def _assemble(
    pieces: dict[str, list[Piece]],
    shares: dict[str, float],
    units: Chain,
    given: Chain,
    recipe: Recipe,
) -> tuple[Flow, Blueprint]:
    """The mixture of all pieces, each kind by its share, behind the links to the user's units."""
    parts = [(p, shares[name] / len(pieces[name])) for name in shares for p in pieces[name]]
    mixture = Mixture(
        [p.flow for p, _ in parts], torch.tensor([s for _, s in parts], dtype=torch.float64)
    )
    density = Flow(units, mixture, given).eval().requires_grad_(False)
    records = tuple(p.part for p, _ in parts)
    blueprint = Blueprint(recipe.design, names_of(units.links), records, names_of(given.links))
    return density, blueprint


def _fit_units(links: Sequence[Bijection], x: Tensor, w: Tensor) -> Chain:
    """What all parts share: links to columns without bounds, which are then standardised."""
    images, _ = Chain(links)(x)
    return Chain([*links, Standardize.fit(images, w)])


def _net(
    sides: list[dict[str, Piece]], table: Table, choices: Choices, recipe: Recipe
) -> dict[str, list[Piece]]:
    """The simpler densities, fitted to all rows, but for the Gaussian mixtures.

    EM for a mixture ends anywhere: those that earned their weight are kept, not another one.
    """
    stable = side_pieces(table, replace(choices, mixture=None), recipe)
    net = {name: [piece] for name, piece in stable.items()}
    if choices.mixture is not None:
        net["gaussians"] = [side["gaussians"] for side in sides]
    return net


def _deal_splits(n: int, recipe: Recipe, rng: np.random.Generator) -> list[Split]:
    """One split a member: it leaves out one of the folds, or none."""
    if recipe.n_folds is None:
        return [Split(np.arange(n), np.arange(0))] * recipe.n_members
    folds = deal_folds(n, recipe.n_folds, rng)
    return [
        Split(np.flatnonzero(folds != k), rng.permutation(np.flatnonzero(folds == k)))
        for k in range(min(recipe.n_members, recipe.n_folds))
    ]
