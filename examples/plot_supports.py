"""
Bounded, integer and circular columns
=====================================

A weather station records the direction of the wind, which is an angle; the amount of rain, which
is not negative; the hours of sunshine, which are bounded by the length of the day; and the
number of lightning strokes, which is an integer. A density on the whole real line does not take
this into account, and generates days with −3 mm of rain and 1.7 strokes. If ``support`` is
declared, the density is 0 at impossible values, all samples are valid, the density of an angle
is periodic, and integers have probabilities.
"""

import matplotlib.pyplot as plt
import numpy as np

from skflow import NormalizingFlowDensity
from skflow.plotting import DensityDisplay

rng = np.random.default_rng(0)
n = 2000
west = rng.random(n) < 0.6  # westerly winds bring more rain
wind = np.where(west, rng.vonmises(-1.4, 2, n), rng.vonmises(0.2, 2, n)) * 180 / np.pi % 360
rain = rng.gamma(np.where(west, 1.5, 0.7), np.where(west, 4, 1.5))
sun = 14 * rng.beta(2 / (1 + 0.2 * rain), 1 + 0.1 * rain)
strokes = rng.poisson(0.3 * rain)
days = np.column_stack([wind, rain, sun, strokes])

support = [("circular", 360), "nonnegative", (0, 14), ("integer", 0, None)]
density = NormalizingFlowDensity(support=support, effort="fast", random_state=0).fit(days)
drawn = density.sample(20_000, random_state=0)

# %%
# Every sample is a valid day. Integer columns are sampled as integers. ``log p`` is a
# log-probability with respect to these columns, and a log-density with respect to the others.

print("sample minimum  ", np.round(drawn.min(axis=0), 3))
print("sample maximum  ", np.round(drawn.max(axis=0), 1))
print("log p of a day   ", density.score_samples(days[:1]).round(2))

# %%
# The density of the wind direction alone is shown on a circle, together with a histogram of the
# days. The values of the column jump from 360 to 0 in the north, but the density does not.

winds = NormalizingFlowDensity(support=("circular", 360), effort="fast", random_state=0)
winds.fit(wind[:, None])
angles = np.linspace(0, 360, 721)
p = np.exp(winds.score_samples(angles[:, None]))

# %%
# The figure compares the data with samples: the wind direction, rain and sunshine within their
# bounds, and the number of lightning strokes.

figure = plt.figure(figsize=(9, 3.4), layout="constrained")
compass = figure.add_subplot(1, 3, 1, projection="polar")
compass.set_theta_zero_location("N")
compass.set_theta_direction(-1)
compass.hist(np.radians(wind), bins=36, density=True, color="0.85")
compass.plot(np.radians(angles), p * 180 / np.pi, color="C0")
compass.set(yticks=[], xlabel="wind direction")

axes = [figure.add_subplot(1, 3, 2), figure.add_subplot(1, 3, 3)]
axes[0].scatter(rain, sun, s=2, color="0.75", label="data")
axes[0].scatter(*drawn[:2000, 1:3].T, s=2, color="C0", alpha=0.5, label="samples")
axes[0].set(xlabel="rain, mm", ylabel="sunshine, h", xlim=(-1, 30), title="bounded columns")
axes[0].legend(markerscale=4, loc="upper right")
counts = np.arange(12)
shares = [(column[:, None] == counts).mean(axis=0) for column in (strokes, drawn[:, 3])]
axes[1].bar(counts - 0.2, shares[0], 0.4, color="0.75", label="data")
axes[1].bar(counts + 0.2, shares[1], 0.4, color="C0", label="samples")
axes[1].set(xlabel="lightning strokes", ylabel="share of days", title="integer column")
axes[1].legend()

# %%
# ``DensityDisplay`` shows a column of integers by its probabilities, and a column over decades on
# a logarithmic axis. Here, visits to a shop are counted, and the amounts spent are between cents
# and thousands. The density is per unit of the column, also where the axis is logarithmic.

visits = 1 + rng.poisson(2, n)
spent = visits * np.exp(2 + 1.6 * rng.normal(size=n))
figure, panels = plt.subplots(1, 3, figsize=(11, 3.4), layout="constrained")
for columns, panel in (([0], panels[0]), ([1], panels[1]), ([0, 1], panels[2])):
    rows = np.column_stack([visits, spent])[:, columns]
    supports = [(("integer", 1, None), "positive")[j] for j in columns]
    density = NormalizingFlowDensity(support=supports, effort="fast", random_state=0).fit(rows)
    names = [("visits", "spent (€)")[j] for j in columns]
    DensityDisplay.from_estimator(density, rows, feature_names=names, ax=panel)

plt.show()
