"""
Outliers, and how many false alarms to allow
============================================

Rows along two moons, and among them a few that are odd. `NormalizingFlowOutlierDetector` is
fitted on all of them without being told which. A p-value is the share of training rows, each
scored without having been trained on, that look less likely. The odd rows are among those, so
where 3 % are odd, p < 0.03 finds most of them, and p < 0.01 only the oddest.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_moons

from skflow import NormalizingFlowOutlierDetector

rng = np.random.default_rng(0)
good, _ = make_moons(1000, noise=0.08, random_state=0)
odd = rng.uniform([-2, -1.5], [3, 2], size=(30, 2))
rows = np.concatenate([good, odd])

detector = NormalizingFlowOutlierDetector(contamination=0.03, random_state=0).fit(rows)
called = detector.predict(rows) == -1

# %%
# Contours of the p-value. On rows that are all good, a level is the rate of false alarms.

axis_x, axis_y = np.linspace(-2, 3, 161), np.linspace(-1.5, 2, 121)
grid = np.stack(np.meshgrid(axis_x, axis_y), axis=-1)
p_grid = detector.p_value(grid.reshape(-1, 2)).reshape(grid.shape[:2])

figure, axis = plt.subplots(figsize=(6.5, 4.2), layout="constrained")
axis.contourf(axis_x, axis_y, p_grid, levels=[0.03, 0.1, 0.3, 1], cmap="Blues", alpha=0.7)
axis.scatter(*rows[~called].T, s=4, color="0.3", label="not called")
axis.scatter(*rows[called].T, s=14, color="C3", label="called an outlier")
axis.legend(loc="upper right", frameon=False)
axis.set(title="p above 0.03, 0.1 and 0.3")
print(f"called: {called[1000:].sum()} of 30 odd rows, {called[:1000].sum()} of 1,000 others")

plt.show()
