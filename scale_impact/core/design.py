"""Design: who is treated from when, who is compared with whom, and what had to be left out.

A design is made from a panel once; estimators and checks receive both. What it leaves out is
written in ``notes``, so that no city disappears in silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scale_impact.core.exposure import Exposure, Running, Side, read_exposure
from scale_impact.core.panel import Panel
from scale_impact.core.words import counted, nearest, plain, some
from scale_impact.errors import DesignError, UsageError

if TYPE_CHECKING:
    from scale_impact.core.causal.graphs.graph import Graph

Control = Literal["never", "not_yet", "none"]
BasePeriod = Literal["varying", "universal"]
Balance = Literal["strict", "drop", "pairwise", "repeated_cross_sections"]

LEFT_OUT = -1
"""Cohort code of a unit that does not enter."""

MANY_LEFT_OUT = 0.2
"""Where a larger share of units is left out, the design says whom the answer is about."""


@dataclass(frozen=True, eq=False)
class Design:
    """Cohorts of a panel and the comparison asked of them.

    Attributes
    ----------
    first_treated:
        Label of the first treated period of each of the G cohorts, in order of time; the
        never treated are last, with ``inf``.
    starts:
        Position in ``panel.periods`` of each cohort's first treated period; T for the never
        treated; 0 for units that are treated from the first period on.
    cohort_codes:
        Cohort of each unit (N values; in repeated cross-sections of each observation, n
        values); -1 where the unit is left out.
    control, anticipation, base_period, balance, cluster:
        As asked; see ``from_panel``.
    cluster_codes:
        Cluster of each unit or observation; None where the unit is the cluster.
    notes:
        What was left out or read in a particular way, in sentences.
    reversals:
        Who switches off where, in a sentence for those who cannot answer; None where treatment
        stays on. Where it does not, cohorts are by the first change of treatment: ``starts``
        and ``first_treated`` say when that is, and units that are treated in each period have
        start 0.
    treatment:
        Which units are treated when, [N, T]; None where treatment stays on (``starts`` says it).
    leaving:
        Which cohorts are treated from the first period on and switch off, [G]; None where
        treatment stays on.
    begin:
        Position of each unit's first treated period on the panel's clock, also of the units that
        are left out; inf for never.
    exposed:
        What each observation gets, where nobody is compared before and after (an exposure design, which has
        no cohorts that start treatment); None where treatment starts some time.
    graph:
        What is assumed to cause what; None where the study does not say.
    treatment_name:
        The column that says who is treated; ``treatment`` where none does.
    """

    first_treated: tuple[Any, ...]
    starts: NDArray[np.int64]
    cohort_codes: NDArray[np.int64]
    control: Control
    anticipation: int
    base_period: BasePeriod
    balance: Balance
    cluster: str | None
    cluster_codes: NDArray[np.int64] | None
    notes: tuple[str, ...]
    _panel: Panel
    reversals: str | None = None
    treatment: NDArray[np.bool_] | None = None
    leaving: NDArray[np.bool_] | None = None
    begin: NDArray[np.float64] | None = None
    exposed: Exposure | None = None
    graph: Graph | None = None
    treatment_name: str = "treatment"

    @classmethod
    def from_panel(
        cls,
        panel: Panel,
        *,
        first_treated: str | None = None,
        treated: str | None = None,
        cohorts: Mapping[Any, Any] | None = None,
        group: str | None = None,
        starts: Any = None,
        control: Control = "never",
        anticipation: int = 0,
        base_period: BasePeriod = "varying",
        balance: Balance = "strict",
        cluster: str | None = None,
        exposure: str | None = None,
        running: str | None = None,
        threshold: float | None = None,
        side: Side = "above",
        graph: Graph | None = None,
    ) -> Design:
        """Read who is treated from when, in one of four ways; or who is exposed to what, without a before and after.

        Parameters
        ----------
        first_treated, treated, cohorts:
            Column with the first treated period (missing, infinite or 0: never); 0/1 column that stays 1 (but for
            chaisemartin_dhaultfoeuille); mapping of unit to first treated period, units not named are never treated.
        group, starts:
            0/1 column of the treated group, and the one period in which treatment starts.
        control:
            Compare with units ``"never"`` treated, also with those ``"not_yet"`` treated, or with nobody (``"none"``:
            each unit with its own course before; interrupted_time_series, structural_time_series).
        anticipation, base_period:
            Periods before treatment in which units may already react; pre-treatment effects are changes from the period
            before (``"varying"``), or all effects changes from the last period before treatment (``"universal"``).
        balance:
            Of units not observed in each period: ``"strict"`` refuses, ``"drop"`` leaves out, ``"pairwise"`` compares two
            periods by units observed in both (callaway_santanna), ``"repeated_cross_sections"`` uses each observation.
        cluster, graph:
            Column of the clusters, constant within a unit (default the unit); what is assumed to cause what.
        exposure, running, threshold, side:
            Column of each observation's own exposure, 0/1 or a dose, compared within a period; column and value that decide
            who is treated, from it on (``"above"``) or below. Both: it shifts who is (fuzzy).

        Raises
        ------
        DesignError
            Treatment varies within a unit, is not 0/1 or not known; nobody or everybody is treated; no control is left;
            the panel is not balanced under ``strict``.
        """
        # fmt: off
        ways = {"first_treated": first_treated, "treated": treated, "cohorts": cohorts, "group": group, "starts": starts}
        exposed = {"column": exposure, "running": running, "threshold": threshold, "side": side}
        choices = {"control": control, "anticipation": anticipation, "base_period": base_period, "balance": balance,
                   "cluster": cluster}
        # fmt: on
        return _made(panel, ways, exposed, choices, graph)

    @property
    def exposure(self) -> str | None:
        """What observations are exposed to; None where treatment starts some time."""
        return None if self.exposed is None else self.exposed.name

    @property
    def exposures(self) -> NDArray[np.float64] | None:
        """Exposure of each observation, in the panel's order; None where treatment starts some time."""
        return None if self.exposed is None else self.exposed.values

    @property
    def running(self) -> Running | None:
        """The threshold that decides who is treated; None where none does."""
        return None if self.exposed is None else self.exposed.running

    @property
    def n_periods(self) -> int:
        """Number of periods, T."""
        return self._panel.n_periods

    @property
    def never_treated(self) -> int | None:
        """Position of the never-treated cohort; None where there is none."""
        return len(self.starts) - 1 if len(self.starts) and self.starts[-1] == self.n_periods else None

    @property
    def adopting(self) -> NDArray[np.int64]:
        """Positions of the cohorts that start treatment after the first period."""
        return np.flatnonzero((self.starts > 0) & (self.starts < self.n_periods))

    @property
    def always_treated(self) -> NDArray[np.int64]:
        """Positions of cohorts that are treated from the first period on (at most one)."""
        return np.flatnonzero(self.starts == 0)

    @property
    def cross_sections(self) -> bool:
        """Whether each observation stands for itself (no unit followed over time)."""
        return not self._panel.followed or self.balance == "repeated_cross_sections"

    @property
    def incomplete(self) -> bool:
        """Whether units are not observed in each period and each comparison picks those that it can use."""
        return self._panel.followed and not self._panel.balanced and self.balance == "pairwise"

    def cohort_name(self, code: int) -> str:
        """The first treated period of a cohort as text, ``off in`` that of its end, or ``never treated``."""
        if self.starts[code] == self.n_periods:
            return "never treated"
        return ("" if self.leaving is None or not self.leaving[code] else "off in ") + plain(self.first_treated[code])

    def needs_absorbing(self) -> None:
        """Refuse treatment that switches off, for all that can only answer where it stays on.

        Raises
        ------
        DesignError
            Treatment switches off in some unit; the message says where and what to use.
        """
        if self.reversals is not None:
            raise DesignError(self.reversals)

    def members(self, code: int) -> list[str]:
        """Names of the units of a cohort."""
        return [self._panel.unit_name(int(u)) for u in np.flatnonzero(self.cohort_codes == code)]

    def needs_controls(self, method: str) -> None:
        """Refuse a design without anybody to compare with (``control: none``), for methods that compare.

        Raises
        ------
        DesignError
            The design says ``control: none``; the message names what can answer.
        """
        if self.control == "none":
            raise DesignError(
                f"`control: none` says that there is nobody to compare with, and {method} compares. Use "
                "interrupted_time_series or structural_time_series, or name who is compared: `control: never` or `not_yet`."
            )

    def on(self, panel: Panel, kept: NDArray[np.bool_], graph: Graph | None) -> Design:
        """An exposure design on the panel of some of its observations (n values), such as that of another outcome."""
        assert self.exposed is not None
        codes = self.cluster_codes
        if not panel.followed and codes is not None:
            codes = codes[kept]
        return replace(
            self, _panel=panel, cohort_codes=np.zeros(panel.n_units, dtype=np.int64), cluster_codes=codes, graph=graph,
            exposed=replace(self.exposed, values=self.exposed.values[kept]),
        )  # fmt: skip

    def without(self, units: NDArray[np.int64]) -> Design:
        """The same design with some units (positions) left out."""
        codes = self.cohort_codes.copy()
        codes[units] = LEFT_OUT
        return replace(self, cohort_codes=codes)


@dataclass(frozen=True)
class _Adoption:
    """First treated period of each unit as a float position on the panel's clock; inf: never."""

    start: NDArray[np.float64]
    notes: tuple[str, ...] = ()
    switching: _Switching | None = None


@dataclass(frozen=True)
class _Switching:
    """Treatment that switches off: the 0/1 column of all observations, and the rows after an end."""

    panel: Panel
    name: str
    on: NDArray[np.bool_]
    off: NDArray[np.bool_]

    def among(self, kept: NDArray[np.bool_]) -> _Switching | None:
        """The same for the units that are kept; None where treatment stays on in them."""
        off = self.off & kept[self.panel.unit_codes]
        return replace(self, off=off) if off.any() else None

    def units(self) -> str:
        """Who switches off, in words: how many, and the first three with the period."""
        codes = self.panel.unit_codes
        units = np.unique(codes[self.off])
        when = [self.panel.periods[self.panel.period_codes[self.off & (codes == u)][0]] for u in units[:3]]
        shown = ", ".join(f"{self.panel.unit_name(int(u))} in {plain(p)}" for u, p in zip(units, when, strict=False))
        return f"{counted(len(units), 'unit')} ({shown}{', ...' if len(units) > 3 else ''})"

    def first_change(self) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Position of each unit's first change of treatment (T: none), and who is treated at first."""
        codes, lengths = self.panel.unit_codes, self.panel.cell_counts()
        first = self.on[np.cumsum(lengths) - lengths]
        changed = self.on != first[codes]
        start = np.full(self.panel.n_units, self.panel.n_periods)
        np.minimum.at(start, codes[changed], self.panel.period_codes[changed])
        return start, first

    def table(self) -> NDArray[np.bool_]:
        """Which units are treated when, [N, T]; False where a unit is not observed."""
        found = np.zeros((self.panel.n_units, self.panel.n_periods), dtype=bool)
        found[self.panel.unit_codes, self.panel.period_codes] = self.on
        return found


def _read(panel: Panel, begin: _Adoption, **choices: Any) -> Design:
    """The design of who starts when: cohorts, clusters and what had to be left out."""
    kept, said = _balanced(panel, choices["balance"])
    switching = None if begin.switching is None else begin.switching.among(kept)
    if switching is not None:
        return _with_reversals(panel, switching, (*begin.notes, *said, *_odd_clock(panel)), kept, **choices)
    codes, labels, positions, more = _cohorts(panel, begin, kept, choices["anticipation"])
    design = Design(
        first_treated=labels,
        starts=positions,
        cohort_codes=codes,
        cluster_codes=_clusters(panel, choices["cluster"], choices["balance"], codes >= 0),
        notes=(*begin.notes, *said, *more, *_odd_clock(panel)),
        _panel=panel,
        begin=begin.start,
        **choices,
    )
    _refuse_hopeless(design)
    return replace(design, notes=(*design.notes, *_small_cohorts(design)))


def _made(
    panel: Panel, ways: Mapping[str, Any], exposed: Mapping[str, Any], choices: Mapping[str, Any], graph: Graph | None
) -> Design:
    """A design of either kind; parameters as in ``Design.from_panel``."""
    _options(**{name: value for name, value in choices.items() if name != "cluster"})
    if any(exposed[name] is not None for name in ("column", "running", "threshold")):
        _one_kind(ways, choices["control"])
        return _exposed(panel, read_exposure(panel, **exposed), graph, choices)
    design = _read(panel, _adoption(panel, **ways), **choices)
    named = next((ways[w] for w in ("treated", "group", "first_treated") if ways[w] is not None), "treatment")
    return replace(design, graph=graph, treatment_name=named)


def _one_kind(ways: Mapping[str, Any], control: Control) -> None:
    """Refuse a design that says both who is exposed and who starts treatment."""
    given = [w for w, value in ways.items() if value is not None]
    if given:
        raise UsageError(
            "Say who is treated in exactly one way: exposure (or running with threshold) compares observations of one period, "
            f"{', '.join(given)} says when treatment starts. Leave one out."
        )
    if control == "none":
        raise DesignError(
            "`control: none` says that there is nobody to compare with, and exposures are compared. Leave it out."
        )


def _exposed(panel: Panel, found: Exposure, graph: Graph | None, choices: Mapping[str, Any]) -> Design:
    """The design of an exposure: one cohort that never starts treatment."""
    everyone = np.zeros(panel.n_units, dtype=np.int64)
    clusters = _clusters(panel, choices["cluster"], choices["balance"], everyone >= 0)
    usual = {**choices, "anticipation": 0, "base_period": "varying"}
    return Design(
        first_treated=(np.inf,), starts=np.array([panel.n_periods]), cohort_codes=everyone, cluster_codes=clusters, notes=(),
        _panel=panel, exposed=found, graph=graph, treatment_name=found.name, **usual,
    )  # fmt: skip


def _options(**given: Any) -> None:
    kinds = {"control": get_args(Control), "base_period": get_args(BasePeriod), "balance": get_args(Balance)}
    problems = [
        f"{name} is {given[name]!r}; it has to be one of {', '.join(allowed)}. {nearest(given[name], allowed)}"
        for name, allowed in kinds.items()
        if given[name] not in allowed
    ]
    whole = isinstance(given["anticipation"], (int, np.integer)) and not isinstance(given["anticipation"], bool)
    if not whole or given["anticipation"] < 0:
        problems.append(
            f"anticipation is {given['anticipation']!r}; it has to be a whole number of periods, 0 or more."
        )
    if problems:
        raise DesignError(problems)


def _adoption(panel: Panel, *, first_treated: Any, treated: Any, cohorts: Any, group: Any, starts: Any) -> _Adoption:
    one_way(first_treated=first_treated, treated=treated, cohorts=cohorts, group=group, starts=starts)
    if group is not None:
        return _from_group(panel, group, starts)
    if treated is not None:
        return _from_indicator(panel, treated)
    if cohorts is not None:
        return _from_mapping(panel, cohorts)
    return _from_first_treated(panel, first_treated)


def one_way(**ways: Any) -> str:
    """How it is said who is treated: the one way given of the four of ``Design.from_panel``."""
    given = [w for w in ("first_treated", "treated", "cohorts", "group") if ways.get(w) is not None]
    if len(given) != 1:
        raise UsageError(
            "Say who is treated in exactly one way: first_treated, treated, cohorts, or group with starts "
            f"(given: {', '.join(given) or 'none'})."
        )
    if (ways.get("group") is None) != (ways.get("starts") is None):
        raise UsageError(
            "group and starts go together: the column of the treated group and the period in which treatment starts."
        )
    return given[0]


def first_positions(panel: Panel, **ways: Any) -> NDArray[np.float64]:
    """Position of the first treated period of each unit (inf: never); ``ways`` as in ``Design.from_panel``."""
    given = dict.fromkeys(("first_treated", "treated", "cohorts", "group", "starts")) | ways
    return _adoption(panel, **given).start


def _from_first_treated(panel: Panel, name: str) -> _Adoption:
    raw = panel.unit_column(name)
    codes, labels = pd.factorize(raw, sort=False, use_na_sentinel=True)
    zero = [_is_zero(v) for v in labels]
    if any(zero) and panel.clock[0] < 0 <= panel.clock[-1]:
        raise DesignError(
            f"{name} is 0, which could be the period 0 or mean never treated. Leave it empty for never treated; for "
            "treatment that starts in period 0, shift the periods or give a 0/1 column as `treated`."
        )
    where = [np.inf if z else _position(panel, v, name) for v, z in zip(labels, zero, strict=True)]
    start = np.array([*where, np.inf])[codes]
    read_as_never = panel.count(np.isin(codes, np.flatnonzero(zero)))
    said = [f"{name} is 0 for {counted(read_as_never, _thing(panel))}: read as never treated."] if read_as_never else []
    return _Adoption(start, (*said, *_between_periods(panel, name, labels, where)))


def _is_zero(label: Any) -> bool:
    return _is_number(label) and label == 0


def _is_number(label: Any) -> bool:
    return isinstance(label, (int, float, np.number))


def _between_periods(panel: Panel, name: str, labels: Any, where: list[float]) -> list[str]:
    """Say which adoption dates fall between two observed periods."""
    if not _numeric(panel):
        return []
    inside = [(v, int(p)) for v, p in zip(labels, where, strict=True) if 0 < p < panel.n_periods]
    return [
        f"{name} {plain(v)} is no observed period: treatment counts from {plain(panel.periods[p])}."
        for v, p in inside
        if float(v) != panel.clock[p]
    ]


def _numeric(panel: Panel) -> bool:
    return bool(np.issubdtype(panel.periods.dtype, np.number))


def _on_clock(clock: NDArray[np.float64], label: float) -> float:
    """Position on a clock of numbers; after its end by the clock's usual step."""
    position = float(np.searchsorted(clock, label))
    if position < len(clock):
        return position
    step = float(np.median(np.diff(clock))) if len(clock) > 1 else 1.0
    return max(position, len(clock) - 1 + (label - float(clock[-1])) / step)


def _position(panel: Panel, label: Any, name: str) -> float:
    """Position of the first observed period that is not before ``label``; inf for never."""
    if pd.isna(label) or (_is_number(label) and np.isinf(label)):
        return np.inf
    if isinstance(label, str) and panel.periods.dtype == object:
        return _named_position(panel, label, name)
    try:
        if _numeric(panel):
            return _on_clock(panel.clock, float(label))
        if _is_number(label):
            raise TypeError("a number is no date")
        return float(np.searchsorted(panel.periods, np.asarray([label]).astype(panel.periods.dtype))[0])
    except (TypeError, ValueError) as error:
        first, last = plain(panel.periods[0]), plain(panel.periods[-1])
        raise DesignError(
            f"{name} holds {plain(label) if _is_number(label) else repr(label)}, which cannot be compared with the periods {first} to {last}."
        ) from error


def _named_position(panel: Panel, label: str, name: str) -> float:
    """Position of a period given by its name; texts do not say what lies between two of them."""
    names = [plain(p) for p in panel.periods]
    if label not in names:
        raise DesignError(
            f"{name} holds {label!r}, which is not among the periods {names[0]} to {names[-1]}. Correct it, or leave it "
            "empty for never treated."
        )
    return float(names.index(label))


def _from_indicator(panel: Panel, name: str) -> _Adoption:
    values = panel.column(name)
    on = _zero_one(panel, name, values)
    if not panel.followed:
        raise DesignError(
            f"treated: {name} needs units followed over time; these are repeated cross-sections. "
            "Use group and starts, or first_treated."
        )
    start, stays_on = _first_on(panel, on)
    if panel.unobserved is None:
        known = None
    else:
        known = _without_outcome(panel, name)
        np.minimum.at(start, known.units[known.on], known.periods[known.on].astype(float))
        stays_on = not (~on & (panel.period_codes > start[panel.unit_codes])).any()
    said = () if panel.balanced else _unseen_start(panel, name, start, known)
    if stays_on:
        return _Adoption(start, said)
    return _Adoption(start, said, _Switching(panel, name, on, ~on & (panel.period_codes > start[panel.unit_codes])))


@dataclass(frozen=True)
class _Rows:
    """Unit, period and treatment of rows that have no outcome."""

    units: NDArray[np.int64]
    periods: NDArray[np.int64]
    on: NDArray[np.bool_]


def _without_outcome(panel: Panel, name: str) -> _Rows:
    """What rows without an outcome say of treatment: they count for when it began."""
    assert panel.unobserved is not None
    units = pd.Index(panel.units).get_indexer(panel.unobserved[panel.unit])
    periods = pd.Index(panel.periods).get_indexer(panel.unobserved[panel.period])
    inside = (units >= 0) & (periods >= 0)
    on = _zero_one(panel, name, panel.unobserved[name].to_numpy())
    return _Rows(units[inside], periods[inside], on[inside])


def _unseen_start(panel: Panel, name: str, start: NDArray[np.float64], known: _Rows | None) -> tuple[str, ...]:
    """Say whose treatment may have begun in a period of which there is no row."""
    seen = np.zeros(panel.n_units, dtype=bool)
    seen[panel.unit_codes[panel.period_codes == start[panel.unit_codes] - 1]] = True
    if known is not None:
        seen[known.units[known.periods == start[known.units] - 1]] = True
    unsure = np.flatnonzero(np.isfinite(start) & (start > 0) & ~seen)
    if not len(unsure):
        return ()
    who = some([panel.unit_name(int(u)) for u in unsure])
    return (
        f"{name}: treatment counts from the first treated row, and there is no row of the period before it for {who}.",
    )


def _first_on(panel: Panel, on: NDArray[np.bool_]) -> tuple[NDArray[np.float64], bool]:
    """First treated position of each unit (inf: never), and whether treatment stays on from there."""
    if panel.balanced:
        table = on.reshape(panel.n_units, panel.n_periods)
        start = np.where(table.any(axis=1), table.argmax(axis=1), np.inf)
        return start, bool((table == (np.arange(panel.n_periods) >= start[:, None])).all())
    codes, periods = panel.unit_codes, panel.period_codes
    start = np.full(panel.n_units, np.inf)
    np.minimum.at(start, codes[on], periods[on].astype(float))
    return start, not bool((~on & (periods > start[codes])).any())


def _zero_one(panel: Panel, name: str, values: NDArray[Any]) -> NDArray[np.bool_]:
    gone = pd.isna(values)
    needs_zero_one(name, int(gone.sum()), pd.unique(values[~gone] if gone.any() else values))
    return values.astype(bool)


def needs_zero_one(name: str, missing: int, seen: NDArray[Any]) -> None:
    """Refuse a column with missing rows, or with other values (each once) than 0 and 1."""
    if missing:
        raise DesignError(f"{name} is missing in {counted(missing, 'row')}. Say 0 or 1 in each row.")
    wrong = [repr(plain(v)) if isinstance(v, str) else plain(v) for v in seen if v not in (0, 1)]
    if wrong:
        raise DesignError(f"{name} has to be 0 or 1; it holds {some(wrong, 3)}.")


def _with_reversals(
    panel: Panel, switching: _Switching, notes: tuple[str, ...], kept: NDArray[np.bool_], **choices: Any
) -> Design:
    """The design of treatment that switches off: cohorts are by the first change of treatment."""
    t = panel.n_periods
    start, first = switching.first_change()
    leaving = first & (start < t)
    start = np.where(first & (start == t), 0, start)
    key = 2 * start + leaving  # in order of time, the never treated last
    keys = np.unique(key[kept])
    where = keys // 2
    codes = np.where(kept, np.searchsorted(keys, key), LEFT_OUT).astype(np.int64)
    design = Design(
        first_treated=tuple(panel.periods[p] if p < t else np.inf for p in where),
        starts=where,
        cohort_codes=codes,
        cluster_codes=_clusters(panel, choices["cluster"], choices["balance"], codes >= 0),
        notes=(*notes, _said_of_reversals(switching)),
        _panel=panel,
        reversals=_switches_off(switching),
        treatment=switching.table(),
        leaving=keys % 2 == 1,
        **choices,
    )
    return replace(design, notes=(*design.notes, *_small_cohorts(design)))


def _switches_off(switching: _Switching) -> str:
    return (
        f"Treatment {switching.name!r} switches off in {switching.units()}. "
        "These designs need treatment that stays on. Use chaisemartin_dhaultfoeuille, or correct the column (are the periods "
        "in order of time?), leave these units out, or let treatment end the data: drop the periods after it was switched off."
    )


def _said_of_reversals(switching: _Switching) -> str:
    return f"Treatment {switching.name!r} switches off in {switching.units()}: cohorts are by the first change of treatment."


def _from_mapping(panel: Panel, cohorts: Mapping[Any, Any]) -> _Adoption:
    if not panel.followed:
        raise DesignError("cohorts names units, and repeated cross-sections have none. Use group and starts.")
    names = [panel.unit_name(u) for u in range(panel.n_units)]
    known = {name: u for u, name in enumerate(names)}
    unknown = [u for u in cohorts if plain(u) not in known]
    if unknown:
        raise DesignError(
            [
                f"cohorts names {plain(u)!r}, which is no {panel.unit} in the data. {nearest(plain(u), names)}"
                for u in unknown
            ]
        )
    start = np.full(panel.n_units, np.inf)
    for unit, label in cohorts.items():
        start[known[plain(unit)]] = _cohort_position(panel, unit, label)
    where = [start[known[plain(unit)]] for unit in cohorts]
    return _Adoption(start, tuple(_between_periods(panel, "cohorts:", list(cohorts.values()), where)))


def _cohort_position(panel: Panel, unit: Any, label: Any) -> float:
    position = _position(panel, label, f"cohorts.{unit}")
    if np.isfinite(position) and position >= panel.n_periods:
        raise DesignError(
            f"cohorts.{plain(unit)} starts in {plain(label)}, after the last period ({plain(panel.periods[-1])}). "
            "Correct the period, use newer data, or leave the unit out to call it never treated."
        )
    return position


def _from_group(panel: Panel, group: str, starts: Any) -> _Adoption:
    member = _zero_one(panel, group, panel.unit_column(group) if panel.followed else panel.column(group))
    position = _position(panel, starts, "starts")
    if not 0 < position < panel.n_periods:
        first, last = plain(panel.periods[0]), plain(panel.periods[-1])
        raise DesignError(
            f"starts is {plain(starts)}; it has to lie after the first period ({first}) and not after the last ({last})."
        )
    return _Adoption(np.where(member, position, np.inf))


def _balanced(panel: Panel, balance: Balance) -> tuple[NDArray[np.bool_], list[str]]:
    """Which units stay, and what to say about it."""
    everyone = np.ones(panel.n_units, dtype=bool)
    said = [f"{counted(panel.missing, 'row')} without an outcome left out."] if panel.missing else []
    if not panel.followed or panel.balanced:
        return everyone, said
    complete = panel.cell_counts() == panel.n_periods
    n, total = panel.count(~complete), panel.count(everyone)
    if balance == "strict":
        raise DesignError(_unbalanced(panel, complete))
    if balance == "drop":
        names = [name for name, _ in panel.lacking(~complete, 6)]
        said.append(
            f"{counted(n, 'unit')} not observed in each period left out ({some(names) if n < 7 else ', '.join(names[:5]) + ', ...'})."
        )
        if n > total * MANY_LEFT_OUT:
            left = counted(total - n, "unit that remains", "units that remain")
            said.append(f"That is {n / total:.0%} of all units: the answer is about the {left}.")
        return complete, said
    use = (
        "two periods are compared by the units observed in both"
        if balance == "pairwise"
        else "each observation is used as it is"
    )
    said.append(f"{counted(n, 'unit is', 'units are')} not observed in each period; {use}.")
    return everyone, said


def _unbalanced(panel: Panel, complete: NDArray[np.bool_]) -> str:
    n, total = panel.count(~complete), panel.count(np.ones(len(complete), dtype=bool))
    shown = "; ".join(f"{name} lacks {some(absent, 3)}" for name, absent in panel.lacking(~complete, 5))
    more = f" and {n - 5:,} more units" if n > 5 else ""
    advice = (
        "Complete the data, or say `balance: drop` to leave these units out, `balance: pairwise` to compare two periods by the units observed in "
        "both (callaway_santanna) or `balance: repeated_cross_sections` to use each observation as it is."
    )
    many = f"{counted(n, 'unit')} of {total:,} {'is' if n == 1 else 'are'}"
    return f"The panel is not balanced: {many} not observed in each period ({shown}{more}). {advice}"


def _cohorts(
    panel: Panel, begin: _Adoption, kept: NDArray[np.bool_], anticipation: int
) -> tuple[NDArray[np.int64], tuple[Any, ...], NDArray[np.int64], list[str]]:
    """Number the cohorts by time, the never treated last."""
    t = panel.n_periods
    start = np.where(np.isfinite(begin.start), begin.start, np.inf)
    later = np.isfinite(start) & (start >= t)
    soon = later & (start <= t - 1 + anticipation)
    start[later] = np.inf
    kept = kept & ~soon
    positions = np.unique(start[kept])
    codes = np.where(kept, np.searchsorted(positions, start), LEFT_OUT)
    labels = tuple(panel.periods[int(p)] if np.isfinite(p) else np.inf for p in positions)
    where = np.where(np.isfinite(positions), positions, t).astype(np.int64)
    return codes.astype(np.int64), labels, where, _said_of_cohorts(panel, codes, where, later & ~soon, soon)


def _said_of_cohorts(
    panel: Panel,
    codes: NDArray[np.int64],
    where: NDArray[np.int64],
    later: NDArray[np.bool_],
    soon: NDArray[np.bool_],
) -> list[str]:
    said = []
    thing = _thing(panel)
    last = plain(panel.periods[-1])
    for who, reading in (
        (later, "not treated in these data, so counted as never treated"),
        (soon, "left out, because they may anticipate it within the data"),
    ):
        if who.any():
            said.append(f"{counted(panel.count(who), thing)} first treated after the last period ({last}): {reading}.")
    if len(where) and where[0] == 0:
        n = panel.count(codes == 0)
        first = plain(panel.periods[0])
        said.append(
            f"{counted(n, thing)} treated in the first period ({first}) already left out: there is no period before treatment to compare with."
        )
    return said


def _odd_clock(panel: Panel) -> list[str]:
    """Months written as 202112, 202201: one month apart, and 89 as numbers."""
    clock = panel.clock
    if not _numeric(panel) or not ((clock % 100 >= 1) & (clock % 100 <= 12)).all():
        return []
    turn = np.flatnonzero(np.diff(clock) == 89)
    if not len(turn):
        return []
    before, after = (plain(panel.periods[turn[0] + k]) for k in (0, 1))
    return [
        f"Periods look like year and month: {before} and {after} are one month apart and 89 as numbers, so event times of "
        "different cohorts do not match. Write months as dates or texts (2021-12), or count them."
    ]


def _thing(panel: Panel) -> str:
    return "unit" if panel.followed else "observation"


def _clusters(panel: Panel, cluster: str | None, balance: Balance, kept: NDArray[np.bool_]) -> NDArray[np.int64] | None:
    if cluster is None or cluster == panel.unit:
        pooled = panel.followed and balance == "repeated_cross_sections"
        return np.arange(panel.n_units) if pooled else None
    values = panel.unit_column(cluster) if panel.followed else panel.column(cluster)
    # units stand in order; rows of their own stand as they came, and no number may depend on that
    codes, _ = pd.factorize(values, sort=not panel.followed)
    if (codes < 0).any():
        raise DesignError(
            f"Cluster column {cluster!r} is missing for {counted(int((codes < 0).sum()), _thing(panel))}. Fill it or leave them out."
        )
    if kept.any() and (codes[kept] == codes[kept][0]).all():
        raise DesignError(
            f"Cluster column {cluster!r} has one value ({plain(values[kept][0])}); a standard error needs at least two clusters."
        )
    return np.asarray(codes, dtype=np.int64)


def _refuse_hopeless(design: Design) -> None:
    adopting, never = design.adopting, design.never_treated
    if not len(adopting):
        raise DesignError(_nobody(design))
    if never is not None or design.control == "none":
        return
    last = design.cohort_name(int(adopting[-1]))
    if len(adopting) == 1:
        raise DesignError(
            f"Everyone is treated, all from {last} on: nobody is left to compare with. Add units that are not treated, or say "
            "`control: none` to compare each with its own course before (interrupted_time_series, structural_time_series)."
        )
    if design.control == "never":
        raise DesignError(
            "No unit is never treated, and `control: never` needs some. Use `control: not_yet` to compare with units "
            f"that are treated later (up to {last}), or add untreated units."
        )


def _nobody(design: Design) -> str:
    if len(design.always_treated):
        first = plain(design.first_treated[0])
        return f"No unit starts treatment after the first period: the treated ones are treated in {first} already. Use data that begin earlier."
    kept_whole = isinstance(design._panel, Panel) and not design._panel.streamed
    if design.begin is not None and kept_whole and (lost := _treated_but_left_out(design)):
        return (
            f"No treated unit is left: {some(lost)} {'is' if len(lost) == 1 else 'are'} not observed in each period, and `balance: "
            "drop` leaves such units out. Complete their data, begin or end the data where they are complete (`sample: "
            "{first_period: ..., last_period: ...}`), or use matrix_completion with `balance: pairwise`, which fills gaps."
        )
    return "No unit is treated within the data. Check the treatment column and its periods."


def _treated_but_left_out(design: Design) -> list[str]:
    """Units that start treatment within the data, and the periods in which they are not observed."""
    assert design.begin is not None
    panel = design._panel
    gone = (design.begin > 0) & (design.begin < panel.n_periods) & (design.cohort_codes == LEFT_OUT)
    return [f"{name} (lacks {some(absent, 3)})" for name, absent in panel.lacking(gone, 6)]


def _small_cohorts(design: Design) -> list[str]:
    if design.cross_sections or design.control == "none":  # a series has errors of its own
        return []
    entering = np.flatnonzero(design.starts > 0)
    alone = [int(g) for g in entering if design._panel.count(design.cohort_codes == g) == 1]
    return [
        f"Cohort {design.cohort_name(g)} is one unit ({design.members(g)[0]}): its own variation cannot be seen, so no "
        "standard error rests on it alone."
        for g in alone
    ]
