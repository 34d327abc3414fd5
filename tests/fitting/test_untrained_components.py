"""Components without training, fitted to given samples."""

import numpy as np
import torch

from skflow.fitting.gmm_and_kde import MixtureConfig
from skflow.fitting.initial_fit import StudentTInitialFit
from skflow.fitting.model_selection import SelectedModels
from skflow.fitting.student_t import StudentTShape
from skflow.fitting.untrained_components import untrained_components
from skflow.flows.bijections import Chain
from skflow.preprocessing.dataset import WeightedDataset
from skflow.preprocessing.marginals import Marginals
from tests.fitting.examples import config_for, dataset, normal_samples


def test_components_depend_on_their_own_samples_only():
    x = normal_samples()
    config = config_for(400, 2)
    selected = SelectedModels(
        Marginals("yeo-johnson"),
        StudentTInitialFit(StudentTShape(5.0, 1e-4)),
        mixture=MixtureConfig(2, 3e-3),
        bandwidth=0.3,
    )
    train = np.arange(300)
    changed = np.concatenate([x[:300], 1e3 * x[300:]])
    data, other = (
        WeightedDataset(*map(torch.from_numpy, (x, np.ones(400)))),
        torch.from_numpy(changed),
    )
    own = untrained_components(data.take(train), selected, config)
    same = untrained_components(WeightedDataset(other, data.weights).take(train), selected, config)
    for name, component in own.items():
        torch.testing.assert_close(
            component.flow.log_prob(data.x), same[name].flow.log_prob(data.x), rtol=0, atol=0
        )


def test_the_initial_fit_is_whitened_by_the_student_t():
    data, config = (
        dataset(normal_samples(1000) @ np.array([[1, 0.9], [0, 0.2]])),
        config_for(1000, 2),
    )
    selected = SelectedModels(
        Marginals("standardize"), StudentTInitialFit(StudentTShape(1e4, 1e-8))
    )
    start = untrained_components(data, selected, config)["start"]
    z, _ = Chain(start.flow.chain.bijections)(data.x)
    torch.testing.assert_close(torch.cov(z.T), torch.eye(2).double(), atol=0.01, rtol=0)
