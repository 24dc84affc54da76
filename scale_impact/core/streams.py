"""Streamed data: panel and design from moments of the parts that rows come in.

A reader (``streams_parquet``, ``streams_dask``) looks at all rows once (``Facts``) and then hands
them out in parts in which each unit is whole; each becomes moments by kind of unit
(``streams_parts``). Memory grows with cohorts and periods, not with rows.

The panel and the design that result are as those of data in memory, but for single units, which
nobody kept (``Withheld``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from operator import add
from typing import Any, cast, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scale_impact.core.cluster_sums import ClusterSums
from scale_impact.core.cohorts import Cohorts, Floats
from scale_impact.core.design import Design, first_positions, needs_zero_one, one_way
from scale_impact.core.panel import Missing, Panel, duplicated, varying
from scale_impact.core.streams_parts import Cases, Codes, Layout, Mask, Part
from scale_impact.core.withheld import Withheld
from scale_impact.core.words import counted, nearest, plain
from scale_impact.errors import DataError, DesignError, UsageError

WAYS = ("first_treated", "treated", "cohorts", "group", "starts")
CHOICES = ("control", "anticipation", "base_period", "balance")
"""Options of ``Design.from_panel``."""

MOST_LABELS = 100_000
"""A treatment column with more values is no column of periods."""


@dataclass(frozen=True)
class Question:
    """What is read of the data; see ``Panel.from_frame`` and ``Design.from_panel``.

    Attributes
    ----------
    unit, period, outcome, cluster:
        Columns.
    missing:
        What to do with rows that have no outcome.
    ways:
        Who is treated: first_treated, treated, cohorts, or group and starts.
    choices:
        control, anticipation, base_period, balance.
    """

    unit: str | None
    period: str
    outcome: str
    ways: Mapping[str, Any]
    cluster: str | None = None
    missing: Missing = "refuse"
    choices: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        one_way(**self.ways)
        if self.missing not in get_args(Missing):
            raise UsageError(f"missing is {self.missing!r}; it has to be one of {', '.join(get_args(Missing))}.")
        if self.way == "cohorts" and not self.followed:
            raise DesignError("cohorts names units, and repeated cross-sections have none. Use group and starts.")

    @property
    def way(self) -> str:
        """How treatment is said."""
        return one_way(**self.ways)

    @property
    def treatment(self) -> str:
        """The column that says who is treated: with ``cohorts`` the unit."""
        return str(self.unit if self.way == "cohorts" else self.ways[self.way])

    @property
    def followed(self) -> bool:
        """Whether units are followed over time."""
        return self.unit is not None

    @property
    def cells(self) -> bool:
        """Whether each observation stands for itself."""
        return not self.followed or self.choices.get("balance") == "repeated_cross_sections"

    @property
    def clustered(self) -> bool:
        """Whether clusters are above the unit."""
        return self.cluster is not None and self.cluster != self.unit

    @property
    def keeps_missing(self) -> bool:
        """Whether rows without an outcome still say when treatment began."""
        return self.missing == "drop" and self.way == "treated" and self.followed

    @property
    def columns(self) -> list[str]:
        """The columns needed, each once."""
        named = [self.unit, self.period, self.outcome, self.treatment, self.cluster]
        return list(dict.fromkeys(c for c in named if c is not None))


@dataclass(frozen=True)
class Facts:
    """What all rows say, known before the parts are read.

    Attributes
    ----------
    rows, missing:
        Rows, and those without an outcome.
    periods:
        Labels of the periods of rows with an outcome, sorted.
    labels:
        Values of the treatment column, sorted (with ``cohorts``: the units named that there are).
    unlabelled:
        Rows in which it is missing (with ``cohorts``: rows of other units).
    clusters:
        Values of the cluster column, sorted; None where clusters are not above the unit.
    unclustered:
        Rows in which it is missing.
    """

    rows: int
    missing: int
    periods: NDArray[Any]
    labels: NDArray[Any]
    unlabelled: int
    clusters: NDArray[Any] | None = None
    unclustered: int = 0


def layout_of(question: Question, facts: Facts) -> Layout:
    """How to reduce the parts; the origin is still to be chosen.

    Raises
    ------
    DataError, DesignError
        What can be said of treatment, periods and clusters without looking at units.
    """
    _refuse_columns(question, facts)
    indicator = question.way == "treated"
    labels = np.arange(1 if indicator else len(facts.labels) + bool(facts.unlabelled))
    start = first_positions(cast(Panel, _Kinds(question, facts, labels)), **question.ways)
    later = np.where(np.isfinite(start), np.ceil(start), np.inf)
    kinds = np.arange(len(facts.periods) + 1) if indicator else np.unique(later, return_inverse=True)[1]
    return Layout(
        clock=_clock(facts.periods),
        kinds=kinds.astype(np.int64),
        on=facts.labels.astype(bool) if indicator else None,
        followed=question.followed,
        cells=question.cells,
        own_clusters=question.followed and question.cells and not question.clustered,
        origin=np.zeros(len(facts.periods)),
    )


@dataclass(frozen=True)
class Streamed:
    """All that a pass over the data found."""

    question: Question
    facts: Facts
    layout: Layout
    whole: Part


def streamed_panel(question: Question, facts: Facts, layout: Layout, parts: Iterable[Part]) -> Panel:
    """The panel that the parts add up to.

    Raises
    ------
    DataError
        A unit has several rows in a period, or several values of a column that has one a unit.
    """
    whole = reduce(add, parts)
    _refuse_units(question, facts, whole.problems)
    n = int(whole.sizes.sum())
    return Panel(
        frame=_withheld("other columns", facts.rows),
        unit=question.unit,
        period=question.period,
        outcome=question.outcome,
        covariates=(),
        units=_withheld("names of units", n),
        periods=facts.periods,
        values=_withheld("outcomes of single units", whole.observations, Streamed(question, facts, layout, whole)),
        unobserved=_withheld("rows without an outcome", facts.missing) if facts.missing else None,
        _rows=_withheld("rows", whole.observations),
        _unit_codes=_withheld("the unit of a row", whole.observations),
        _period_codes=_withheld("the period of a row", whole.observations),
    )


def streamed_design(panel: Panel) -> Design:
    """The design of a streamed panel, as it was asked for when the data were read.

    Raises
    ------
    DesignError
        As ``Design.from_panel``; treatment switches off.
    """
    found = cast(Withheld, panel.values).known
    question, facts, layout, whole = found.question, found.facts, found.layout, found.whole
    _refuse_design(question, facts, whole.problems)
    sizes = whole.sizes.ravel()
    seen = np.flatnonzero(sizes)
    kinds = _Kinds(question, facts, seen // 2, sizes[seen], seen % 2 == 1, whole)
    design = Design.from_panel(cast(Panel, kinds), **question.ways, **question.choices)
    into = np.full(len(layout.starts), -1)
    kept = design.cohort_codes >= 0
    into[layout.kinds[kinds.labels[kept]]] = design.cohort_codes[kept]
    moments = whole.moments.joined(into, design.starts).raised(whole.moments.origin)
    if question.clustered:
        _refuse_one_cluster(question, facts, moments)
    clustered = question.clustered or (question.cells and question.followed)
    return replace(
        design,
        cohort_codes=_withheld("the cohort of a unit", panel.n_units, moments),
        cluster=question.cluster,
        cluster_codes=_withheld("the cluster of a unit", panel.n_units, facts.clusters) if clustered else None,
        notes=(*_unseen(question, whole), *design.notes),
        _panel=panel,
    )


def question_of(*, unit: str | None, period: str, outcome: str, missing: Missing = "refuse", **design: Any) -> Question:
    """The question of a call; ``design`` as in ``Design.from_panel``.

    Raises
    ------
    UsageError
        An option that there is not, or treatment not said in exactly one way.
    """
    known = [*WAYS, *CHOICES, "cluster"]
    if wrong := [f"There is no option {o!r}. {nearest(o, known)}" for o in design if o not in known]:
        raise UsageError(wrong)
    ways = {w: design[w] for w in WAYS if design.get(w) is not None}
    choices = {c: design[c] for c in CHOICES if c in design}
    return Question(unit, period, outcome, ways, design.get("cluster"), missing, choices)


def _withheld(what: str, size: int, known: Any = None) -> Any:
    return Withheld(what, size, known)


def _clock(periods: NDArray[Any]) -> Floats:
    """Periods as numbers, as ``Panel.clock``."""
    numeric = np.issubdtype(periods.dtype, np.number)
    return np.asarray(periods, dtype=float) if numeric else np.arange(len(periods), dtype=float)


# ---- kinds of units in place of units, where the design is made ---------------------------------------


@dataclass(frozen=True, eq=False)
class _Kinds:
    """What the design asks of a panel, answered for kinds of units: units that are alike are one, with their number.

    ``labels`` has the position of the treatment's value of each of them (under ``treated`` the
    position of the first treated period); without ``numbers`` each counts once.
    """

    question: Question
    facts: Facts
    labels: Codes
    numbers: Codes | None = None
    whole: Mask | None = None
    part: Part | None = None

    unobserved = None

    @property
    def unit(self) -> str | None:
        return self.question.unit

    @property
    def followed(self) -> bool:
        return self.question.followed

    @property
    def periods(self) -> NDArray[Any]:
        return self.facts.periods

    @cached_property
    def clock(self) -> Floats:
        return _clock(self.periods)

    @property
    def n_periods(self) -> int:
        return len(self.periods)

    @property
    def n_units(self) -> int:
        return len(self.labels)

    @property
    def missing(self) -> int:
        return self.facts.missing

    @property
    def balanced(self) -> bool:
        return self.whole is None or bool(self.whole.all())

    @property
    def unit_codes(self) -> Codes:
        return np.repeat(np.arange(self.n_units), self.n_periods)

    @property
    def period_codes(self) -> Codes:
        return np.tile(np.arange(self.n_periods), self.n_units)

    def cell_counts(self) -> Codes:
        assert self.whole is not None
        return np.where(self.whole, self.n_periods, 0)

    def count(self, chosen: Mask) -> int:
        return int(np.count_nonzero(chosen) if self.numbers is None else self.numbers[chosen].sum())

    def lacking(self, _: Mask, most: int) -> list[tuple[str, list[str]]]:
        assert self.part is not None
        cases = self.part.problems["incomplete"].first[:most]
        return [(plain(name), [plain(self.periods[p]) for p in absent]) for name, absent in cases]

    def unit_column(self, name: str) -> NDArray[Any]:
        return np.asarray(pd.Series(self.facts.labels).reindex(self.labels))

    def column(self, name: str) -> NDArray[Any]:
        if self.question.way != "treated":
            return self.unit_column(name)
        return (np.arange(self.n_periods) >= self.labels[:, None]).ravel()

    def unit_name(self, code: int) -> str:
        if self.question.way == "cohorts" and self.labels[code] < len(self.facts.labels):
            return plain(self.facts.labels[self.labels[code]])
        if self.part is None or self.whole is None:
            return "(another unit)"
        return plain(self.part.alone.get((int(self.labels[code]), int(self.whole[code])), "(another unit)"))


# ---- what is wrong -----------------------------------------------------------------------------------


def _refuse_columns(question: Question, facts: Facts) -> None:
    if question.way in ("treated", "group"):
        needs_zero_one(question.treatment, facts.unlabelled, facts.labels)
    if question.way != "cohorts" and len(facts.labels) > MOST_LABELS:
        raise DataError(
            f"Column {question.treatment!r} has {len(facts.labels):,} values: too many for the first treated period. Is it the right column?"
        )
    if facts.unclustered:
        rows = counted(facts.unclustered, "row")
        raise DesignError(f"Cluster column {question.cluster!r} is missing in {rows}. Fill it or leave them out.")


def _refuse_units(question: Question, facts: Facts, found: Mapping[str, Cases]) -> None:
    """Problems of the data that only single units show."""
    if "duplicated" in found:
        cells = [f"{plain(unit)} in {plain(facts.periods[p])}" for unit, p in found["duplicated"].first]
        raise DataError(duplicated(found["duplicated"].n, cells, str(question.unit), question.period))
    columns = {"label": (question.treatment, facts.labels), "cluster": (question.cluster, facts.clusters)}
    for what, (name, values) in columns.items():
        if what in found:
            raise DataError(_varies(question, facts, found[what], str(name), values))


def _refuse_design(question: Question, facts: Facts, found: Mapping[str, Cases]) -> None:
    """Problems of treatment that only single units show."""
    if "off" in found:
        raise DesignError(_switches_off(question, facts, found["off"]))
    if "incomplete" in found and question.choices.get("balance") == "pairwise":
        raise DesignError(
            "`balance: pairwise` needs single units, and the data are streamed. Use `balance: drop` or `repeated_cross_sections`, or read the "
            "data whole: `stream: false` in the source's card, `Panel.from_frame` in Python."
        )


def _varies(question: Question, facts: Facts, cases: Cases, name: str, values: NDArray[Any] | None) -> str:
    assert values is not None
    unit, period, *two = cases.first[0]
    first, other = (values[k] if k < len(values) else np.nan for k in two)
    return varying(name, cases.n, f"{question.unit} {plain(unit)}", (first, other), plain(facts.periods[period]))


def _switches_off(question: Question, facts: Facts, off: Cases) -> str:
    shown = ", ".join(f"{plain(unit)} in {plain(facts.periods[p])}" for unit, p in off.first[:3])
    return (
        f"Treatment {question.treatment!r} switches off in {counted(off.n, 'unit')} ({shown}{', ...' if off.n > 3 else ''}). "
        "Streamed data need treatment that stays on. Correct the column (are the periods in order of time?), leave these units out, or "
        "read the data whole (`stream: false` in the source's card) for chaisemartin_dhaultfoeuille."
    )


def _unseen(question: Question, whole: Part) -> tuple[str, ...]:
    """Say whose treatment may have begun in a period of which there is no row."""
    unsure = whole.problems.get("unseen")
    if unsure is None:
        return ()
    who = ", ".join(plain(unit) for unit, _ in unsure.first[:5]) + (f" and {unsure.n - 5} more" if unsure.n > 5 else "")
    return (
        f"{question.treatment}: treatment counts from the first treated row, and there is no row of the period before it for {who}.",
    )


def _refuse_one_cluster(question: Question, facts: Facts, moments: Cohorts) -> None:
    clusters = moments.clusters
    assert isinstance(clusters, ClusterSums)
    assert facts.clusters is not None
    if clusters.n_clusters() == 1:
        value = plain(facts.clusters[clusters.labels[clusters.at[0]]])
        raise DesignError(
            f"Cluster column {question.cluster!r} has one value ({value}); a standard error needs at least two clusters."
        )
