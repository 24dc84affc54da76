"""Break-even: the effect of the measure on one unit at which expected gains and costs are equal, all else being drawn.

Expected net present value is a line in the improvement where it is a gain, and another one where it is a harm (optimism takes
nothing off a harm): the root of the two.
"""

from __future__ import annotations

from dataclasses import dataclass

from scale_impact.scaleup.effect import EffectToScale
from scale_impact.scaleup.simulation import Simulated


@dataclass(frozen=True)
class BreakEven:
    """The effect at which nothing is gained or lost, in its own unit; None where there is none, and why."""

    value: float | None
    told: str


def break_even(found: Simulated, effect: EffectToScale, partner: str | None = None) -> BreakEven:
    """Of one partner, or of all together."""
    parts = [float(line.sign) if partner is None else line.parts.get(partner, 0.0) for line in found.lines]
    fixed = sum(
        part * float(value.mean())
        for part, value, line in zip(parts, found.values, found.lines, strict=True)
        if part and line.flow.per != "effect"
    )
    gains, harms = (
        sum(part * float(slope[k]) for part, slope in zip(parts, found.slopes, strict=True)) for k in (0, 1)
    )
    who = "All partners together" if partner is None else partner
    if gains == 0 and harms == 0:
        return BreakEven(None, f"What {'all partners' if partner is None else partner} pay{'' if partner is None else 's'} or gain"
                               f"{'' if partner is None else 's'} does not depend on the effect.")  # fmt: skip
    if fixed < 0:
        return _from_below(fixed, gains, harms, effect, who)
    return _from_above(fixed, gains, harms, effect, who)


def _from_below(fixed: float, gains: float, harms: float, effect: EffectToScale, who: str) -> BreakEven:
    """Without an effect something is lost."""
    if gains > 0:
        value = effect.effect_of(-fixed / gains)
        told = f"{who}: gains are expected from this effect on."
        return (
            BreakEven(value, told)
            if value is not None
            else BreakEven(None, f"{who}: not even the whole level of the outcome would pay.")
        )
    if harms < 0:
        value = effect.effect_of(-fixed / harms)
        return BreakEven(value, f"{who}: gains are expected only where the effect is harmful, beyond this one.")
    return BreakEven(None, f"{who}: no effect pays, for more of it brings no gain and there is a loss without it.")


def _from_above(fixed: float, gains: float, harms: float, effect: EffectToScale, who: str) -> BreakEven:
    """Without an effect nothing is lost."""
    if harms > 0:
        value = effect.effect_of(-fixed / harms)
        if value is None:
            return BreakEven(None, f"{who}: gains are expected whatever the effect.")
        return BreakEven(
            value, f"{who}: gains are expected even without an effect; a loss only where it is more harmful than this."
        )
    if gains < 0:
        value = effect.effect_of(-fixed / gains)
        told = f"{who}: gains are expected up to this effect only, for more of it costs more than it brings."
        return (
            BreakEven(value, told)
            if value is not None
            else BreakEven(None, f"{who}: gains are expected whatever the effect.")
        )
    return BreakEven(None, f"{who}: gains are expected whatever the effect.")
