"""Errors and warnings of skflow, classes of their own so that they can be caught or filtered."""


class DegenerateColumnWarning(UserWarning):
    """No density on the real line describes a column well: it has ties, or ends at a bound."""

    __module__ = "skflow"


class InvalidFileError(ValueError):
    """A file is not, or no longer, what ``skflow.save`` wrote; nothing was loaded from it."""

    __module__ = "skflow"
