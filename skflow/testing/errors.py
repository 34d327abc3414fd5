"""The error raised by a failed check."""


class DensityCheckError(AssertionError):
    """A density estimator failed a check of `skflow.testing`.

    The message states what was measured, what was expected within which tolerance, and the
    usual cause of the difference.

    See Also
    --------
    skflow.testing.check_density : Runs all checks and raises one error that lists all failures.
    """

    __module__ = "skflow.testing"
