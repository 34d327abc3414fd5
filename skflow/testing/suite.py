"""All checks, one after the other or one pytest test each."""

import warnings
from collections.abc import Callable, Iterable
from typing import Any, Literal
from unittest import SkipTest

from numpy.typing import ArrayLike

from skflow.testing.check_cases import Case, cases
from skflow.testing.checks import DENSITY_CHECKS, FIT_CHECKS
from skflow.testing.errors import DensityCheckError


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
    TypeError
        Where the estimator is a class, or has no ``fit`` or ``score_samples``.
    ValueError
        Where `expected_failed_checks` has a name that is no check's.

    Warns
    -----
    UserWarning
        With the same list, where ``on_fail="warn"``.

    See Also
    --------
    skflow.testing.parametrize_with_density_checks : One pytest test for each check.
    sklearn.utils.estimator_checks.check_estimator : Whether it is an estimator at all.

    Notes
    -----
    An estimator is fitted about 20 times. Statistical checks have a false-alarm rate under
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
    skflow.testing.errors.DensityCheckError: KernelDensity() failed 1 of 47 density checks.
    <BLANKLINE>
    check_density_scale_equivariance (2 columns)
      measured: columns multiplied by 1/8 and 32 in turn change log p by 0.683 nats a row ...
    """
    if on_fail not in ("raise", "warn", None):
        raise ValueError(f"on_fail={on_fail!r} must be 'raise', 'warn' or None.")
    expected = expected_failed_checks or {}
    _check_names(expected)
    results = [_result(estimator, case, expected) for case in cases(estimator, X, random_state)]
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
        _check_names(expected)
        name = "".join(repr(estimator).split())
        for case in cases(estimator, X, random_state):
            reason = expected.get(case.name)
            marks = [] if reason is None else [pytest.mark.xfail(reason=reason, strict=False)]
            id_ = f"{name}-{case.name}-{case.n_columns}"
            params.append(pytest.param(estimator, case.run, marks=marks, id=id_))
    return pytest.mark.parametrize(("estimator", "check"), params)


def _check_names(expected_failed_checks: dict[str, str]) -> None:
    names = [check.__name__ for check in (*DENSITY_CHECKS, *FIT_CHECKS)]
    unknown = sorted(set(expected_failed_checks) - set(names))
    if unknown:
        raise ValueError(
            f"expected_failed_checks names {', '.join(unknown)}, and the checks are "
            f"{', '.join(names)}."
        )


def _result(estimator: Any, case: Case, expected: dict[str, str]) -> dict[str, Any]:
    exception: Exception | None = None
    status = "passed"
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
