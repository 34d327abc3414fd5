"""What all displays share: matplotlib or an error, axes, labels, styles."""

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.lines import Line2D

from skflow.plotting import CalibrationDisplay, CornerDisplay, DensityDisplay, LossCurveDisplay
from skflow.plotting.style import density_label, merge_style, scatter_style

DISPLAYS = [
    CalibrationDisplay(values=np.array([0.5])),
    CornerDisplay(rows=np.ones((2, 1)), samples=np.ones((2, 1))),
    DensityDisplay(grid=[np.arange(2.0)], density=np.ones(2)),
    LossCurveDisplay(losses=[1.0]),
]


@pytest.mark.parametrize("display", DISPLAYS, ids=lambda display: type(display).__name__)
def test_without_matplotlib_an_error_says_what_to_install(display, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    name = type(display).__name__
    with pytest.raises(ImportError, match=rf"{name}\.plot requires matplotlib.*pip install"):
        display.plot()
    with pytest.raises(ImportError, match=rf"{name}\.from_estimator requires matplotlib"):
        type(display).from_estimator(None, *([[[1.0]]] if name != "LossCurveDisplay" else []))


def test_matplotlib_is_imported_when_a_picture_is_drawn():
    program = "import sys, skflow.plotting; print('matplotlib' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, text=True
    )
    assert done.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("petal length (cm)", "density per cm"),
        ("x0", "density"),
        ("(log) income", "density"),
        ("rate (1/s) ", "density per 1/s"),
        ("", "density"),
    ],
)
def test_units_are_taken_from_names(name, label):
    assert density_label(name) == label


def test_styles_know_aliases():
    assert merge_style(Line2D, {"c": "red"}, color="blue", linewidth=2) == {
        "color": "red",
        "linewidth": 2,
    }
    with pytest.raises(TypeError, match="alias"):
        merge_style(Line2D, {"c": "red", "color": "blue"})


def test_values_for_colors_exclude_the_default_color():
    assert scatter_style({"c": [1, 2]}, "red", s=3) == {"s": 3, "c": [1, 2]}
    assert scatter_style({"color": "blue"}, "red") == {"color": "blue"}
    assert scatter_style(None, "red", s=3) == {"color": "red", "s": 3}
