"""Pilots: who is treated from when, who may be a donor, and what stands in the way of a comparison.

Every estimator of the synthetic control family starts here, so that all of them refuse the same things in the same words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.design import Design
from scale_impact.core.keys import Label
from scale_impact.core.panel import Panel
from scale_impact.core.synthetic.worlds import Floats, Worlds
from scale_impact.core.words import counted, nearest, plain, some
from scale_impact.errors import DesignError

FILLED_BY = "use matrix_completion, which fills them"
"""What to do with cells that were not observed, where the estimator has no way of its own."""

FEWEST = 3
"""Fewer periods before the measure cannot show whether a mix of donors follows a city."""

Positions = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Pilots:
    """The treated units, the donors and their outcomes.

    Attributes
    ----------
    panel, design:
        As given.
    outcomes:
        [N, T], the treated units first, then the donors; NaN where not observed (only if asked for).
    units:
        [N], positions of these units in the panel.
    starts, fitted:
        [U], first treated period of each treated unit, and the first period not fitted on (earlier by the anticipation).
    notes:
        What a reader has to know of who was left out.
    """

    panel: Panel
    design: Design
    outcomes: Floats
    units: Positions
    starts: Positions
    fitted: Positions
    notes: tuple[str, ...]

    @property
    def n_treated(self) -> int:
        """Number of treated units, U."""
        return len(self.starts)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the N units."""
        return tuple(self.panel.unit_name(int(u)) for u in self.units)

    @property
    def donor_names(self) -> tuple[str, ...]:
        """Names of the donors."""
        return self.names[self.n_treated :]

    def worlds(self) -> Worlds:
        """The study's own question: one row a treated unit, all donors."""
        n, t = self.outcomes.shape
        treated = np.eye(self.n_treated, n)
        donors = np.tile(np.arange(n) >= self.n_treated, (self.n_treated, 1))
        time = np.arange(t)
        fit, after = time < self.fitted[:, None], time >= self.starts[:, None]
        return Worlds(self.outcomes, treated, donors, fit, after, None, np.arange(n))


def pilots(
    panel: Panel,
    design: Design,
    method: str,
    *,
    donors: Sequence[Label] | None = None,
    without: Sequence[Label] = (),
    fewest: int = FEWEST,
    incomplete: bool = False,
    alone: bool = False,
    filled_by: str = FILLED_BY,
) -> Pilots:
    """Treated units and donors of a design.

    Parameters
    ----------
    panel, design:
        Units followed over time; donors are those never treated.
    method:
        Key of the estimator, for messages.
    donors, without:
        Names of the only units that may be donors; names of units that must not.
    fewest:
        Periods needed before the (anticipated) start.
    incomplete:
        Whether cells that were not observed are allowed (they are NaN then).
    alone:
        Whether it also works without a donor.
    filled_by:
        What fills cells that were not observed, for messages: an option of the estimator, or another estimator.

    Raises
    ------
    DesignError
        No donor; a donor that is treated, too, or not known; too few periods before; missing cells;
        treatment that switches off; cross-sections. All that is wrong with donors and periods at once.
    """
    _refuse_kinds(panel, design, method, incomplete, filled_by)
    if not alone:
        design.needs_controls(method)
    treated = _treated(design)
    if not len(treated):
        raise DesignError(f"{method} has no treated unit: nobody starts treatment after the first period.")
    pool, problems = _pool(panel, design, method, donors, without)
    starts = design.starts[design.cohort_codes[treated]]
    fitted = starts - design.anticipation
    problems += _too_short(panel, design, treated, starts, fitted, method, fewest)
    if not len(pool) and not problems and not alone:
        problems = [_no_donor(panel, design, method, narrowed=donors is not None or len(without) > 0)]
    units = np.concatenate([treated, pool])
    outcomes = _matrix(panel)[units]
    if not problems and not incomplete:
        problems = _gaps(panel, units, outcomes, method, filled_by)
    if problems:
        raise DesignError(problems)
    return Pilots(panel, design, outcomes, units, starts, fitted, _notes(design))


def _refuse_kinds(panel: Panel, design: Design, method: str, incomplete: bool, filled_by: str) -> None:
    """Refuse what has no units to be followed, and treatment that ends."""
    design.needs_absorbing()
    if not panel.followed or design.balance == "repeated_cross_sections":
        raise DesignError(
            f"{method} follows units over time; these are repeated cross-sections. Sum them up to one row a city and period, "
            "or use did_2x2 or callaway_santanna."
        )
    if design.incomplete and not incomplete:
        raise DesignError(
            f"{method} needs each unit in each period (`balance: pairwise` leaves gaps). Say `balance: drop` to leave incomplete "
            f"units out, or {filled_by}."
        )


def _treated(design: Design) -> Positions:
    """Units treated after the first period, in order of their start."""
    units = np.flatnonzero(np.isin(design.cohort_codes, design.adopting))
    return np.asarray(units[np.argsort(design.starts[design.cohort_codes[units]], kind="stable")])


def _pool(
    panel: Panel, design: Design, method: str, donors: Sequence[Label] | None, without: Sequence[Label]
) -> tuple[Positions, list[str]]:
    """Donors, and what is wrong with the names given."""
    never = None if design.control == "none" else design.never_treated
    pool = np.flatnonzero(design.cohort_codes == never) if never is not None else np.zeros(0, dtype=np.int64)
    names = {panel.unit_name(u): u for u in range(panel.n_units)}
    problems = [
        f"{method}: {option} names {plain(n)!r}, which is no {panel.unit} in the data. {nearest(plain(n), names)}"
        for option, given in (("donors", donors or ()), ("without", without))
        for n in given
        if plain(n) not in names
    ]
    if donors is not None and not len(donors):
        problems.append(
            f"{method}: donors is empty. Name units that may be donors, or leave the option out to take all."
        )
    wanted = [names[plain(n)] for n in donors or () if plain(n) in names]
    problems += [_treated_donor(panel, design, method, u) for u in wanted if u not in pool]
    barred = [names[plain(n)] for n in without if plain(n) in names]
    kept = np.ones(len(pool), dtype=bool) if donors is None else np.isin(pool, wanted)
    return pool[kept & ~np.isin(pool, barred)], problems


def _treated_donor(panel: Panel, design: Design, method: str, unit: int) -> str:
    """Why a unit that was named cannot be a donor."""
    name = panel.unit_name(unit)
    start = np.inf if design.begin is None else float(design.begin[unit])
    if np.isfinite(start) and start < panel.n_periods:
        when = plain(panel.periods[int(np.ceil(max(start, 0)))])
        return (
            f"{method}: donor {name} adopts the measure itself in {when}, so its path holds an effect. Leave it out of `donors`, "
            "or end the data before that (`sample: {last_period: ...}`)."
        )
    return (
        f"{method}: donor {name} does not enter this design (incomplete, or close to a start of its own); see the design's "
        "notes. Leave it out of `donors`, or complete its data."
    )


def _no_donor(panel: Panel, design: Design, method: str, *, narrowed: bool) -> str:
    """That nobody is left to be a donor, and what would do; ``narrowed``: options say who may be one."""
    later = len(design.adopting)
    because = (
        f"all other units adopt the measure, too ({counted(later, 'adoption date')})"
        if design.never_treated is None
        else f"{'`donors` and `without` leave' if narrowed else 'the sample leaves'} none of the {counted(panel.n_units, 'unit')}"
    )
    return (
        f"{method} has no donor: {because}. Add units that are never treated, or end the data before the first of the others "
        "adopts (`sample: {last_period: ...}`). Where no other city is there at all, use interrupted_time_series or "
        "structural_time_series."
    )


def _too_short(
    panel: Panel, design: Design, treated: Positions, starts: Positions, fitted: Positions, method: str, fewest: int
) -> list[str]:
    """Treated units with fewer periods before than it takes."""
    short = np.flatnonzero(fitted < fewest)
    if not len(short):
        return []
    who = [f"{panel.unit_name(int(treated[k]))} (from {plain(panel.periods[starts[k]])}: {fitted[k]})" for k in short]
    less = f" of which {design.anticipation} may be anticipated" if design.anticipation else ""
    return [
        f"{method} needs {fewest} periods before the measure{less} to see whether donors follow a unit: too few for "
        f"{some(who)}. Use data that begin earlier or periods that are shorter (months for years), or did_2x2."
    ]


def _matrix(panel: Panel) -> Floats:
    """Outcomes of all units, [N, T]; NaN where not observed."""
    if panel.balanced:
        return panel.matrix
    return _spread(panel, panel.values)


def _spread(panel: Panel, values: NDArray[Any]) -> Floats:
    """One value a row as a table [N, T] of all units; NaN where there is no row."""
    table = np.full((panel.n_units, panel.n_periods), np.nan)
    table[panel.unit_codes, panel.period_codes] = values
    return table


def _gaps(panel: Panel, units: Positions, outcomes: Floats, method: str, filled_by: str) -> list[str]:
    """Units that are not observed in each period."""
    rows = np.flatnonzero(np.isnan(outcomes).any(axis=1))
    if not len(rows):
        return []
    said = [
        f"{panel.unit_name(int(units[r]))} lacks {some([plain(p) for p in panel.periods[np.isnan(outcomes[r])]], 3)}"
        for r in rows
    ]
    return [
        f"{method} needs each unit in each period: {some(said, 3)}. Complete the data, say `balance: drop` to leave these donors "
        f"out, or {filled_by}."
    ]


def _notes(design: Design) -> tuple[str, ...]:
    """What the design left out, and who is neither treated alone nor a donor."""
    always = [name for g in design.always_treated for name in design.members(int(g))]
    said = [f"Treated from the first period on, so neither treated nor donors here: {some(always)}."] if always else []
    return (*design.notes, *said)


# ---- units that start together -------------------------------------------------------------------------------------------


def name_together(found: Pilots, members: Sequence[int] | Positions, start: int) -> str:
    """Treated units that start together as a reader knows them: the one, or how many from when."""
    if len(members) == 1:
        return found.names[int(members[0])]
    return f"{counted(len(members), 'unit')} from {plain(found.panel.periods[start])}"


# ---- other columns -------------------------------------------------------------------------------------------------------


def wide_column(found: Pilots, name: str, method: str, what: str = "covariate") -> Floats:
    """Another column of the pilots' units, [N, T]; NaN where it is missing, infinite, or there is no row.

    ``what``: what the column is for the method, for messages.

    Raises
    ------
    DesignError
        There is no such column, or it holds no numbers.
    """
    known = [str(c) for c in found.panel.frame.columns]
    if name not in known:
        raise DesignError(f"{method}: {what} {name!r} is no column of the data. {nearest(name, known)}")
    values = found.panel.column(name)
    if not (np.issubdtype(values.dtype, np.number) or values.dtype == bool):
        raise DesignError(
            f"{method}: {what} {name!r} is not numeric ({values.dtype}). Make 0/1 columns of its categories."
        )
    table = _spread(found.panel, values)[found.units]
    return np.where(np.isfinite(table), table, np.nan)


def wide_columns(found: Pilots, names: Sequence[str], method: str) -> Floats:
    """Covariates of the pilots' units, [K, N, T], as ``wide_column``; all that is wrong with them at once."""
    tables: list[Floats] = []
    problems: list[str] = []
    for name in names:
        try:
            tables.append(wide_column(found, name, method))
        except DesignError as error:
            problems += error.problems
    if problems:
        raise DesignError(problems)
    return np.array(tables).reshape(-1, *found.outcomes.shape)


def refuse_missing(found: Pilots, names: Sequence[str], columns: Floats, method: str) -> None:
    """Refuse covariates [K, N, T] that are not known in each cell.

    Raises
    ------
    DesignError
        All that lack a value, with where.
    """
    problems = []
    for name, values in zip(names, columns, strict=True):
        cells = np.argwhere(np.isnan(values))
        if len(cells):
            where = some([f"{found.names[i]}/{plain(found.panel.periods[t])}" for i, t in cells], 3)
            problems.append(
                f"{method}: covariate {name!r} is missing or infinite in {counted(len(cells), 'row')} ({where}). Fill it, leave it "
                "out, or leave these units (`without`) or periods (`sample`) out."
            )
    if problems:
        raise DesignError(problems)


def said_of_missing(found: Pilots, what: str, values: Floats) -> str | None:
    """That means over some periods before the measure, [N, W], leave out cells that are not known; None where all are."""
    missing = np.isnan(values)
    if not missing.any():
        return None
    who = [found.names[i] for i in np.flatnonzero(missing.any(axis=1))]
    return (
        f"{what} is missing or infinite in {missing.sum():,} of {counted(missing.size, 'cell')} before the measure ({some(who, 3)}); "
        "its means leave them out."
    )
