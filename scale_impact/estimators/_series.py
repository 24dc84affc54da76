"""The series of treated units: units that start together are one series, with its calendar, season, covariates and controls.

Shared by estimators that need nobody to compare with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.calendar import Calendar, calendar_of, steady_clock
from scale_impact.core.design import Design
from scale_impact.core.effect import Family, Kind, Sample
from scale_impact.core.keys import Label
from scale_impact.core.panel import Panel, elapsed
from scale_impact.core.synthetic.pilots import Pilots, name_together, pilots
from scale_impact.core.synthetic.worlds import Worlds
from scale_impact.core.words import counted, plain, some
from scale_impact.errors import UsageError
from scale_impact.estimators._covariates import complete_columns

Floats = NDArray[np.float64]
Season = Literal["auto", "none", "dummies", "fourier"]

SHORT = 8
"""With fewer periods on a side a trend is little more than a guess (Penfold and Zhang 2013)."""

LONG_CYCLE = 12
"""Longer seasons are waves (Fourier terms) unless dummies are asked for."""

CYCLES_NEEDED = 2

OF_COHORTS = "no standard error rests on it alone"
"""In notes of designs that do not hold here: a series has errors of its own."""

ALONE = (
    "There is no comparison: the number holds if the course before would have gone on, and contains whatever else changed "
    "at the same time."
)


@dataclass(frozen=True, eq=False)
class Question:
    """What methods for series work with.

    Attributes
    ----------
    found:
        Treated units, then those that may serve as control.
    calendar:
        Where the T periods lie in time.
    worlds:
        One row a series (units that start together).
    starts, fitted:
        First treated period of each series, and the first that is not fitted on, [C].
    members:
        Positions in ``found`` of the units of each series.
    covariates:
        [K, N, T], of the units of ``found``.
    names:
        Names of the covariates.
    """

    found: Pilots
    calendar: Calendar
    worlds: Worlds
    starts: NDArray[np.int64]
    fitted: NDArray[np.int64]
    members: tuple[NDArray[np.int64], ...]
    covariates: Floats
    names: tuple[str, ...]

    @property
    def panel(self) -> Panel:
        """The data."""
        return self.found.panel

    @property
    def sizes(self) -> Floats:
        """Units of each series, [C]."""
        return np.array([len(m) for m in self.members], dtype=float)

    @property
    def labels(self) -> tuple[str, ...]:
        """Each series as a reader knows it: its unit, or the start that its units share."""
        return tuple(name_together(self.found, m, int(s)) for m, s in zip(self.members, self.starts, strict=True))

    @property
    def event_times(self) -> Floats:
        """Time since the start of each series, [C, T]: periods that are missing between count."""
        every = np.arange(self.panel.n_periods)
        return np.array([elapsed(self.clock, every, int(s)) for s in self.starts])

    @property
    def clock(self) -> Floats:
        """Periods as numbers, [T]."""
        return steady_clock(self.panel)

    @property
    def n_donors(self) -> int:
        """Units that may serve as control."""
        return len(self.found.names) - self.found.n_treated

    def sample(self, controls: bool) -> Sample:
        """Counts of what was used."""
        treated, t = self.found.n_treated, self.panel.n_periods
        units = treated + (self.n_donors if controls else 0)
        return Sample(n_units=units, n_treated=treated, n_periods=t, n_obs=units * t, n_clusters=units)

    def treated_mean(self) -> float:
        """Mean outcome over all treated units and periods."""
        cells = self.sizes[:, None] * self.worlds.after
        return float((cells * self.worlds.targets).sum() / cells.sum())

    def notes(self, controls: bool) -> list[str]:
        """What a reader has to know of the series."""
        said = [n for n in self.found.notes if OF_COHORTS not in n]
        if self.found.n_treated > 1:
            said.append(
                f"{counted(self.found.n_treated, 'treated unit')} in {counted(len(self.members), 'series', 'series')}: units "
                "that start together are one series, their mean."
            )
        if not controls:
            said.append(ALONE + self._unused())
        return [*said, *self._gaps(), *self._short()]

    def _unused(self) -> str:
        never = self.found.design.never_treated
        n = 0 if never is None else len(self.found.design.members(never))
        return f" {counted(n, 'untreated unit is', 'untreated units are')} not used." if n else ""

    def _gaps(self) -> list[str]:
        if self.calendar.complete:
            return []
        return [f"Periods are missing ({some(self.calendar.gaps(self.panel), 3)}); the method knows of the gaps."]

    def _short(self) -> list[str]:
        sides = [(int(f), self.panel.n_periods - int(s)) for f, s in zip(self.fitted, self.starts, strict=True)]
        return [
            f"{name}: {counted(before, 'period')} before and {after} from the start on; fewer than {SHORT} on a side make a "
            "trend little more than a guess."
            for name, (before, after) in zip(self.labels, sides, strict=True)
            if min(before, after) < SHORT
        ]


def question(
    panel: Panel,
    design: Design,
    method: str,
    *,
    covariates: Sequence[str],
    donors: Sequence[Label] | None,
    without: Sequence[Label],
) -> Question:
    """The series of a design; errors as ``pilots``, and of covariates that are no numbers or are missing."""
    found = pilots(panel, design, method, donors=donors, without=without, alone=True)
    starts = np.unique(found.starts)
    members = tuple(np.flatnonzero(found.starts == s) for s in starts)
    n, time = len(found.units), np.arange(panel.n_periods)
    treated = np.zeros((len(starts), n))
    for row, who in zip(treated, members, strict=True):
        row[who] = 1 / len(who)
    fitted = starts - design.anticipation
    worlds = Worlds(
        found.outcomes, treated, np.tile(np.arange(n) >= found.n_treated, (len(starts), 1)), time < fitted[:, None],
        time >= starts[:, None], None, np.arange(n),
    )  # fmt: skip
    values = complete_columns(found, covariates, method)
    return Question(found, calendar_of(panel), worlds, starts, fitted, members, values, tuple(covariates))


# ---- season ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Wave:
    """A season that was chosen: ``dummies`` or ``fourier`` (or neither), its cycle, and why there is none."""

    kind: Literal["none", "dummies", "fourier"]
    cycle: int
    harmonics: int
    note: str | None = None

    @property
    def words(self) -> list[str]:
        """What a reader has to know of it."""
        if self.kind == "none":
            return [self.note] if self.note else []
        kind = "dummies" if self.kind == "dummies" else f"{self.harmonics} pairs of sine and cosine"
        return [f"Season: {kind}, cycle of {self.cycle} periods."]


def season_of(calendar: Calendar, season: Season, cycle: int | None, harmonics: int, method: str) -> Wave:
    """The season of a series: as asked for, or by its calendar.

    Raises
    ------
    UsageError
        A season is asked for, and neither the option nor the periods say when it comes round.
    """
    known = cycle or calendar.cycle
    if season == "none" or (season == "auto" and known is None):
        return Wave("none", 1, 0)
    if known is None:
        raise UsageError(
            f"{method}: `season: {season}` needs `cycle`, the periods after which the season comes round, such as 12 for "
            "months; these periods do not say it."
        )
    if season == "auto" and calendar.length < CYCLES_NEEDED * known:
        note = f"No season is taken out: {calendar.length} periods are fewer than {CYCLES_NEEDED} cycles of {known}."
        return Wave("none", 1, 0, note)
    kind: Literal["dummies", "fourier"] = "fourier" if season == "fourier" else "dummies"
    if season == "auto" and known > LONG_CYCLE:
        kind = "fourier"
    return Wave(kind, known, min(harmonics, known // 2))


def wave_columns(wave: Wave, times: NDArray[np.int64], rows: NDArray[np.bool_]) -> Floats:
    """Columns of a season, [T, S]: dummies of all phases in ``rows`` but the first, or sines and cosines."""
    phase = times % wave.cycle
    if wave.kind == "dummies":
        return np.asarray((phase[:, None] == np.unique(phase[rows])[None, 1:]).astype(float))
    if wave.kind == "none":
        return np.zeros((len(times), 0))
    turns = 2 * np.pi * np.outer(phase, np.arange(1, wave.harmonics + 1)) / wave.cycle
    both = np.hstack([np.sin(turns), np.cos(turns)])
    return np.asarray(both[:, np.abs(both).max(axis=0) > 1e-9])


# ---- averages over series --------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Cells:
    """Weights on the treated cells [M, C, T], and the labels of what they average."""

    overall: Floats
    by_event_time: Floats
    event_times: tuple[Any, ...]
    by_cohort: Floats


def cells_of(asked: Question) -> Cells:
    """Weights of each treated cell in the overall effect, by event time and by series; each unit counts once."""
    counts = asked.sizes[:, None] * asked.worlds.after
    times = np.where(asked.worlds.after, asked.event_times, np.nan)
    known = np.unique(times[asked.worlds.after])
    parts = np.array([counts * (times == e) for e in known])
    own = np.array([counts * (np.arange(len(counts)) == c)[:, None] for c in range(len(counts))])
    return Cells(_shares(counts), _shares(parts), tuple(plain_number(e) for e in known), _shares(own))


def _shares(weights: Floats) -> Floats:
    """Weights of cells [..., C, T] that sum to one."""
    return np.asarray(weights / weights.sum(axis=(-2, -1), keepdims=True))


def plain_number(value: float) -> Any:
    """A whole number as int."""
    return int(value) if float(value).is_integer() else float(value)


def cohort_labels(asked: Question) -> tuple[Any, ...]:
    """The first treated period of each series."""
    return tuple(asked.panel.periods[int(s)] for s in asked.starts)


def position(panel: Panel, label: Any, option: str, method: str) -> int:
    """Position of a period by its name, or by its beginning where that names one (1986-01 of 1986-01-01).

    Raises
    ------
    UsageError
        No period of that name.
    """
    names = [plain(p) for p in panel.periods]
    wanted = plain(label)
    begun = [k for k, n in enumerate(names) if n == wanted] or [k for k, n in enumerate(names) if n.startswith(wanted)]
    if len(begun) != 1:
        raise UsageError(
            f"{method}: {option} names {wanted!r}, which is not one of the periods {names[0]} to {names[-1]}. Write a period "
            "as the data have it."
        )
    return begun[0]


def family(kind: Kind, values: Floats, covariance: Floats, reasons: tuple[str | None, ...], **labels: Any) -> Family:
    """Estimates with their covariance."""
    return Family(kind, values, np.diag(covariance).copy(), covariance, reasons, **labels)
