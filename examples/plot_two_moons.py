"""
Two moons: comparison of a flow with kernels
============================================

Kernel density estimation uses a single bandwidth for the whole plane: with a bandwidth that is
small enough for the thin arms of the moons, the estimate is not smooth along them. A flow
instead transforms a smooth density. The title of each panel gives the mean log-likelihood of
held-out samples, in nats.
"""

import sys

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KernelDensity

from skflow import NormalizingFlowDensity
from skflow.metrics import mean_log_likelihood

train, _ = make_moons(1000, noise=0.08, random_state=0)
test, _ = make_moons(10_000, noise=0.08, random_state=1)

# %%
# The bandwidth of the kernels is selected by five-fold cross-validation; the flow uses its
# default parameters.

search = GridSearchCV(KernelDensity(), {"bandwidth": np.logspace(-1.7, 0, 30)})
kernels = search.fit(train).best_estimator_
flow = NormalizingFlowDensity(random_state=0).fit(train)

# %%
# Both densities are evaluated on the same grid and shown with the same color scale.

x, y = np.meshgrid(np.linspace(-1.5, 2.5, 300), np.linspace(-1, 1.5, 190))
grid = np.column_stack([x.ravel(), y.ravel()])
densities = {
    "KernelDensity": np.exp(kernels.score_samples(grid)).reshape(x.shape),
    "NormalizingFlowDensity": np.exp(flow.score_samples(grid)).reshape(x.shape),
}
scores = [mean_log_likelihood(estimator, test) for estimator in (kernels, flow)]
highest = max(density.max() for density in densities.values())

figure, panels = plt.subplots(1, 3, sharex=True, sharey=True, figsize=(12, 3), dpi=120)
panels[0].plot(*train.T, ".", markersize=2, color="black")
panels[0].set_title(f"{len(train)} samples")
for panel, (name, density), score in zip(panels[1:], densities.items(), scores, strict=True):
    panel.pcolormesh(x, y, density, vmin=0, vmax=highest, cmap="magma_r", rasterized=True)
    panel.set_title(f"{name}: {score:.3f}")
for panel in panels:
    panel.set(aspect="equal", xticks=[], yticks=[])
figure.tight_layout()

# The figure in the README is made by: python examples/plot_two_moons.py docs/images/two_moons.png
if len(sys.argv) > 1:
    figure.savefig(sys.argv[1])
