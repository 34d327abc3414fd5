"""All checks in one function, or as one pytest test each."""

import warnings
from collections.abc import Callable, Iterable
from typing import Any, Literal
from unittest import SkipTest

from numpy.typing import ArrayLike

from skflow.testing.check_cases import CheckCase, check_cases
from skflow.testing.checks import DENSITY_CHECKS, FIT_CHECKS, SUBSET_CHECKS
from skflow.testing.errors import DensityCheckError


def check_density(
    estimator: Any,
    X: ArrayLike | None = None,
    *,
    expected_failed_checks: dict[str, str] | None = None,
    on_fail: Literal["raise", "warn"] | None = "raise",
    random_state: int = 0,
) -> list[dict[str, Any]]:
    """Check that an estimator is a correct density estimator.

    `sklearn.utils.estimator_checks.check_estimator` checks the API of an estimator; this
    function checks its density: that it integrates to 1, samples follow scores, units of the
    columns and the order of rows do not matter, weights are equivalent to repetition, tails
    decrease, and neither X, nor earlier fits, nor global generators are affected. If it takes
    NaN, or has conditional and marginal densities, these must agree with the joint density. All
    checks run on clones of the estimator before any failure is raised.

    Parameters
    ----------
    estimator : object
        An estimator with ``fit(X)`` and ``score_samples(X)``, log p of each row in nats. If it
        has ``sample(n_samples)`` or ``fit(X, sample_weight=...)``, these are checked, too, and so
        are ``marginal([...])`` and ``condition({...})``, which return densities of some columns. A
        fitted attribute ``supports_``, a list of `skflow.Support`, says in which columns and
        values log p is a log-probability; without it, all columns are real numbers.
    X : array-like of shape (n_samples, n_features), optional
        Data to fit, without missing values and inside the supports that the estimator declares.
        By default, the suite generates 200 rows of real numbers: of one, two and three columns
        for checks that read a fitted density, of two columns for all others.
    expected_failed_checks : dict, optional
        Names of checks that may fail, with the reason. Their failures have the status "xfail"
        and are not raised.
    on_fail : {"raise", "warn"} or None, default="raise"
        What to do about failures after all checks have run.
    random_state : int, default=0
        Seed of the checks, so that the results are reproducible. Every ``random_state`` of the
        estimator is set to it, too.

    Returns
    -------
    list of dict
        The result of each check, with the keys of scikit-learn's ``check_estimator`` and the
        number of columns: "estimator", "check_name", "n_columns", "exception", "status"
        ("passed", "failed", "xfail" or "skipped"), "expected_to_fail",
        "expected_to_fail_reason".

    Raises
    ------
    DensityCheckError
        An AssertionError that lists every failed check: what was measured, what was expected,
        and the usual cause of the difference.
    TypeError
        If the estimator is a class, or has no ``fit`` or ``score_samples``.
    ValueError
        If `expected_failed_checks` contains a name that is not a check.

    Warns
    -----
    UserWarning
        With the same list, if ``on_fail="warn"``.

    See Also
    --------
    skflow.testing.parametrize_with_density_checks : One pytest test for each check.
    sklearn.utils.estimator_checks.check_estimator : Checks of the estimator API.

    Notes
    -----
    An estimator is fitted about 20 times. Each statistical check has a false-alarm rate below
    1e-4, as its docstring states; the other checks compare numbers that should be equal.

    Examples
    --------
    >>> from sklearn.mixture import GaussianMixture
    >>> from skflow.testing import check_density
    >>> results = check_density(GaussianMixture())
    >>> sorted({result["status"] for result in results})
    ['passed', 'skipped']

    A single bandwidth for all columns depends on their units:

    >>> from sklearn.neighbors import KernelDensity
    >>> check_density(KernelDensity())
    Traceback (most recent call last):
        ...
    skflow.testing.DensityCheckError: KernelDensity() failed 1 of 47 density checks.
    <BLANKLINE>
    check_density_scale_equivariance (2 columns)
      measured: scaling the columns by 1/8 and 32 in turn changes log p by 0.683 nats per ...
    """
    if on_fail not in ("raise", "warn", None):
        raise ValueError(f"on_fail={on_fail!r} must be 'raise', 'warn' or None.")
    expected = expected_failed_checks or {}
    _check_names(expected)
    results = [
        _result(estimator, case, expected) for case in check_cases(estimator, X, random_state)
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
    """Parametrize a pytest test over ``estimator`` and ``check``, one test for each check.

    Parameters
    ----------
    estimators : iterable of objects
        Estimators, as in `check_density`.
    X : array-like of shape (n_samples, n_features), optional
        Data to fit, as in `check_density`.
    expected_failed_checks : callable, optional
        Takes an estimator and returns a dict of the checks that may fail, with the reason.
        They are marked as xfail.
    random_state : int, default=0
        Seed of the checks.

    Returns
    -------
    pytest.MarkDecorator
        A parametrization of ``estimator`` and ``check``.

    See Also
    --------
    skflow.testing.check_density : Runs all checks at once, without pytest.

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
        for case in check_cases(estimator, X, random_state):
            reason = expected.get(case.name)
            marks = [] if reason is None else [pytest.mark.xfail(reason=reason, strict=False)]
            id_ = f"{name}-{case.name}-{case.n_columns}"
            params.append(pytest.param(estimator, case.run, marks=marks, id=id_))
    return pytest.mark.parametrize(("estimator", "check"), params)


def _check_names(expected_failed_checks: dict[str, str]) -> None:
    names = [check.__name__ for check in (*DENSITY_CHECKS, *SUBSET_CHECKS, *FIT_CHECKS)]
    unknown = sorted(set(expected_failed_checks) - set(names))
    if unknown:
        raise ValueError(
            f"expected_failed_checks contains {', '.join(unknown)}, but the checks are "
            f"{', '.join(names)}."
        )


def _result(estimator: Any, case: CheckCase, expected: dict[str, str]) -> dict[str, Any]:
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
    paragraphs = [f"{estimator!r} failed {len(failed)} of {n_checks} density checks."]
    for result in failed:
        columns = "1 column" if result["n_columns"] == 1 else f"{result['n_columns']} columns"
        error = result["exception"]
        text = str(error)
        if not isinstance(error, DensityCheckError):
            text = f"raised: {type(error).__name__}: {text}"
        paragraphs.append("\n  ".join([f"{result['check_name']} ({columns})", *text.splitlines()]))
    return "\n\n".join(paragraphs)
