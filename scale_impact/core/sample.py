"""Sample: the periods and units that a study uses, and who then only seems to be untreated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scale_impact.core.settings import Sample, Settings
from scale_impact.core.words import counted, nearest, plain, some
from scale_impact.errors import DesignError

FIRST_TREATED = "first treated in the sample"
"""Column that stands in for ``cohorts`` where a sample cuts periods off: the design knows no others."""


@dataclass(frozen=True)
class Restricted:
    """A frame without what a sample leaves out, and what to say of it."""

    frame: pd.DataFrame
    notes: tuple[str, ...] = ()


def restricted(frame: pd.DataFrame, settings: Settings) -> Restricted:
    """Leave out of a frame what the study's ``sample`` leaves out; the frame itself is not changed.

    Units that start treatment after the sample's last period are untreated within it. Those that
    do so within the design's ``anticipation`` may react already and are left out too.

    Raises
    ------
    DesignError
        A unit or period is not in the data (the nearest is named), or nothing is left.
    """
    unit, period = settings.unit, settings.period
    if settings.sample == Sample() or period not in frame or unit not in (None, *frame.columns):
        return Restricted(frame)  # columns that are missing are said where the panel is made
    periods = np.sort(pd.unique(frame[period].dropna()))
    if problems := [*_unknown_periods(periods, settings.sample), *_unknown_units(frame, settings)]:
        raise DesignError(problems)
    window = _window(periods, settings.sample)
    named = _named(frame, settings)
    starts = _starts(frame, settings, periods) if unit is not None else {}
    late = {u: s for u, s in starts.items() if window[1] < s < np.inf and u not in named}
    soon = {u for u, s in late.items() if s <= window[1] + settings.design.anticipation}
    kept = frame.loc[_rows(frame, settings, periods, window, {*named, *soon})]
    if not len(kept):
        raise DesignError("sample leaves nothing of the data. Leave out fewer units or periods.")
    said = [*_said(settings, periods, window, named), *_said_of_late(settings, periods[window[1]], set(late), soon)]
    return Restricted(_with_starts(kept, settings, periods, window, starts), tuple(said))


def _rows(
    frame: pd.DataFrame, settings: Settings, periods: NDArray[Any], window: tuple[int, int], gone: set[Any]
) -> NDArray[np.bool_]:
    inside = frame[settings.period].isin(periods[window[0] : window[1] + 1])
    return np.asarray(inside if settings.unit is None else inside & ~frame[settings.unit].isin(list(gone)))


# ---- units and periods by name -----------------------------------------------------------------------


def _names(labels: Any) -> dict[str, Any]:
    """Labels of the data by the text that a study writes for them."""
    return {plain(label): label for label in labels}


def _unknown_periods(periods: NDArray[Any], sample: Sample) -> list[str]:
    names = _names(periods)
    given = {"first_period": sample.first_period, "last_period": sample.last_period}
    problems = [
        f"sample.{key}: {plain(label)!r} is no period of the data ({plain(periods[0])} to {plain(periods[-1])}). {nearest(plain(label), names)}"
        for key, label in given.items()
        if label is not None and plain(label) not in names
    ]
    first, last = (0, 0) if problems else _window(periods, sample)
    if first > last:
        problems.append(f"sample.first_period: {plain(periods[first])} is after last_period, {plain(periods[last])}.")
    return problems


def _unknown_units(frame: pd.DataFrame, settings: Settings) -> list[str]:
    if settings.unit is None or not settings.sample.without:
        return []
    names = _names(pd.unique(frame[settings.unit].dropna()))
    return [
        f"sample.without.{k}: {plain(u)!r} is no {settings.unit} in the data. {nearest(plain(u), names)}"
        for k, u in enumerate(settings.sample.without)
        if plain(u) not in names
    ]


def _window(periods: NDArray[Any], sample: Sample) -> tuple[int, int]:
    """Positions of the first and the last period."""
    names = [plain(p) for p in periods]
    first, last = sample.first_period, sample.last_period
    return (
        0 if first is None else names.index(plain(first)),
        len(names) - 1 if last is None else names.index(plain(last)),
    )


def _named(frame: pd.DataFrame, settings: Settings) -> list[Any]:
    """The units left out, as the data call them."""
    if settings.unit is None or not settings.sample.without:
        return []
    names = _names(pd.unique(frame[settings.unit].dropna()))
    return [names[plain(u)] for u in settings.sample.without]


# ---- who starts treatment when, in all periods of the data ---------------------------------------------


def _starts(frame: pd.DataFrame, settings: Settings, periods: NDArray[Any]) -> dict[Any, float]:
    """Position among all periods at which each unit starts treatment (inf: never).

    Empty where that cannot be said: the design then says why, or knows it by itself.
    """
    unit, treatment = str(settings.unit), settings.treatment
    if treatment.treated in frame:
        on = frame[frame[treatment.treated] == 1].groupby(unit)[settings.period].min()
        return _positions(dict(on.items()), periods)
    if treatment.first_treated in frame:
        return _positions(dict(frame.groupby(unit)[treatment.first_treated].first().items()), periods)
    if treatment.cohorts:
        names = _names(pd.unique(frame[unit].dropna()))
        return _positions({names.get(plain(u)): label for u, label in treatment.cohorts.items()}, periods)
    return {}


def _positions(labels: Mapping[Any, Any], periods: NDArray[Any]) -> dict[Any, float]:
    try:
        found = {u: _position(label, periods) for u, label in labels.items()}
    except (TypeError, ValueError):  # labels that are no periods: the design says which
        return {}
    return {} if None in found else found


def _position(label: Any, periods: NDArray[Any]) -> float:
    """The first period that is not before a label; inf for never."""
    if pd.isna(label) or label in (0, np.inf):
        return np.inf
    if periods.dtype == object:
        return [plain(p) for p in periods].index(plain(label))
    return float(np.searchsorted(periods, np.asarray([label]).astype(periods.dtype))[0])


def _with_starts(
    frame: pd.DataFrame,
    settings: Settings,
    periods: NDArray[Any],
    window: tuple[int, int],
    starts: Mapping[Any, float],
) -> pd.DataFrame:
    """The frame with its first treated periods as the sample's periods, where the design would not know the others."""
    treatment, unit = settings.treatment, settings.unit
    named = periods.dtype == object and treatment.first_treated is not None
    if not starts or unit is None or not (named or treatment.cohorts) or max(starts.values()) == len(periods):
        return frame
    label = {u: periods[int(max(s, window[0]))] for u, s in starts.items() if s <= window[1]}
    column = treatment.first_treated or FIRST_TREATED
    return frame.assign(**{column: frame[unit].map(label)})


# ---- in words ----------------------------------------------------------------------------------------


def _said(settings: Settings, periods: NDArray[Any], window: tuple[int, int], named: list[Any]) -> list[str]:
    said = []
    if window != (0, len(periods) - 1):
        first, last = (plain(periods[k]) for k in window)
        n = window[1] - window[0] + 1
        said.append(f"The sample is {first} to {last}: {n} of {counted(len(periods), 'period')}.")
    if named:
        said.append(f"Left out of the sample by name: {some(named, 20)}.")
    return said


def _said_of_late(settings: Settings, last: Any, late: set[Any], soon: set[Any]) -> list[str]:
    ways = (
        (late - soon, "not treated within it, so counted as never treated"),
        (soon, "left out, because they may anticipate it within the sample"),
    )
    return [
        f"{counted(len(who), 'unit')} first treated after the sample's last period ({plain(last)}; {some(sorted(who), 6)}): {reading}."
        for who, reading in ways
        if who
    ]
