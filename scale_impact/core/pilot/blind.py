"""Blind: a pilot is planned on what was known before it; rows from its planned start on are cut off before anything is computed."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scale_impact.core.settings import Settings
from scale_impact.core.words import nearest, plain
from scale_impact.errors import DesignError

Labels = NDArray[Any]


def before_start(frame: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """The rows before the planned start; the frame as it is where nothing is planned or it has no such column.

    Raises
    ------
    DesignError
        The start is neither a period of the data nor after the last one, or nothing lies before it.
    """
    start, period = settings.treatment.planned, settings.period
    if start is None or period not in frame:
        return frame
    periods = np.sort(pd.unique(frame[period].dropna()))
    names = [plain(p) for p in periods]
    if plain(start) not in names:
        _refuse_unless_later(start, periods, names)
        return frame
    first = periods[names.index(plain(start))]
    if plain(start) == names[0]:
        raise DesignError(
            f"treatment.planned: {plain(start)} is the first period of the data, so nothing is known before the pilot. Use data "
            "that begin earlier."
        )
    return frame.loc[frame[period] < first]


def said_of(settings: Settings) -> tuple[str, ...]:
    """What a reader has to know of the cut; nothing where nothing is planned."""
    start = settings.treatment.planned
    if start is None:
        return ()
    return (
        f"The measure may start in {plain(start)}: rows from then on, if there are any, were cut off before anything was computed.",
    )


def _refuse_unless_later(start: Any, periods: Labels, names: list[str]) -> None:
    """A start after all data is the usual case; one between or before periods, or of another kind, is a slip."""
    if not len(periods) or _is_later(start, periods[-1]):
        return
    raise DesignError(
        f"treatment.planned: {plain(start)!r} is no period of the data ({names[0]} to {names[-1]}) and none after them. "
        f"{nearest(plain(start), names)} Write it as the data write their periods."
    )


def _is_later(start: Any, last: Any) -> bool:
    """Whether a label comes after the last period and is written like it (2021Q1 after 2020Q4)."""
    if isinstance(last, str):
        return _shape(plain(start)) == _shape(last) and plain(start) > last
    try:
        return bool(np.asarray([start]).astype(np.asarray([last]).dtype)[0] > last)
    except (TypeError, ValueError):
        return False


def _shape(label: str) -> str:
    return re.sub(r"\d", "9", label)
