"""What an import of skflow brings with it."""

import subprocess
import sys

LATER = {"dask", "matplotlib", "pyarrow.dataset", "sklearn.linear_model", "sklearn.mixture"}


def test_importing_skflow_imports_nothing_that_can_wait():
    script = f"import sys, skflow; print({LATER} & set(sys.modules))"
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert out.stdout.strip() == "set()", out.stderr
