"""
One search over transformers and densities
==========================================

Kernels require columns of the same scale, and skewed columns benefit from a logarithm. This
example selects both the transformer and the density estimator in a single search. Since
`TransformedDensity` includes the Jacobian of the transformer, all candidates are densities of
the same data in the same units and can be compared.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.decomposition import PCA
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.neighbors import KernelDensity
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    PowerTransformer,
    StandardScaler,
)

from skflow import NormalizingFlowDensity
from skflow.compose import TransformedDensity
from skflow.metrics import mean_log_likelihood

data = load_breast_cancer()
columns = [list(data.feature_names).index(f"worst {name}") for name in ("area", "compactness")]
rows = data.data[:, columns]

transformers = {
    "none": "passthrough",
    "MinMaxScaler": MinMaxScaler(),
    "StandardScaler": StandardScaler(),
    "Box-Cox": PowerTransformer("box-cox"),
    "log, then PCA": make_pipeline(FunctionTransformer(np.log, np.exp), PCA(whiten=True)),
}
densities = [
    {"density": [KernelDensity()], "density__bandwidth": [0.03, 0.1, 0.3]},
    {"density": [GaussianMixture(random_state=0)], "density__n_components": [1, 2, 4]},
    {"density": [NormalizingFlowDensity(effort="fast", random_state=0)]},
]


def searched(estimator, densities):
    grid = [{"transformer": list(transformers.values()), **density} for density in densities]
    cv = KFold(3, shuffle=True, random_state=0)
    return GridSearchCV(estimator, grid, scoring=mean_log_likelihood, cv=cv).fit(rows)


def best_of(search, kind):
    """Return the best held-out score of each transformer with one kind of density."""
    results = search.cv_results_
    return [
        max(
            score
            for params, score in zip(results["params"], results["mean_test_score"], strict=True)
            if params["transformer"] is transformer and isinstance(params["density"], kind)
        )
        for transformer in transformers.values()
    ]


search = searched(TransformedDensity("passthrough", KernelDensity()), densities)
print(f"{search.best_score_:.3f} nats per sample: {search.best_params_}")

# %%
# A `Pipeline` looks similar, but its ``score_samples`` returns the density of the transformed
# samples. This does not integrate to 1 over the original columns, and the score increases the
# more the transformer shrinks the data. A search over pipelines therefore selects the transformer
# that shrinks most, regardless of the quality of the fit.

pipeline = Pipeline([("transformer", "passthrough"), ("density", KernelDensity())])
naive = searched(pipeline, densities[:2])
print(f"{naive.best_score_:.3f} in other units: {naive.best_params_}")

axis_x, axis_y = np.linspace(-1000, 8000, 451), np.linspace(-0.5, 2.5, 451)
grid = np.stack(np.meshgrid(axis_x, axis_y), axis=-1)
cell = (axis_x[1] - axis_x[0]) * (axis_y[1] - axis_y[0])
p_naive, p_grid = (
    np.exp(found.best_estimator_.score_samples(grid.reshape(-1, 2))).reshape(grid.shape[:2])
    for found in (naive, search)
)
print(f"integrals: {p_naive.sum() * cell:,.0f} and {p_grid.sum() * cell:.3f}")

# %%
# The figure shows held-out scores for the best parameters of each density. In the left panel,
# the score of kernels without a transformer is far outside the axis limits, because a single
# bandwidth does not suit both areas in the thousands and a compactness below 1. The pipelines are
# ranked differently: `MinMaxScaler`, the worst transformer for kernels, comes first.

figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
places = np.arange(len(transformers))
for panel, found in ((left, search), (middle, naive)):
    for i, kind in enumerate((KernelDensity, GaussianMixture, NormalizingFlowDensity)):
        if found is search or kind is not NormalizingFlowDensity:
            best = best_of(found, kind)
            panel.plot(best, places + (i - 1) * 0.2, "o", color=f"C{i}", label=kind.__name__)
    panel.set(yticks=places, yticklabels=list(transformers), xlabel="held-out score per sample")
    panel.invert_yaxis()
left.set(xlim=(-7.3, -6.55), title="TransformedDensity: nats, original units")
left.legend(frameon=False, loc="lower left")
middle.set(xlim=(-8, 3), title="Pipeline: transformed units")

right.contour(axis_x, axis_y, p_grid, levels=p_grid.max() * np.geomspace(0.003, 0.8, 8))
right.plot(*rows.T, ".", markersize=2, color="0.4")
right.set(xlabel="worst area", ylabel="worst compactness", xlim=(0, 3500), ylim=(0, 1.1))
right.set_title("selected density")

plt.show()
