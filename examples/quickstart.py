"""Fit a density to real data, compare it with two others, and generate new samples.

The data are scikit-learn's breast cancer data set: 569 samples of 30 measurements. All scores
are held-out log-likelihoods in nats per sample, for densities in the original units.
"""

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.neighbors import KernelDensity
from sklearn.preprocessing import StandardScaler

from skflow import NormalizingFlowDensity

data = load_breast_cancer()
train, test = train_test_split(data.data, random_state=0)

# A flow is fitted to the original columns, and its density is in their units.
flow = NormalizingFlowDensity(random_state=0).fit(train)
log_p = {"NormalizingFlowDensity": flow.score_samples(test)}

# The other two estimators need columns of the same scale. With x' = (x - mean) / scale, the
# density of x is that of x' divided by the product of the scales. Without this correction, the
# scores would not be comparable.
scaler = StandardScaler().fit(train)
scaled_train, scaled_test = scaler.transform(train), scaler.transform(test)
log_scales = np.log(scaler.scale_).sum()

search = GridSearchCV(KernelDensity(), {"bandwidth": np.logspace(-1, 0.5, 16)})
kernels = search.fit(scaled_train).best_estimator_
log_p["KernelDensity"] = kernels.score_samples(scaled_test) - log_scales

mixtures = [GaussianMixture(k, random_state=0).fit(scaled_train) for k in range(1, 9)]
mixture = min(mixtures, key=lambda mixture: mixture.bic(scaled_train))
log_p["GaussianMixture"] = mixture.score_samples(scaled_test) - log_scales


def mean_and_error(values):
    return f"{values.mean():8.2f} ± {values.std(ddof=1) / np.sqrt(len(values)):.2f}"


print(
    f"Held-out log-likelihood in nats per sample ({len(train)} for fitting, {len(test)} held out)"
)
print(f"{'':24}{'mean ± standard error':24}flow minus other")
for name, values in log_p.items():
    behind = log_p["NormalizingFlowDensity"] - values
    print(f"{name:24}{mean_and_error(values):24}{mean_and_error(behind) if behind.any() else ''}")

rows = flow.sample(1000, random_state=0)
print("\nFirst four columns of three new samples:")
print("  ".join(f"{name:>14}" for name in data.feature_names[:4]))
for row in rows[:3]:
    print("  ".join(f"{value:14.2f}" for value in row[:4]))

try:
    import matplotlib.pyplot as plt
except ImportError:
    print("\nNo figure was saved because matplotlib is not installed.")
else:
    figure, panels = plt.subplots(1, 2, sharex=True, sharey=True, figsize=(8, 4))
    for panel, points, title in zip(
        panels, (test, rows), ("held-out data", "generated samples"), strict=True
    ):
        panel.plot(points[:, 0], points[:, 1], ".", alpha=0.5)
        panel.set(title=title, xlabel=data.feature_names[0], ylabel=data.feature_names[1])
        panel.label_outer()
    figure.tight_layout()
    figure.savefig("quickstart.png")
    print("\nSaved quickstart.png")
