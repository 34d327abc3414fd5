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
from skflow.testing.checks.missing_cells import (
    check_density_empty_rows_score_zero,
    check_density_scores_holes_as_alone,
    check_density_weights_repeat_with_holes,
)
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
from skflow.testing.checks.subset_consistency import (
    check_density_conditionals_times_marginals,
    check_density_marginals_are_integrals,
)
from skflow.testing.checks.tails import check_density_finite_far_away, check_density_tails_fall
from skflow.testing.estimator_interface import has_subsets, takes_holes

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
# Checks that read a density fitted to X, with cells missing if the estimator takes NaN.
SUBSET_CHECKS: tuple[Check, ...] = (
    check_density_empty_rows_score_zero,
    check_density_scores_holes_as_alone,
    check_density_marginals_are_integrals,
    check_density_conditionals_times_marginals,
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
    check_density_weights_repeat_with_holes,
    check_density_scale_equivariance,
    check_density_survives_constant_column,
    check_density_survives_equal_columns,
    check_density_survives_equal_rows,
)
_NEEDS: dict[Check, Callable[[Any], bool]] = {
    check_density_empty_rows_score_zero: takes_holes,
    check_density_scores_holes_as_alone: takes_holes,
    check_density_weights_repeat_with_holes: takes_holes,
    check_density_marginals_are_integrals: lambda e: takes_holes(e) or has_subsets(e),
    check_density_conditionals_times_marginals: has_subsets,
}


def applies(check: Check, estimator: Any, n_columns: int = 2) -> bool:
    """Whether a check is for an estimator: holes and subsets need NaN, methods, and columns."""
    return check not in _NEEDS or (n_columns > 1 and _NEEDS[check](estimator))
