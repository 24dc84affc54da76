"""Chances of a new city's effect: that it is in the bad direction, and that it reaches a target.

By the predictive t distribution: effect = mean + prediction error x t, as the prediction interval has it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from scale_impact.core.words import number

TargetIn = Literal["unit", "per_cent"]
UPWARD, DOWNWARD = "+", "-"


@dataclass(frozen=True)
class Chances:
    """Probabilities of one answer; None where it gives none.

    Attributes
    ----------
    below_zero, above_zero:
        That the effect is below, and above, zero.
    harm:
        That it is in the bad direction; None where neither direction is bad.
    reaches:
        That it is at least the target, in the target's direction; None without a target.
    """

    below_zero: float | None = None
    above_zero: float | None = None
    harm: float | None = None
    reaches: float | None = None


def chances(mean: float, error: float | None, df: float | None, direction: str, target: float | None) -> Chances:
    """Probabilities by mean, prediction error and degrees of freedom (None: normal); none without a prediction error."""
    if error is None:
        return Chances()
    below, above = below_value(0.0, mean, error, df), above_value(0.0, mean, error, df)
    harm = {UPWARD: below, DOWNWARD: above}.get(direction)
    reaches = None
    if target is not None:
        up = direction == UPWARD or (direction != DOWNWARD and target > 0)
        reaches = (above_value if up else below_value)(target, mean, error, df, reached=True)
    return Chances(below, above, harm, reaches)


def below_value(value: float, mean: float, error: float, df: float | None, *, reached: bool = False) -> float:
    """Probability that the effect is below a value; ``reached``: or exactly there."""
    if error == 0:
        return float(mean <= value if reached else mean < value)
    return _below((value - mean) / error, df)


def above_value(value: float, mean: float, error: float, df: float | None, *, reached: bool = False) -> float:
    """Probability that the effect is above a value; ``reached``: or exactly there."""
    return below_value(-value, -mean, error, df, reached=reached)


def _below(t: float, df: float | None) -> float:
    from scipy import special

    return float(special.ndtr(t) if df is None else special.stdtr(df, t))


def target_of(asked: float | None, form: TargetIn) -> float | None:
    """A target in the unit of the effect; one in per cent of an outcome that is a logarithm becomes a difference of logarithms."""
    if asked is None or form == "unit":
        return asked
    return math.log1p(asked / 100)


def wrong_target(asked: float | None, form: TargetIn, unit: str, direction: str) -> Iterator[str]:
    """What is wrong with a target."""
    if asked is None:
        if form != "unit":
            yield "target_in: there is no target. Give one (target), or leave target_in out."
        return
    if not math.isfinite(asked):
        yield f"target: {asked!r} is no number that an effect could reach. Write a number in the unit of the effect."
        return
    if form == "per_cent" and not unit.startswith("log"):
        yield (
            f"target_in: the effects are in {unit or 'a unit that is not named'}, not in logarithms, so per cent of what is not known. "
            "Write the target in the unit of the effect."
        )
    elif form == "per_cent" and asked <= -100:
        yield f"target: a fall by {number(-asked)} % leaves less than nothing. Write a number above -100."
    better, side = ("more", "above") if direction == UPWARD else ("less", "below")
    if (direction == UPWARD and asked < 0) or (direction == DOWNWARD and asked > 0):
        yield f"target: {number(asked)} is on the wrong side: of this outcome {better} is better. Write a number {side} 0."
    elif direction not in (UPWARD, DOWNWARD) and asked == 0:
        yield "target: neither direction of this outcome is better, so 0 is no side to reach. Write a number above or below 0."
