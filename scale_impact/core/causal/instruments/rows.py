"""Rows for instruments: from an exposure design, or from a panel with effects of units and periods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scale_impact.core.causal.covariates import Question, as_numbers
from scale_impact.core.causal.cross_section import CrossSection, cross_section
from scale_impact.core.causal.instruments.estimation import Floats, Ints, Variables
from scale_impact.core.design import LEFT_OUT, Design
from scale_impact.core.effect import Sample
from scale_impact.core.panel import Panel
from scale_impact.core.words import counted, plain, some
from scale_impact.errors import DesignError, UsageError

Effects = Literal["two_way", "period", "none"]


@dataclass(frozen=True, eq=False)
class Asked:
    """What the estimator was asked for."""

    key: str
    instruments: tuple[str, ...]
    received: str | None
    covariates: tuple[str, ...]
    effects: Effects
    weights: str | None


@dataclass(frozen=True, eq=False)
class Rows:
    """The variables, and who stands behind them.

    Attributes
    ----------
    variables:
        Outcome, exposure, instruments, controls.
    sample:
        Counts.
    units:
        [n], position in ``panel.units``.
    exposure_name:
        Of what is instrumented.
    covariates:
        Columns that are controlled for.
    notes:
        What was left out or read in a particular way.
    comparison:
        The cross-section behind the rows; None for panels with effects.
    """

    variables: Variables
    sample: Sample
    units: Ints
    exposure_name: str
    covariates: tuple[str, ...]
    notes: tuple[str, ...]
    comparison: CrossSection | None = None


@dataclass(frozen=True, eq=False)
class _Base:
    """Rows before columns are read: observations, what the design says of them, controls."""

    observations: Ints
    units: Ints
    assigned: Floats
    outcome: Floats
    controls: Floats
    clusters: Ints
    labels: tuple[str, ...]
    sample: Sample
    notes: tuple[str, ...]
    effects: Ints | None = None
    comparison: CrossSection | None = None


def listed(names: str | Sequence[str]) -> tuple[str, ...]:
    """Names of columns, also where one is given without a list."""
    return (names,) if isinstance(names, str) else tuple(names)


def rows_of(panel: Panel, design: Design, asked: Asked) -> Rows:
    """The rows of a design with instruments.

    Raises
    ------
    UsageError
        Neither or both of ``instruments`` and ``received``; a column in two roles.
    DesignError
        A column is missing or no number in some row; a weight that is not positive. All problems at once.
    """
    _refuse(UsageError, _roles(panel, design, asked))
    base = _of_exposures(panel, design, asked) if _is_cross_section(design) else _of_panel(panel, design, asked)
    named = dict.fromkeys(asked.instruments, "instrument")
    named |= {} if asked.received is None else {asked.received: "received"}
    named |= {} if asked.weights is None else {asked.weights: "weights"}
    raw = {c: panel.column(c)[base.observations] for c in named}
    _refuse(DesignError, [p for c, what in named.items() for p in _no_number(c, what, raw[c], base.labels)])
    columns = {c: np.asarray(v, dtype=np.float64) for c, v in raw.items()}
    return _joined(panel, design, asked, base, columns)


def _refuse(kind: type[UsageError] | type[DesignError], problems: list[str]) -> None:
    if problems:
        raise kind(problems)


def _is_cross_section(design: Design) -> bool:
    """Whether rows are compared without effects of units."""
    return design.exposed is not None or design.cross_sections


def _joined(panel: Panel, design: Design, asked: Asked, base: _Base, columns: dict[str, Floats]) -> Rows:
    """Who is instrumented by what."""
    received = asked.received
    exposure = base.assigned if received is None else columns[received]
    tools = base.assigned[:, None] if received is not None else np.column_stack([columns[c] for c in asked.instruments])
    names = (_assigned_name(design),) if received is not None else asked.instruments
    weights = None if asked.weights is None else columns[asked.weights]
    notes = list(base.notes)
    if received is not None and np.array_equal(exposure, base.assigned):
        notes.append(
            f"{received} is what was assigned in each row: compliance is perfect, and nothing has to be instrumented."
        )
    data = Variables(base.outcome, exposure, tools, names, base.controls, base.clusters, base.effects, weights)
    name = _assigned_name(design) if received is None else received
    covariates = asked.covariates if base.comparison is None else base.comparison.columns
    return Rows(data, base.sample, base.units, name, covariates, tuple(notes), base.comparison)


def _assigned_name(design: Design) -> str:
    after = " after the start" if design.exposed is None and design.cross_sections else ""
    return (design.exposure or design.treatment_name) + after


# ---- what cannot be -----------------------------------------------------------------------------------


def _roles(panel: Panel, design: Design, asked: Asked) -> list[str]:
    """Options that do not go together, and columns in two roles."""
    problems = []
    if bool(asked.instruments) == (asked.received is not None):
        problems.append(
            f"{asked.key} needs one of two: `instruments` (columns that move the treatment and nothing else), or `received` (the column of "
            "treatment actually received; the design's treatment is then what was assigned). "
            + ("Leave one out." if asked.received is not None else "Name one.")
        )
    taken = {panel.outcome: "the outcome", **dict.fromkeys(asked.covariates, "a covariate")}
    if design.exposure is not None:
        taken[design.exposure] = "the exposure"
    given = [
        *((c, "instrument") for c in asked.instruments),
        *([(asked.received, "received")] if asked.received else []),
    ]
    problems += [f"{what} {c!r} is {taken[c]} already. Name another column." for c, what in given if c in taken]
    twice = sorted({c for c in asked.instruments if asked.instruments.count(c) > 1})
    return problems + [f"instrument {c!r} is named twice. Leave one out." for c in twice]


def _no_number(name: str, what: str, values: NDArray[Any], labels: Sequence[str]) -> list[str]:
    """Why a column cannot be used as it is."""
    column = pd.Series(values)
    who = f"{what} {name!r}" if what != "received" else f"received: {name!r}"
    gone = column.isna().to_numpy()
    if gone.any():
        where = some([labels[int(i)] for i in np.flatnonzero(gone)], 5)
        return [
            f"{who} is missing in {counted(int(gone.sum()), 'row')} of {len(column):,} ({where}). Fill it, or leave these rows out in the "
            "source's card or by the study's `sample`."
        ]
    column = column.infer_objects()
    if not (pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)):
        return [
            f"{who} holds {plain(column.iloc[0])!r}, which is no number. Use a number, or a 0/1 column for each category."
        ]
    numbers = column.to_numpy(dtype=np.float64)
    if not np.isfinite(numbers).all():
        return [f"{who} is infinite in some rows. Correct the values."]
    if what == "weights" and (numbers <= 0).any():
        at = int(np.flatnonzero(numbers <= 0)[0])
        return [
            f"weights {name!r} is {plain(numbers[at])} in {labels[at]}; a weight has to be positive. Leave such rows out."
        ]
    return []


# ---- two kinds of rows -----------------------------------------------------------------------------------


def _of_exposures(panel: Panel, design: Design, asked: Asked) -> _Base:
    """Observations, or repeated cross-sections, compared within their groups."""
    free = replace(design, graph=None)  # what to adjust for is asked of the instrument, not of the exposure
    found = cross_section(panel, free, asked.key, asked.covariates)
    return _Base(
        found.observations, found.units, found.exposure, found.outcome,
        np.column_stack([np.ones(len(found)), found.controls]), found.clusters, found.labels, found.sample(),
        (*design.notes, *found.notes), comparison=found,
    )  # fmt: skip


def _of_panel(panel: Panel, design: Design, asked: Asked) -> _Base:
    """All cells of units that enter, with effects of units and periods as asked."""
    design.needs_controls(asked.key)
    at, when = panel.unit_codes, panel.period_codes
    start = np.where(design.cohort_codes == LEFT_OUT, 0, design.starts[design.cohort_codes])
    begun = np.where(
        start < panel.n_periods, start, panel.n_periods + design.anticipation
    )  # the never treated anticipate nothing
    early = (when < begun[at]) & (when >= begun[at] - design.anticipation)
    kept = np.flatnonzero((design.cohort_codes[at] != LEFT_OUT) & (start[at] > 0) & ~early)
    units, periods = at[kept], when[kept]
    on = periods >= start[units] if design.treatment is None else design.treatment[units, periods]
    labels = tuple(
        f"{panel.unit_name(int(u))} in {plain(panel.periods[p])}" for u, p in zip(units, periods, strict=True)
    )
    said = Question(panel.outcome, design.treatment_name, on.astype(float))
    found = as_numbers({c: panel.column(c)[kept] for c in asked.covariates}, labels, said)
    clusters = units if design.cluster_codes is None else design.cluster_codes[units]
    notes = [*design.notes, *found.notes]
    if early.any():
        notes.append(f"{counted(int(early.sum()), 'cell')} in which units may anticipate treatment are left out.")
    return _Base(
        kept, units, on.astype(float), np.asarray(panel.values)[kept],
        np.column_stack([*_dummies(periods, asked.effects), found.values]), clusters, labels,
        _counts(units, periods, on, clusters), tuple(notes), units if asked.effects == "two_way" else None,
    )  # fmt: skip


def _dummies(periods: Ints, effects: Effects) -> list[Floats]:
    """The constant, and dummies of all periods but the first."""
    constant = [np.ones(len(periods))]
    if effects == "none":
        return constant
    return [*constant, (periods[:, None] == np.unique(periods)[1:]).astype(float)]


def _counts(units: Ints, periods: Ints, on: NDArray[np.bool_], clusters: Ints) -> Sample:
    several = (np.unique(a) for a in (units, units[on], periods, clusters))
    n_units, n_treated, n_periods, n_clusters = (len(s) for s in several)
    return Sample(n_units, n_treated, n_periods, len(units), n_clusters)
