"""Modules that are imported with skflow."""

import subprocess
import sys

LATER = {"dask", "matplotlib", "pyarrow.dataset", "sklearn.linear_model", "sklearn.mixture"}


def test_optional_and_slow_modules_are_imported_later():
    script = f"import sys, skflow; print({LATER} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert out.stdout.strip() == "set()", out.stderr
