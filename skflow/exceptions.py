"""Errors and warnings of skflow, classes of their own so that they can be caught or filtered."""


class DegenerateColumnWarning(UserWarning):
    """A column is constant, or one value fills much of it: no density describes it well."""


class InvalidFileError(ValueError):
    """A file is not, or no longer, what ``skflow.save`` wrote; nothing was loaded from it."""
