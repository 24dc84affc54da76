"""Does the measure reach its donors? Then what would have been is bent the way the measure bends them.

Two questions. Does the effect change when donors near the treated city are no longer donors? And do their own gaps, each
explained by the donors farther away, open after the measure more than those of donors farther away? Without a word on who is
near, the donors that carry the counterfactual are asked the second question: it is through them that a reach would matter.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from scale_impact.checks._pilots import Pilot, Refit, or_none, pilot, share
from scale_impact.core.assignments import count_assignments, every_assignment, random_assignments
from scale_impact.core.check import Check, Verdict
from scale_impact.core.design import Design
from scale_impact.core.keys import Column, Count, Label, Share
from scale_impact.core.panel import Panel
from scale_impact.core.synthetic.placebos import Gaps, ask
from scale_impact.core.synthetic.worlds import Floats, Worlds
from scale_impact.core.words import counted, nearest, number, plain, some
from scale_impact.errors import DataError, UsageError

NAME = "donor_spillover"

CARRIES = 0.05
"""Weight from which on a donor carries the counterfactual, where nobody says who is near."""

Row = dict[str, Any]


def run(
    panel: Panel,
    design: Design,
    refit: Refit,
    *,
    distance: Column | None = None,
    within: float | None = None,
    neighbours: Sequence[Label] = (),
    tolerance: Share = 0.25,
    draws: Count = 9_999,
    alpha: Share = 0.05,
    seed: int = 20251122,
) -> Check:
    """The effect without near donors, and gaps of near donors after the measure.

    Parameters
    ----------
    panel, design, refit:
        The data, the design, and the estimator.
    distance, within:
        Column with each unit's distance to the nearest treated one, constant within a unit, and the distance up to which a
        donor is near.
    neighbours:
        In their place the names of near donors. With neither, donors with a weight of 0.05 or more.
    tolerance:
        Change of the effect without near donors, as a share of it, from which on the check fails.
    draws, alpha, seed:
        Which donors are near is dealt again so many times (all ways where they are no more); the check fails where the near
        ones' gaps have a p-value no larger than ``alpha``.

    Returns
    -------
    Check whose p-value is the share of ways to choose as many donors whose gaps after the measure are on average as large, in
    terms of each one's gap before; its statistic is the change of the effect. Inconclusive where neither can be had.
    ``details.rows`` has each near donor, ``details.without`` the effect without them.

    Raises
    ------
    UsageError
        ``distance`` without ``within``, both ways given, or a neighbour that is no donor. All at once.
    DataError
        The column is missing, varies within a unit, or holds no distance for a donor.

    Source: Abadie (2021), section 4, "no interference"; Fisher (1935) for the permutation.
    """
    if problems := _misused(distance, within, neighbours):
        raise UsageError(problems)
    case = pilot(NAME, panel, design, refit, "spillover asks it of untreated neighbours")
    if isinstance(case, Check):
        return case
    near, words = _near(case, distance, within, neighbours)
    far = [k for k in case.donors if k not in near]
    if not near or len(far) < 2:
        return Check.inapplicable(NAME, _nobody(case, near, far, words))
    gaps = _own(case, near, far)
    p = _p_value(gaps, len(near), draws, seed)
    named = bool(distance or neighbours)
    without = _without(case, near) if named else None
    return _judged(case, near, far, gaps, p, without, words, (tolerance, alpha))


def refuse(
    panel: Panel,
    design: Design,
    refit: Refit,
    *,
    distance: Column | None = None,
    within: float | None = None,
    neighbours: Sequence[Label] = (),
) -> None:
    """Refuse neighbours that are no donors and columns without distances, before anything is asked; errors as ``run``."""
    if problems := _misused(distance, within, neighbours):
        raise UsageError(problems)
    case = pilot(NAME, panel, design, refit, "")
    if not isinstance(case, Check):
        _near(case, distance, within, neighbours)


# ---- who is near -------------------------------------------------------------------------------


def _misused(distance: str | None, within: float | None, neighbours: Sequence[Label]) -> list[str]:
    problems = []
    if (distance is None) != (within is None):
        problems.append("donor_spillover: distance and within go together, such as {distance: km, within: 50}.")
    if distance is not None and neighbours:
        problems.append("donor_spillover: say who is near either by distance or by neighbours.")
    return problems


def _near(
    case: Pilot, distance: str | None, within: float | None, neighbours: Sequence[Label]
) -> tuple[list[int], str]:
    """Positions of near donors, and who they are in words."""
    if neighbours:
        known = {case.names[k]: k for k in case.donors}
        wrong = [
            f"donor_spillover: {plain(n)!r} is no donor. {nearest(plain(n), known)}"
            for n in neighbours
            if plain(n) not in known
        ]
        if wrong:
            raise UsageError(wrong)
        return sorted(known[plain(n)] for n in neighbours), "neighbours"
    if distance is not None and within is not None:
        return _by_distance(case, distance, within), f"{distance} up to {plain(within)}"
    weights = case.weights()
    return [k for k in case.donors if weights.get(case.names[k], 0.0) >= CARRIES], f"weight {CARRIES} or more"


def _by_distance(case: Pilot, distance: str, within: float) -> list[int]:
    values = case.panel.unit_column(distance)
    place = {case.panel.unit_name(u): values[u] for u in range(case.panel.n_units)}
    found = {k: _number(place.get(case.names[k])) for k in case.donors}
    wrong = [f"{case.names[k]} ({plain(place.get(case.names[k]))})" for k, v in found.items() if not v >= 0]
    if wrong:
        raise DataError(f"donor_spillover: {distance} holds no distance of 0 or more for {some(wrong)}. Fill it.")
    return [k for k, v in found.items() if v <= within]


def _number(value: Any) -> float:
    """A number, or NaN for what is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _nobody(case: Pilot, near: list[int], far: list[int], words: str) -> str:
    if not near:
        return (
            f"No donor is near ({words})."
            if case.weights() or words != f"weight {CARRIES} or more"
            else ("The estimator has no donor weights: say who is near by distance or neighbours.")
        )
    return f"Of {counted(len(near) + len(far), 'donor')} all but {len(far)} are near ({words}): two farther away are needed to compare."


# ---- numbers -----------------------------------------------------------------------------------


def _own(case: Pilot, near: list[int], far: list[int]) -> Gaps:
    """Gaps of each donor, the near ones first, explained by the donors farther away, from the first date on, [J, 1, T]."""
    worlds = case.worlds
    first = int(worlds.after.any(axis=0).argmax())
    order = [*near, *far]
    n, t = worlds.outcomes.shape
    donors = np.zeros((len(order), n), dtype=bool)
    donors[:, far] = True
    donors[np.arange(len(order)), order] = False
    fit = np.tile(worlds.fit.all(axis=0), (len(order), 1))
    after = np.tile(np.arange(t) >= first, (len(order), 1))
    asked: Worlds = replace(worlds, treated=np.eye(n)[order], donors=donors, fit=fit, after=after, shift=None)
    return Gaps(ask(case.again, asked)[:, None], fit[:1], after[:1], np.ones(1))


def _sizes(gaps: Gaps) -> Floats:
    """Gap after the measure of each donor in terms of its gap before, with its sign, [J]."""
    pre = gaps.pre_rmspe
    floor = 1e-9 * float(np.abs(gaps.values).max(initial=0.0)) or 1.0
    return np.asarray(gaps.effect / np.maximum(pre, floor))


def _p_value(gaps: Gaps, near: int, draws: int, seed: int) -> float | None:
    """Share of choices of as many donors whose mean size is as far from the others' as the near ones' is."""
    sizes = _sizes(gaps)
    if not np.isfinite(sizes).all():
        return None
    parts = [near, len(sizes) - near]
    every = count_assignments(parts) <= draws
    orders = every_assignment(parts) if every else random_assignments(len(sizes), draws, seed)
    found = np.abs(_apart(sizes, orders[:, :near].astype(np.int64)))
    mine = abs(float(_apart(sizes, np.arange(near)[None])[0])) * (1 - 1e-9)
    return float((found >= mine).mean() if every else (1 + (found >= mine).sum()) / (1 + len(found)))


def _apart(sizes: Floats, chosen: Any) -> Floats:
    """Mean size of the chosen less that of the others, [B]."""
    k = chosen.shape[1]
    mine = sizes[chosen].sum(axis=1)
    return np.asarray(mine / k - (sizes.sum() - mine) / (len(sizes) - k))


def _without(case: Pilot, near: list[int]) -> Row:
    """The effect without near donors; the change as a share of it (of the median placebo's, where that is larger)."""
    full, clean = (float(v) for v in case.effects([case.worlds, case.without(near)]))
    change = or_none(clean - full)
    return {
        "study": or_none(full),
        "estimate": or_none(clean),
        "difference": change,
        "share": None if change is None or not full else share(abs(change), max(abs(full), case.noise)),
    }


# ---- verdict -----------------------------------------------------------------------------------


def _judged(
    case: Pilot, near: list[int], far: list[int], gaps: Gaps, p: float | None, without: Row | None, words: str,
    limits: tuple[float, float],
) -> Check:  # fmt: skip
    tolerance, alpha = limits
    sizes, weights = _sizes(gaps), case.weights()
    rows = [_row(case, k, i, gaps, sizes, weights) for i, k in enumerate(near)]
    others = [_row(case, k, i + len(near), gaps, sizes, weights) for i, k in enumerate(far)]
    details = {
        "alpha": alpha, "tolerance": tolerance, "near": words, "rows": rows, "farther": others, "without": without,
        "unit": case.unit, "named": without is not None,
    }  # fmt: skip
    moved = without is not None and (without["share"] is None or without["share"] > tolerance)
    reached = p is not None and p <= alpha
    verdict: Verdict = "fail" if moved or reached else "inconclusive" if p is None else "pass"
    change = None if without is None else without["difference"]
    return Check(NAME, verdict, _words(rows, len(far), p, without, words, (moved, reached)), change, p, details)


def _row(case: Pilot, k: int, i: int, gaps: Gaps, sizes: Floats, weights: dict[str, float]) -> Row:
    return {
        "donor": case.names[k], "weight": weights.get(case.names[k], 0.0) if weights else None,
        "gap": or_none(gaps.effect[i]), "pre_rmspe": or_none(gaps.pre_rmspe[i]), "size": or_none(sizes[i]),
    }  # fmt: skip


def _words(
    rows: list[Row], far: int, p: float | None, without: Row | None, words: str, found: tuple[bool, bool]
) -> str:
    known = [r["gap"] for r in rows if r["gap"] is not None]
    own = "cannot be had" if not known else f"are {number(float(np.mean(known)))} on average"
    chance = "" if p is None else f" (p = {p:.3f} among all ways to choose as many donors)"
    names = some([r["donor"] for r in rows])
    who, others = ("Donors that carry the counterfactual", "other") if without is None else ("Near donors", "farther")
    text = f"{who} ({words}): {names}. Their own gaps after the measure, explained by the {far:,} {others} donors, {own}{chance}."
    if without is not None and without["estimate"] is None:
        text += " Without them there is no estimate."
    elif without is not None:
        text += f" Without them the effect goes from {number(without['study'])} to {number(without['estimate'])}."
    moved, reached = found
    ends = ["the effect hangs on them"] * moved + [
        "the measure seems to reach them, or something else does at the same time"
    ] * reached
    if ends:
        return f"{text} So {' and '.join(ends)}."
    return text + (" No reach to donors is seen." if p is not None else "")
