"""What NaN in a table stands for: an error, or a cell that was not observed."""

from dataclasses import dataclass

_IMPUTE = (
    "rop such rows or impute the missing values first, for example with "
    "sklearn.impute.SimpleImputer"
)


@dataclass(frozen=True)
class NanPolicy:
    """Whether NaN stands for a cell that was not observed, or else is an error.

    `advice` says what to do about cells that are an error.
    """

    allowed: bool
    advice: str


# of estimators that need complete rows, whatever their flow
COMPLETE = NanPolicy(False, f"D{_IMPUTE}.")
# of estimators of a flow that needs them
COMPLETE_IN_THIS_FLOW = NanPolicy(
    False,
    f'flow="any_order" takes them as cells that were not observed. For another flow, d{_IMPUTE}.',
)
HOLES = NanPolicy(
    True, "Drop such rows, or make such cells NaN, which stands for a cell that was not observed."
)
