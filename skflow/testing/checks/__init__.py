"""All checks, grouped by what they take: a fitted density, or an estimator to fit."""

from collections.abc import Callable
from typing import Any

import numpy as np

from skflow.testing.checks.degenerate_data import (
    check_density_survives_constant_column,
    check_density_survives_equal_columns,
    check_density_survives_equal_rows,
)
from skflow.testing.checks.estimator_state import (
    check_density_leaves_x_alone,
    check_density_refit_forgets,
    check_density_survives_pickle,
)
from skflow.testing.checks.fit_invariance import (
    check_density_fit_order,
    check_density_scale_equivariance,
    check_density_weights_repeat,
)
from skflow.testing.checks.integral import check_density_integrates_to_one
from skflow.testing.checks.random_state import (
    check_density_ignores_global_state,
    check_density_leaves_global_state_alone,
    check_density_same_seed_same_fit,
    check_density_same_seed_same_samples,
)
from skflow.testing.checks.samples import (
    check_density_samples_follow_scores,
    check_density_samples_never_repeat,
    check_density_samples_shape,
)
from skflow.testing.checks.scores import (
    check_density_scores_are_float64,
    check_density_scores_in_any_order,
    check_density_scores_one_row_as_many,
    check_density_scores_shape,
)
from skflow.testing.checks.tails import check_density_finite_far_away, check_density_tails_fall

Check = Callable[[Any, np.ndarray, int], None]  # estimator or fitted density, rows, seed

# Checks that read a density fitted to X.
DENSITY_CHECKS: tuple[Check, ...] = (
    check_density_scores_shape,
    check_density_scores_are_float64,
    check_density_scores_one_row_as_many,
    check_density_scores_in_any_order,
    check_density_integrates_to_one,
    check_density_finite_far_away,
    check_density_tails_fall,
    check_density_samples_shape,
    check_density_samples_never_repeat,
    check_density_samples_follow_scores,
    check_density_same_seed_same_samples,
    check_density_survives_pickle,
)
# Checks that fit clones of an estimator themselves.
FIT_CHECKS: tuple[Check, ...] = (
    check_density_leaves_x_alone,
    check_density_same_seed_same_fit,
    check_density_leaves_global_state_alone,
    check_density_ignores_global_state,
    check_density_refit_forgets,
    check_density_fit_order,
    check_density_weights_repeat,
    check_density_scale_equivariance,
    check_density_survives_constant_column,
    check_density_survives_equal_columns,
    check_density_survives_equal_rows,
)
