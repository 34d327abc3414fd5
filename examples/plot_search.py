"""
One search over three kinds of density
======================================

This example uses `GridSearchCV` to choose between kernels, a Gaussian mixture and a flow,
together with their parameters. To this end, the estimator is a pipeline with a single step,
which is itself a parameter of the search. `KernelDensity.score` is a sum over the samples,
whereas the other estimators return a mean; `skflow.metrics.mean_log_likelihood` scores all of
them on the same scale.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skflow import NormalizingFlowDensity
from skflow.metrics import mean_log_likelihood

# %%
# The data are standardized before the search and not inside the pipeline, because a density is
# expressed in the units of its input, which must be the same for all candidates.

rows = StandardScaler().fit_transform(load_wine().data)

search = GridSearchCV(
    Pipeline([("density", KernelDensity())]),
    [
        {
            "density": [KernelDensity()],
            "density__bandwidth": np.logspace(-0.7, 0.5, 7).round(2),
        },
        {
            "density": [GaussianMixture(reg_covar=1e-2, random_state=0)],
            "density__n_components": [1, 2, 3, 4],
        },
        {
            "density": [NormalizingFlowDensity(random_state=0)],
            "density__flow": ["realnvp", "nsf", "nsf_ar"],
        },
    ],
    scoring=mean_log_likelihood,
    cv=KFold(3, shuffle=True, random_state=0),
)
search.fit(rows)

# %%
# The best estimator of each kind, with the standard error over the folds.

results = search.cv_results_
labels, means, errors = [], [], []
for kind in (KernelDensity, GaussianMixture, NormalizingFlowDensity):
    of_kind = [isinstance(p["density"], kind) for p in results["params"]]
    best = np.where(of_kind, results["mean_test_score"], -np.inf).argmax()
    settings = {k: v for k, v in results["params"][best].items() if k != "density"}
    labels.append(kind.__name__ + "".join(f"\n{k[9:]}={v}" for k, v in settings.items()))
    means.append(results["mean_test_score"][best])
    errors.append(results["std_test_score"][best] / np.sqrt(search.n_splits_))
    print(f"{means[-1]:8.2f} ± {errors[-1]:.2f}  {labels[-1]}".replace("\n", ", "))

figure, panel = plt.subplots(figsize=(7, 3.5))
panel.errorbar(labels, means, errors, fmt="o", capsize=4)
panel.set(
    ylabel="held-out nats per sample", title="Wine, 178 samples × 13 columns", xlim=(-0.5, 2.5)
)
figure.tight_layout()
