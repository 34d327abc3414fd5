"""Hints for parameter values that nearly are valid."""

import numpy as np
import pytest
import torch

from skflow import NormalizingFlowDensity, NormalizingFlowRegressor

X = np.zeros((3, 1))


@pytest.mark.parametrize(
    ("params", "hint"),
    [
        ({"flow": "nsf-ar"}, r"Got 'nsf-ar' instead\. Did you mean 'nsf_ar'\?$"),
        ({"flow": "NSF"}, r"Did you mean 'nsf'\?$"),
        ({"effort": "Fast"}, r"Did you mean 'fast'\?$"),
        ({"marginals": "yeo_johnson"}, r"Did you mean 'yeo-johnson'\?$"),
        ({"n_estimators": "Auto"}, r"Did you mean 'auto'\?$"),
        ({"flow": "glow-worm"}, r"Got 'glow-worm' instead\.$"),
        ({"random_state": np.random.default_rng(0)}, r"pass int\(rng\.integers\(2\*\*32\)\)\.$"),
        ({"random_state": 1.5}, r"Got 1\.5 instead\.$"),
        ({"device": torch.device("cpu")}, "Pass the name of the device"),
        ({"hidden_layer_sizes": 2.5}, r"Pass one int for each hidden layer, such as \(64, 64\)"),
        ({"n_bins": 10**8}, r"range \[1, 256\]\. Got 100000000 instead\.$"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_messages_of_scikit_learn_get_a_hint_where_there_is_one(params, hint):
    (name,) = params
    with pytest.raises(ValueError, match=rf"^The '{name}' parameter of .*{hint}"):
        NormalizingFlowDensity(**params).fit(X)
    with pytest.raises(ValueError, match=hint):
        NormalizingFlowRegressor(**params).fit(X, X[:, 0])
