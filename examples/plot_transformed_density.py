"""
One search over transformers and densities
==========================================

Kernels want columns of one scale, and skewed columns want a logarithm first. Which transformer,
and which density behind it? `TransformedDensity` counts the transformer's Jacobian, so that
all candidates are densities of the same rows in the same units, and one search may choose.
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

names = ["worst area", "worst compactness"]
rows = load_breast_cancer(as_frame=True).data[names]

logarithm = FunctionTransformer(np.log, np.exp, feature_names_out="one-to-one")
transformers = {
    "none": "passthrough",
    "MinMaxScaler": MinMaxScaler(),
    "StandardScaler": StandardScaler(),
    "PCA, whitened": PCA(whiten=True),
    "Box-Cox": PowerTransformer("box-cox"),
    "log, then PCA": make_pipeline(logarithm, PCA(whiten=True)),
}
grid = [
    {"density": [KernelDensity()], "density__bandwidth": [0.03, 0.1, 0.3]},
    {"density": [GaussianMixture(random_state=0)], "density__n_components": [1, 2, 4]},
    {"density": [NormalizingFlowDensity(effort="fast", random_state=0)]},
]
grid = [{"transformer": list(transformers.values()), **densities} for densities in grid]
cv = KFold(3, shuffle=True, random_state=0)


def searched(estimator):
    return GridSearchCV(estimator, grid, scoring=mean_log_likelihood, cv=cv).fit(rows)


search = searched(TransformedDensity("passthrough", KernelDensity()))
print(f"{search.best_score_:.3f} nats a row: {search.best_params_}")

# %%
# A Pipeline looks the same, and its `score_samples` is the density of something else: of the
# transformed rows. Over the columns as they are it does not integrate to 1, and its score
# rises with every transformer that shrinks. A search over pipelines takes the one that shrinks
# most, whatever it does to the fit.

naive = searched(Pipeline([("transformer", "passthrough"), ("density", KernelDensity())]))
print(f"{naive.best_score_:.3f} 'nats a row': {naive.best_params_}")

axes = [np.linspace(0, 6000, 401), np.linspace(0, 1.6, 401)]
points = np.stack(np.meshgrid(*axes), axis=-1).reshape(-1, 2)
cell = np.prod([axis[1] - axis[0] for axis in axes])
for title, estimator in [("Pipeline", naive), ("TransformedDensity", search)]:
    fitted = estimator.best_estimator_
    log_p = fitted.score_samples(rows.iloc[:0].reindex(range(len(points))).fillna(0) + points)
    print(f"{title} integrates to {np.exp(log_p).sum() * cell:.3f}")

plt.show()
