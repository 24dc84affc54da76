"""Panel: outcomes by unit and period, checked once, never changed.

The observations are kept in order of unit and period. In a balanced panel that arrives in
this order the outcome column is used as it lies, so that a panel of ten million rows costs
no second copy of the data.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scale_impact.core.withheld import Withheld
from scale_impact.core.words import counted, nearest, plain, some
from scale_impact.errors import DataError, UsageError

LARGEST = 1e100
"""Outcomes beyond are refused: their squares cannot be calculated with."""

Missing = Literal["refuse", "drop"]


@dataclass(frozen=True, eq=False)
class Panel:
    """Outcomes of units over periods, or of repeated cross-sections (``unit`` is None).

    Attributes
    ----------
    frame:
        The data as given. It is never changed; other columns are reached with ``column``.
    unit, period, outcome, covariates:
        Names of columns of ``frame``.
    units:
        Labels of the N units, sorted. In repeated cross-sections each observation is a unit.
    periods:
        Labels of the T periods, sorted.
    values:
        Outcomes of the n observations, in order of unit and period, float64.
    unobserved:
        Rows left out because their outcome is missing (only with ``missing="drop"``); what they
        say of treatment still counts.
    notes:
        What a study's sample leaves out of the data, in words.
    """

    frame: pd.DataFrame
    unit: str | None
    period: str
    outcome: str
    covariates: tuple[str, ...]
    units: NDArray[Any]
    periods: NDArray[Any]
    values: NDArray[np.float64]
    unobserved: pd.DataFrame | None
    _rows: NDArray[np.int64] | None
    _unit_codes: NDArray[np.int64] | None
    _period_codes: NDArray[np.int64] | None
    notes: tuple[str, ...] = ()

    @classmethod
    def from_frame(
        cls,
        frame: pd.DataFrame,
        *,
        unit: str | None,
        period: str,
        outcome: str,
        covariates: Sequence[str] = (),
        missing: Missing = "refuse",
    ) -> Panel:
        """Read a long frame: one row a unit and period, in any order.

        Parameters
        ----------
        frame:
            Long data. It is not changed.
        unit:
            Column that names the unit followed over time; None for repeated cross-sections.
        period, outcome, covariates:
            Column names. Periods are numbers, dates or texts that sort by time.
        missing:
            ``"refuse"`` stops at a missing outcome; ``"drop"`` takes its row as a cell that was
            not observed, and the design's ``balance`` decides what that means for its unit.

        Raises
        ------
        DataError
            A column is missing; an outcome is no number, infinite or missing; a unit or period
            is missing; a unit has two rows in one period. All problems at once.
        """
        if missing not in get_args(Missing):
            raise UsageError(f"missing is {missing!r}; it has to be one of {', '.join(get_args(Missing))}.")
        covariates = (covariates,) if isinstance(covariates, str) else tuple(covariates)
        named = [unit, period, outcome, *covariates]
        _refuse(absent_columns(frame.columns, [c for c in named if c is not None]))
        _refuse(_bad_rows(frame, unit, period, outcome, missing))
        kept = _observed(frame, outcome) if missing == "drop" else None
        data = _own(frame if kept is None or kept.all() else frame.loc[kept])
        gone = None if kept is None or kept.all() else frame.loc[~kept]
        layout = _cross_sections(data, period) if unit is None else _followed(data, unit, period)
        y = _float(data[outcome])
        y = _readonly(y if layout.rows is None else y[layout.rows])
        return cls(data, unit, period, outcome, covariates, layout.units, layout.periods, y, gone,
                   layout.rows, layout.unit_codes, layout.period_codes)  # fmt: skip

    @property
    def missing(self) -> int:
        """Rows left out because their outcome is missing."""
        return 0 if self.unobserved is None else len(self.unobserved)

    @property
    def streamed(self) -> bool:
        """Whether single units were not kept; see ``core/streams.py``."""
        return isinstance(self.values, Withheld)

    @property
    def followed(self) -> bool:
        """Whether units are followed over time (False in repeated cross-sections)."""
        return self.unit is not None

    @property
    def n_units(self) -> int:
        """Number of units, N."""
        return len(self.units)

    @property
    def n_periods(self) -> int:
        """Number of periods, T."""
        return len(self.periods)

    @property
    def n_obs(self) -> int:
        """Number of observations, n."""
        return len(self.values)

    @cached_property
    def balanced(self) -> bool:
        """Whether each unit is observed in each period."""
        return self.followed and self.n_obs == self.n_units * self.n_periods

    @property
    def matrix(self) -> NDArray[np.float64]:
        """Outcomes as a units x periods matrix (balanced panels; a view, not a copy)."""
        if not self.balanced:
            raise DataError("The panel is not balanced, so it has no units x periods matrix.")
        return self.values.reshape(self.n_units, self.n_periods)

    @property
    def unit_codes(self) -> NDArray[np.int64]:
        """Position in ``units`` of each observation."""
        if self._unit_codes is not None:
            return self._unit_codes
        return np.repeat(np.arange(self.n_units), self.n_periods)

    @property
    def period_codes(self) -> NDArray[np.int64]:
        """Position in ``periods`` of each observation."""
        if self._period_codes is not None:
            return self._period_codes
        return np.tile(np.arange(self.n_periods), self.n_units)

    @cached_property
    def clock(self) -> NDArray[np.float64]:
        """Periods as numbers: the labels where they are numbers, otherwise 0, 1, 2, ..."""
        if np.issubdtype(self.periods.dtype, np.number):
            return self.periods.astype(float)
        return np.arange(self.n_periods, dtype=float)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of units, periods and outcomes: equal data, equal digest, in any row order."""
        h = hashlib.sha256()
        labels = [] if not self.followed else list(map(plain, self.units))
        for part in (labels, list(map(plain, self.periods))):
            h.update(repr(part).encode())
        order = slice(None) if self.followed else np.lexsort((self.values, self.period_codes))
        for array in (self.unit_codes if self.followed else self.period_codes, self.period_codes, self.values):
            h.update(np.ascontiguousarray(array[order]).tobytes())
        return h.hexdigest()

    def column(self, name: str) -> NDArray[Any]:
        """Another column of the frame, in the panel's order (n values)."""
        _refuse(absent_columns(self.frame.columns, [name]))
        values = self.frame[name].to_numpy()
        return np.asarray(values if self._rows is None else values[self._rows])

    def unit_column(self, name: str) -> NDArray[Any]:
        """A column that does not vary within a unit, one value a unit (N values).

        Raises
        ------
        DataError
            The column is missing, or a unit has two different values.
        """
        values = self.column(name)
        if not self.followed:
            return values
        first = values[self._first_rows()]
        changes = self._changes_within(values, first)
        if changes.any():
            raise DataError(self._varies(name, values, changes))
        return first

    def part(self, kept: NDArray[np.bool_]) -> Panel:
        """The panel of some of its observations (n values, in the panel's order)."""
        if kept.all():
            return self
        rows = np.flatnonzero(kept) if self._rows is None else self._rows[kept]
        return Panel.from_frame(
            self.frame.iloc[rows], unit=self.unit, period=self.period, outcome=self.outcome, covariates=self.covariates
        )

    def unit_name(self, code: int) -> str:
        """The label of a unit, as text."""
        return plain(self.units[code])

    def cell_counts(self) -> NDArray[np.int64]:
        """Observations of each unit (N values)."""
        return self._lengths()

    def count(self, chosen: NDArray[np.bool_]) -> int:
        """How many of the units are chosen (N values)."""
        return int(np.count_nonzero(chosen))

    def lacking(self, incomplete: NDArray[np.bool_], most: int) -> list[tuple[str, list[str]]]:
        """The first few of some units (N values), each with the periods in which it is not observed."""
        first = [(int(u), self.period_codes[self.unit_codes == u]) for u in np.flatnonzero(incomplete)[:most]]
        every = np.arange(self.n_periods)
        return [(self.unit_name(u), [plain(self.periods[p]) for p in np.setdiff1d(every, seen)]) for u, seen in first]

    def _changes_within(self, values: NDArray[Any], first: NDArray[Any]) -> NDArray[np.bool_]:
        if self._unit_codes is None:
            return _differ(values.reshape(self.n_units, -1), first[:, None]).ravel()
        return _differ(values, first[self._unit_codes])

    def _lengths(self) -> NDArray[np.int64]:
        if self._unit_codes is None:
            return np.full(self.n_units, self.n_periods)
        return np.bincount(self._unit_codes, minlength=self.n_units)

    def _first_rows(self) -> NDArray[np.int64]:
        lengths = self._lengths()
        return np.cumsum(lengths) - lengths

    def _varies(self, name: str, values: NDArray[Any], changes: NDArray[np.bool_]) -> str:
        at = int(np.flatnonzero(changes)[0])
        code = int(self.unit_codes[at])
        first = values[self._first_rows()[code]]
        when = plain(self.periods[self.period_codes[at]])
        many = len(np.unique(self.unit_codes[changes]))
        return varying(name, many, f"{self.unit} {self.unit_name(code)}", (first, values[at]), when)


def elapsed(clock: NDArray[np.float64], period: Any, start: Any) -> Any:
    """Differences of a clock without the last digits, which decimal years do not share."""
    return np.round(clock[period] - clock[start], 9) + 0.0


@dataclass(frozen=True)
class _Layout:
    """Where observations lie: labels, the sorted order (None: as given) and codes (None: balanced)."""

    units: NDArray[Any]
    periods: NDArray[Any]
    rows: NDArray[np.int64] | None
    unit_codes: NDArray[np.int64] | None
    period_codes: NDArray[np.int64] | None


def _refuse(problems: list[str]) -> None:
    if problems:
        raise DataError(problems)


def absent_columns(columns: Iterable[Any], names: Sequence[str]) -> list[str]:
    """What is wrong with names of columns: not there, or there twice."""
    there = list(columns)
    known = [str(c) for c in there]
    absent = [f"There is no column {n!r} in the data. {nearest(n, known)}" for n in names if n not in there]
    twice = [n for n in dict.fromkeys(names) if known.count(n) > 1]
    return absent + [f"The data have {known.count(n)} columns named {n!r}. Rename or drop all but one." for n in twice]


def _bad_rows(frame: pd.DataFrame, unit: str | None, period: str, outcome: str, missing: Missing) -> list[str]:
    if len(frame) == 0:
        return ["The data have no rows."]
    labels = [unit, period] if unit is not None else [period]
    problems = [p for c in labels for p in _bad_labels(frame, c)]
    return problems + _bad_outcomes(frame, unit, period, outcome, missing)


def _bad_labels(frame: pd.DataFrame, column: str) -> list[str]:
    gone = frame[column].isna()
    if not gone.any():
        return []
    at = frame.index[gone.to_numpy()][0]
    return [label_missing(column, int(gone.sum()), f"row {at}")]


def _bad_outcomes(frame: pd.DataFrame, unit: str | None, period: str, outcome: str, missing: Missing) -> list[str]:
    column = frame[outcome]
    if not (pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_complex_dtype(column)):
        return [_not_numeric(frame, unit, period, outcome)]
    values = _float(column)
    if values.min() >= -LARGEST and values.max() <= LARGEST:  # neither holds with a missing value
        return []
    far = (np.abs(values) > LARGEST) & np.isfinite(values)
    cases = {"far": far, "infinite": np.isinf(values), "absent": np.isnan(values)}
    found = {name: _cases(frame, unit, period, bad) for name, bad in cases.items()}
    return outcome_problems(outcome, len(frame), missing, **found)


@dataclass(frozen=True)
class Cases:
    """How many rows have a problem, and the first three of them as ``unit/period``."""

    n: int = 0
    cells: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """How many rows, and which, in words."""
        return f"in {counted(self.n, 'row')} ({', '.join(self.cells) + (', ...' if self.n > 3 else '')})"


def outcome_problems(
    outcome: str,
    rows: int,
    missing: Missing,
    *,
    far: Cases,
    infinite: Cases,
    absent: Cases,
) -> list[str]:
    """What is wrong with the numbers of an outcome: beyond ``LARGEST``, infinite, missing."""
    if far.n:
        return [f"Outcome {outcome!r} is beyond {LARGEST:g} {far.where}. Measure it in a larger unit."]
    problems = []
    if infinite.n:
        problems.append(f"Outcome {outcome!r} is infinite {infinite.where}. Correct the value (the log of 0?).")
    if absent.n == rows:
        problems.append(f"Outcome {outcome!r} is missing in every row. Use another column.")
    elif absent.n and missing == "refuse":
        problems.append(
            f"Outcome {outcome!r} is missing {absent.where}. Fill it, or say `missing: drop` (in a study under `design:`) to "
            "take these rows as cells that were not observed (`balance` then decides about their units)."
        )
    return problems


def label_missing(column: str, n: int, first: str) -> str:
    """A unit or period without a label."""
    return f"Column {column!r} is missing in {counted(n, 'row')}, first at {first}. Fill it or drop these rows."


def varying(name: str, many: int, who: str, values: tuple[Any, Any], when: str) -> str:
    """A column that should have one value a unit, with the first unit that has two."""
    return (
        f"Column {name!r} varies within {counted(many, 'unit')}: {who} has "
        f"{plain(values[0])} in its first period and {plain(values[1])} in {when}. "
        "Use a column with one value a unit."
    )


def _not_numeric(frame: pd.DataFrame, unit: str | None, period: str, outcome: str) -> str:
    column = frame[outcome]
    numbers = pd.to_numeric(column, errors="coerce") if column.dtype == object or _is_text(column) else None
    wrong = (numbers.isna() & column.notna()).to_numpy() if numbers is not None else np.ones(len(column), bool)
    if not wrong.any():
        return f"Outcome {outcome!r} holds text ({column.dtype}), not numbers. Convert it with pandas.to_numeric."
    value = column[wrong].iloc[0]
    comma = re.fullmatch(r"\s*-?\d+,\d+\s*", str(value)) is not None
    advice = (
        "Say `decimal: ','` in the source's card."
        if comma
        else "Correct it, name it under `missing` in the source's card, or use another column."
    )
    return f"Outcome {outcome!r} is not a number {_where(frame, unit, period, wrong)}: {value!r}. {advice}"


def _is_text(column: pd.Series[Any]) -> bool:
    return bool(pd.api.types.is_string_dtype(column))


def _where(frame: pd.DataFrame, unit: str | None, period: str, bad: NDArray[np.bool_]) -> str:
    return _cases(frame, unit, period, bad).where


def _cases(frame: pd.DataFrame, unit: str | None, period: str, bad: NDArray[np.bool_]) -> Cases:
    shown = frame.loc[bad, [c for c in (unit, period) if c is not None]].head(3)
    cells = ("/".join(plain(v) for v in row) for row in shown.itertuples(index=False))
    return Cases(int(bad.sum()), tuple(cells))


def _observed(frame: pd.DataFrame, outcome: str) -> NDArray[np.bool_]:
    return np.asarray(frame[outcome].notna())


def _float(column: pd.Series[Any]) -> NDArray[np.float64]:
    return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))


def _readonly(values: NDArray[np.float64]) -> NDArray[np.float64]:
    view = values.view()
    view.flags.writeable = False
    return view


def _own(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the frame safe from later changes by its owner: free under copy-on-write (pandas 3)."""
    lazy = int(pd.__version__.split(".")[0]) >= 3
    return frame.copy(deep=not lazy)


def _cross_sections(frame: pd.DataFrame, period: str) -> _Layout:
    codes, periods = pd.factorize(frame[period], sort=True)
    return _Layout(np.arange(len(frame)), np.asarray(periods), None, np.arange(len(frame)), codes.astype(np.int64))


def _followed(frame: pd.DataFrame, unit: str, period: str) -> _Layout:
    periods = np.sort(pd.unique(frame[period])) if _is_plain(frame[period]) else None
    if periods is not None and _is_plain(frame[unit]):
        ids = frame[unit].to_numpy()
        if _in_order(ids, frame[period].to_numpy(), periods):
            return _Layout(ids[:: len(periods)], periods, None, None, None)
    return _sorted_layout(frame, unit, period)


def _is_plain(column: pd.Series[Any]) -> bool:
    return isinstance(column.dtype, np.dtype) and column.dtype.kind in "iufM"


def _in_order(ids: NDArray[Any], when: NDArray[Any], periods: NDArray[Any]) -> bool:
    """Whether rows are a balanced panel in order of unit and period already."""
    t = len(periods)
    if len(ids) % t:
        return False
    blocks = ids.reshape(-1, t)
    rising = bool((blocks[1:, 0] > blocks[:-1, 0]).all())
    return rising and bool((blocks == blocks[:, :1]).all()) and bool((when.reshape(-1, t) == periods).all())


def _sorted_layout(frame: pd.DataFrame, unit: str, period: str) -> _Layout:
    unit_codes, units = _factorize(frame[unit])
    period_codes, periods = _factorize(frame[period])
    key = unit_codes * np.int64(len(periods)) + period_codes
    if (rows := _permutation(key, len(units) * len(periods))) is not None:
        return _Layout(units, periods, rows, None, None)
    rows = np.argsort(key, kind="stable")
    key = key[rows]
    twice = key[1:] == key[:-1]
    if twice.any():
        raise DataError(_duplicates(key[1:][twice], units, periods, unit, period))
    return _Layout(units, periods, rows, key // len(periods), key % len(periods))


def _permutation(key: NDArray[np.int64], cells: int) -> NDArray[np.int64] | None:
    """The row of each cell where every cell has exactly one; no sort is needed then."""
    if len(key) != cells:
        return None
    rows = np.full(cells, -1)
    rows[key] = np.arange(cells)
    return None if (rows < 0).any() else rows


def _factorize(column: pd.Series[Any]) -> tuple[NDArray[np.int64], NDArray[Any]]:
    try:
        codes, labels = pd.factorize(column, sort=True)
    except TypeError as error:
        kinds = sorted({type(v).__name__ for v in column.dropna().unique()})
        raise DataError(
            f"Column {column.name!r} mixes {' and '.join(kinds)}, which do not sort. Use one type."
        ) from error
    return codes.astype(np.int64), np.asarray(labels)


def _duplicates(keys: NDArray[np.int64], units: NDArray[Any], periods: NDArray[Any], unit: str, period: str) -> str:
    keys = np.unique(keys)
    cells = [f"{plain(units[k // len(periods)])} in {plain(periods[k % len(periods)])}" for k in keys[:6]]
    return duplicated(len(keys), cells, unit, period)


def duplicated(n: int, cells: list[str], unit: str, period: str) -> str:
    """Pairs of unit and period with several rows: how many, and the first six in words."""
    shown = some(cells, 5) if n <= 6 else f"{', '.join(cells[:5])} and {n - 5:,} more"
    return (
        f"{counted(n, 'pair')} of {unit} and {period} {'has' if n == 1 else 'have'} more than one row: {shown}. "
        "Keep one row each, aggregate them, or say `unit: null` if units are not followed over time."
    )


def _differ(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.bool_]:
    """Elementwise inequality in which two missing values are equal."""
    try:
        unequal = np.asarray(a != b, dtype=bool)
    except TypeError:  # pandas.NA is neither equal nor unequal
        a, b = (np.where(pd.isna(v), np.array(None, dtype=object), v) for v in (a, b))
        unequal = np.asarray(a != b, dtype=bool)
    return unequal & ~(pd.isna(a) & pd.isna(b)) if unequal.any() else unequal
