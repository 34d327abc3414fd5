"""
Continuous flows: paths, densities over time, samples
=====================================================

A continuous flow moves samples between noise and data along a time-dependent velocity field.
This example compares three ways to learn this field. Flow matching estimates it by regression
on the direction from data to noise. Diffusion uses the same regression, with more weight on
times with little noise. A continuous normalizing flow (cnf) maximizes the likelihood by
differentiating through the ODE solver.
"""

import itertools
import sys
import time

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import make_moons

from skflow import NormalizingFlowDensity

train, _ = make_moons(2000, noise=0.08, random_state=0)
test, _ = make_moons(5000, noise=0.08, random_state=1)

# %%
# The flows are fitted with one ensemble member each and without the safety net.

flows, labels = {}, {}
for name in ("flow_matching", "diffusion", "cnf"):
    start = time.perf_counter()
    flow = NormalizingFlowDensity(flow=name, effort="fast", safety_net=False, random_state=0)
    flows[name] = flow.fit(train)
    seconds = time.perf_counter() - start
    labels[name] = f"{name}\n{flow.score(test):.3f} nats\n{seconds:.0f} s to fit"
print(*labels.values(), sep="\n")


# %%
# Each fitted flow contains one continuous bijection, which can compute the position of a sample
# at any time between 0 (data) and 1 (noise). It works in whitened coordinates.


def link_and_base(flow):
    """Return the continuous bijection of the only ensemble member, and its base distribution."""
    (member,) = flow.flow_.base.components
    return member.chain.bijections[-1], member.base


def density_at(link, base, rows, when):
    """Return the density of the partly transformed data at a given time."""
    with torch.no_grad():
        noise, log_det = link.integrate(rows, None, when, 1.0)
        return (base.log_prob(noise) + log_det).exp()


def path_of(link, rows, times):
    """Return the positions at all times of samples that start at the first time."""
    places = [rows]
    with torch.no_grad():
        for before, after in itertools.pairwise(times):
            places.append(link.integrate(places[-1], None, before, after)[0])
    return torch.stack(places).numpy()


noise = torch.randn(120, 2, generator=torch.Generator().manual_seed(0)).double()
times = np.linspace(1, 0, 25)
x, y = np.meshgrid(np.linspace(-2.6, 2.6, 90), np.linspace(-2.6, 2.6, 90))
grid = torch.from_numpy(np.column_stack([x.ravel(), y.ravel()]))
snapshots = (1.0, 0.6, 0.3, 0.0)

figure, panels = plt.subplots(
    len(flows), len(snapshots) + 2, figsize=(13, 6.6), layout="constrained"
)
for row, (name, flow) in zip(panels, flows.items(), strict=True):
    link, base = link_and_base(flow)
    path = path_of(link, noise, times)
    row[0].plot(path[..., 0], path[..., 1], lw=0.5, color="0.6")
    row[0].plot(*path[0].T, ".", ms=3, color="C0", label="noise")
    row[0].plot(*path[-1].T, ".", ms=3, color="C3", label="data")
    row[0].set_ylabel(labels[name])
    for panel, when in zip(row[1:-1], snapshots, strict=True):
        density = density_at(link, base, grid, when).reshape(x.shape)
        panel.pcolormesh(x, y, density, vmin=0, cmap="magma_r", rasterized=True)
    row[-1].plot(*flow.sample(2000, random_state=0).T, ".", ms=1.5, color="black")
    for panel in row[:-1]:
        panel.set(xlim=(-2.6, 2.6), ylim=(-2.6, 2.6))
    row[-1].set(xlim=(-1.5, 2.5), ylim=(-1.1, 1.6))
for panel, title in zip(
    panels[0],
    ["paths", *(f"density at t = {t:g}" for t in snapshots), "2,000 samples"],
    strict=True,
):
    panel.set_title(title)
panels[0, 0].legend(loc="upper right", frameon=False, fontsize=7, handletextpad=0.1)
for panel in panels.flat:
    panel.set(xticks=[], yticks=[])

if len(sys.argv) > 1:
    figure.savefig(sys.argv[1], dpi=110)
plt.show()
