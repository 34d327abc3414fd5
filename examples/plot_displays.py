"""
Looking at a density, and whether to believe it
===============================================

Four displays in scikit-learn's manner, on 442 patients with diabetes, of whom a quarter is kept
aside. The first two show what a density says, the other two whether it is right. All but the
loss curve take any density: here kernels are put beside a flow.
"""

import matplotlib.pyplot as plt
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KernelDensity
from sklearn.preprocessing import StandardScaler

from skflow import NormalizingFlowDensity, NormalizingFlowRegressor
from skflow.compose import TransformedDensity
from skflow.plotting import (
    CalibrationDisplay,
    CornerDisplay,
    DensityDisplay,
    LossCurveDisplay,
)

X, progression = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
rows = X[["bmi", "bp", "s3", "s5"]].set_axis(
    ["body mass (kg/m²)", "blood pressure (mmHg)", "HDL (mg/dl)", "log triglycerides"], axis=1
)
train, test, y_train, y_test = train_test_split(rows, progression, random_state=0)

# %%
# One column is a curve over a histogram. Two are regions: the smallest that hold 50, 90 and 99 %
# of the probability, the patients kept aside over them.

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
for columns, panel in ((train.columns[:1], left), (train.columns[:2], right)):
    density = NormalizingFlowDensity(random_state=0).fit(train[columns])
    DensityDisplay.from_estimator(density, test[columns], ax=panel)

# %%
# More columns are shown by pairs, and draws from the density beside the patients kept aside.
# Where the density is right, nobody can tell the colours apart.

flow = NormalizingFlowDensity(random_state=0).fit(train)
CornerDisplay.from_estimator(flow, test, random_state=0)

# %%
# How training went. The members keep the weights that were best for their left-out rows, and
# what comes after is learning by heart.

LossCurveDisplay.from_estimator(flow)

# %%
# Is it right? The patients kept aside should be as likely as the density's own draws: then the
# line is on the diagonal, but for chance, and the band says how much chance is. Kernels with a
# bandwidth that is far too wide are not.

kernels = TransformedDensity(StandardScaler(), KernelDensity(bandwidth=1.0)).fit(train)
figure, panels = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
for density, panel in zip((flow, kernels), panels, strict=True):
    CalibrationDisplay.from_estimator(density, test, random_state=0, ax=panel)

# %%
# Forecasts can be asked the same. For each patient the regressor has a distribution of how the
# disease is a year later; where on it did each end? Anywhere, equally often, if the distributions
# are right.

regressor = NormalizingFlowRegressor(random_state=0).fit(train, y_train)
figure, panels = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
for kind, panel in zip(("qq", "histogram"), panels, strict=True):
    CalibrationDisplay.from_estimator(regressor, test, y_test, kind=kind, bins=10, ax=panel)

plt.show()
