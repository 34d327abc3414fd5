"""Exceptions and warnings of skflow, in classes of their own so that they can be caught."""


class DegenerateColumnWarning(UserWarning):
    """A column that no density describes well: ties, a bound, odd values, a function of others."""

    __module__ = "skflow"


class EmptyRowWarning(UserWarning):
    """A row without any observed cell, which a fit leaves out."""

    __module__ = "skflow"


class UnreliablePredictionWarning(UserWarning):
    """A prediction that the data do not determine.

    A class of a row outside the support, or a mean of very heavy tails.
    """

    __module__ = "skflow"


class InvalidFileError(ValueError):
    """A file that ``skflow.save`` did not write or that was altered; nothing was loaded."""

    __module__ = "skflow"
