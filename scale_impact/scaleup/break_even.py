"""Break-even: the effect of the measure on one unit at which expected gains and costs are equal, all else being drawn.

Expected net present value is a line in the improvement where it is a gain, and another one where it is a harm (neither optimism nor
dearer costs are on a harm): two lines that meet at no effect, with no root, one, or one on each side.
"""

from __future__ import annotations

from dataclasses import dataclass

from scale_impact.core.words import number
from scale_impact.scaleup.effect import EffectToScale
from scale_impact.scaleup.simulation import Simulated


@dataclass(frozen=True)
class BreakEven:
    """The effect at which nothing is gained or lost, in its own unit; None where there is none, and why.

    Where there are two, the one on the side of the effect that is scaled; both are told.
    """

    value: float | None
    told: str


def break_even(found: Simulated, effect: EffectToScale, partner: str | None = None) -> BreakEven:
    """Of one partner, or of all together."""
    parts = [float(line.sign) if partner is None else line.parts.get(partner, 0.0) for line in found.lines]
    always = [
        part * float(value.mean())
        for part, value, line in zip(parts, found.values, found.lines, strict=True)
        if part and line.flow.per != "effect"
    ]
    # what is paid back exactly is 0, but for rounding
    fixed = total if abs(total := sum(always)) > 1e-12 * sum(map(abs, always)) else 0.0
    gains, harms = (
        sum(part * float(slope[k]) for part, slope in zip(parts, found.slopes, strict=True)) for k in (0, 1)
    )
    if gains == 0 and harms == 0:
        return BreakEven(None, f"What {'all partners' if partner is None else partner} pay{'' if partner is None else 's'} or gain"
                               f"{'' if partner is None else 's'} does not depend on the effect.")  # fmt: skip
    who = "All partners together" if partner is None else partner
    if fixed <= 0:
        return _from_below(fixed, gains, harms, effect, who)
    return _from_above(fixed, gains, harms, effect, who)


def _from_below(fixed: float, gains: float, harms: float, effect: EffectToScale, who: str) -> BreakEven:
    """Without an effect nothing is gained: each side of it may have a root from which on something is."""
    gain = _root(fixed, gains, effect) if gains > 0 else None
    harm = _root(fixed, harms, effect) if harms < 0 else None
    if gain is not None and harm is not None:
        if gain == harm:
            return BreakEven(gain, f"{who}: gains are expected whatever the effect, but none without one.")
        return _two(
            gain, harm, effect, f"{who}: gains are expected below {{low}} and above {{high}}; a loss between the two."
        )
    if gain is not None:
        return BreakEven(gain, f"{who}: gains are expected from this effect on.")
    if harm is not None:
        return BreakEven(harm, f"{who}: gains are expected only where the effect is harmful, beyond this one.")
    if gains > 0 or harms < 0:
        return BreakEven(None, f"{who}: not even the whole level of the outcome would pay.")
    without = "there is a loss without it" if fixed < 0 else "nothing is gained without it"
    return BreakEven(None, f"{who}: no effect pays, for more of it brings no gain and {without}.")


def _from_above(fixed: float, gains: float, harms: float, effect: EffectToScale, who: str) -> BreakEven:
    """Something is gained without an effect: each side of it may have a root from which on nothing is."""
    gain = _root(fixed, gains, effect) if gains < 0 else None
    harm = _root(fixed, harms, effect) if harms > 0 else None
    if gain is not None and harm is not None:
        return _two(
            gain, harm, effect, f"{who}: gains are expected between {{low}} and {{high}}, also without an effect."
        )
    if harm is not None:
        told = f"{who}: gains are expected even without an effect; a loss only where it is more harmful than this."
        return BreakEven(harm, told)
    if gain is not None:
        told = f"{who}: gains are expected up to this effect only, for more of it costs more than it brings."
        return BreakEven(gain, told)
    return BreakEven(None, f"{who}: gains are expected whatever the effect.")


def _root(fixed: float, slope: float, effect: EffectToScale) -> float | None:
    """The effect at which ``fixed`` is made up for; None where no effect is so large. 0 has no sign."""
    value = effect.effect_of(-fixed / slope)
    return None if value is None else value + 0.0


def _two(gain: float, harm: float, effect: EffectToScale, words: str) -> BreakEven:
    """Both roots in words, the lower one first; the one on the side of the effect that is scaled is the value."""
    low, high = (f"{number(v)} {effect.unit}".strip() for v in sorted((gain, harm)))
    helps = float(effect.improvement(effect.estimate)) >= 0
    return BreakEven(gain if helps else harm, words.format(low=low, high=high))
