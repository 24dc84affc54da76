"""How large must an effect be for placebo cities to notice it? What they would have missed cannot be ruled out.

A constant effect is added to what donors show in the city's place after the measure, and the study's own rank test is asked.
The smallest effect that it finds in 80 % of these worlds is the minimum detectable effect, for the whole time after the
measure and for its first periods alone. A study whose estimate lies below it has found nothing in either direction.

What the city would have done by itself is taken to vary as donors' gaps do, each in terms of its gap before (with the RMSPE
ratio): a city that is followed closely needs a smaller effect.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, cast

import numpy as np

from scale_impact.checks._pilots import Refit, or_none, placebos_of
from scale_impact.core.check import Check, Verdict
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.keys import Count, Share
from scale_impact.core.panel import Panel
from scale_impact.core.synthetic.counterfactual import Counterfactual
from scale_impact.core.synthetic.placebos import Placebos
from scale_impact.core.synthetic.ranks import Sizes, allowed, critical, smallest_effect, statistics
from scale_impact.core.synthetic.worlds import Bools, Floats
from scale_impact.core.words import counted, number

NAME = "placebo_power"

HORIZONS = 12
"""At most so many numbers of periods after the measure."""

ABSURD = 10.0
"""Shares of an expected mean so near zero are not told."""

POINTS = 201
"""At most so many effects at which the power is told for a figure; where it changes, if these are no more."""

Compared = Literal["rmspe_ratio", "effect"]
Statistic = Literal["auto", "rmspe_ratio", "effect"]
Row = dict[str, Any]


def run(
    panel: Panel,
    design: Design,
    refit: Refit,
    *,
    wanted: float | None = None,
    statistic: Statistic = "auto",
    power: Share = 0.8,
    alpha: Share = 0.05,
    draws: Count = 999,
    anew: Count = 199,
    seed: int = 20251122,
) -> Check:
    """Smallest constant effect that in-space placebos would have noticed.

    Parameters
    ----------
    panel, design, refit:
        The data, the design, and the estimator.
    wanted:
        The smallest effect that would matter, in the outcome's unit; None: the estimate is held against what is detectable.
    statistic:
        What the rank test compares: ``rmspe_ratio``, or ``effect`` (the average gap); ``auto``: the ratio, but for estimators
        that weight the periods before and fits that are exact.
    power, alpha:
        Probability of finding the effect, and level of the test.
    draws, anew, seed:
        As in ``in_space_placebo``.

    Returns
    -------
    Check whose statistic is the minimum detectable effect, the larger of that of an increase and that of a decrease. With
    ``wanted`` it passes where that is no larger. Without, it passes where the estimate is as large as what is detectable in
    its direction, and is inconclusive otherwise. ``details.rows`` has detectable effects by the number of periods after the
    measure, in the outcome's unit and as a share of the treated's expected mean; ``details.power`` the power curve.

    Source: Abadie, Diamond and Hainmueller (2010), section 2.4, for the test; Bloom (1995) for the minimum detectable effect;
    a constant effect as in Firpo and Possebom (2018), section 4.
    """
    effect = refit(panel, design)
    placebos = placebos_of(NAME, effect, panel, design, refit, (draws, anew), seed, "Use calibration.")
    found = effect.counterfactual
    if isinstance(placebos, Check) or found is None:
        return cast("Check", placebos)
    n = len(placebos.drawn)
    if allowed(n, alpha) < 0:
        need = math.ceil(1 / alpha - 1e-9) - 1
        few = (
            f"With {counted(n, 'placebo')} no effect, however large, can be noticed at {alpha:.0%}: that takes {need}."
        )
        return Check(NAME, "inconclusive", few, details={"alpha": alpha, "placebos": n})
    asked = Asked(_chosen(statistic, found, placebos), power, alpha)
    rows = _rows(found, placebos, asked)
    details = {
        "alpha": alpha, "wanted": wanted, "statistic": asked.statistic, "asked_power": power, "placebos": n,
        "estimate": effect.overall.value, "rows": rows, "unit": panel.unit,
        "power": _curve(_thresholds(placebos, placebos.real.after, asked)),
    }  # fmt: skip
    verdict, end = _verdict(effect, rows[-1], wanted)
    return Check(NAME, verdict, f"{_words(rows, asked, n)} {end}", rows[-1]["mde"], details=details)


@dataclass(frozen=True)
class Asked:
    """The options."""

    statistic: Compared
    power: float
    alpha: float


def _chosen(statistic: Statistic, found: Counterfactual, placebos: Placebos) -> Compared:
    if placebos.real.pre_rmspe[0] <= 0 or (placebos.drawn.pre_rmspe <= 0).any():
        return "effect"
    if statistic == "auto":
        return "effect" if found.periods_weights is not None else "rmspe_ratio"
    return statistic


def _horizons(after: Bools) -> list[int]:
    """Numbers of periods after the measure, up to the longest."""
    longest = int(after.sum(axis=1).max())
    return sorted({int(h) for h in np.ceil(np.linspace(longest / HORIZONS, longest, HORIZONS) - 1e-9)})


# ---- thresholds --------------------------------------------------------------------------------


def _thresholds(placebos: Placebos, cells: Bools, asked: Asked) -> tuple[Floats, Floats]:
    """The effect, up and down, from which on the test rejects in the world of each placebo, [B] each, sorted.

    With the RMSPE ratio gaps are in terms of each placebo's RMSPE before, and turned back into those of the treated at the end.
    """
    ratio = asked.statistic == "rmspe_ratio"
    scale = placebos.drawn.pre_rmspe if ratio else np.ones(len(placebos.drawn))
    sizes = Sizes(np.ones_like(scale), placebos.drawn.root(cells) / scale, placebos.drawn.mean(cells) / scale)
    known = np.isfinite(sizes.effect)
    sizes = Sizes(sizes.pre[known], sizes.post[known], sizes.effect[known])
    limit = critical(statistics(sizes, asked.statistic, "two"), asked.alpha)
    own = float(placebos.real.pre_rmspe[0]) if ratio else 1.0
    up, down = (smallest_effect(sizes, limit, asked.statistic, sign) * own for sign in (1.0, -1.0))
    return np.sort(up), np.sort(down)


def _quantile(thresholds: Floats, power: float) -> float:
    """The smallest effect that is noticed in a share of the worlds."""
    return float(thresholds[math.ceil(power * len(thresholds) - 1e-9) - 1]) if len(thresholds) else math.inf


def _rows(found: Counterfactual, placebos: Placebos, asked: Asked) -> list[Row]:
    """Rows by the number of periods; without those in which too few placebos are observed to notice anything."""
    rows = [_row(found, placebos, h, asked) for h in _horizons(placebos.real.after)]
    return [row for row in rows if math.isfinite(row["mde"])]


def _row(found: Counterfactual, placebos: Placebos, periods: int, asked: Asked) -> Row:
    after = placebos.real.after
    cells = after & (np.cumsum(after, axis=1) <= periods)
    up, down = (_quantile(t, asked.power) for t in _thresholds(placebos, cells, asked))
    weights = cells * placebos.real.sizes[:, None] * np.isfinite(found.expected)
    level = float((weights * np.where(weights > 0, found.expected, 0.0)).sum() / weights.sum())
    mde = max(up, down)
    return {
        "periods": periods,
        "up": up,
        "down": down,
        "mde": mde,
        "expected": level,
        "share": or_none(mde / abs(level)) if level else None,
    }


def _curve(thresholds: tuple[Floats, Floats]) -> list[Row]:
    """Power at effects from none to beyond what is detectable, in both directions."""
    up, down = thresholds
    top = 1.25 * max(float(up[-1]), float(down[-1])) or 1.0
    at = np.unique(np.concatenate([[0.0], up, down, [top]]))
    at = at[np.unique(np.linspace(0, len(at) - 1, min(len(at), POINTS)).round().astype(int))]
    shares = [np.searchsorted(t, at * (1 + 1e-12), side="right") / len(t) for t in (up, down)]
    return [{"effect": float(e), "up": float(u), "down": float(d)} for e, u, d in zip(at, *shares, strict=True)]


# ---- words -------------------------------------------------------------------------------------


def _verdict(effect: Effect, last: Row, wanted: float | None) -> tuple[Verdict, str]:
    value = effect.overall.value
    if wanted is not None:
        enough = last["mde"] <= abs(wanted)
        end = "would have been noticed" if enough else "could have gone unnoticed"
        return ("pass" if enough else "fail"), f"An effect of {number(abs(wanted))}, which would matter, {end}."
    if value is None:
        return "inconclusive", "There is no estimate to hold against it."
    least = last["up"] if value > 0 else last["down"]
    if abs(value) >= least:
        return "pass", f"The estimate of {number(value)} is of a size that is noticed."
    return (
        "inconclusive",
        f"The estimate of {number(value)} is smaller than that: finding nothing here would not mean that nothing happened.",
    )


def _words(rows: list[Row], asked: Asked, n: int) -> str:
    last, first = rows[-1], rows[0]
    text = (
        f"Against {counted(n, 'placebo')}, at {asked.alpha:.0%}, a constant effect over {counted(last['periods'], 'period')} is "
        f"noticed with {asked.power:.0%} probability from {number(last['up'])} up or {number(last['down'])} down{_part(last)}."
    )
    if len(rows) == 1:
        return text
    begun = "period" if first["periods"] == 1 else f"{first['periods']} periods"
    return f"{text} In the first {begun} alone it would have to be {number(first['mde'])}."


def _part(row: Row) -> str:
    """What is detectable as a share of the expected mean, unless that is next to nothing."""
    if row["share"] is None or row["share"] > ABSURD:
        return ""
    return f" ({row['share']:.1%} of the {number(row['expected'])} expected without the measure)"
