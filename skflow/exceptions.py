"""Warnings of skflow, classes of their own so that they can be filtered."""


class DegenerateColumnWarning(UserWarning):
    """A column is constant, or one value fills much of it: no density describes it well."""
