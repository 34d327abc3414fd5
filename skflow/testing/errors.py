"""The error of a failed check."""


class DensityCheckError(AssertionError):
    """A density estimator failed a check of `skflow.testing`.

    The message gives what was measured, what was expected within which tolerance, and what
    usually causes the difference.

    See Also
    --------
    skflow.testing.check_density : All checks, and one error that lists those that failed.
    """
