"""
Outlier detection with a chosen false-alarm rate
================================================

The data are samples along two moons and a few outliers. `NormalizingFlowOutlierDetector` is
fitted to all of them without labels. A p-value is the share of training samples that are as
rare or rarer, where each training sample is scored out of fold. Since the outliers are
themselves training samples, they have the lowest p-values: with 3 % of outliers, p <= 0.03
finds most of them, and p <= 0.01 only the most extreme ones.
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
# Contours of the p-value. For data without outliers, the level of a contour is the rate of false
# alarms.

axis_x, axis_y = np.linspace(-2, 3, 161), np.linspace(-1.5, 2, 121)
grid = np.stack(np.meshgrid(axis_x, axis_y), axis=-1)
p_grid = detector.p_value(grid.reshape(-1, 2)).reshape(grid.shape[:2])

figure, axis = plt.subplots(figsize=(6.5, 4.2), layout="constrained")
axis.contourf(axis_x, axis_y, p_grid, levels=[0.03, 0.1, 0.3, 1], cmap="Blues", alpha=0.7)
axis.scatter(*rows[~called].T, s=4, color="0.3", label="inlier")
axis.scatter(*rows[called].T, s=14, color="C3", label="detected as outlier")
axis.legend(loc="upper right", frameon=False)
axis.set(title="p above 0.03, 0.1 and 0.3")
print(f"detected: {called[1000:].sum()} of 30 outliers, {called[:1000].sum()} of 1,000 inliers")

plt.show()
