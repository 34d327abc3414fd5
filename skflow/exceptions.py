"""Warnings of skflow, classes of their own so that they can be filtered."""


class DegenerateColumnWarning(UserWarning):
    """No density on the real line describes a column well: it has ties, or ends at a bound."""
