"""Columns of units and periods: what kind of labels they hold, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from numbers import Number
from typing import Any

import pandas as pd

from scale_impact.core.words import counted, plain, some

MIXED = ("mixed", "mixed-integer")
"""What pandas calls columns of several kinds that cannot be ordered."""


def kind(labels: pd.Series[Any]) -> str:
    """``numbers``, ``text``, ``dates``, ``dates in the time zone UTC``, ``mixed``, or what pandas calls others."""
    if isinstance(labels.dtype, pd.DatetimeTZDtype):
        return f"dates in the time zone {labels.dtype.tz}"
    if labels.dtype.kind in "biufM":
        return "dates" if labels.dtype.kind == "M" else "numbers"
    values = labels.cat.categories.to_series() if isinstance(labels.dtype, pd.CategoricalDtype) else labels
    found = pd.api.types.infer_dtype(values, skipna=True)
    if found in MIXED:
        return "mixed"
    numbers = ("integer", "floating", "mixed-integer-float", "boolean", "decimal")
    return "numbers" if found in numbers else {"string": "text", "empty": "text"}.get(found, found)


def has_zone(labels: pd.Series[Any]) -> bool:
    """Whether labels are moments: dates and times with a time zone."""
    return isinstance(labels.dtype, pd.DatetimeTZDtype)


def wrong_labels(frame: pd.DataFrame, labels: Sequence[str]) -> Iterator[str]:
    """Why rows of a frame are not one a unit and period: labels are missing, of two kinds, or stand twice."""
    if unordered := [m for c in labels if (m := mixed(frame[c]))]:
        yield from unordered
        return
    yield from (m for c in labels if (m := missing(frame[c])))
    yield from _twice(frame, list(labels))


def missing(labels: pd.Series[Any]) -> str | None:
    """That labels are missing, and what to do; None where all are there."""
    n = int(labels.isna().sum())
    return (
        f"{labels.name!r} is empty in {counted(n, 'row')}. Leave these rows out (`exclude` in its card)." if n else None
    )


def mixed(labels: pd.Series[Any]) -> str | None:
    """That labels are of several kinds, and what to do; None where they are of one."""
    if kind(labels) != "mixed":
        return None
    known = labels.dropna()
    each = known[~known.map(_sort).duplicated()].iloc[:2]
    seen = " and ".join(repr(label) if isinstance(label, str) else plain(label) for label in each)
    return f"{labels.name!r} mixes labels of different kinds ({seen}). Give it `type: text` in its card."


def _sort(label: Any) -> str:
    """Labels of one sort can be ordered."""
    return "number" if isinstance(label, Number) else type(label).__name__


def _twice(frame: pd.DataFrame, labels: list[str]) -> Iterator[str]:
    """Units that stand twice in a period, with the rows."""
    again = frame.duplicated(labels, keep=False)
    if not again.any():
        return
    found = frame.loc[again, labels]
    groups = found.groupby(labels, sort=True, observed=True).indices
    shown = [
        f"{'/'.join(map(plain, key if isinstance(key, tuple) else (key,)))} (rows {some([int(found.index[k]) + 1 for k in at], 3)})"
        for key, at in list(groups.items())[:3]
    ]
    what = " and ".join(repr(c) for c in labels)
    more = f" and {len(groups) - 3:,} more" if len(groups) > 3 else ""
    yield (
        f"{what} stand{'s' if len(labels) == 1 else ''} twice: {'; '.join(shown)}{more}. Leave one out (`exclude` in its card), or say "
        "what becomes of them (`aggregate` with `repeated`)."
    )
