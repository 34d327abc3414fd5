"""Data sets and configurations shared by the tests of this folder."""

import numpy as np
import torch

from skflow import NormalizingFlowDensity
from skflow.fitting.defaults import DataSize, resolve_config
from skflow.preprocessing.dataset import WeightedDataset


def config_for(n, d, **parameters):
    return resolve_config(NormalizingFlowDensity(**parameters), DataSize(n, n, d))


def dataset(x):
    x = torch.from_numpy((x - x.mean(0)) / x.std(0))
    return WeightedDataset(x, torch.ones(len(x), dtype=torch.float64))


def normal_samples(n=400, d=2, seed=0):
    return np.random.default_rng(seed).normal(size=(n, d))
