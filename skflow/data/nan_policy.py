"""What NaN in a table stands for: an error, or a cell that was not observed."""

from dataclasses import dataclass

_IMPUTE = (
    "rop such rows or impute the missing values first, for example with "
    "sklearn.impute.SimpleImputer."
)


@dataclass(frozen=True)
class NanPolicy:
    """Whether NaN stands for a cell that was not observed, or else is an error.

    `advice` says what to do about missing values that are an error, and `advice_on_infinity`
    about infinite ones, which always are.
    """

    allowed: bool = False
    advice: str = f"D{_IMPUTE}"
    advice_on_infinity: str = f"D{_IMPUTE}"


COMPLETE = NanPolicy()  # of estimators that need complete rows, whatever their flow
COMPLETE_IN_THIS_FLOW = NanPolicy(
    advice='flow="any_order" takes them as cells that were not observed. For another flow, d'
    + _IMPUTE
)
HOLES = NanPolicy(
    allowed=True,
    advice_on_infinity="Drop such rows, or make such cells NaN, which stands for a cell that was "
    "not observed.",
)
