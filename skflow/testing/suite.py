"""All checks, one after the other or one pytest test each."""

import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from typing import Any, Literal, NamedTuple
from unittest import SkipTest

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import check_array

from skflow.testing.calling import fitted
from skflow.testing.degenerate import (
    check_density_survives_constant_column,
    check_density_survives_equal_columns,
    check_density_survives_equal_rows,
)
from skflow.testing.failures import DensityCheckError
from skflow.testing.fits import (
    check_density_fit_order,
    check_density_scale_equivariance,
    check_density_weights_repeat,
)
from skflow.testing.integral import check_density_integrates_to_one
from skflow.testing.randomness import (
    check_density_ignores_global_state,
    check_density_leaves_global_state_alone,
    check_density_same_seed_same_fit,
    check_density_same_seed_same_samples,
)
from skflow.testing.rows import example_rows
from skflow.testing.samples import (
    check_density_samples_follow_scores,
    check_density_samples_never_repeat,
    check_density_samples_shape,
)
from skflow.testing.scores import (
    check_density_scores_are_float64,
    check_density_scores_in_any_order,
    check_density_scores_one_row_as_many,
    check_density_scores_shape,
)
from skflow.testing.state import (
    check_density_leaves_x_alone,
    check_density_refit_forgets,
    check_density_survives_pickle,
)
from skflow.testing.tails import check_density_finite_far_away, check_density_tails_fall

# They look at a density that was fitted to X,
DENSITY_CHECKS = (
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
# and these fit clones of an estimator themselves.
FIT_CHECKS = (
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


class _Case(NamedTuple):
    """One check on one set of rows."""

    name: str
    n_columns: int
    run: Callable[[Any], None]  # given the estimator


def check_density(
    estimator: Any,
    X: ArrayLike | None = None,
    *,
    expected_failed_checks: dict[str, str] | None = None,
    on_fail: Literal["raise", "warn"] | None = "raise",
    random_state: int = 0,
) -> list[dict[str, Any]]:
    """Check that an estimator is a density estimator, and a sound one.

    What `sklearn.utils.estimator_checks.check_estimator` does for an estimator's manners, this
    does for its density: it integrates to 1, draws agree with scores, units of the columns and
    the order of rows do not matter, weights are repetitions, tails fall, and nothing is left
    behind in X, in the estimator or in global generators. All checks run before any failure is
    raised, each on clones of the estimator.

    Parameters
    ----------
    estimator : object
        An estimator with ``fit(X)`` and ``score_samples(X)``, log p of each row in nats; where
        it has ``sample(n_samples)`` or ``fit(X, sample_weight=...)``, they are checked, too.
    X : array-like of shape (n_samples, n_features), optional
        Rows to fit. By default 200 rows of the suite's own: checks that look at a fitted
        density take one, two and three columns, the others two.
    expected_failed_checks : dict, optional
        Names of checks that may fail, and why: their status is then "xfail", and nothing is
        raised.
    on_fail : {"raise", "warn"} or None, default="raise"
        What to do about failures once all checks have run.
    random_state : int, default=0
        Seed of all that is drawn: verdicts are the same at every call. The estimator's own
        ``random_state`` is set to it, too.

    Returns
    -------
    list of dict
        One for each check, with the keys of scikit-learn's ``check_estimator`` and the number
        of columns: "estimator", "check_name", "n_columns", "exception", "status" ("passed",
        "failed", "xfail" or "skipped"), "expected_to_fail", "expected_to_fail_reason".

    Raises
    ------
    DensityCheckError
        An AssertionError that lists every failed check: what was measured, what was expected,
        and what usually causes the difference.

    See Also
    --------
    skflow.testing.parametrize_with_density_checks : One pytest test for each check.
    sklearn.utils.estimator_checks.check_estimator : Whether it is an estimator at all.

    Notes
    -----
    An estimator is fitted about 25 times. Statistical checks have a false-alarm rate under
    1e-4 each, which their docstrings state; the others compare numbers that should be equal.

    Examples
    --------
    >>> from sklearn.mixture import GaussianMixture
    >>> from skflow.testing import check_density
    >>> results = check_density(GaussianMixture())
    >>> sorted({result["status"] for result in results})
    ['passed', 'skipped']

    One bandwidth for all columns depends on their units:

    >>> from sklearn.neighbors import KernelDensity
    >>> check_density(KernelDensity())
    Traceback (most recent call last):
        ...
    skflow.testing.failures.DensityCheckError: KernelDensity() failed 1 of 47 density checks.
    <BLANKLINE>
    check_density_scale_equivariance (2 columns)
      measured: columns multiplied by 0.125, 32, … change log p by ...
    """
    results = [
        _result(estimator, case, expected_failed_checks or {})
        for case in _cases(estimator, X, random_state)
    ]
    failed = [result for result in results if result["status"] == "failed"]
    if failed and on_fail is not None:
        message = _report(estimator, failed, len(results))
        if on_fail == "raise":
            raise DensityCheckError(message)
        warnings.warn(message, stacklevel=2)
    return results


def parametrize_with_density_checks(
    estimators: Iterable[Any],
    X: ArrayLike | None = None,
    *,
    expected_failed_checks: Callable[[Any], dict[str, str]] | None = None,
    random_state: int = 0,
) -> Any:
    """Decorate a pytest test with ``estimator`` and ``check``, one test for each check.

    Parameters
    ----------
    estimators : iterable of objects
        Estimators, as `check_density` takes them.
    X : array-like of shape (n_samples, n_features), optional
        Rows to fit, as in `check_density`.
    expected_failed_checks : callable, optional
        Given an estimator, returns a dict of the checks that may fail, and why: they are
        marked as xfail.
    random_state : int, default=0
        Seed of all that is drawn.

    Returns
    -------
    pytest.MarkDecorator
        A parametrisation of ``estimator`` and ``check``.

    See Also
    --------
    skflow.testing.check_density : All checks at once, without pytest.

    Examples
    --------
    >>> from sklearn.mixture import GaussianMixture
    >>> from skflow.testing import parametrize_with_density_checks
    >>> @parametrize_with_density_checks([GaussianMixture()])
    ... def test_density(estimator, check):
    ...     check(estimator)
    """
    import pytest

    params = []
    for estimator in estimators:
        expected = expected_failed_checks(estimator) if expected_failed_checks else {}
        for case in _cases(estimator, X, random_state):
            reason = expected.get(case.name)
            marks = [] if reason is None else [pytest.mark.xfail(reason=reason, strict=False)]
            id_ = f"{estimator!r}-{case.name}-{case.n_columns}"
            params.append(pytest.param(estimator, case.run, marks=marks, id=id_))
    return pytest.mark.parametrize(("estimator", "check"), params)


def _cases(estimator: Any, X: ArrayLike | None, seed: int) -> Iterator[_Case]:
    if X is not None:
        tables = [check_array(X, dtype=np.float64)]
    else:
        tables = [example_rows(d) for d in (2, 1, 3)]
    for i, rows in enumerate(tables):
        # one fit for all checks that only look at it
        fit_once = cache(partial(fitted, estimator, rows, seed))
        for check in DENSITY_CHECKS:
            yield _case(check, rows, seed, fit_once)
        for check in FIT_CHECKS if i == 0 else ():
            yield _case(check, rows, seed)


def _case(
    check: Callable[..., None],
    rows: np.ndarray,
    seed: int,
    fit_once: Callable[[], Any] | None = None,
) -> _Case:
    def run(estimator: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            check(estimator if fit_once is None else fit_once(), rows, seed)

    return _Case(check.__name__, rows.shape[1], run)


def _result(estimator: Any, case: _Case, expected: dict[str, str]) -> dict[str, Any]:
    status, exception = "passed", None
    try:
        case.run(estimator)
    except SkipTest as skip:
        status, exception = "skipped", skip
    except Exception as error:
        status, exception = "xfail" if case.name in expected else "failed", error
    return {
        "estimator": estimator,
        "check_name": case.name,
        "n_columns": case.n_columns,
        "exception": exception,
        "status": status,
        "expected_to_fail": case.name in expected,
        "expected_to_fail_reason": expected.get(case.name),
    }


def _report(estimator: Any, failed: list[dict[str, Any]], n_checks: int) -> str:
    parts = [f"{estimator!r} failed {len(failed)} of {n_checks} density checks."]
    for result in failed:
        columns = "1 column" if result["n_columns"] == 1 else f"{result['n_columns']} columns"
        error = result["exception"]
        text = str(error)
        if not isinstance(error, DensityCheckError):
            text = f"raised: {type(error).__name__}: {text}"
        parts.append("\n  ".join([f"{result['check_name']} ({columns})", *text.splitlines()]))
    return "\n\n".join(parts)
