"""An earlier fit, from which a fit with ``warm_start=True`` continues."""

import copy
from dataclasses import dataclass

import numpy as np

from skflow.fitting.ensemble import EnsembleMember
from skflow.flows.bijections import Chain
from skflow.flows.distributions.flow import Flow
from skflow.flows.distributions.mixture import Mixture
from skflow.flows.spec import DensitySpec, FlowSpec


@dataclass(frozen=True)
class WarmStart:
    """A fitted density to continue from: a flow over a mixture, and its specification."""

    density: Flow
    spec: DensitySpec

    def input_transform(self) -> Chain:
        """The bijections that all components share, in float64 on the CPU.

        Without the calibration of integers, which every fit ends with.
        """
        bijections = list(copy.deepcopy(self.density).cpu().double().chain.bijections)
        is_calibrated = self.spec.input_transform[:1] == ("interpolant",)
        return Chain(bijections[is_calibrated:])

    def context_transform(self) -> Chain:
        """The bijections that the context goes through, in float64 on the CPU."""
        return copy.deepcopy(self.density.context_transform).cpu().double()

    def members(self, flow: FlowSpec, n_members: int) -> list[EnsembleMember]:
        """Copies of the trained ensemble members, ready to be trained further.

        Raises
        ------
        ValueError
            If they are not `n_members` flows of the given specification.
        """
        learned = [k for k, component in enumerate(self.spec.components) if component.learned]
        check_same_flows(self.spec.flow, len(learned), flow, n_members)
        return [self._member(k) for k in learned]

    def _member(self, k: int) -> EnsembleMember:
        fitted = self.spec.components[k].bijections
        flow = copy.deepcopy(self._component(k)).cpu()
        bijections = flow.chain.bijections
        transform, learned = bijections[: len(fitted)], bijections[len(fitted) :]
        trainable = Flow(Chain(learned), flow.base).float().train().requires_grad_(True)
        return EnsembleMember(Chain(transform).double(), fitted, trainable)

    def _component(self, k: int) -> Flow:
        mixture = self.density.base
        assert isinstance(mixture, Mixture)
        component = mixture.components[k]
        assert isinstance(component, Flow)
        return component


def check_same_flows(earlier: FlowSpec, n_earlier: int, flow: FlowSpec, n_members: int) -> None:
    """Raise a ValueError unless an ensemble has the flows of the one that it continues."""
    if flow != earlier or n_members != n_earlier:
        raise ValueError(
            "warm_start=True continues an earlier fit, which must have the same flows. The "
            f"earlier ensemble has {n_earlier} members ({earlier}), but this one would have "
            f"{n_members} ({flow}). Pass as many columns and the same parameters, with "
            "n_estimators, n_transforms, hidden_layer_sizes and dropout not left at 'auto' if "
            "the number of rows has changed; or use warm_start=False."
        )


@dataclass(frozen=True)
class FittedColumns:
    """The columns of X in a fit: their number, and their names if there were any."""

    n_features: int
    names: np.ndarray | None


def check_same_columns(earlier: FittedColumns, now: FittedColumns | None) -> None:
    """Raise a ValueError unless a fit that continues an earlier one has the same columns."""
    if now is None:
        return
    _check_same("X", f"{earlier.n_features} columns", f"{now.n_features} columns")
    if earlier.names is None or now.names is None or list(earlier.names) == list(now.names):
        return
    if set(earlier.names) == set(now.names):
        raise ValueError(
            "warm_start=True continues an earlier fit, in which X had the same columns in another "
            "order. Pass X[list(estimator.feature_names_in_)], or use warm_start=False."
        )
    _check_same("X", f"the columns {list(earlier.names)}", f"the columns {list(now.names)}")


def check_same_targets(earlier: str, now: str) -> None:
    """Raise a ValueError unless what is said of y is the same as in the fit that is continued."""
    _check_same("y", earlier, now)


def _check_same(argument: str, earlier: str, now: str) -> None:
    if earlier != now:
        raise ValueError(
            f"warm_start=True continues an earlier fit, in which {argument} had {earlier}, but "
            f"now it has {now}. Pass the same ones, or use warm_start=False."
        )
