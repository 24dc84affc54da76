"""Regression discontinuity: what crossing a threshold that decides about a measure does, at the threshold.

Towns just above and just below a population of 5,000 are alike but for the rule that begins there. Local polynomials on each side,
fitted to those near the threshold, meet it at two heights: their difference is the effect *there* (sharp), and over the jump of the
exposure the effect of the exposure on those whom the threshold moves (fuzzy). A straight line misses some curvature: its bias is
estimated by a higher polynomial, taken away, and the standard error knows of that (robust bias-corrected).

Right where nobody chooses the side of the threshold on which they are (``density_jump``), nothing else begins at it, and outcomes
without the measure would not jump (``covariate_continuity``, ``placebo_cutoffs``). Population thresholds often decide several things
at once (councillors' pay, electoral rules, audits), and officials sort around some: the estimate is then of the bundle, or of nothing
(Eggers, Freier, Grembi and Nannicini 2018). Towns far from the threshold may well have other effects.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, get_args

import numpy as np
from annotated_types import Ge, Gt, Len
from numpy.typing import NDArray

from scale_impact.core.causal.discontinuity.bandwidths import Bandwidths
from scale_impact.core.causal.discontinuity.choices import Choices, Floats, Kernel, MassPoints, Selector, Variance
from scale_impact.core.causal.discontinuity.density import Running, density_test, gap
from scale_impact.core.causal.discontinuity.found import Discontinuity, estimated
from scale_impact.core.causal.discontinuity.observations import Observations, observations, once_a_unit, where
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Estimate, Sample
from scale_impact.core.exposure import Running as Threshold
from scale_impact.core.influence import Influence
from scale_impact.core.keys import Column, Count
from scale_impact.core.panel import Panel
from scale_impact.core.words import counted, nearest, number
from scale_impact.errors import EstimationError, UsageError

NAME = "regression_discontinuity"

EXPOSURE = True

FEW_CLUSTERS = 40

FEW_NEAR = 20
"""With fewer observations within the bandwidth on one side a note says so."""

FEW_VALUES = 20
"""Different values of the running variable within the bandwidth on each side from which on it counts as continuous."""

UNTOLD = 1.959963984540054
"""A first stage below this many standard errors may be 0 (at 95 %)."""

SUSPICIOUS = 0.05
"""A note says so where the test of the running variable's density has a smaller p-value."""

WEAK = 10.0
"""First stages with a smaller F are weak: the interval of their ratio cannot be trusted."""

EXACT = 1e-10
"""Errors below this share of the outcome's range are rounding."""

Width = Annotated[float, Gt(0)]


def fit(
    panel: Panel,
    design: Design,
    *,
    bandwidth: Selector | Width | Annotated[Sequence[Width], Len(2, 2)] = "mserd",
    bias_bandwidth: Width | None = None,
    kernel: Kernel = "triangular",
    degree: Annotated[int, Ge(0)] = 1,
    bias_degree: Count | None = None,
    variance: Variance = "nn",
    neighbours: Count = 3,
    mass_points: MassPoints = "adjust",
    regularisation: Annotated[float, Ge(0)] = 1.0,
    donut: Annotated[float, Ge(0)] = 0.0,
    covariates: Sequence[Column] = (),
) -> Effect:
    """The effect at the threshold.

    Parameters
    ----------
    panel, design:
        Observations, and the running variable with its threshold (``design.running``); those of several periods are pooled.
    bandwidth:
        Distance from the threshold up to which observations count, in the running variable's unit: a number, two (below and above), or
        the rule that chooses: ``mserd`` (least mean squared error of the jump), ``msetwo`` (of each side), ``msesum`` (of the sum),
        ``msecomb1``, ``msecomb2`` (the smaller, the middle of these), or ``cer...`` (best coverage of the interval).
    bias_bandwidth, kernel:
        Bandwidth of the bias (default the rule's, or ``bandwidth``); ``triangular``, ``epanechnikov`` or ``uniform``.
    degree, bias_degree:
        Of the local polynomial, and of the one for its bias (default one more).
    variance, neighbours:
        ``nn``: errors from so many nearest neighbours; ``hc0`` to ``hc3``: from residuals. With clusters: sums of residuals.
    mass_points, regularisation:
        ``adjust``: where many observations share values, bandwidths count distinct ones; ``off``: they do not. Weight of the term that
        keeps bandwidths small where the bias is badly known.
    donut, covariates:
        Leave out observations nearer than this. Columns that make the estimate more precise; it is right without them.

    Returns
    -------
    Effect: ``overall`` is the bias-corrected estimate with its robust standard error (its interval and p-value are those to report),
    ``summaries`` have ``conventional`` (no correction), ``bias_corrected`` (with an error that ignores the correction), ``level_without``
    and ``level_with`` (fitted outcomes at the threshold on either side) and, where fuzzy, ``first_stage`` and ``crossing``.

    Raises
    ------
    DesignError, EstimationError
        No threshold, or nobody on one side; too few different values within the bandwidth, or the exposure does not jump.

    Source: Calonico, Cattaneo and Titiunik (2014), theorems 1, 3; Calonico, Cattaneo and Farrell (2020); Calonico, Cattaneo, Farrell and
    Titiunik (2019).
    """
    _refuse_numbers(degree=degree, bias_degree=bias_degree, neighbours=neighbours, bias_bandwidth=bias_bandwidth,
                    regularisation=regularisation, donut=donut)  # fmt: skip
    choices = _choices(bandwidth, kernel, degree, bias_degree, variance, neighbours, mass_points, regularisation)
    found = observations(panel, design, NAME, tuple(covariates), donut)
    _refuse_errors(found, variance)
    density = _density(observations(panel, design, NAME) if donut else found)
    jump = estimated(found, choices, _given(bandwidth, found.rule), bias_bandwidth)
    return _effect(jump, panel, design, bandwidth, density)


def _choices(
    bandwidth: object, kernel: Kernel, degree: int, bias_degree: int | None, variance: Variance, neighbours: int, mass_points: MassPoints,
    regularisation: float,
) -> Choices:  # fmt: skip
    named: dict[str, tuple[str, object]] = {
        "kernel": (kernel, Kernel),
        "variance": (variance, Variance),
        "mass_points": (mass_points, MassPoints),
    }
    if isinstance(bandwidth, str):
        named["bandwidth"] = (bandwidth, Selector)
    problems = [
        f"{name} is {value!r}; it has to be one of {', '.join(get_args(known))}. {nearest(value, get_args(known))}"
        for name, (value, known) in named.items()
        if value not in get_args(known)
    ]
    wide = degree + 1 if bias_degree is None else bias_degree
    if wide <= degree:
        problems.append(
            f"bias_degree is {wide} and degree {degree}: the polynomial for the bias needs a higher degree."
        )
    if problems:
        raise UsageError(problems)
    rule = bandwidth if isinstance(bandwidth, str) else "mserd"
    return Choices(kernel, degree, wide, variance, neighbours, mass_points, regularisation, rule)  # type: ignore[arg-type]


WHOLE = {"degree": 0, "bias_degree": 1, "neighbours": 1}
"""Options that are whole numbers, and the least of each; all others that are numbers are 0 or more."""


def _refuse_numbers(**given: object) -> None:
    """Refuse numbers that options cannot be, all at once."""
    problems = []
    for name, value in given.items():
        if value is None or (_is_number(value, WHOLE.get(name)) and (name != "bias_bandwidth" or value)):
            continue
        wanted = "a number above 0" if name == "bias_bandwidth" else "a number, 0 or more"
        whole = f"a whole number, {WHOLE.get(name)} or more"
        problems.append(f"{name} is {value!r}; it has to be {whole if name in WHOLE else wanted}.")
    if problems:
        raise UsageError(problems)


def _is_number(value: object, least: int | None) -> bool:
    """Whether an option is a finite number of 0 or more; with ``least`` a whole one from there on."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.number)):
        return False
    if least is not None and not isinstance(value, (int, np.integer)):
        return False
    return bool(np.isfinite(value) and value >= (least or 0))


def _given(bandwidth: str | float | Sequence[float], rule: Threshold) -> Bandwidths | None:
    """Bandwidths that are numbers, the untreated side's first; the bias's are the same."""
    if isinstance(bandwidth, str):
        return None
    pair: tuple[Any, ...] = tuple(bandwidth) if isinstance(bandwidth, (Sequence, np.ndarray)) else (bandwidth,) * 2
    if len(pair) != 2 or not all(_is_number(h, None) and h > 0 for h in pair):
        raise UsageError(
            f"bandwidth is {bandwidth!r}; it has to be a rule, a positive number, or two (below and above the threshold)."
        )
    low, high = map(float, pair)
    ordered = (low, high) if rule.side == "above" else (high, low)
    return Bandwidths(ordered, ordered)


def _refuse_errors(found: Observations, variance: Variance) -> None:
    if found.clusters is not None and variance in ("hc2", "hc3"):
        raise UsageError(
            f"variance is {variance!r}, which is for independent observations, and errors are clustered here. Leave it out: sums of "
            "residuals by cluster are taken."
        )


# ---- the effect ----------------------------------------------------------------------------------


def _effect(found: Discontinuity, panel: Panel, design: Design, bandwidth: object, density: Sequence[str]) -> Effect:
    made = found.jump.estimate
    df = None if found.jump.n_clusters is None else float(found.jump.n_clusters - 1)
    overall = _overall(found, df)
    levels = dict(zip(("level_without", "level_with"), found.jump.levels, strict=True))
    no_error = "no standard error: the two levels are not what is estimated"
    return Effect(
        estimator=NAME,
        overall=overall,
        sample=_sample(found),
        inference=_inference(found),
        estimand="LATE",
        summaries={
            "conventional": _told(found, made.conventional, made.conventional_error, df),
            "bias_corrected": _told(found, made.corrected, made.conventional_error, df),
            **{name: Estimate(value, reason=no_error) for name, value in levels.items()},
            **_first_stage(found, df),
        },
        notes=(*found.observations.notes, *_notes(found, bandwidth), *density),
        treated_mean=None if found.observations.fuzzy else levels["level_with"],
        influence=None if overall.std_error is None else Influence(panel, design, made=lambda: _by_unit(found, panel)),
        judged_by="analytic",
        discontinuity=found,
    )


def _by_unit(found: Discontinuity, panel: Panel) -> Floats:
    """What each unit (each observation where none is followed) adds to the error, [N, 1]."""
    each, rows = found.contributions(), found.observations
    at, n = (rows.units, panel.n_units) if panel.followed else (rows.rows, panel.n_obs)
    return np.asarray(np.bincount(at, weights=each, minlength=n)[:, None], dtype=np.float64)


def _overall(found: Discontinuity, df: float | None) -> Estimate:
    """The corrected estimate; without a standard error where the exposure may not jump at all.

    Then every bounded interval of the ratio fails to cover: the set of values that the data do not reject has no end
    (Feir, Lemieux and Marmer 2016).
    """
    made, first = found.jump.estimate, found.jump.first_stage
    if first is None or not first.robust_error or abs(first.corrected) >= UNTOLD * first.robust_error:
        return _told(found, made.corrected, made.robust_error, df)
    reason = (
        f"no standard error: the exposure's jump, {number(first.corrected)} (standard error {number(first.robust_error)}), may be 0, and then the "
        "data rule out no effect however large; the outcome's own jump is the summary `crossing`"
    )
    return Estimate(made.corrected, None, reason=reason)


def _told(found: Discontinuity, value: float, error: float, df: float | None) -> Estimate:
    """A number with its standard error, unless that is no more than rounding."""
    if error > EXACT * float(np.ptp(found.observations.outcome)):
        return Estimate(value, error, df)
    return Estimate(value, reason="no standard error: the outcome does not vary around its course")


def _first_stage(found: Discontinuity, df: float | None) -> dict[str, Estimate]:
    """Where fuzzy: the exposure's jump, and the outcome's."""
    first = found.jump.first_stage
    if first is None:
        return {}
    crossing = found.crossing().estimate
    return {
        "first_stage": Estimate(first.corrected, first.robust_error, df),
        "crossing": _told(found, crossing.corrected, crossing.robust_error, df),
    }


def _sample(found: Discontinuity) -> Sample:
    """Counts within the bandwidth of the estimate."""
    near = _near(found)
    rows = found.observations
    got = rows.eligible if rows.exposure is None else rows.exposure > 0
    clusters = rows.units if rows.clusters is None else rows.clusters
    return Sample(
        n_units=_many(rows.units[near]), n_treated=_many(rows.units[near & got]), n_periods=_many(rows.periods[near]), n_obs=int(near.sum()),
        n_clusters=_many(clusters[near]),
    )  # fmt: skip


def _many(codes: NDArray[np.int64]) -> int:
    """Number of different codes."""
    return int(np.count_nonzero(np.bincount(codes)))


def _near(found: Discontinuity) -> NDArray[np.bool_]:
    """Observations that count in the estimate."""
    rows, choices = found.observations, found.choices
    below, above = found.jump.bandwidths.h
    distance = np.abs(rows.x) / np.where(rows.eligible, above, below)
    return np.asarray(distance <= 1 if choices.kernel == "uniform" else distance < 1)


def _inference(found: Discontinuity) -> str:
    n = found.jump.n_clusters
    how = f"robust bias-corrected, {found.choices.kernel} kernel"
    if n is not None:
        return f"{how}, clustered, t({n - 1:,})"
    errors = (
        f"{found.choices.neighbours} nearest neighbours" if found.choices.variance == "nn" else found.choices.variance
    )
    return f"{how}, errors from {errors}, normal"


# ---- notes ---------------------------------------------------------------------------------------


def _notes(found: Discontinuity, bandwidth: object) -> tuple[str, ...]:
    return (
        _about(found),
        _widths(found, bandwidth),
        _uncorrected(found),
        *_few(found),
        *_straddling(found),
        *_ties(found),
        *_weak(found),
    )


def _about(found: Discontinuity) -> str:
    rule = found.observations.rule
    who = "those whom the threshold moves, at the threshold" if found.observations.fuzzy else "those at the threshold"
    return f"The effect is of {rule.words} on {who}; for others it may differ."


def _widths(found: Discontinuity, bandwidth: object) -> str:
    made, sides = found.jump, where(found.observations.rule)
    rule = f"rule {bandwidth}" if isinstance(bandwidth, str) else "given"
    return (
        f"Within the bandwidth of {_pair(made.bandwidths.h)} ({rule}) lie {made.n_within[0]:,} observations {sides[0]} and {made.n_within[1]:,} "
        f"{sides[1]} the threshold, within that of the bias ({_pair(made.bandwidths.b)}) {made.n_bias[0]:,} and {made.n_bias[1]:,}."
    )


def _pair(values: tuple[float, float]) -> str:
    return number(values[0]) if values[0] == values[1] else f"{number(values[0])} and {number(values[1])}"


def _uncorrected(found: Discontinuity) -> str:
    made = found.jump.estimate
    return (
        f"Without the correction for bias the estimate is {number(made.conventional)} (standard error {number(made.conventional_error)}), which "
        "many papers print beside the robust interval given here."
    )


def _few(found: Discontinuity) -> list[str]:
    made, said = found.jump, []
    for n, side in zip(made.n_within, where(found.observations.rule), strict=True):
        if n < FEW_NEAR:
            said.append(
                f"Only {counted(n, 'observation')} {side} the threshold lie within the bandwidth: the normal interval is rough."
            )
    if made.n_clusters is not None and made.n_clusters < FEW_CLUSTERS:
        said.append(
            f"{made.n_clusters} clusters are few: t({made.n_clusters - 1}) and the sums' small-sample factor help only in part."
        )
    return said


def _straddling(found: Discontinuity) -> list[str]:
    """Clusters with observations on both sides within the bandwidth, and an exposure that falls where it should rise."""
    rows, near, said = found.observations, _near(found), []
    if rows.clusters is not None:
        both = np.intersect1d(rows.clusters[near & rows.eligible], rows.clusters[near & ~rows.eligible])
        if len(both):
            said.append(
                f"{counted(len(both), 'cluster')} lie on both sides of the threshold: errors of the two levels are added as if independent."
            )
    first = found.jump.first_stage
    if first is not None and first.corrected < 0:
        said.append(f"The exposure falls by {number(-first.corrected)} where it is meant to rise: check `side`.")
    return said


def _ties(found: Discontinuity) -> list[str]:
    sides, column, places = found.sides, found.observations.rule.column, where(found.observations.rule)
    if not any(s.heaped for s in sides):
        return []
    near = [s.within(h, found.choices.kernel).distinct for s, h in zip(sides, found.jump.bandwidths.h, strict=True)]
    shown = f"{column} repeats values ({sides[0].distinct:,} different ones {places[0]} the threshold, {sides[1].distinct:,} {places[1]}"
    if min(near) >= FEW_VALUES:
        return [f"{shown}): bandwidths reach a least number of different ones."]
    return [
        f"{shown}, {near[0]} and {near[1]} of them within the bandwidth): the fit is extrapolated from the last values to the threshold, and "
        "with so few values intervals are too short (Kolesár and Rothe 2018)."
    ]


def _weak(found: Discontinuity) -> list[str]:
    first = found.jump.first_stage
    if first is None or not first.robust_error:
        return []
    f = (first.corrected / first.robust_error) ** 2
    if f >= WEAK:
        return []
    return [
        f"The exposure's jump is {number(first.corrected)} (F = {number(f)}, below {WEAK:g}): so weak a first stage makes the ratio's interval "
        "untrustworthy. The outcome's own jump is among the summaries (crossing)."
    ]


def _density(rows: Observations) -> list[str]:
    """A note where the density jumps or leaves a gap; nothing where it cannot be told."""
    try:
        running = Running.of(*once_a_unit(rows.units, rows.x, rows.eligible))
        test = density_test(running)
    except EstimationError:
        return []
    hole = gap(running, test.slopes)
    if test.p_value >= SUSPICIOUS and (hole is None or hole.p_value >= SUSPICIOUS / 10):
        return []
    what = (
        f"jumps at the threshold (p = {number(test.p_value)})"
        if test.p_value < SUSPICIOUS
        else "leaves a gap beside the threshold"
    )
    return [
        f"The density of {rows.rule.column} {what}: who can choose the side may differ from the others. See the check density_jump."
    ]
