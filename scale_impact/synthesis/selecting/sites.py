"""How the cities that tried a measure differ from those that did not, by what is known of them from before.

A mean over pilots answers for cities like them. Differences are in standard deviations (of both groups alike), as a love plot has
them; with few pilots they are rough, so each has an interval.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.words import counted, plain, some
from scale_impact.errors import DataError
from scale_impact.synthesis.selecting.regressions import reach

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

MOST = 20
"""A column of words with more groups than this names cities rather than kinds of them."""

FAR = 0.25
"""Standard deviations by which a mean may differ before an adjustment for it depends on its form (Rubin 2001; Stuart 2010)."""


@dataclass(frozen=True)
class Difference:
    """One characteristic of pilots and others.

    Attributes
    ----------
    name:
        The column, with the group of a column of groups (``region: coast``).
    pilots, others:
        Means, or shares of a group.
    n_pilots, n_others, missing_pilots, missing_others:
        Cities with a value, and without.
    value, low, high:
        The difference in standard deviations, with its interval.
    why_not:
        Why there is none; the numbers are NaN then.
    """

    name: str
    pilots: float
    others: float
    n_pilots: int
    n_others: int
    missing_pilots: int = 0
    missing_others: int = 0
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan
    why_not: str = ""


@dataclass(frozen=True)
class SiteSelection:
    """Pilots beside the cities that did not try.

    Attributes
    ----------
    rows:
        One a characteristic, the farthest first.
    why_not:
        Why there is no comparison.
    notes:
        Columns that only one side has; cities that stand on both.
    """

    rows: tuple[Difference, ...] = ()
    why_not: str = ""
    notes: tuple[str, ...] = ()

    @property
    def far(self) -> tuple[Difference, ...]:
        """Characteristics more than a quarter of a standard deviation apart, whose interval does not hold zero."""
        return tuple(r for r in self.rows if abs(r.value) > FAR and not r.low <= 0 <= r.high)

    def table(self) -> pd.DataFrame:
        """One row a characteristic."""
        import pandas as pd

        return pd.DataFrame([vars(r) for r in self.rows], columns=list(Difference.__dataclass_fields__))


def compare(
    pilots: pd.DataFrame | None, others: pd.DataFrame | None, *, level: float, leave: tuple[str, ...] = ()
) -> SiteSelection:
    """Standardised mean differences of all columns that both tables have, but for ``leave``.

    The index of both tables names the cities.

    Raises
    ------
    DataError
        Columns that hold numbers on one side and words on the other.

    Source: Austin (2009), equations 1 and 2; interval by Hedges and Olkin (1985), chapter 5, equation 14.
    """
    if pilots is None or others is None:
        whose = "the pilots" if pilots is None else "the cities that did not try"
        return SiteSelection(why_not=f"The context of {whose} is not known.")
    if not len(others) or not len(pilots):
        return SiteSelection(why_not="There is no city on one of the two sides.")
    both = [c for c in pilots.columns if c in others.columns and c not in leave]
    if not both:
        return SiteSelection(why_not="The two tables have no column in common.")
    if mixed := [c for c in both if _is_number(pilots[c]) != _is_number(others[c])]:
        raise DataError(
            [
                f"others: column {c!r} holds numbers for one side and words for the other. Give both alike."
                for c in mixed
            ]
        )
    names = [
        str(c) for c in both if not _is_number(pilots[c]) and len({*pilots[c].dropna(), *others[c].dropna()}) > MOST
    ]
    rows = [row for c in both if str(c) not in names for row in _rows(str(c), pilots[c], others[c], level)]
    notes = [
        *_notes(pilots, others, leave),
        *([f"{some(names)}: more than {MOST} groups, not compared."] if names else []),
    ]
    return SiteSelection(
        tuple(sorted(rows, key=_far_first)), "" if rows else "No column can be compared.", tuple(notes)
    )


def _notes(pilots: pd.DataFrame, others: pd.DataFrame, leave: tuple[str, ...]) -> tuple[str, ...]:
    found = []
    for name, one, other in (("pilots", pilots, others), ("others", others, pilots)):
        if alone := [c for c in one.columns if c not in other.columns and c not in leave]:
            found.append(f"Only the table of {name} has {some(alone)}: not compared.")
    if doubled := [c for c in others.index if c in set(pilots.index)]:
        found.append(f"{some(doubled)} {'stands' if len(doubled) == 1 else 'stand'} among pilots and others alike.")
    return tuple(found)


def _far_first(row: Difference) -> tuple[float, str]:
    return (-abs(row.value) if not math.isnan(row.value) else math.inf, row.name)


def _is_number(column: pd.Series[Any]) -> bool:
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    return bool(is_numeric_dtype(column) or is_bool_dtype(column))


def _rows(name: str, pilots: pd.Series[Any], others: pd.Series[Any], level: float) -> list[Difference]:
    """One row for numbers; one a group for words."""
    if _is_number(pilots):
        return [
            _of_numbers(name, pilots.to_numpy(float, na_value=np.nan), others.to_numpy(float, na_value=np.nan), level)
        ]
    groups = sorted({plain(v) for column in (pilots, others) for v in column.dropna()})
    return [_of_numbers(f"{name}: {g}", _is_in(pilots, g), _is_in(others, g), level, shares=True) for g in groups]


def _is_in(column: pd.Series[Any], group: str) -> Floats:
    found: Floats = np.array([math.nan if v is None or v != v else float(plain(v) == group) for v in column])
    return found


def _of_numbers(name: str, pilots: Floats, others: Floats, level: float, *, shares: bool = False) -> Difference:
    one, other = pilots[np.isfinite(pilots)], others[np.isfinite(others)]
    n, m = len(one), len(other)
    means = [float(s.mean()) if len(s) else math.nan for s in (one, other)]
    row = Difference(name, means[0], means[1], n, m, len(pilots) - n, len(others) - m)
    shares = shares or set(np.unique(np.r_[one, other])) <= {0.0, 1.0}
    if min(n, m) < (1 if shares else 2):
        return replace(
            row, why_not=f"{counted(n, 'pilot')} and {counted(m, 'other city', 'other cities')} have a value."
        )
    spread = [float(s.mean() * (1 - s.mean()) if shares else s.var(ddof=1)) for s in (one, other)]
    sd = math.sqrt((spread[0] + spread[1]) / 2)
    if sd <= 1e-12 * max(abs(means[0]), abs(means[1]), 1e-300):
        if math.isclose(means[0], means[1], rel_tol=1e-9, abs_tol=1e-300):
            return replace(row, value=0.0, low=0.0, high=0.0)
        return replace(row, why_not="No city differs from those of its own side.")
    value = (means[0] - means[1]) / sd
    half = reach(level, math.inf) * math.sqrt(1 / n + 1 / m + value**2 / (2 * (n + m)))
    return replace(row, value=value, low=value - half, high=value + half)
