"""Axes, colors and default styles of the displays, with matplotlib imported on demand."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

# from the color-blind safe palette of Okabe & Ito (2008)
BLUE, VERMILION = "#0072B2", "#D55E00"
GREY, INK = "0.75", "0.15"

Style = Mapping[str, Any] | None


def check_matplotlib(caller: str) -> None:
    """Raise an ImportError with the installation command if matplotlib is missing."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{caller} requires matplotlib. You can install it with `pip install matplotlib`."
        ) from error


def get_axes(ax: Any) -> Any:
    """The axes passed by the user, or those of a new figure if None."""
    import matplotlib.pyplot as plt

    return plt.subplots(layout="constrained")[1] if ax is None else ax


def merge_style(artist: type, style: Style, **defaults: Any) -> dict[str, Any]:
    """The defaults updated by the user's style, whose aliases are resolved for the artist."""
    from matplotlib.cbook import normalize_kwargs

    return {**defaults, **normalize_kwargs(dict(style or {}), artist)}


def scatter_style(style: Style, color: str, **defaults: Any) -> dict[str, Any]:
    """The style of a scatter plot: with `color`, unless the user passes "c", which excludes it."""
    from matplotlib.collections import PathCollection

    merged = merge_style(PathCollection, style, color=color, **defaults)
    if "c" in merged and "color" not in (style or {}):
        del merged["color"]
    return merged


def density_label(name: str) -> str:
    """Axis label of the density of a column: per unit if its name ends in a unit, "mass (kg)"."""
    unit = re.search(r"\(([^()]+)\)\s*$", name)
    return f"density per {unit[1]}" if unit else "density"


def shades(n: int) -> list[tuple[float, ...]]:
    """Blues from light to dark, for regions from the widest to the narrowest."""
    from matplotlib import colormaps

    blues: list[tuple[float, ...]] = [colormaps["Blues"](x) for x in np.linspace(0.25, 0.75, n)]
    return blues
