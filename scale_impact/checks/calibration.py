"""How far can the study's interval be trusted *here*, and what could it find? Placebo worlds say.

Units that the measure did not reach are given the study's cohorts at random, hundreds of times,
and the study's own estimator and interval are asked each time. Where nothing happened they should
reject "no effect" as rarely as they promise. An effect added to the same worlds shows how large
it has to be to be found.

Adding a constant effect to the treated shifts an estimate that is linear in the outcomes and
leaves its standard error as it is, so that power needs no further estimates. What comes out is
conditional on these units' outcomes: their trends, shocks and correlation over time are the real
ones, and their number is the pool's, not the study's. Effects are therefore carried to the study
in standard errors: what is a multiple of a placebo world's standard error becomes the same
multiple of the study's.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.checks._placebo import FEW, Pool, pool
from scale_impact.checks._reasons import ask_instead, because
from scale_impact.core.check import Check, Verdict
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Estimate
from scale_impact.core.keys import Count, Share
from scale_impact.core.panel import Panel
from scale_impact.core.words import counted, number
from scale_impact.errors import ScaleImpactError, UsageError

NAME = "calibration"

POWER = 0.8
"""An effect counts as detectable where it is found in this share of worlds."""

STEPS = 40
"""Effect sizes of the power curve beside zero."""

Floats = NDArray[np.float64]


def run(
    panel: Panel,
    design: Design,
    refit: Callable[[Panel, Design], Effect],
    *,
    judged: Callable[[Panel, Design], Effect],
    worlds: Count = 500,
    alpha: Share = 0.05,
    tolerance: Share = 0.075,
    seed: int = 20251122,
) -> Check:
    """Size, power and minimum detectable effect of the study's estimator and interval in placebo worlds.

    Parameters
    ----------
    panel, design, refit:
        The data and the design; the estimator as it is.
    judged:
        The estimator with the study's kind of interval, which is what is calibrated. A session
        fills this in: the method that suits the study judges each world (bootstraps and random
        assignments with 999 draws, unless the study says how many); where the method would
        estimate hundreds of times a world, the analytic interval stays.
    worlds:
        Placebo worlds; where fewer different assignments exist, each of them once.
    alpha:
        Level of the test: 0.05 for 95 % intervals.
    tolerance:
        The check fails where the binomial interval (95 %) of the share of rejections lies above.
    seed:
        Of the random assignments; default the study's.

    Returns
    -------
    Check whose statistic is the share of placebo worlds in which the study's interval excludes
    zero. ``details``: ``size`` with its interval (Clopper and Pearson 1934), ``bias`` (mean of the
    placebo estimates, with its simulation error), ``spread`` (their standard deviation),
    ``std_error_ratio`` (mean standard error over spread), ``critical`` (|t| that placebo worlds
    exceed in a share ``alpha``; the normal distribution says 1.96), ``mde`` (effects found in 80 %
    of worlds: as the standard error says, with the study's interval as it is, with an interval
    corrected to the right size), ``power`` (rows: effect, power, corrected), ``p_value`` (place of
    the study's |t| among the placebo ones), ``interval`` (what was calibrated) and ``pool``.

    Source: Bertrand, Duflo and Mullainathan (2004), section III (placebo laws); power by adding
    effects to placebo draws as in Black, Hollingsworth, Nunes and Simon (2022).
    """
    if tolerance < alpha:
        raise UsageError(f"calibration: tolerance {tolerance:g} lies below alpha {alpha:g}. Say 0.075 for alpha 0.05.")
    found = pool(panel, design)
    if isinstance(found, str):
        return Check.inapplicable(NAME, found)
    effect = judged(panel, design)
    if (other := ask_instead(NAME, effect, "placebo_power")) is not None:
        return other
    drawn = _draw(found, judged, worlds, alpha, seed)
    if drawn.used < 2 or drawn.spread == 0:
        return Check(NAME, "inconclusive", _no_answer(found, drawn), details={"pool": _pool_details(found, drawn)})
    details = {**_details(found, drawn, effect.overall, alpha), "interval": _interval_words(effect)}
    verdict = _verdict(found, drawn, details["size"], tolerance)
    words = _words(found, drawn, effect.overall, details, alpha, tolerance)
    return Check(NAME, verdict, words, details["size"]["share"], None, details)


# ---- worlds ------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Drawn:
    """What the worlds gave, one entry a world with an estimate.

    Attributes
    ----------
    values, errors, p_values:
        Estimate, standard error and p-value; NaN where there is none.
    low, high:
        Ends of the interval; NaN where there is none.
    lost:
        Worlds without an estimate.
    why:
        Why the first of them, or the first without an interval, has none.
    """

    values: Floats
    errors: Floats
    p_values: Floats
    low: Floats
    high: Floats
    lost: int
    why: str | None

    @property
    def used(self) -> int:
        """Worlds with an estimate."""
        return len(self.values)

    @property
    def tested(self) -> NDArray[np.bool_]:
        """Worlds with a p-value."""
        return ~np.isnan(self.p_values)

    def keep(self, chosen: NDArray[np.bool_]) -> Drawn:
        """Some of the worlds."""
        columns = ("values", "errors", "p_values", "low", "high")
        return replace(self, **{name: getattr(self, name)[chosen] for name in columns})

    @property
    def spread(self) -> float:
        """Standard deviation of the placebo estimates."""
        return float(self.values.std(ddof=1))


def _draw(found: Pool, refit: Callable[[Panel, Design], Effect], worlds: int, alpha: float, seed: int) -> Drawn:
    rows: list[tuple[float, ...]] = []
    why, lost = None, 0
    for codes in found.codes(worlds, seed):
        try:
            estimate = refit(found.panel, found.world(codes)).overall
        except ScaleImpactError as error:
            estimate = Estimate(None, reason=str(error))
        why = why or estimate.reason
        if estimate.value is None:
            lost += 1
        else:
            rows.append(_row(estimate, alpha))
    values, errors, p_values, low, high = np.array(rows, dtype=float).reshape(-1, 5).T
    return Drawn(values, errors, p_values, low, high, lost, why)


def _row(estimate: Estimate, alpha: float) -> tuple[float, ...]:
    low, high = estimate.interval(1 - alpha) or (math.nan, math.nan)
    numbers = (estimate.value, estimate.std_error or None, estimate.p_value)
    return (*(math.nan if n is None else n for n in numbers), low, high)


# ---- what they say -----------------------------------------------------------------------------


def _details(found: Pool, drawn: Drawn, real: Estimate, alpha: float) -> dict[str, Any]:
    with_error = drawn.keep(~np.isnan(drawn.errors))
    studentised = with_error.used >= 2
    drawn = with_error if studentised else drawn
    error = float(drawn.errors.mean()) if studentised else drawn.spread
    scale = (real.std_error / error) if studentised and real.std_error else 1.0
    statistics = np.abs(drawn.values / drawn.errors if studentised else drawn.values)
    critical = _critical(statistics, alpha)
    half = np.full(drawn.used, np.nan) if critical is None else critical * (drawn.errors if studentised else 1.0)
    ends = drawn.low * scale, drawn.high * scale
    corrected = (drawn.values - half) * scale, (drawn.values + half) * scale
    mde = {"reported": _reported(real, alpha), "interval": _detectable(*ends), "corrected": _detectable(*corrected)}
    return {
        "alpha": alpha,
        "estimate": real.value,
        "std_error": real.std_error,
        "size": _size(drawn, alpha),
        "bias": {"mean": float(drawn.values.mean()), "std_error": drawn.spread / math.sqrt(drawn.used)},
        "spread": drawn.spread,
        "std_error_ratio": error / drawn.spread if studentised else None,
        "studentised": studentised,
        "critical": critical,
        "p_value": _place(real, statistics, studentised),
        "scale": scale,
        "mde": mde,
        "power": _curve(ends, corrected, mde, error * scale),
        "pool": _pool_details(found, drawn),
    }


def _size(drawn: Drawn, alpha: float) -> dict[str, Any]:
    """Share of worlds that reject, with its exact binomial interval."""
    from scipy import special

    p = drawn.p_values[drawn.tested]
    n, k = len(p), int((p <= alpha).sum())
    if not n:
        return {"share": None, "low": None, "high": None, "worlds": 0, "rejected": 0}
    low = float(special.betaincinv(k, n - k + 1, 0.025)) if k else 0.0
    high = float(special.betaincinv(k + 1, n - k, 0.975)) if k < n else 1.0
    return {"share": k / n, "low": low, "high": high, "worlds": n, "rejected": k}


def _critical(statistics: Floats, alpha: float) -> float | None:
    """The smallest placebo statistic that at most a share ``alpha`` of them exceeds."""
    if len(statistics) * alpha < 1:
        return None
    return float(np.quantile(statistics, 1 - alpha, method="inverted_cdf"))


def _reported(real: Estimate, alpha: float) -> float | None:
    """The effect found with 80 % power if the standard error is right. Source: Bloom (1995)."""
    from scipy import special

    if not real.std_error:
        return None
    both = [special.ndtri(q) if real.df is None else special.stdtrit(real.df, q) for q in (1 - alpha / 2, POWER)]
    return float(sum(both)) * real.std_error


def _detectable(low: Floats, high: Floats) -> float | None:
    """The smallest effect, up or down, that is found in 80 % of worlds; None where none is."""
    edges = np.concatenate([-low, high])  # an effect is found where it carries zero out of the interval
    if np.isnan(edges).any():
        return None
    candidates = np.append(0.0, np.sort(edges[(edges > 0) & np.isfinite(edges)]))
    enough = _power(np.nextafter(candidates, np.inf), low, high) >= POWER
    return float(candidates[enough.argmax()]) if enough.any() else None


def _power(effects: Floats, low: Floats, high: Floats) -> Floats:
    """Share of worlds whose shifted interval excludes zero; mean of effects up and down."""
    shares = [(d + low > 0).mean() + (d + high < 0).mean() for e in effects for d in (e, -e)]
    return np.asarray(np.reshape(shares, (-1, 2)).mean(axis=1))


def _curve(
    ends: tuple[Floats, Floats], corrected: tuple[Floats, Floats], mde: dict[str, float | None], unit: float
) -> list[dict[str, float | None]]:
    """Power at effects from zero to half beyond the largest minimum detectable one."""
    top = 1.5 * max((m for m in mde.values() if m), default=3 * unit)
    effects = np.linspace(0.0, top, STEPS + 1)
    columns = [None if np.isnan(low).any() else _power(effects, low, high) for low, high in (ends, corrected)]
    names = ("power", "corrected")
    return [
        {"effect": float(e), **{n: None if c is None else float(c[k]) for n, c in zip(names, columns, strict=True)}}
        for k, e in enumerate(effects)
    ]


def _place(real: Estimate, statistics: Floats, studentised: bool) -> float | None:
    """Share of worlds, the real one among them, with a statistic as large as the real one."""
    if real.value is None or (studentised and not real.std_error):
        return None
    own = abs(real.value / real.std_error) if studentised and real.std_error else abs(real.value)
    return float((1 + (statistics >= own).sum()) / (1 + len(statistics)))


def _interval_words(effect: Effect) -> str:
    """How the interval that is calibrated is made."""
    return effect.inference if effect.overall.judged is None else effect.overall.judged.words


def _pool_details(found: Pool, drawn: Drawn) -> dict[str, Any]:
    many = found.assignments
    return {
        "words": found.words,
        "assigned": found.things,
        "cohorts": found.cohorts(),
        "assignments": many if many < 10**9 else None,
        "worlds": drawn.used,
        "lost": drawn.lost,
    }


# ---- words -------------------------------------------------------------------------------------


def _verdict(found: Pool, drawn: Drawn, size: dict[str, Any], tolerance: float) -> Verdict:
    if size["worlds"] < FEW:
        return "inconclusive"
    return "fail" if size["low"] > tolerance else "pass"


def _words(found: Pool, drawn: Drawn, real: Estimate, details: dict[str, Any], alpha: float, tolerance: float) -> str:
    size = details["size"]
    parts = [_of_size(size, alpha, tolerance, drawn, real)]
    parts.append(_of_power(details["mde"], real))
    parts.append(f"Placebo treatment went to {found.words}{_cohort_words(found)}.")
    if drawn.lost:
        parts.append(f"{counted(drawn.lost, 'further world')} gave no estimate ({because(drawn.why)}).")
    return " ".join(parts)


def _of_size(size: dict[str, Any], alpha: float, tolerance: float, drawn: Drawn, real: Estimate) -> str:
    if not size["worlds"]:
        return f"None of {counted(drawn.used, 'placebo world')} has an interval ({because(drawn.why)}), so its size cannot be seen."
    by = "" if real.judged is None else f", judged as in the study ({real.judged.words}),"
    share = f"the estimator{by} finds an effect at {alpha:.0%} in {size['share']:.1%} of {counted(size['worlds'], 'placebo world')}"
    share += f" ({size['low']:.1%} to {size['high']:.1%})"
    if size["worlds"] < FEW:
        return (
            f"Where nothing happened {share}: too few worlds to say whether its interval is right ({FEW} are needed)."
        )
    if size["low"] > tolerance:
        return f"Where nothing happened {share}, more than the {tolerance:.1%} that can be tolerated: its intervals are too narrow here."
    if size["high"] < alpha:
        return f"Where nothing happened {share}: its intervals are wider here than they need be."
    return f"Where nothing happened {share}: its intervals are about as wide as they should be."


def _of_power(mde: dict[str, float | None], real: Estimate) -> str:
    said = [
        text.format(number(value))
        for value, text in (
            (mde["corrected"], "{} with a test of the right size"),
            (mde["interval"], "{} with the interval as it is"),
            (mde["reported"], "{} going by the standard error"),
        )
        if value is not None
    ]
    if not said:
        return "No effect size reaches 80% power."
    value = "" if real.value is None else f"; the estimate is {number(real.value)}"
    return f"An effect is found with 80% power from {', '.join(said)}{value}."


def _cohort_words(found: Pool) -> str:
    sizes, real = found.sizes.sum(axis=0), found.real
    shown = ", ".join(f"{int(n):,}" for n in sizes)
    if found.full_size:
        return f", in cohorts as large as the study's ({found.things}: {shown})"
    there = ", ".join(f"{int(n):,}" for n in real)
    return f", in cohorts of {shown} where the study has {there} ({found.things})"


def _no_answer(found: Pool, drawn: Drawn) -> str:
    if drawn.used < 2:
        return f"Placebo treatment of {found.words} gives no estimate: {because(drawn.why)}."
    return f"All placebo estimates on {found.words} are equal: the outcomes do not vary."
