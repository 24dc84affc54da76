"""Trim and fill: the effects that a symmetric funnel lacks, put there, and the mean with them.

Not a correction to rely on: it takes asymmetry for selection whatever its cause, and with heterogeneous effects it fills where
nothing is missing (Terrin, Schmid, Lau and Olkin 2003). Errors are taken as independent, because ranks cannot hold what they share.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.city_effects import CityEffects
from scale_impact.synthesis.selecting.asymmetry import no_answer, on_error
from scale_impact.synthesis.selecting.regressions import Fitted, dispersed, mixed, nothing, reach

Floats = NDArray[np.float64]
Side = Literal["left", "right", ""]

ROUNDS = 100
"""Trimming rounds after which it has to have settled."""


@dataclass(frozen=True)
class TrimAndFill:
    """What a symmetric funnel would hold.

    Attributes
    ----------
    missing, side:
        How many effects were filled, and on which side of the mean they were missing.
    effects, std_errors:
        The filled ones [missing].
    estimate, std_error, low, high, tau2:
        Of all with the filled ones: REML, with Knapp and Hartung's t interval.
    why_not:
        Why there is no answer; the numbers are NaN then.
    """

    missing: int = 0
    side: Side = ""
    effects: Floats = field(default_factory=nothing)
    std_errors: Floats = field(default_factory=nothing)
    estimate: float = math.nan
    std_error: float = math.nan
    low: float = math.nan
    high: float = math.nan
    tau2: float = math.nan
    why_not: str = ""


def trim_and_fill(effects: CityEffects, *, level: float, between: bool = True) -> TrimAndFill:
    """Trim the side that is too full by the estimator L0 until the number settles, then mirror what was trimmed.

    The full side is the one to which small studies tend. ``between``: variance between cities, else a common effect.

    Source: Duval and Tweedie (2000), section 3, estimator L0.
    """
    if why := no_answer(effects):
        return TrimAndFill(why_not=why)
    alone = CityEffects.of(effects.effects, np.sqrt(effects.variances))
    rises = mixed(alone, on_error(alone)) if between else _common(alone, on_error(alone))
    side: Side = "right" if rises.beta[1] < 0 else "left"
    sign = -1.0 if side == "right" else 1.0
    order = np.argsort(sign * alone.effects, kind="stable")
    y, errors = sign * alone.effects[order], np.sqrt(alone.variances[order])
    found = _settled(y, errors, between)
    if found is None:
        return TrimAndFill(why_not=f"Trimming did not settle within {ROUNDS} rounds.")
    missing, centre = found
    new = sign * (2 * centre - y[len(y) - missing :])
    new_errors = errors[len(y) - missing :]
    whole = CityEffects.of(np.r_[alone.effects, new], np.r_[np.sqrt(alone.variances), new_errors])
    line = (
        mixed(whole, np.ones((len(whole), 1)), knapp_hartung=True)
        if between
        else _common(whole, np.ones((len(whole), 1)))
    )
    half = reach(level, line.level_df) * line.std_error(0)
    mean = float(line.beta[0])
    return TrimAndFill(missing, side, new, new_errors, mean, line.std_error(0), mean - half, mean + half, line.tau2)


def _settled(y: Floats, errors: Floats, between: bool) -> tuple[int, float] | None:
    """How many of the largest effects have no counterpart, and the centre without them; None where it goes on and on."""
    k, missing = len(y), 0
    for _ in range(ROUNDS):
        kept = CityEffects.of(y[: k - missing], errors[: k - missing])
        centre = float((mixed if between else _common)(kept, np.ones((len(kept), 1))).beta[0])
        again = _without_counterpart(y - centre)
        if again == missing:
            return missing, centre
        missing = min(again, k - 2)  # a mean needs two
    return None


def _without_counterpart(from_centre: Floats) -> int:
    """The estimator L0 from signed ranks, ties in their order."""
    k = len(from_centre)
    ranks = np.empty(k)
    ranks[np.argsort(abs(from_centre), kind="stable")] = np.arange(1, k + 1)
    above = float(ranks[from_centre > 0].sum())
    return max(0, round((4 * above - k * (k + 1)) / (2 * k - 1)))


def _common(effects: CityEffects, x: Floats) -> Fitted:
    """Least squares by inverse variances, without dispersion: one effect in all."""
    line = dispersed(effects, x)
    return Fitted(line.beta, line.covariance / line.dispersion if line.dispersion else line.covariance, math.inf)
