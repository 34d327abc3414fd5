"""
Change of variables, step by step
=================================

Samples from a standard normal distribution are passed through three increasing maps, one after
the other. Where a map is steep, the samples are spread out and the density is divided by the
slope: log p of the image of a point is log p of the point minus the logarithm of the slope.
Nothing is estimated here, so the formula agrees with a histogram of the mapped samples.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import expit
from scipy.stats import norm

# %%
# Each map is listed with its slope. The first map creates two peaks, the second makes all values
# positive, and the third makes them smaller than 1.

steps = {
    "x + 1.5 tanh 2x": (lambda x: x + 1.5 * np.tanh(2 * x), lambda x: 1 + 3 / np.cosh(2 * x) ** 2),
    "log(1 + exp(x + 2))": (lambda x: np.logaddexp(0, x + 2), lambda x: expit(x + 2)),
    "x / (1 + x)": (lambda x: x / (1 + x), lambda x: (1 + x) ** -2),
}

# %%
# The chain is applied to 100,000 samples, which are shown as histograms, and to a fine grid, on
# which the log-density is updated after each map.

draws = np.random.default_rng(0).normal(size=100_000)
grid = np.linspace(-6, 6, 2001)
log_p = norm.logpdf(grid)

figure, panels = plt.subplots(1, 4, figsize=(11, 2.8), layout="constrained")


def show(panel, title, limits):
    panel.hist(draws, bins=np.linspace(*limits, 61), density=True, color="0.8")
    panel.plot(grid, np.exp(log_p), color="C0")
    panel.set(title=title, xlim=limits, yticks=[])


show(panels[0], "a standard normal", (-5, 5))
for panel, (name, (function, slope)), limits in zip(
    panels[1:], steps.items(), [(-5, 5), (0, 7), (0, 1)], strict=True
):
    log_p = log_p - np.log(slope(grid))
    grid, draws = function(grid), function(draws)
    show(panel, f"then {name}", limits)

# %%
# After all three maps, the density still integrates to 1.

print(f"integral after three maps: {np.trapezoid(np.exp(log_p), grid):.6f}")

plt.show()
