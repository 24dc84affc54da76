"""The stacked event study: one clean experiment a cohort, all estimated together.

For each cohort a stack is made of its units and of clean controls (never treated, or not treated
until the stack ends), over a window of event times; then one event-study regression with effects
of unit by stack and period by stack. Right for several adoption dates where trends would have
been parallel without treatment; every event time rests on the same cohorts. Least squares weights
the stacks by precision (Cengiz et al. 2019), which is nobody's average effect; with corrective
weights on the controls the estimate is the average over the treated units of all stacks (Wing,
Freedman and Hollingsworth 2024).

A control unit is in several stacks and is counted once: standard errors are clustered by unit
(or the design's cluster) across stacks, with fixest's small-sample correction; t distribution
with G - 1 degrees of freedom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.analysis import REFERENCE, Analysis
from scale_impact.core.cell_effects import Bools, event_times
from scale_impact.core.cohorts import Cohorts, Floats, Scores
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Family, Sample
from scale_impact.core.fixed_effects import SmallSample
from scale_impact.core.panel import Panel
from scale_impact.core.words import counted, plain
from scale_impact.errors import DesignError, UsageError
from scale_impact.estimators._cells import ALONE, KFixef, small_sample

Weights = Literal["corrective", "equal"]
StackEffects = Literal["by_stack", "pooled"]


def fit(
    panel: Panel,
    design: Design,
    *,
    window: Sequence[float] | None = None,
    weights: Weights = "corrective",
    effects: StackEffects = "by_stack",
    K_adj: bool = True,
    K_fixef: KFixef = "nonnested",
    G_adj: bool = True,
) -> Effect:
    """Coefficients by event time from stacked experiments.

    Parameters
    ----------
    panel, design:
        A balanced panel. With ``control: never`` the never treated are the controls of each
        stack, with ``not_yet`` also cohorts whose (anticipated) treatment comes after the stack
        ends. The reference is the last period before (anticipated) treatment.
    window:
        First and last event time, such as ``[-4, 4]``. Cohorts whose stack the data do not fill,
        or that have no clean control in it, are left out. None: the widest window that all fill.
    weights:
        ``"corrective"``: controls count in each stack as its treated units do among all treated;
        ``"equal"``: each observation of a stack counts the same.
    effects:
        ``"by_stack"``: an effect for each unit in each stack and each period of each stack (Cengiz
        et al.); ``"pooled"``: one for the treated and one for each event time of all stacks (Wing
        et al.). With corrective weights the estimates are the same, their standard errors not.
    K_adj, K_fixef, G_adj:
        Small-sample correction in the words of fixest's ``ssc``; observations are those of the
        stacks.

    Returns
    -------
    Effect in the outcome's unit: ``path`` with its covariance, ``overall`` the mean of the
    coefficients from event time 0 on.

    Raises
    ------
    DesignError
        Cross-sections; a window without the reference period or event time 0, or that no cohort
        fills with a clean control.

    Source: Cengiz, Dube, Lindner and Zipperer (2019), appendix D; Wing, Freedman and
    Hollingsworth (2024): trimmed aggregate and corrective weights.
    """
    if design.cross_sections:
        raise DesignError(
            "stacked needs a balanced panel of units followed over time. Use sun_abraham, imputation, etwfe or "
            "callaway_santanna for repeated cross-sections."
        )
    _options(weights, effects)
    small = small_sample(K_adj, K_fixef, G_adj)
    whole = Analysis.of(panel, design)
    ends = _window(whole, window)
    analysis, stacks = _kept(whole, _stacks(whole, ends, weights))
    fitted = _by_stack(stacks) if effects == "by_stack" else _pooled(stacks)
    words = f"{weights} weights, effects {effects.replace('_', ' ')}"
    return _effect(analysis, stacks, fitted, small, words, _notes(whole, analysis, stacks, ends, window is None))


@dataclass(frozen=True, eq=False)
class Stacks:
    """S experiments on cohort moments.

    Attributes
    ----------
    moments:
        Of the cohorts that enter.
    treated:
        Position of each stack's treated cohort, [S].
    controls:
        Its control cohorts, [S, G].
    inside:
        Its periods, [S, T].
    since:
        Event time of each period, [S, T].
    reference:
        The event time without coefficient.
    weighting:
        ``corrective`` or ``equal``.
    """

    moments: Cohorts
    treated: NDArray[np.int64]
    controls: Bools
    inside: Bools
    since: Floats
    reference: float
    weighting: Weights

    @cached_property
    def times(self) -> Floats:
        """Event times with a coefficient, [E]."""
        return np.setdiff1d(self.since[self.inside], [self.reference])

    @cached_property
    def n_treated(self) -> Floats:
        """Treated units of each stack, [S]."""
        return np.asarray(self.moments.units[self.treated])

    @cached_property
    def n_controls(self) -> Floats:
        """Control units of each stack, [S]."""
        return np.asarray(self.controls @ self.moments.units)

    @cached_property
    def weight(self) -> Floats:
        """Weight of a control unit beside a treated one, [S].

        Source: Wing, Freedman and Hollingsworth (2024), corrective weights.
        """
        if self.weighting == "equal":
            return np.ones(len(self.treated))
        share = self.n_treated / self.n_treated.sum()
        return np.asarray(share / (self.n_controls / self.n_controls.sum()))

    @cached_property
    def alone(self) -> Bools:
        """Stacks with one treated or one control unit, [S]."""
        return np.asarray((self.n_treated == 1) | (self.n_controls == 1))

    @cached_property
    def dummies(self) -> Floats:
        """Event-time dummies less their mean over the stack's periods, [S, E, T]."""
        on = self.inside[:, None, :] & (self.since[:, None, :] == self.times[:, None])
        return self.demeaned(on.astype(float))

    @cached_property
    def side(self) -> Floats:
        """Weight of the controls in each stack, [S]: how far a treated unit is from the stack's mean."""
        controls = self.weight * self.n_controls
        return np.asarray(controls / (self.n_treated + controls))

    @cached_property
    def middle(self) -> Floats:
        """Mean path of the controls, [S, T]."""
        mean = (self.controls * self.moments.units) @ self.moments.paths
        return np.asarray(mean / self.n_controls[:, None])

    def demeaned(self, x: Floats) -> Floats:
        """Less the mean over each stack's periods, 0 outside; ``x`` is [S, ..., T]."""
        inside = self.inside.reshape(len(self.inside), *(1,) * (x.ndim - 2), -1)
        mean = (x * inside).sum(axis=-1, keepdims=True) / inside.sum(axis=-1, keepdims=True)
        return np.asarray((x - mean) * inside)

    def sums(self, treated: Floats, controls: Floats) -> Floats:
        """What a unit has in all its stacks, [E, G, T], from what it has in each, both [E, S, T]."""
        total = np.einsum("sg,est->egt", self.controls.astype(float), controls, optimize=True)
        total[:, self.treated] += treated
        return np.asarray(total)


@dataclass(frozen=True)
class Fitted:
    """Coefficients of the event times, their scores, and how many effects count in fixest's K."""

    values: Floats
    scores: Scores
    units: int
    periods: int


# ---- the regression ------------------------------------------------------------------------------


def _by_stack(stacks: Stacks) -> Fitted:
    """Effects of unit by stack and of period by stack.

    The latter leave of a regressor of the treated its distance from the stack's mean: ``side`` for
    them, ``side`` - 1 for controls.
    """
    moments, side = stacks.moments, stacks.side[:, None]
    gap = stacks.demeaned(moments.paths[stacks.treated] - stacks.middle)
    size = stacks.n_treated * stacks.side
    flat = stacks.dummies.transpose(1, 0, 2).reshape(len(stacks.times), -1)
    bread = np.linalg.inv((flat * np.repeat(size, moments.n_periods)) @ flat.T)
    values = bread @ (flat @ (size[:, None] * gap).ravel())
    slopes = (bread @ flat).reshape(len(values), *gap.shape)  # [E, S, T]
    rest = gap - (values @ flat).reshape(gap.shape)
    treated, controls = slopes * side, slopes * (side - 1) * stacks.weight[:, None]
    loadings = stacks.sums(treated, controls)
    offsets = np.einsum("egt,gt->eg", stacks.sums(0 * treated, controls), moments.paths)
    offsets -= (controls * (stacks.middle + (1 - side) * rest)).sum(axis=2) @ stacks.controls
    offsets[:, stacks.treated] += (treated * side * rest).sum(axis=2)
    members = int((stacks.n_treated + stacks.n_controls).sum())
    return Fitted(values, Scores(loadings, offsets), members, int(stacks.inside.sum()))


def _pooled(stacks: Stacks) -> Fitted:
    """One effect of the treated and one of each event time: changes of pooled means since the reference."""
    moments, on = stacks.moments, stacks.inside[:, None, :]
    if (stacks.inside.sum(axis=1) != len(stacks.times) + 1).any():
        raise DesignError(
            "effects: pooled needs the same event times in each stack; here periods are not evenly spaced. Use effects: by_stack."
        )
    now = (on & (stacks.since[:, None] == stacks.times[:, None])).astype(float)
    step = (now - (on & (stacks.since[:, None] == stacks.reference))).transpose(1, 0, 2)  # [E, S, T]
    treated = step / stacks.n_treated.sum()
    weight = stacks.weight[:, None] / (stacks.weight @ stacks.n_controls)
    loadings = stacks.sums(treated, -step * weight)
    by_cohort = np.einsum("egt,gt->eg", loadings * moments.units[:, None], moments.paths)
    change = np.einsum("est,gt->esg", step, moments.paths)  # of each cohort over each stack
    own = change[:, np.arange(len(stacks.treated)), stacks.treated]
    mean_treated = own @ stacks.n_treated / stacks.n_treated.sum()
    mean_controls = mean_treated - by_cohort.sum(axis=1)
    offsets = -np.einsum("esg,sg->eg", change - mean_controls[:, None, None], stacks.controls * weight, optimize=True)
    offsets[:, stacks.treated] += (own - mean_treated[:, None]) / stacks.n_treated.sum()
    return Fitted(by_cohort.sum(axis=1), Scores(loadings, offsets), 1, len(stacks.times) + 2)


# ---- which stacks --------------------------------------------------------------------------------


def _options(weights: str, effects: str) -> None:
    problems = [
        f"{name} is {given!r}; it has to be {' or '.join(known)}."
        for name, given, known in (
            ("weights", weights, get_args(Weights)),
            ("effects", effects, get_args(StackEffects)),
        )
        if given not in known
    ]
    if problems:
        raise UsageError(problems)


def _reach(analysis: Analysis) -> Floats:
    """First and last event time that the data have for each cohort beside an untreated one, [G, 2]; NaN: none."""
    moments, since = analysis.moments, event_times(analysis.moments)
    last = int(moments.starts.max())
    end = moments.n_periods if last == moments.n_periods else last - analysis.design.anticipation
    able = (moments.starts < end) & (moments.starts > analysis.design.anticipation)
    return np.where(able[:, None], since[:, [0, end - 1]], np.nan)


def _window(analysis: Analysis, window: Sequence[float] | None) -> tuple[float, float]:
    """First and last event time."""
    if window is None:
        reach = _reach(analysis)
        if np.isnan(reach).all():
            raise DesignError(
                "No cohort has a period before (anticipated) treatment and a clean control after it. Add untreated units "
                "or use data that begin earlier."
            )
        return float(np.nanmax(reach[:, 0])), float(np.nanmin(reach[:, 1]))
    if len(window) != 2 or not window[0] < 0 <= window[1]:
        raise DesignError(
            f"window is {list(window)}; it has to be [first, last] event time with first < 0 <= last, such as [-4, 4]."
        )
    return float(window[0]), float(window[1])


def _stacks(analysis: Analysis, ends: tuple[float, float], weighting: Weights) -> Stacks:
    """The stacks that the data fill."""
    moments, design = analysis.moments, analysis.design
    reach, since = _reach(analysis), event_times(moments)
    rows = np.flatnonzero((reach[:, 0] <= ends[0]) & (reach[:, 1] >= ends[1]))
    inside = (since[rows] >= ends[0]) & (since[rows] <= ends[1])
    last = moments.n_periods - 1 - inside[:, ::-1].argmax(axis=1)
    never = moments.starts == moments.n_periods
    later = moments.starts > last[:, None] + design.anticipation
    controls = never | (later if design.control == "not_yet" else False)
    controls = np.broadcast_to(controls, (len(rows), len(never)))
    usable = controls.any(axis=1) & inside.any(axis=1)
    if not usable.any():
        raise DesignError(_unfilled(analysis, reach, ends))
    rows, controls, inside = rows[usable], controls[usable], inside[usable]
    reference = _reference(moments, design, rows, inside & (since[rows] < 0), since[rows], ends)
    return Stacks(moments, rows, controls, inside, since[rows], reference, weighting)


def _reference(
    moments: Cohorts, design: Design, rows: NDArray[np.int64], before: Bools, since: Floats, ends: tuple[float, float]
) -> float:
    """The last event time before anticipated treatment that each stack has."""
    until = moments.starts[rows, None] - np.arange(moments.n_periods)
    free = [set(e[b]) for e, b in zip(since, before & (until > design.anticipation), strict=True)]
    common = set.intersection(*free)
    if not common:
        raise DesignError(
            f"The window from {plain(ends[0])} holds no event time that lies before treatment and its anticipation of "
            f"{design.anticipation} in each stack. Start it earlier."
        )
    return float(max(common))


def _unfilled(analysis: Analysis, reach: Floats, ends: tuple[float, float]) -> str:
    seen = [
        f"{analysis.names[g]} from {plain(reach[g, 0])} to {plain(reach[g, 1])}"
        for g in np.flatnonzero(~np.isnan(reach[:, 0]))
    ]
    return (
        f"No cohort fills the window from {plain(ends[0])} to {plain(ends[1])} with a clean control in it (event times that the "
        f"data have: {'; '.join(seen) or 'none'}). Choose a narrower window, or `control: not_yet`."
    )


def _kept(analysis: Analysis, stacks: Stacks) -> tuple[Analysis, Stacks]:
    """The cohorts that are in a stack."""
    used = np.asarray(stacks.controls.any(axis=0))
    used[stacks.treated] = True
    rows = np.flatnonzero(used)
    moments = analysis.moments.keep(rows)
    treated = np.searchsorted(rows, stacks.treated)
    kept = replace(stacks, moments=moments, treated=treated, controls=stacks.controls[:, rows])
    return replace(analysis, moments=moments, positions=analysis.positions[rows]), kept


# ---- results -------------------------------------------------------------------------------------


def _effect(
    analysis: Analysis, stacks: Stacks, fitted: Fitted, small: SmallSample, words: str, notes: list[str]
) -> Effect:
    moments = analysis.moments
    n = int((stacks.n_treated + stacks.n_controls) @ stacks.inside.sum(axis=1))
    factor = small.factor(n, len(fitted.values), fitted.units, fitted.periods, moments.n_clusters)
    after = (stacks.times >= 0) / (stacks.times >= 0).sum()
    total = fitted.scores.map(after[None])
    variance = float(moments.variance(total)[0]) * factor
    alone = ALONE if stacks.alone.all() else None
    return Effect(
        estimator="stacked",
        overall=analysis.estimate(float(after @ fitted.values), variance, moments.n_clusters - 1, alone),
        sample=_sample(analysis, stacks),
        inference=f"clustered by {analysis.clustered_by} across stacks, CR1 ({small.words()}), {words}",
        path=_path(analysis, stacks, fitted, factor),
        weights=analysis.weight_frame(total.loadings[0] * moments.counts),
        influence=analysis.influence(total, factor),
        notes=(*analysis.notes(), *notes),
    )


def _path(analysis: Analysis, stacks: Stacks, fitted: Fitted, factor: float) -> Family:
    """The coefficients with the reference period put in its place."""
    at = int(np.searchsorted(stacks.times, stacks.reference))
    place = np.insert(np.eye(len(fitted.values)), at, 0.0, axis=0)
    mapped = fitted.scores.map(place)
    covariance = analysis.moments.covariance(mapped) * factor
    times = np.insert(stacks.times, at, stacks.reference)
    has = np.array([(stacks.inside & (stacks.since == e)).any(axis=1) for e in times])
    alone = np.asarray(~(has & ~stacks.alone).any(axis=1))
    found = zip(times.tolist(), alone.tolist(), analysis.reasons(np.diag(covariance)), strict=True)
    return Family(
        "event_time",
        place @ fitted.values,
        np.diag(covariance),
        covariance,
        tuple(REFERENCE if e == stacks.reference else ALONE if a else other for e, a, other in found),
        event_times=tuple(times.tolist()),
        df=analysis.moments.n_clusters - 1,
        weights=mapped.loadings * analysis.moments.counts,
        influence=analysis.influence(mapped, factor),
    )


def _sample(analysis: Analysis, stacks: Stacks) -> Sample:
    """Counts of units and observations, each once, however many stacks they are in."""
    used = (stacks.controls.T.astype(float) @ stacks.inside) > 0
    used[stacks.treated] |= stacks.inside
    return replace(
        analysis.sample(),
        n_treated=int(stacks.n_treated.sum()),
        n_periods=int(used.any(axis=0).sum()),
        n_obs=int(analysis.moments.counts[used].sum()),
    )


def _notes(whole: Analysis, kept: Analysis, stacks: Stacks, ends: tuple[float, float], chosen: bool) -> list[str]:
    """The window, who is in no stack as treated, and how much rests on one unit."""
    notes = []
    span = f"{plain(ends[0])} to {plain(ends[1])}"
    if chosen and len(stacks.treated) > 1:
        notes.append(
            f"Event times {span}: the widest window that all cohorts with a clean control fill. Set `window` for another."
        )
    stacked = kept.positions[stacks.treated]
    for g in np.flatnonzero(whole.treated & ~np.isin(whole.positions, stacked)):
        units = counted(int(whole.moments.units[g]), "unit")
        notes.append(
            f"Cohort {whole.names[g]} ({units}) has no stack: it lacks event times {span} with a clean control."
        )
    alone = float(stacks.n_treated[stacks.alone].sum() / stacks.n_treated.sum())
    if 0 < alone < 1:
        notes.append(
            f"{alone:.0%} of the treated units are in stacks with one treated or one control unit, whose own variation cannot "
            "be seen: read standard errors as lower bounds."
        )
    return notes
