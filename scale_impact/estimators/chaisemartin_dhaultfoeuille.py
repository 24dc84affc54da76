"""Effects of treatment that may switch on and off, of de Chaisemartin and D'Haultfoeuille.

``dynamic`` (2024): units whose treatment changes for the first time are compared with units that
had the same treatment at first and have not changed yet. The effect at an event time is that of
the treatment since the first change, whatever came after it; ``overall`` is the effect per unit
and period of treatment more than at first. ``DID_M`` (2020): units that switch are compared with
units that stay, from one period to the next; right where effects come at once and end at once.

Both take units that are treated at first and switch off. Where treatment stays on, ``dynamic`` is
Callaway and Sant'Anna's estimate with not-yet-treated controls.

Standard errors are analytic, clustered by unit (or the design's cluster), with a normal reference
distribution. Those of ``dynamic`` are conditional on who switches when, with n / (n - 1) for each
cohort, as in did_multiplegt_dyn; those of ``DID_M`` are of a sample of units, as in a bootstrap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated, Any, Literal, get_args

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from scale_impact.core.analysis import REFERENCE, Analysis
from scale_impact.core.cohorts import Cohorts, Floats, Scores
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Family, Sample
from scale_impact.core.keys import Count
from scale_impact.core.panel import Panel, elapsed
from scale_impact.core.words import counted
from scale_impact.errors import DesignError, UsageError
from scale_impact.estimators._regression import needs_panel
from scale_impact.estimators._stayers import ALONE, Average, Rows, Stayers, average, switches_of

Version = Literal["dynamic", "DID_M"]
Placebos = Annotated[int, Ge(0)]

Bools = NDArray[np.bool_]
Positions = NDArray[np.int64]

NAME = "chaisemartin_dhaultfoeuille"
POOLED = "whose variation is measured around the mean of both sides (as did_multiplegt_dyn does)"
UNSEEN = "whose own variation cannot be seen: read its standard error as a lower bound"

MOST_CELLS = 400
"""Up to so many cohort x period effects are given one by one, with their covariance."""

NEVER = np.iinfo(np.int64).max


def fit(
    panel: Panel,
    design: Design,
    *,
    version: Version = "dynamic",
    normalised: bool = False,
    effects: Count | None = None,
    placebos: Placebos | None = None,
    only_never_switchers: bool = False,
) -> Effect:
    """Effects of first switches over time, or of all switches at once.

    Parameters
    ----------
    panel, design:
        A balanced panel; treatment may switch on and off. Controls are those that have not
        switched yet, whatever the design's ``control``.
    version:
        ``dynamic`` (all event times) or ``DID_M`` (the effect in the period of the switch).
    normalised:
        Divide the path by the treatment received until then, in unit periods.
    effects, placebos:
        How many periods from the switch on, and before it; None: as many as there are.
    only_never_switchers:
        Compare with units that never switch.

    Returns
    -------
    Effect in the outcome's unit. ``path`` has placebos of the same length as the effects that
    they mirror; ``summaries`` has the effects of switching on and off where there are both.

    Raises
    ------
    DesignError
        Cross-sections; nobody who switches can be compared; anticipation with ``DID_M``.

    Source: de Chaisemartin and D'Haultfoeuille (2024), sections 3 and 4 (``dynamic``), and
    (2020), theorem 3 and section V (``DID_M``).
    """
    if version not in get_args(Version):
        raise UsageError(f"version is {version!r}; it has to be one of {', '.join(get_args(Version))}.")
    needs_panel(NAME, design)
    analysis = Analysis.of(panel, design, always_treated=design.reversals is not None, reversals=True)
    if version == "DID_M":
        return _period_to_period(analysis, placebos, normalised, effects, only_never_switchers)
    switches = Switches(analysis, only_never_switchers)
    cells = _cells(switches, effects, placebos)
    if not cells.post.any():
        raise DesignError(_nobody(design))
    return _dynamic(switches, cells, normalised)


# ---- first switches ----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Switches:
    """Cohorts by treatment at first and first switch, and who has not switched yet."""

    analysis: Analysis
    never_only: bool

    @property
    def moments(self) -> Cohorts:
        """Of the cohorts that enter."""
        return self.analysis.moments

    @cached_property
    def leaving(self) -> Bools:
        """Cohorts that switch off, [G]."""
        leaving = self.analysis.design.leaving
        return np.zeros(len(self.moments.starts), dtype=bool) if leaving is None else leaving[self.analysis.positions]

    @cached_property
    def at_first(self) -> Bools:
        """Cohorts treated in the first period, [G]."""
        return np.asarray(self.leaving | (self.moments.starts == 0))

    @cached_property
    def switch(self) -> Positions:
        """Position of the first switch, [G]; NEVER where there is none."""
        starts = self.moments.starts
        return np.where((starts == self.moments.n_periods) | (starts == 0), NEVER, starts)

    @cached_property
    def base(self) -> Positions:
        """Last period before the (anticipated) switch, [G]."""
        return np.asarray(self.moments.starts - 1 - self.analysis.design.anticipation)

    @cached_property
    def received(self) -> Floats:
        """By how much mean treatment differs from that at first, [G, T]."""
        design, t = self.analysis.design, self.moments.n_periods
        if design.treatment is None:
            return np.asarray(np.arange(t) >= self.switch[:, None], dtype=float)
        codes = design.cohort_codes
        mean = np.array([design.treatment[codes == g].mean(axis=0) for g in self.analysis.positions])
        return np.asarray(np.abs(mean - self.at_first[:, None]))

    def controls(self, g: int, until: int) -> Bools:
        """Cohorts with the same treatment at first that have not switched (or anticipated it) until a period, [G]."""
        same = self.at_first == self.at_first[g]
        if self.never_only:
            return np.asarray(same & (self.switch == NEVER))
        return np.asarray(same & (self.switch > until + self.analysis.design.anticipation))

    def replicates(self, cohorts: Bools) -> Floats:
        """Units of some cohorts [C, G], or clusters where these are above the unit, [C]."""
        clusters = self.moments.clusters
        if clusters is None:
            return np.asarray(cohorts @ self.moments.units)
        return np.array([clusters.n_touching(who) for who in cohorts], dtype=float)


@dataclass(frozen=True)
class Counts:
    """Units (clusters) of the switching cohort, of its controls and of both, one entry a comparison."""

    own: Floats
    control: Floats
    both: Floats

    def root(self, n: Floats) -> Floats:
        """Square root of n / (n - 1), n that of both sides where one is alone."""
        n = np.where(n > 1, n, self.both)
        return np.asarray(np.sqrt(np.where(n > 1, n / np.maximum(n - 1, 1), 1.0)))


@dataclass(frozen=True, eq=False)
class Cells:
    """Cohorts' changes between two periods against their controls; every array has one entry a comparison.

    Attributes
    ----------
    switches:
        The cohorts.
    cohort, period, base:
        Who is compared between which periods.
    mirrored:
        The period whose effect it is, or mirrors as a placebo.
    control:
        Who is compared with, [C, G].
    """

    switches: Switches
    cohort: Positions
    period: Positions
    base: Positions
    mirrored: Positions
    control: Bools

    @property
    def effect(self) -> Bools:
        """Effects, from the (anticipated) switch on; the others are placebos."""
        return np.asarray(self.period > self.base)

    @cached_property
    def size(self) -> Floats:
        """Switching units."""
        return self.switches.moments.units[self.cohort]

    @cached_property
    def since(self) -> Floats:
        """Event time."""
        moments = self.switches.moments
        return np.asarray(elapsed(moments.clock, self.period, moments.starts[self.cohort]))

    @cached_property
    def post(self) -> Bools:
        """Comparisons from the first switch on."""
        return self.effect & (self.since >= 0)

    @cached_property
    def off(self) -> Bools:
        """Comparisons of units that switch off."""
        return self.switches.leaving[self.cohort]

    @cached_property
    def received(self) -> Floats:
        """Treatment of the period, per unit."""
        return self.switches.received[self.cohort, self.period]

    @cached_property
    def until(self) -> Floats:
        """Treatment from the switch to the period (or the one mirrored), per unit."""
        return np.asarray(self.switches.received.cumsum(axis=1)[self.cohort, self.mirrored])

    @cached_property
    def n_control(self) -> Floats:
        """Units compared with."""
        return np.asarray(self.control @ self.switches.moments.units)

    @property
    def alone(self) -> Bools:
        """Comparisons of one unit, or with one."""
        return np.asarray((self.size == 1) | (self.n_control == 1))

    @cached_property
    def changes(self) -> Floats:
        """Each cohort's mean change less that of the controls, [C, G]."""
        paths, units = self.switches.moments.paths, self.switches.moments.units
        change = (paths[:, self.period] - paths[:, self.base]).T
        return np.asarray(change - ((self.control * change) @ units / self.n_control)[:, None])

    @cached_property
    def values(self) -> Floats:
        """Differences in differences, signed so that more treatment counts positive."""
        raw = self.changes[np.arange(len(self.cohort)), self.cohort]
        return np.where(self.off, -raw, raw)

    def scores(self, rows: Floats) -> Scores:
        """Scores of sums of comparisons, ``rows`` [K, C].

        Source: de Chaisemartin and D'Haultfoeuille (2024), section 4 and web appendix (the
        influence function with cohort means, n / (n - 1) for each cohort and for the controls);
        a side of one unit as in did_multiplegt_dyn.
        """
        counts = self._counts
        each = self._per_unit((counts.root(counts.own), counts.root(counts.control)))
        return Scores(self._spread(rows, each), rows @ (each * self._offsets(counts)))

    def weights(self, rows: Floats) -> Floats:
        """Weights on the cohorts' means of sums of comparisons, [K, G, T]."""
        ones = np.ones(len(self.cohort))
        return self._spread(rows, self._per_unit((ones, ones)) * self.switches.moments.units)

    def _per_unit(self, factors: tuple[Floats, Floats]) -> Floats:
        """What a unit of each cohort counts, [C, G]; ``factors`` are those of the cohort and of its controls."""
        each = self.control * (-factors[1] / self.n_control)[:, None]
        each[np.arange(len(each)), self.cohort] = factors[0] / self.size
        return np.asarray(np.where(self.off[:, None], -each, each))

    @cached_property
    def _counts(self) -> Counts:
        """How many units (clusters) each cohort and its controls have."""
        own = np.arange(self.control.shape[1]) == self.cohort[:, None]
        return Counts(*(self.switches.replicates(who) for who in (own, self.control, own | self.control)))

    def _offsets(self, counts: Counts) -> Floats:
        """Means of the cohorts' changes, from those that deviations are measured from, [C, G].

        These are the cohort's own mean (0 is left) and the controls'; where one unit is alone on a
        side, the mean of both sides takes the place of its side's.
        """
        gap = self.changes[np.arange(len(self.cohort)), self.cohort]
        share = self.size / (self.size + self.n_control)
        found = self.control * (self.changes - np.where(counts.control > 1, 0.0, share * gap)[:, None])
        found[np.arange(len(found)), self.cohort] = np.where(counts.own > 1, 0.0, (1 - share) * gap)
        return np.asarray(found)

    def _spread(self, rows: Floats, each: Floats) -> Floats:
        """Sums of comparisons laid over cohorts and periods, [K, G, T]."""
        eye = np.eye(self.switches.moments.n_periods)
        contrast = eye[self.period] - eye[self.base]
        found = np.zeros((len(rows), each.shape[1], len(eye)))
        for k, row in enumerate(rows):
            used = np.flatnonzero(row)
            found[k] = (row[used, None] * each[used]).T @ contrast[used]
        return found


def _cells(switches: Switches, effects: int | None, placebos: int | None) -> Cells:
    """Effects, and placebos that mirror them around the base period.

    Source: de Chaisemartin and D'Haultfoeuille (2024), section 3.2 and web appendix on placebos.
    """
    t, units = switches.moments.n_periods, switches.moments.units
    found: list[tuple[int, int, int, int]] = []
    controls: list[Bools] = []
    for g in np.flatnonzero((switches.switch != NEVER) & (switches.base >= 0)):
        base, start = int(switches.base[g]), int(switches.switch[g])
        end = t if effects is None else min(t, start + effects)
        for period in range(base + 1, t):
            control = switches.controls(int(g), period)
            before = 2 * base - period
            if not units[control].any():
                break
            wanted = [period] if period < end else []
            if before >= 0 and (placebos is None or base - before <= placebos):
                wanted.append(before)
            found += [(int(g), when, base, period) for when in wanted]
            controls += [control] * len(wanted)
    cohort, outcome, base_of, mirrored = np.array(found, dtype=np.int64).reshape(-1, 4).T
    control_of = np.array(controls, dtype=bool).reshape(-1, len(units))
    return Cells(switches, cohort, outcome, base_of, mirrored, control_of)


# ---- the dynamic version -----------------------------------------------------------------------


def _dynamic(switches: Switches, cells: Cells, normalised: bool) -> Effect:
    analysis = switches.analysis
    tops = {"overall": cells.post}
    if (cells.post & cells.off).any() and (cells.post & ~cells.off).any():
        tops |= {"switchers_on": cells.post & ~cells.off, "switchers_off": cells.post & cells.off}
    rows = np.array([inside * cells.size / (cells.size * cells.received)[inside].sum() for inside in tops.values()])
    scores = cells.scores(rows)
    variances = analysis.moments.variance(scores)
    reasons = _reasons(cells, rows, variances, analysis)
    made = [analysis.estimate(v, s, None, r) for v, s, r in zip(rows @ cells.values, variances, reasons, strict=True)]
    return Effect(
        estimator=NAME,
        overall=made[0],
        sample=_sample(analysis, np.unique(cells.cohort[cells.post])),
        inference=f"analytic, clustered by {analysis.clustered_by}, conditional on who switches when",
        path=_path(cells, normalised),
        cells=_cell_family(cells),
        weights=analysis.weight_frame(cells.weights(rows[:1])[0]),
        summaries=dict(zip(tops, made, strict=True)),
        influence=analysis.influence(scores.select(np.array([0]))),
        notes=(*analysis.notes(), *_notes(switches, cells, rows[0], normalised)),
    )


def _path(cells: Cells, normalised: bool) -> Family:
    """Averages by event time over switching units, with the base period in its place."""
    starts, base = cells.switches.moments.starts, cells.switches.base
    used = np.unique(cells.cohort)
    references = elapsed(cells.switches.moments.clock, base[used], starts[used])
    times = np.union1d(cells.since, references)
    inside = (cells.since == times[:, None]) * cells.size
    total = inside.sum(axis=1, keepdims=True)
    rows = inside / np.maximum(total, 1)
    if normalised:
        treatment = (inside * cells.until).sum(axis=1, keepdims=True)
        rows = np.where(treatment > 0, inside / np.maximum(treatment, 1e-300), rows)
    return _family(cells, rows, "event_time", event_times=tuple(float(e) for e in times))


def _cell_family(cells: Cells) -> Family | None:
    """The effects (no placebos) by cohort and period; None where they are very many."""
    switches, chosen = cells.switches, np.flatnonzero(cells.effect)
    if len(chosen) > MOST_CELLS:
        return None
    analysis = switches.analysis
    named = [
        names if off else label
        for names, label, off in zip(analysis.names, analysis.labels, switches.leaving, strict=True)
    ]
    return _family(
        cells,
        np.eye(len(cells.cohort))[chosen],
        "cohort_period",
        event_times=tuple(float(e) for e in cells.since[chosen]),
        cohorts=tuple(named[g] for g in cells.cohort[chosen]),
        periods=tuple(analysis.panel.periods[t] for t in cells.period[chosen]),
    )


def _family(cells: Cells, rows: Floats, kind: Literal["event_time", "cohort_period"], **labels: Any) -> Family:
    analysis, scores = cells.switches.analysis, cells.scores(rows)
    covariance = analysis.moments.covariance(scores)
    variances = np.diag(covariance)
    return Family(
        kind,
        rows @ cells.values,
        variances,
        covariance,
        tuple(_reasons(cells, rows, variances, analysis)),
        weights=cells.weights(rows),
        influence=analysis.influence(scores),
        **labels,
    )


def _reasons(cells: Cells, rows: Floats, variances: Floats, analysis: Analysis) -> list[str | None]:
    used = rows != 0
    none, alone = ~np.any(used, axis=1), ~np.any(used & ~cells.alone, axis=1)
    parts = zip(none, alone, analysis.reasons(variances), strict=True)
    return [REFERENCE if n else ALONE if a else other for n, a, other in parts]


def _sample(analysis: Analysis, switching: Positions) -> Sample:
    return replace(analysis.sample(), n_treated=int(analysis.moments.units[switching].sum()))


def _notes(switches: Switches, cells: Cells, row: Floats, normalised: bool) -> list[str]:
    notes = []
    design, names, units = switches.analysis.design, switches.analysis.names, switches.moments.units
    if design.reversals is not None:
        again = float((cells.size * (1 - cells.received))[cells.post].sum() / cells.size[cells.post].sum())
        notes.append(
            "An effect is that of the treatment since the first change, and overall is per unit and period of treatment: in "
            f"{again:.0%} of the periods that count the first change was undone."
        )
    if normalised:
        notes.append("The path is per unit and period of treatment received until then (normalised).")
    reached = set(cells.cohort[cells.effect].tolist())
    for g in np.flatnonzero(switches.switch != NEVER):
        if int(g) not in reached:
            n = counted(int(units[g]), "unit")
            notes.append(
                f"Cohort {names[g]} ({n}) is not compared: no period before the switch or nobody who has not switched."
            )
    return [*notes, *_of_controls(switches), *_of_one_unit(float(row[cells.alone].sum() / row.sum()), POOLED)]


def _of_controls(switches: Switches) -> list[str]:
    """Say where the design asks for the never treated and others serve as controls too."""
    if switches.analysis.design.control != "never" or switches.never_only or (switches.switch != NEVER).sum() < 2:
        return []
    return [
        "Controls are all units that have not switched yet, although the design says `control: never`; "
        "`only_never_switchers: true` takes those that never switch alone."
    ]


def _of_one_unit(share: float, words: str) -> list[str]:
    if not 1e-12 < share < 1 - 1e-12:
        return []
    return [f"{share:.0%} of the overall effect's weight rests on one switching or one comparison unit, {words}."]


def _nobody(design: Design) -> str:
    if design.anticipation:
        return (
            f"No unit that switches has a period before the switch and its anticipation of {design.anticipation} and a control. "
            "Shorten the anticipation or use data that begin earlier."
        )
    return (
        "No unit that switches can be compared: nobody with the same treatment at first keeps it long enough. Add units "
        "whose treatment does not change."
    )


# ---- DID_M -------------------------------------------------------------------------------------


def _period_to_period(
    analysis: Analysis, placebos: int | None, normalised: bool, effects: int | None, only_never: bool
) -> Effect:
    design = analysis.design
    odd = {"normalised": normalised, "effects": effects is not None, "only_never_switchers": only_never}
    if any(odd.values()):
        given = ", ".join(name for name, used in odd.items() if used)
        raise UsageError(
            f"version DID_M takes no {given}: it is the effect in the period of the switch. Use version dynamic."
        )
    if design.anticipation:
        raise DesignError(
            "version DID_M compares one period with the one before, so it allows no anticipation. Use version dynamic."
        )
    stayers = Stayers(analysis)
    rows = stayers.rows
    now = switches_of(analysis.moments.clock, [0])[0.0]
    top = average(rows, now)
    if not top.switchers:
        raise DesignError(_nobody(design))
    last = analysis.moments.n_periods - 2
    before = switches_of(analysis.moments.clock, range(last if placebos is None else min(placebos, last), 0, -1))
    found = {label: average(rows, pairs) for label, pairs in sorted(before.items())} | {0.0: top}
    tops = {"overall": top} | _by_direction(rows, now)
    return Effect(
        estimator=NAME,
        overall=stayers.estimates([top])[0],
        sample=replace(analysis.sample(), n_treated=_switchers(rows)),
        inference=f"analytic, clustered by {analysis.clustered_by}, numbers of switchers estimated",
        path=stayers.path({label: a for label, a in found.items() if a.switchers}),
        weights=None if design.treatment is not None else analysis.weight_frame(top.loadings * rows.size[:, None]),
        summaries=dict(zip(tops, stayers.estimates(list(tops.values())), strict=True)),
        influence=stayers.influence([top]),
        notes=(*analysis.notes(), *_of_one_unit(top.alone / top.switchers, UNSEEN)),
    )


def _by_direction(rows: Rows, now: Sequence[tuple[Positions, int]]) -> dict[str, Average]:
    """The effects of switching on and off, where there are both."""
    parts = {"switchers_on": average(rows, now, (False,)), "switchers_off": average(rows, now, (True,))}
    return parts if all(a.switchers for a in parts.values()) else {}


def _switchers(rows: Rows) -> int:
    """Units that switch at some time."""
    return int(rows.size[(rows.treated != rows.treated[:, :1]).any(axis=1)].sum())
