"""
Visualizing and validating a density
====================================

This example shows four displays in the style of scikit-learn, for 442 patients with diabetes, a
quarter of whom are held out. The first two display a density, the other two help to assess the
quality of the fit. All except the loss curve accept any density estimator; kernels are compared
with a flow below.
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
# A density of one column is shown as a curve over a histogram. A density of two columns is shown
# by the smallest regions that contain 50, 90 and 99 % of the probability, together with the
# held-out patients.

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
for columns, panel in ((train.columns[:1], left), (train.columns[:2], right)):
    density = NormalizingFlowDensity(random_state=0).fit(train[columns])
    DensityDisplay.from_estimator(density, test[columns], ax=panel)

# %%
# More columns are shown in pairs, with samples from the density and the held-out patients in
# different colors. If the density fits well, their distributions look the same.

flow = NormalizingFlowDensity(random_state=0).fit(train)
CornerDisplay.from_estimator(flow, test, random_state=0)

# %%
# The loss curve shows the progress of training. Each ensemble member keeps the weights with the
# best score on its held-out samples; after that point, training only leads to overfitting.

LossCurveDisplay.from_estimator(flow)

# %%
# For a calibrated density, held-out patients are as likely as samples from the density. The curve
# then follows the diagonal up to random variation, the extent of which is shown by the band. This
# is not the case for kernels whose bandwidth is far too large.

kernels = TransformedDensity(StandardScaler(), KernelDensity(bandwidth=1.0)).fit(train)
figure, panels = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
for density, panel in zip((flow, kernels), panels, strict=True):
    CalibrationDisplay.from_estimator(density, test, random_state=0, ax=panel)

# %%
# The same question can be asked of conditional distributions. For each patient, the regressor
# predicts the distribution of the disease progression after one year. If these distributions are
# correct, the values of the distribution functions at the observed outcomes are uniform.

regressor = NormalizingFlowRegressor(random_state=0).fit(train, y_train)
figure, panels = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
for kind, panel in zip(("qq", "histogram"), panels, strict=True):
    CalibrationDisplay.from_estimator(regressor, test, y_test, kind=kind, bins=10, ax=panel)

plt.show()
