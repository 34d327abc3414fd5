"""
Regression with a multimodal target
===================================

The data have two branches that diverge and widen as x increases, so neither a single prediction
nor a constant error bar describes them. `NormalizingFlowRegressor` learns the conditional
density p(y | x), so quantiles, intervals and samples follow both branches.
"""

import matplotlib.pyplot as plt
import numpy as np

from skflow import NormalizingFlowRegressor

rng = np.random.default_rng(0)
x = rng.uniform(-2, 2, size=(3000, 1))
branch = rng.choice([-1, 1], size=3000, p=[0.4, 0.6]) * (2 + x[:, 0])
y = branch + (0.1 + 0.15 * (x[:, 0] + 2)) * rng.normal(size=3000)

regressor = NormalizingFlowRegressor(random_state=0).fit(x, y)

# %%
# The left panel shows the mean, which lies in a region with hardly any samples, and quantiles,
# which follow the branches. The right panel shows the conditional density on a grid.

grid = np.linspace(-2, 2, 161)
heights = np.linspace(-6, 6, 241)
at_x, at_y = np.meshgrid(grid, heights)
density = np.exp(regressor.log_prob(at_x.reshape(-1, 1), at_y.ravel())).reshape(at_x.shape)
quantiles = regressor.predict_quantiles(grid[:, None], [0.05, 0.25, 0.75, 0.95])

figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4), sharey=True, layout="constrained")
left.scatter(x[:, 0], y, s=2, color="0.4")
left.plot(grid, regressor.predict(grid[:, None]), color="C3", label="mean")
for k, curve in enumerate(quantiles.T):
    left.plot(grid, curve, color="C0", lw=1, label=None if k else "5, 25, 75, 95 % quantiles")
left.legend(loc="upper left", frameon=False)
left.set(title="3,000 samples", xlabel="x", ylabel="y")
right.pcolormesh(grid, heights, np.minimum(density, 1.0), cmap="Blues")
right.set(title="p(y | x)", xlabel="x")

# %%
# Nine out of ten held-out samples should lie within the 90 % interval.

x_new = rng.uniform(-2, 2, size=(2000, 1))
y_new = rng.choice([-1, 1], size=2000, p=[0.4, 0.6]) * (2 + x_new[:, 0])
y_new += (0.1 + 0.15 * (x_new[:, 0] + 2)) * rng.normal(size=2000)
low, high = regressor.predict_interval(x_new, coverage=0.9).T
print(f"share within the interval: {np.mean((low <= y_new) & (y_new <= high)):.1%}")

plt.show()
