"""Predictors of the outcome that a synthetic control should match, besides or instead of its path.

A predictor is a column averaged over periods before the measure (missing values left out), or the outcome itself in some of
them. What is averaged follows the question: in a world that ends its fit earlier, windows end earlier too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.synthetic.pilots import Pilots, said_of_missing, wide_column
from scale_impact.core.synthetic.worlds import Bools, Floats, Worlds
from scale_impact.core.words import plain, some
from scale_impact.errors import DesignError


@dataclass(frozen=True, eq=False)
class Predictors:
    """K predictors of N units.

    Attributes
    ----------
    names:
        As a reader knows them: ``beer (1984 to 1988)``.
    values:
        [N, T] each; None where it is the outcome.
    windows:
        [K, T], the periods averaged over, as far as a world fits on them.
    """

    names: tuple[str, ...]
    values: tuple[Floats | None, ...]
    windows: Bools

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, eq=False)
class Matched:
    """The predictors of one world: those with a value.

    Attributes
    ----------
    target, donors:
        [K] of the treated and [K, J] of the donors, in their own units.
    scale:
        [K], standard deviation over both.
    kept:
        Positions of these predictors among all.
    """

    target: Floats
    donors: Floats
    scale: Floats
    kept: NDArray[np.int64]

    @property
    def distances(self) -> Floats:
        """Donors less target in standard deviations, [K, J]."""
        return np.asarray((self.donors - self.target[:, None]) / self.scale[:, None])


def read_predictors(found: Pilots, given: Sequence[str | Mapping[str, Any]], method: str) -> Predictors:
    """Predictors as a study names them: ``column``, or ``{column: period}``, or ``{column: [first, last]}``.

    Raises
    ------
    DesignError
        A column or period that is not there, a window that reaches into the measure, a column that is no number, has no
        value for a unit in its window, or the same one for all units; several in one entry. All problems at once.
    """
    problems = _not_single(given, method)
    items = [
        (g, None) if isinstance(g, str) else next(iter(g.items())) for g in given if isinstance(g, str) or len(g) == 1
    ]
    problems += [p for column, window in items for p in _problems(found, column, window, method)]
    if problems:
        raise DesignError(problems)
    windows = np.array([_window(found, w) for _, w in items])
    values = tuple(None if c == found.panel.outcome else wide_column(found, c, method, "predictor") for c, _ in items)
    made = Predictors(tuple(_name(c, w) for c, w in items), values, windows)
    if problems := _unusable(found, made, method):
        raise DesignError(problems)
    return made


def _not_single(given: Sequence[str | Mapping[str, Any]], method: str) -> list[str]:
    """Entries that name no column, or several, where all but the first would be lost."""
    said = []
    for entry in given:
        if isinstance(entry, str) or len(entry) == 1:
            continue
        if not entry:
            said.append(f"{method}: predictors has an empty entry. Name a column, or leave the entry out.")
            continue
        _, *others = map(str, entry)
        dashes = f"a dash before {others[0]}" if len(others) == 1 else f"dashes before {some(others)}"
        said.append(
            f"{method}: predictors has {some(list(entry))} in one entry; write one column an entry, with {dashes}."
        )
    return said


def said_of_averages(found: Pilots, predictors: Predictors) -> list[str]:
    """Predictors that lack values in their window before the measure, where the average is of the others."""
    each = zip(predictors.names, predictors.values, predictors.windows, strict=True)
    said = [said_of_missing(found, f"Predictor {name}", v[:, w]) for name, v, w in each if v is not None]
    return [sentence for sentence in said if sentence]


def matched(predictors: Predictors, worlds: Worlds, b: int) -> Matched:
    """The predictors of one world; those without a period to fit on, or without variation, are left out."""
    t = worlds.outcomes.shape[1]
    donors, weights = worlds.donors[b], worlds.treated[b]
    rows = []
    for k, values in enumerate(predictors.values):
        use = predictors.windows[k, :t] & worlds.fit[b]
        if not use.any():
            continue
        table = worlds.outcomes if values is None else values[worlds.units][:, :t]
        means = _means(table[:, use])
        own = worlds.targets[b, use].mean() if values is None else weights[weights != 0] @ means[weights != 0]
        scale = float(np.std(np.append(means[donors], own), ddof=1))
        if scale > 0 and np.isfinite(scale):
            rows.append((own, means[donors], scale, k))
    if not rows:
        return Matched(np.zeros(0), np.zeros((0, int(donors.sum()))), np.zeros(0), np.zeros(0, dtype=np.int64))
    target, others, scales, kept = zip(*rows, strict=True)
    return Matched(np.array(target), np.array(others), np.array(scales), np.array(kept, dtype=np.int64))


def _means(table: Floats) -> Floats:
    """Mean of each row without its missing values; NaN where all are missing."""
    seen = np.isfinite(table)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(seen, table, 0.0).sum(axis=1) / np.where(seen.any(axis=1), seen.sum(axis=1), np.nan))


def _name(column: str, window: Any) -> str:
    if window is None:
        return column
    return (
        f"{column} ({plain(window[0])} to {plain(window[1])})" if _is_range(window) else f"{column} ({plain(window)})"
    )


def _is_range(window: Any) -> bool:
    return isinstance(window, list | tuple)


def _ends(found: Pilots, window: Any) -> list[int | None]:
    """Positions of a window's ends; None where a period is not known."""
    names = [plain(p) for p in found.panel.periods]
    ends = window if _is_range(window) else [window, window]
    return [names.index(plain(e)) if plain(e) in names else None for e in ends]


def _window(found: Pilots, window: Any) -> Bools:
    position = np.arange(found.panel.n_periods)
    if window is None:
        return np.asarray(position < found.fitted.max())
    first, last = _ends(found, window)
    assert first is not None
    assert last is not None
    return np.asarray((position >= first) & (position <= last))


def _problems(found: Pilots, column: str, window: Any, method: str) -> list[str]:
    """What is wrong with one predictor as it was named."""
    panel, said = found.panel, list[str]()
    try:
        wide_column(found, column, method, "predictor")
    except DesignError as error:
        said += error.problems
    if window is None:
        return said
    if _is_range(window) and len(window) != 2:
        return [*said, f"{method}: predictor {column!r} is over {window!r}; write one period, or [first, last]."]
    first, last = _ends(found, window)
    if first is None or last is None:
        periods = f"{plain(panel.periods[0])} to {plain(panel.periods[-1])}"
        return [*said, f"{method}: predictor {column!r} is over {window!r}, which is not among the periods {periods}."]
    if first > last:
        said.append(f"{method}: predictor {column!r} is over {window!r}; the first period comes first.")
    if last >= found.fitted.min():
        start = plain(panel.periods[int(found.fitted.min())])
        said.append(
            f"{method}: predictor {_name(column, window)} reaches into the measure, which (with its anticipation) starts in {start}. "
            "Predictors are from before."
        )
    return said


def _unusable(found: Pilots, made: Predictors, method: str) -> list[str]:
    """Predictors without a value for a unit, or with the same one for all."""
    said = []
    for name, values, window in zip(made.names, made.values, made.windows, strict=True):
        means = _means((found.outcomes if values is None else values)[:, window])
        gone = [found.names[i] for i in np.flatnonzero(np.isnan(means))]
        if gone:
            said.append(
                f"{method}: predictor {name} has no value for {some(gone)}. Leave it out, or these donors (`without`)."
            )
        elif np.ptp(means) == 0:
            said.append(
                f"{method}: predictor {name} is {plain(float(means[0]))} for each unit, so nothing can be matched on it."
            )
    return said
