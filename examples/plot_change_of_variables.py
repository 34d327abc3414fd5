"""
Change of variables, step by step
=================================

Draws from a standard normal are sent through three increasing maps, one after the other. Where
a map is steep, draws are pulled apart and the density falls by just its slope: log p of the
image is log p of where it came from, less the log of the slope. Nothing is estimated here, so
the formula has to agree with a histogram of the mapped draws.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import expit
from scipy.stats import norm

# %%
# Each map, and its slope. The first makes two peaks, the second positive numbers, and the third
# numbers below 1.

steps = {
    "x + 1.5 tanh 2x": (lambda x: x + 1.5 * np.tanh(2 * x), lambda x: 1 + 3 / np.cosh(2 * x) ** 2),
    "log(1 + exp(x + 2))": (lambda x: np.logaddexp(0, x + 2), lambda x: expit(x + 2)),
    "x / (1 + x)": (lambda x: x / (1 + x), lambda x: (1 + x) ** -2),
}

# %%
# The same chain twice: for 100,000 draws, which become histograms, and for a fine grid, on which
# the log of the density is kept up to date.

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
# The density still integrates to 1, however often it was bent.

print(f"integral after three maps: {np.trapezoid(np.exp(log_p), grid):.6f}")

plt.show()
