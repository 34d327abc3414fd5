"""The version of skflow, which is stored in pickles and files."""

__version__ = "0.1.0.dev0"
