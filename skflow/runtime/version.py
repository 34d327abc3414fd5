"""The version of skflow, stamped into pickles and files."""

__version__ = "0.1.0.dev0"
