"""Does who is observed change with the measure? Who enters and leaves, and whether they are like the others.

Where treated units drop out (or appear) differently from the untreated, a change in the mean is
partly a change in who is counted. With complete panels there is nothing to find. With incomplete
ones the indicator "observed" is itself compared by difference-in-differences, and units that were
left out are compared with those kept. In repeated cross-sections the treated group's share of the
observations must not change at the measure, nor the means of characteristics that it cannot move.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scale_impact.checks._reasons import because
from scale_impact.core.check import Check, Verdict
from scale_impact.core.cohorts import Cohorts, Floats, Scores
from scale_impact.core.comparison import holm
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Estimate
from scale_impact.core.keys import Column, Share
from scale_impact.core.panel import Panel
from scale_impact.core.words import counted, number
from scale_impact.errors import DataError

NAME = "composition"

Codes = NDArray[np.int64]


def run(
    panel: Panel,
    design: Design,
    refit: Callable[[Panel, Design], Effect],
    *,
    characteristics: Sequence[Column] = (),
    alpha: Share = 0.05,
) -> Check:
    """Changes at the measure in who is observed.

    Parameters
    ----------
    panel, design, refit:
        The data and the design; the estimator is not used.
    characteristics:
        Columns of numbers that the measure cannot change, such as a house's age; default the
        study's covariates.
    alpha:
        The check fails where a p-value, adjusted for the number of tests (Holm 1979), is below it.

    Returns
    -------
    Check whose p-value is the smallest adjusted one. ``details.rows`` has the tests, all of them
    differences of means with standard errors clustered as in the design; ``details.observed`` the
    share of periods observed, by group, before and after.

    Source: Lee (2009) on attrition that differs between groups; Hong (2013) and Sant'Anna and Xu
    (2023) on repeated cross-sections whose composition changes.
    """
    names = tuple(characteristics) or panel.covariates
    if panel.balanced and not panel.missing:
        n = counted(panel.n_units, "unit")
        return Check(
            NAME, "pass", f"Each of {n} is observed in each of {panel.n_periods} periods: nobody enters or leaves."
        )
    tests, details = _of_followed(panel, design, names) if panel.followed else _of_sections(panel, design, names)
    return _judged(panel, tests, details, alpha)


@dataclass(frozen=True)
class Test:
    """A difference of means that should be zero."""

    what: str
    estimate: Estimate


@dataclass(frozen=True, eq=False)
class Group:
    """First treated position of all units, those left out for gaps among them, as cohorts."""

    codes: Codes
    starts: Codes


# ---- panels ------------------------------------------------------------------------------------


def _of_followed(panel: Panel, design: Design, names: Sequence[str]) -> tuple[list[Test], dict[str, Any]]:
    seen = np.zeros((panel.n_units, panel.n_periods))
    seen[panel.unit_codes, panel.period_codes] = 1.0
    group = _groups(panel, design)
    clusters = None if design.cluster in (None, panel.unit) else design.cluster_codes
    moments = Cohorts.from_matrix(seen, group.codes, group.starts, clusters=clusters)
    tests = [Test("share of periods observed, treated against others, after against before", _did(moments))]
    left_out = design.cohort_codes < 0
    if design.balance in ("repeated_cross_sections", "pairwise"):
        tests += _changes(panel, design, group, names)
    elif left_out.any():
        tests += _left_out(panel, design, left_out, names)
    details = {"observed": _observed(moments), "incomplete": int((seen.min(axis=1) == 0).sum()), "units": panel.n_units}
    return tests, details


def _groups(panel: Panel, design: Design) -> Group:
    """Cohorts of all units by the first treated position that the data give them."""
    t = panel.n_periods
    if design.begin is None:
        return Group(design.cohort_codes, design.starts)
    begin = np.where(np.isfinite(design.begin), np.minimum(design.begin, t), t).astype(np.int64)
    starts, codes = np.unique(begin, return_inverse=True)
    return Group(codes.astype(np.int64), starts)


def _observed(moments: Cohorts) -> dict[str, dict[str, float | None]]:
    """Share of periods observed of the treated and the others, before and after the first treatment of a cohort."""
    t = moments.n_periods
    treated = np.flatnonzero((moments.starts > 0) & (moments.starts < t))
    never = np.flatnonzero(moments.starts == t)
    first = int(moments.starts[treated].min(initial=t))
    when = np.arange(t)
    share: dict[str, dict[str, float | None]] = {}
    for name, cohorts in (("treated", treated), ("untreated", never)):
        cells = [
            (moments.units[g], moments.means[g], moments.starts[g] if moments.starts[g] < t else first) for g in cohorts
        ]
        share[name] = {side: _share(cells, when, side) for side in ("before", "after")}
    return share


def _share(cells: list[tuple[float, Floats, int]], when: Codes, side: str) -> float | None:
    inside = [(n * means[(when < s) == (side == "before")], n) for n, means, s in cells]
    size = sum(n * len(m) for m, n in inside)
    return float(sum(m.sum() for m, _ in inside) / size) if size else None


def _left_out(panel: Panel, design: Design, left_out: NDArray[np.bool_], names: Sequence[str]) -> Iterator[Test]:
    """Units left out against those kept: the outcome before anybody is treated, and characteristics."""
    first = int(design.starts[design.adopting[0]])
    before = panel.period_codes < first
    for name, values in [(panel.outcome, panel.values), *((n, _numeric(panel, n)) for n in names)]:
        means = _unit_means(panel, values, before)
        known = ~np.isnan(means)
        codes = np.where(known, left_out, -1).astype(np.int64)
        moments = Cohorts.from_matrix(
            np.where(known, means, 0.0)[:, None], codes, np.array([1, 1]), clusters=design.cluster_codes
        )
        yield Test(
            f"{name} before the measure, units left out against those kept",
            _contrast(moments, np.array([[-1.0], [1.0]])),
        )


def _unit_means(panel: Panel, values: Floats, inside: NDArray[np.bool_]) -> Floats:
    inside = inside & ~np.isnan(values)
    n = np.bincount(panel.unit_codes[inside], minlength=panel.n_units)
    total = np.bincount(panel.unit_codes[inside], values[inside], panel.n_units)
    return np.where(n > 0, total / np.maximum(n, 1), np.nan)


# ---- cross-sections ----------------------------------------------------------------------------


def _of_sections(panel: Panel, design: Design, names: Sequence[str]) -> tuple[list[Test], dict[str, Any]]:
    group = Group(design.cohort_codes, design.starts)
    tests = [*_group_shares(panel, design), *_changes(panel, design, group, names)]
    counts = {
        design.cohort_name(g): np.bincount(
            panel.period_codes[design.cohort_codes == g], minlength=panel.n_periods
        ).tolist()
        for g in range(len(design.starts))
    }
    return tests, {"observations": counts}


def _group_shares(panel: Panel, design: Design) -> Iterator[Test]:
    """Each treated group's share of the observations of it and its controls, after against before."""
    rest = design.cohort_codes == (len(design.starts) - 1 if design.never_treated is None else design.never_treated)
    for g in np.intersect1d(design.adopting, design.cohort_codes):
        member = design.cohort_codes == g
        if not (rest & ~member).any():
            continue
        codes = np.where(member | rest, 0, -1)
        moments = Cohorts.from_cells(
            member.astype(float), codes, panel.period_codes, np.array([panel.n_periods]), clock=panel.clock,
            clusters=design.cluster_codes,
        )  # fmt: skip
        weights = _after_less_before(moments.counts[0] > 0, int(design.starts[g]), panel.n_periods)
        yield Test(
            f"share of observations in group {design.cohort_name(int(g))}, after against before",
            _contrast(moments, weights[None]),
        )


def _changes(panel: Panel, design: Design, group: Group, names: Sequence[str]) -> Iterator[Test]:
    """Difference-in-differences on the means of characteristics among those observed."""
    owner = panel.unit_codes
    for name in names:
        values = _numeric(panel, name)
        known = ~np.isnan(values)
        clusters = None if design.cluster_codes is None else design.cluster_codes[owner]
        moments = Cohorts.from_cells(
            np.where(known, values, 0.0), np.where(known, group.codes[owner], -1), panel.period_codes, group.starts,
            clock=panel.clock, owners=owner if panel.followed else None, clusters=clusters,
        )  # fmt: skip
        yield Test(f"{name}, treated against others, after against before", _did(moments))


def _numeric(panel: Panel, name: str) -> Floats:
    values = np.asarray(pd.to_numeric(pd.Series(panel.column(name)), errors="coerce"), dtype=np.float64)
    if np.isnan(values).all():
        raise DataError(
            f"Column {name!r} holds no numbers, so its means cannot be compared. Name another under `characteristics`."
        )
    return values


# ---- contrasts of means ------------------------------------------------------------------------


def _did(moments: Cohorts) -> Estimate:
    """Mean over the treated cohorts, by size, of (after - before) less the same among those never treated."""
    t = moments.n_periods
    treated = [g for g in range(len(moments.starts)) if 0 < moments.starts[g] < t and moments.units[g] > 0]
    control = int(np.argmax(moments.starts))
    end = int(moments.starts[control])
    weights = np.zeros(moments.counts.shape)
    for g in treated:
        usable = (moments.counts[g] > 0) & (moments.counts[control] > 0) & (np.arange(t) < end)
        if g == control or not usable[: moments.starts[g]].any() or not usable[moments.starts[g] :].any():
            continue
        path = moments.units[g] * _after_less_before(usable, int(moments.starts[g]), t)
        weights[g] += path
        weights[control] -= path
    total = np.abs(weights[np.arange(len(weights)) != control]).sum() / 2
    if not total:
        return Estimate(None, reason="no group is observed before and after, beside one that is not treated")
    return _contrast(moments, weights / total)


def _after_less_before(usable: NDArray[np.bool_], start: int, t: int) -> Floats:
    """Weights of the mean after a start less the mean before it, over the usable periods."""
    inside = usable.astype(float)
    after = np.arange(t) >= start
    n_after, n_before = inside[after].sum(), inside[~after].sum()
    if not (n_after and n_before):
        return np.zeros(t)
    return np.asarray(np.where(after, inside / n_after, -inside / n_before))


def _contrast(moments: Cohorts, weights: Floats) -> Estimate:
    """A weighted sum of the cohorts' means; its standard error takes the weights as given.

    Unequal variances of the cohorts (cells) with divisor n - 1, t with Welch's degrees of freedom;
    with clusters above the unit their sums, t with clusters less one.
    """
    used = weights != 0
    if not used.any() or (moments.counts[used] < 1).any():
        return Estimate(None, reason="a group is not observed")
    value = float((weights * moments.means)[used].sum())
    if (moments.counts[used] < 2).any():
        return Estimate(value, reason="a group is one unit")
    parts, sizes = _parts(moments, weights, used)
    variance = float(parts.sum())
    floor = 1e-20 * max(float(np.abs(moments.means).max()), 1e-300) ** 2
    if variance <= floor:
        return Estimate(value, reason="there is no variation")
    return Estimate(value, float(np.sqrt(variance)), float(variance**2 / (parts**2 / (sizes - 1)).sum()))


def _parts(moments: Cohorts, weights: Floats, used: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """What each cohort (each cell) adds to the variance, and its size; one part where there are clusters above the unit."""
    loadings = weights / np.maximum(moments.counts, 1)
    if moments.clusters is not None:
        variance = moments.variance(
            Scores(loadings[None], np.zeros((1, len(weights)) if moments.followed else (1, *weights.shape)))
        )
        return variance, np.array([float(moments.n_clusters)])
    n = moments.counts
    if not moments.followed:
        second = np.diagonal(moments.scatter, axis1=1, axis2=2)
        return (loadings**2 * second * n / np.maximum(n - 1, 1))[used], n[used]
    some = np.flatnonzero(used.any(axis=1))
    each = Scores(np.zeros((len(some), *weights.shape)), np.zeros((len(some), len(weights))))
    each.loadings[np.arange(len(some)), some] = loadings[some]
    return moments.variance(each) * n[some, 0] / (n[some, 0] - 1), n[some, 0]


# ---- verdict -----------------------------------------------------------------------------------


def _judged(panel: Panel, tests: list[Test], details: dict[str, Any], alpha: float) -> Check:
    rows = [_row(t) for t in tests]
    tested = [r for r in rows if r["p_value"] is not None]
    for row, adjusted in zip(tested, holm([r["p_value"] for r in tested]), strict=True):
        row["adjusted"] = adjusted
    details = {"alpha": alpha, "rows": rows, **details}
    if not tested:
        return Check(
            NAME,
            "inconclusive",
            f"{_shares(panel, details)}No comparison has a test: {because(rows[0]['reason'])}.",
            details=details,
        )
    worst = min(tested, key=lambda r: (r["adjusted"], r["p_value"]))
    verdict: Verdict = "fail" if worst["adjusted"] < alpha else "pass"
    return Check(
        NAME, verdict, _words(panel, details, tested, worst, verdict), worst["estimate"], worst["adjusted"], details
    )


def _row(test: Test) -> dict[str, Any]:
    estimate = test.estimate
    return {
        "what": test.what,
        "estimate": estimate.value,
        "std_error": estimate.std_error,
        "p_value": estimate.p_value,
        "adjusted": None,
        "reason": estimate.reason,
    }


def _shares(panel: Panel, details: dict[str, Any]) -> str:
    if "observed" not in details:
        return ""
    named = "; ".join(
        f"{who} {_percent(share['before'])} before and {_percent(share['after'])} after"
        for who, share in details["observed"].items()
        if share["before"] is not None and share["after"] is not None
    )
    return f"{details['incomplete']:,} of {counted(details['units'], 'unit')} are not observed in each period (observed: {named}). "


def _percent(share: float | None) -> str:
    return "none" if share is None else f"{share:.1%}"


def _words(
    panel: Panel, details: dict[str, Any], tested: list[dict[str, Any]], worst: dict[str, Any], verdict: Verdict
) -> str:
    many = f", {worst['adjusted']:.3f} adjusted for {len(tested)} tests after Holm" if len(tested) > 1 else ""
    test = f"{worst['what']}: {number(worst['estimate'])} (p = {worst['p_value']:.3f}{many})"
    end = "who is observed changed with the measure" if verdict == "fail" else "no change in who is observed is seen"
    if verdict == "fail" and "left out" in worst["what"]:
        end = "those left out are unlike those kept, so the answer is not about all"
    lead = "The largest of the differences" if len(tested) > 1 else "The difference"
    return f"{_shares(panel, details)}{lead} is {test}: {end}."
