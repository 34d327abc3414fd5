"""
Bounds, whole numbers and angles
================================

What a weather station writes down: the direction of the wind, an angle; the rain of a day,
never negative; the hours of sunshine, at most as many as the day has; the number of lightning
strokes, whole. A density on the real line knows none of this, and draws days with −3 mm of
rain and 1.7 strokes. With ``support=`` the density is 0 where no day can be, draws are days
that can be, the density of an angle goes round without a seam, and whole numbers have
probabilities.
"""

import matplotlib.pyplot as plt
import numpy as np

from skflow import NormalizingFlowDensity

rng = np.random.default_rng(0)
n = 2000
west = rng.random(n) < 0.6  # westerly winds bring rain
wind = np.where(west, rng.vonmises(-1.4, 2, n), rng.vonmises(0.2, 2, n)) * 180 / np.pi % 360
rain = rng.gamma(np.where(west, 1.5, 0.7), np.where(west, 4, 1.5))
sun = 14 * rng.beta(2 / (1 + 0.2 * rain), 1 + 0.1 * rain)
strokes = rng.poisson(0.3 * rain)
days = np.column_stack([wind, rain, sun, strokes])

support = [("circular", 360), "nonnegative", (0, 14), ("integer", 0, None)]
density = NormalizingFlowDensity(support=support, effort="fast", random_state=0).fit(days)
drawn = density.sample(20_000, random_state=0)

# %%
# Every draw is a day that can be. Whole numbers are drawn whole, and ``log p`` is then the
# log-probability of the number, and still a density over the other columns' units.

print("drawn, least    ", np.round(drawn.min(axis=0), 3))
print("drawn, largest  ", np.round(drawn.max(axis=0), 1))
print("log p of a day   ", density.score_samples(days[:1]).round(2))

# %%
# The wind alone, on its own circle: counts of the days, and the density. North is where the
# column's numbers jump from 360 to 0, and the density does not.

winds = NormalizingFlowDensity(support=("circular", 360), effort="fast", random_state=0)
winds.fit(wind[:, None])
angles = np.linspace(0, 360, 721)
p = np.exp(winds.score_samples(angles[:, None]))

# %%
# The wind, rain and sunshine as they are and as they are drawn, up to their bounds, and the
# strokes.

figure = plt.figure(figsize=(9, 3.4), layout="constrained")
compass = figure.add_subplot(1, 3, 1, projection="polar")
compass.set_theta_zero_location("N")
compass.set_theta_direction(-1)
compass.hist(np.radians(wind), bins=36, density=True, color="0.85")
compass.plot(np.radians(angles), p * 180 / np.pi, color="C0")
compass.set(yticks=[], xlabel="wind")

axes = [figure.add_subplot(1, 3, 2), figure.add_subplot(1, 3, 3)]
axes[0].scatter(rain, sun, s=2, color="0.75", label="days")
axes[0].scatter(*drawn[:2000, 1:3].T, s=2, color="C0", alpha=0.5, label="drawn")
axes[0].set(xlabel="rain, mm", ylabel="sunshine, h", xlim=(-1, 30), title="bounded")
axes[0].legend(markerscale=4, loc="upper right")
counts = np.arange(12)
shares = [(column[:, None] == counts).mean(axis=0) for column in (strokes, drawn[:, 3])]
axes[1].bar(counts - 0.2, shares[0], 0.4, color="0.75", label="days")
axes[1].bar(counts + 0.2, shares[1], 0.4, color="C0", label="drawn")
axes[1].set(xlabel="strokes", ylabel="share of the days", title="whole numbers")
axes[1].legend()

plt.show()
