"""Axes to draw on, and how things look unless the user says otherwise."""

import re
from collections.abc import Mapping
from typing import Any

# of the palette of Okabe & Ito (2008), which the colour-blind can tell apart, too
BLUE, VERMILION = "#0072B2", "#D55E00"
GREY, INK = "0.75", "0.15"

Style = Mapping[str, Any] | None


def check_matplotlib(caller: str) -> None:
    """Raise an ImportError that says what to install where there is no matplotlib."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{caller} requires matplotlib. You can install it with `pip install matplotlib`."
        ) from error


def axes_or_new(ax: Any) -> Any:
    """The axes given, or those of a new figure."""
    import matplotlib.pyplot as plt

    return plt.subplots(layout="constrained")[1] if ax is None else ax


def styled(artist: type, style: Style, **defaults: Any) -> dict[str, Any]:
    """The defaults with the user's style on top, whichever aliases that has."""
    from matplotlib.cbook import normalize_kwargs

    return {**defaults, **normalize_kwargs(dict(style or {}), artist)}


def per_unit(name: str) -> str:
    """How a density over a column is labelled: per unit, where the name gives one."""
    unit = re.search(r"\(([^()]+)\)\s*$", name)
    return f"density per {unit[1]}" if unit else "density"
