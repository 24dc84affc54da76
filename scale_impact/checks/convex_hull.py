"""Is the treated city between its donors, or beyond them? A mix with weights that sum to one cannot go beyond.

The distance of its path before the measure to the donors' hull is the gap that no such weights can close. Where a city lies
above (or below) every donor in a period, that period says so by itself. Every city has ups and downs of its own, which no mix
follows: how far donors lie from each other's hull says how much of the distance that is. And a city may lie within the hull of donors that are
far from it: their mix then interpolates over a wide distance, and is right only if the outcome is linear over it.

Estimators with a constant (or with negative weights) leave the hull. For them the hull of movements counts, each unit's mean
before the measure taken away; what lies beyond that is extrapolated.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from scale_impact.checks._pilots import Pilot, Refit, movement, or_none, pilot, playing, share
from scale_impact.core.check import Check, Verdict
from scale_impact.core.design import Design
from scale_impact.core.keys import Share
from scale_impact.core.panel import Panel
from scale_impact.core.simplex import simplex_fit
from scale_impact.core.synthetic.placebos import ask, placebo_worlds
from scale_impact.core.synthetic.worlds import Floats, Worlds
from scale_impact.core.words import counted, number, some

NAME = "convex_hull"

NOISY = " It lies mostly between them, but its ups and downs are its own."

USUAL = 2.0
"""Times the median donor's distance to the hull of the others up to which a distance is usual."""

DRAWS = 199
"""At most so many donors say what is usual."""

SEED = 20251122

BEYOND = 0.9
"""An estimator whose fit is closer than this share of the distance to the hull has left it."""

OFTEN = 0.25
"""A city beyond all donors in more than this share of the periods is beyond them, not only noisy; with n donors in more than
4/(n + 1), twice what chance would have, but no more than half."""

INSIDE = 1e-6
"""A distance under this share of the outcome's movement is none."""

Row = dict[str, Any]


def run(panel: Panel, design: Design, refit: Refit, *, tolerance: Share = 0.25) -> Check:
    """Distance of each treated unit's path before the measure to the hull of its donors.

    Parameters
    ----------
    panel, design, refit:
        The data, the design, and the estimator.
    tolerance:
        Distance (root mean square over the periods before), as a share of the outcome's own movement within a unit before the
        measure, from which on a treated unit lies outside.

    Returns
    -------
    Check that fails where a treated unit lies outside by more than ``tolerance`` and beyond all donors in more than a quarter
    of the periods (with few donors up to half; or outside by more than the movement itself): of the hull of levels, or of movements for an estimator that
    leaves the levels' hull. It passes where each lies within, or mostly between donors and no more than twice as far from their
    hull as the median donor from the others'; in between it is inconclusive: donors do not follow its own ups and downs. Its
    statistic is that share of the worst one. ``details.rows`` has for each treated unit both distances, the periods in which it
    lies beyond all donors, and how far the donors with weight are from it (``discrepancy``, the root of the weighted mean
    squared distance; ``nearest``, that of the nearest donor).

    Source: Abadie, Diamond and Hainmueller (2010), section 2.2, on interpolation; King and Zeng (2006) on the hull; Abadie and
    L'Hour (2021), section 2, on the pairwise discrepancy.
    """
    case = pilot(NAME, panel, design, refit, "who is compared with whom is seen in raw_trends")
    if isinstance(case, Check):
        return case
    if not np.isfinite(case.worlds.outcomes[:, case.worlds.fit.any(axis=0)]).all():
        return Check.inapplicable(
            NAME, "Some units were not observed in each period before the measure: there is no hull of paths."
        )
    levels, moves = (_distances(case.worlds, intercept=k) for k in (False, True))
    rows = [_row(case, u, levels[u], moves[u], tolerance) for u in range(len(case.worlds))]
    far = [r for r in rows if r["share"] is None or r["share"] > tolerance]
    out = [r for r in far if r["share"] is None or r["share"] > 1 or r["share_beyond"] > r["often"]]
    odd = [r for r in far if r["usual"] is None or r["usual"] > USUAL]
    worst = max(out or odd or rows, key=lambda r: np.inf if r["share"] is None else r["share"])
    verdict: Verdict = "fail" if out else "inconclusive" if odd else "pass"
    details = {"tolerance": tolerance, "unit": case.unit, "rows": rows, "path": _path(case, rows.index(worst))}
    return Check(NAME, verdict, _words(case, worst, out or odd, verdict), worst["share"], details=details)


def _distances(worlds: Worlds, *, intercept: bool) -> list[float]:
    """Root mean squared distance of each path before the measure to its donors' hull, [B]."""
    gaps = ask(partial(_gaps, intercept=intercept), worlds)
    return [float(np.sqrt(np.mean(g[f] ** 2))) for g, f in zip(gaps, worlds.fit, strict=True)]


def _gaps(worlds: Worlds, *, intercept: bool) -> Floats:
    solved = simplex_fit(worlds.outcomes.T, worlds.targets, rows=worlds.fit, allowed=worlds.donors, intercept=intercept)
    return np.asarray(worlds.targets - solved.intercepts[:, None] - solved.weights @ worlds.outcomes)


def _usual(case: Pilot, u: int, *, intercept: bool) -> float | None:
    """Median distance of donors in the place of a treated unit to the hull of the others; None where none can be."""
    one = case.worlds.take([u])
    deal = playing(one, DRAWS, SEED)
    return None if deal is None else float(np.median(_distances(placebo_worlds(one, deal), intercept=intercept)))


def _row(case: Pilot, u: int, level: float, moved: float, tolerance: float) -> Row:
    scale = float(movement(case.worlds.take([u]))[0])
    fit = float(case.pre_rmspe[u])
    leaves = fit < BEYOND * level and level > INSIDE * scale
    distance = moved if leaves else level
    distance = 0.0 if distance <= INSIDE * scale else distance
    usual = _usual(case, u, intercept=leaves) if distance > tolerance * scale else None
    return {
        "treated": case.found.names[u],
        "distance": level,
        "distance_of_movements": moved,
        "rmspe": fit,
        "leaves": leaves,
        "movement": scale,
        "share": or_none(share(distance, scale)),
        "usual": None if usual is None else or_none(share(distance, usual)),
        "beyond": _beyond(case, u),
        "share_beyond": _share_beyond(case, u, centred=leaves),
        "often": max(OFTEN, min(4 / (int(case.worlds.donors[u].sum()) + 1), 0.5)),
        "periods": int(case.worlds.fit[u].sum()),
        **_near(case, u, centred=leaves),
        "predictors": _predictors(case, u),
    }


def _beyond(case: Pilot, u: int) -> list[Row]:
    """Periods before the measure in which the treated unit lies above or below all its donors."""
    worlds = case.worlds
    y, path = worlds.outcomes[worlds.donors[u]], worlds.targets[u]
    low, high = y.min(axis=0), y.max(axis=0)
    out = np.flatnonzero(worlds.fit[u] & ((path < low) | (path > high)))
    return [
        {"period": case.label(int(t)), "value": float(path[t]), "lowest": float(low[t]), "highest": float(high[t])}
        for t in out
    ]


def _share_beyond(case: Pilot, u: int, *, centred: bool) -> float:
    """Share of the periods before the measure in which the treated unit (its movement) lies beyond all its donors."""
    worlds, fit = case.worlds, case.worlds.fit[u]
    y, path = worlds.outcomes[worlds.donors[u]][:, fit], worlds.targets[u, fit]
    if centred:
        y, path = y - y.mean(axis=1, keepdims=True), path - path.mean()
    return float(((path < y.min(axis=0)) | (path > y.max(axis=0))).mean())


def _path(case: Pilot, u: int) -> Row:
    """The path of a treated unit before the measure, and the range of its donors, for a figure."""
    worlds, at = case.worlds, np.flatnonzero(case.worlds.fit[u])
    y = worlds.outcomes[worlds.donors[u]][:, at]
    return {
        "treated": case.found.names[u], "periods": [case.label(int(t)) for t in at], "values": worlds.targets[u, at].tolist(),
        "lowest": y.min(axis=0).tolist(), "highest": y.max(axis=0).tolist(), "expected": case.found.expected[u, at].tolist(),
    }  # fmt: skip


def _near(case: Pilot, u: int, *, centred: bool) -> Row:
    """How far donors are from the treated unit: the nearest, and those with weight (root of the weighted mean square)."""
    worlds = case.worlds
    fit, members = worlds.fit[u], np.flatnonzero(worlds.donors[u])
    apart = (worlds.outcomes[members] - worlds.targets[u])[:, fit]
    apart = apart - apart.mean(axis=1, keepdims=True) if centred else apart
    squares = np.mean(apart**2, axis=1)
    found = {"nearest": float(np.sqrt(squares.min())), "nearest_donor": case.names[members[int(squares.argmin())]]}
    return {**found, "discrepancy": _discrepancy(case, u, members, squares)}


def _discrepancy(case: Pilot, u: int, members: Any, squares: Any) -> float | None:
    """None where there are no weights, or negative ones, which no distance is the mean of."""
    if case.found.donors is None:
        return None
    weights = case.found.donors.iloc[:, u].reindex([case.names[k] for k in members]).to_numpy(dtype=float)
    return float(np.sqrt(weights @ squares)) if np.isfinite(weights).all() and weights.min() > -INSIDE else None


def _predictors(case: Pilot, u: int) -> list[Row]:
    """Predictors that the donors' mix misses by more than their plain mean does."""
    frame = case.found.predictors
    if frame is None:
        return []
    mine = frame[frame["treated"] == case.found.names[u]]
    rows = mine[["predictor", "observed", "synthetic", "donors"]].to_dict("records")
    worse = [r for r in rows if abs(r["synthetic"] - r["observed"]) > abs(r["donors"] - r["observed"])]
    return [{**r, "predictor": str(r["predictor"])} for r in worse]


# ---- words -------------------------------------------------------------------------------------


def _words(case: Pilot, worst: Row, out: list[Row], verdict: Verdict) -> str:
    who, of = worst["treated"], len(case.worlds)
    where = "outside" if out else "within" if worst["share"] == 0 else "close to"
    as_others = " (as close as donors to each other's)" if not out and worst["usual"] is not None else ""
    many = f" ({len(out)} of {of} treated lie outside: {some([r['treated'] for r in out])})" if of > 1 and out else ""
    hull = "hull of the donors' movements" if worst["leaves"] else "donors' hull"
    text = f"{who} lies {where} the {hull} before the measure{as_others}{_distance(worst, case.unit)}{many}."
    if worst["leaves"]:
        text += f" The estimator leaves the hull of levels, {number(worst['distance'])} away: what lies beyond is extrapolated."
    text += _outside(worst) + (NOISY if verdict == "inconclusive" else "") + _apart(worst)
    missed = [r["predictor"] for r in worst["predictors"]]
    return text + (f" The donors' mix is farther from it than their plain mean in {some(missed)}." if missed else "")


def _distance(row: Row, unit: str) -> str:
    if row["share"] == 0:
        return ""
    away = row["distance_of_movements"] if row["leaves"] else row["distance"]
    of = "" if row["share"] is None else f", {row['share']:.0%} of what the outcome moves within a {unit}"
    usual = "" if row["usual"] is None else f", {row['usual']:.1f} times as far as the median donor from the others'"
    return f": no weights that sum to one come closer than {number(away)}{of}{usual}"


def _outside(row: Row) -> str:
    beyond = row["beyond"]
    if not beyond:
        return ""
    far = max(beyond, key=lambda b: max(b["lowest"] - b["value"], b["value"] - b["highest"]))
    side = (
        f"above the highest, {number(far['highest'])}"
        if far["value"] > far["highest"]
        else f"below the lowest, {number(far['lowest'])}"
    )
    return (
        f" In {len(beyond)} of {counted(row['periods'], 'period')} it lies beyond all donors, most in {far['period']}: "
        f"{number(far['value'])}, {side}."
    )


def _apart(row: Row) -> str:
    if row["discrepancy"] is None:
        return ""
    return (
        f" The donors with weight are {number(row['discrepancy'])} away from it (the nearest donor, {row['nearest_donor']}, "
        f"{number(row['nearest'])}): that is the distance over which the mix interpolates."
    )
