"""Exceptions and warnings of skflow, in classes of their own so that they can be caught."""


class DegenerateColumnWarning(UserWarning):
    """A column that no density describes well: ties, a bound, odd values, a function of others."""

    __module__ = "skflow"


class InvalidFileError(ValueError):
    """A file that ``skflow.save`` did not write or that was altered; nothing was loaded."""

    __module__ = "skflow"
