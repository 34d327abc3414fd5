"""
From two moons to noise
=======================

A flow is a chain of layers, each of which makes a small change to the data. In this example, a
chain of affine coupling layers (``flow="realnvp"``) is fitted to two moons. The figure shows the
samples before the transformation, after some of the layers, and as the noise at the end. Colors
distinguish the two moons; the flow does not use this information.
"""

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import make_moons

from skflow import NormalizingFlowDensity

rows, moon = make_moons(2000, noise=0.06, random_state=0)

# %%
# We fit one ensemble member without the safety net, so that there is a single chain of layers.

density = NormalizingFlowDensity(
    flow="realnvp", n_estimators=1, safety_net=False, random_state=0
).fit(rows)
print(f"log-likelihood: {density.score(rows):.2f} nats per sample")

# %%
# ``flow_`` is a torch module: a chain that standardizes the columns, followed by the chain of the
# ensemble member. The latter has two bijections per layer, a linear map that mixes the columns
# and a coupling.

(member,) = density.flow_.base.components
bijections = [*density.flow_.chain.bijections, *member.chain.bijections]
stages = [torch.from_numpy(rows)]
with torch.no_grad():
    for bijection in bijections:
        stages.append(bijection(stages[-1])[0])

layers = [
    k + 1 for k, bijection in enumerate(bijections) if type(bijection).__name__ == "Coupling"
]
shown = {"data": 0, **{f"after layer {k + 1}": layers[k] for k in (1, 3, 4, 5, 6)}}
shown["noise"] = len(bijections)
figure, panels = plt.subplots(1, len(shown), figsize=(12, 2.1), layout="constrained")
for panel, (name, k) in zip(panels, shown.items(), strict=True):
    panel.scatter(*stages[k].numpy().T, c=moon, cmap="coolwarm", s=2, linewidths=0)
    panel.set(title=name, xticks=[], yticks=[], box_aspect=1)
    if k > 0:
        panel.set(xlim=(-4, 4), ylim=(-4, 4))

plt.show()
