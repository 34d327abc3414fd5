"""Flows of the peers, of the size that speed.py uses for skflow."""

import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Peer(NamedTuple):
    """The parameters of a torch flow, and the functions that are timed."""

    parameters: list
    log_prob: Callable
    sample: Callable


def torch_peers(d):
    """normflows and zuko: four spline couplings, 64 hidden units, two layers."""
    import normflows
    import zuko

    bijections = []
    for _ in range(4):
        bijections += [
            normflows.flows.CoupledRationalQuadraticSpline(d, 2, 64),
            normflows.flows.LULinearPermute(d),
        ]
    base = normflows.distributions.DiagGaussian(d, trainable=False)
    flow = normflows.NormalizingFlow(base, bijections)
    return {
        "normflows": Peer(list(flow.parameters()), flow.log_prob, lambda n: flow.sample(n)[0]),
        "zuko": _zuko(zuko.flows.NSF(d, transforms=4, hidden_features=(64, 64), passes=2)),
    }


def zuko_autoregressive(d):
    """zuko's NSF with its defaults: autoregressive, three transforms."""
    import zuko

    return _zuko(zuko.flows.NSF(d, transforms=3, hidden_features=(64, 64)))


def _zuko(flow):
    return Peer(
        list(flow.parameters()), lambda x: flow().log_prob(x), lambda n: flow().sample((n,))
    )


def flowjax_times(X):
    """Seconds of a training step and of scoring all rows of X, without the compilation."""
    import equinox as eqx
    import jax.numpy as jnp
    import jax.random as jr
    import optax
    import paramax
    from flowjax.bijections import RationalQuadraticSpline
    from flowjax.distributions import Normal
    from flowjax.flows import coupling_flow

    x = jnp.asarray(X, dtype=jnp.float32)
    flow = coupling_flow(
        jr.key(0),
        base_dist=Normal(jnp.zeros(X.shape[1])),
        transformer=RationalQuadraticSpline(knots=8, interval=5),
        flow_layers=4,
        nn_width=64,
        nn_depth=2,
    )
    learned, fixed = eqx.partition(
        flow, eqx.is_inexact_array, is_leaf=lambda leaf: isinstance(leaf, paramax.NonTrainable)
    )
    optimizer = optax.adam(1e-3)
    state = learned, optimizer.init(learned)

    @eqx.filter_jit
    def step(learned, state):
        def loss(learned):
            return -paramax.unwrap(eqx.combine(learned, fixed)).log_prob(x).mean()

        value, gradients = eqx.filter_value_and_grad(loss)(learned)
        updates, state = optimizer.update(gradients, state, learned)
        return eqx.apply_updates(learned, updates), state, value

    log_prob = eqx.filter_jit(lambda flow: flow.log_prob(x))
    steps, scores = [], []
    for _ in range(48):
        start = time.perf_counter()
        *state, value = step(*state)
        value.block_until_ready()
        steps.append(time.perf_counter() - start)
    for _ in range(24):
        start = time.perf_counter()
        log_prob(flow).block_until_ready()
        scores.append(time.perf_counter() - start)
    return float(np.median(steps[8:])), float(np.median(scores[4:]))
