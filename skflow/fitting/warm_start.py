"""An earlier fit, from which a fit with ``warm_start=True`` continues."""

import copy
from dataclasses import dataclass

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
        if flow != self.spec.flow or n_members != len(learned):
            raise ValueError(
                "warm_start=True continues an earlier fit, which must have the same flows. The "
                f"earlier ensemble has {len(learned)} members ({self.spec.flow}), but this one "
                f"would have {n_members} ({flow}). Pass as many columns and the same parameters, "
                "with n_estimators, n_transforms, hidden_layer_sizes and dropout not left at "
                "'auto' if the number of rows has changed; or use warm_start=False."
            )
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
