"""Words of a scale-up: money, probabilities and inputs as people read them."""

from __future__ import annotations

from scale_impact.core.scaleup_choices import ScaleUp
from scale_impact.core.words import number

ALL = "all partners"
WEIGHTED = "all partners, weighted"


def unit_of(choices: ScaleUp) -> str:
    """The unit of money: ``EUR of 2024``."""
    return f"{choices.currency} of {choices.year}"


def money(amount: float, choices: ScaleUp) -> str:
    """Money for reading: ``EUR 1.2 million``."""
    return f"{choices.currency} {short(amount)}"


def short(amount: float) -> str:
    """A large number in three digits: 1.23 million."""
    size = abs(amount)
    for step, name in ((1e12, "trillion"), (1e9, "billion"), (1e6, "million")):
        if size >= 0.9995 * step:
            return f"{amount / step:.3g} {name}"
    return number(amount)


def percent(share: float) -> str:
    """A probability for reading, never 0 % or 100 % where it is not."""
    if 0 < share < 0.001:
        return "under 0.1 %"
    if 0.999 < share < 1:
        return "over 99.9 %"
    return f"{100 * share:.3g} %"


NAMES = {
    "effect": "effect of the measure", "reach.units": "number of units", "reach.share": "share that can be reached",
    "adoption.ceiling": "share that takes part in the end", "adoption.years": "years of adoption", "adoption.midpoint": "midpoint of adoption",
    "adoption.innovation": "adoption: innovation", "adoption.imitation": "adoption: imitation", "dose": "dose",
    "voltage.false_positive": "voltage: false positive", "voltage.population": "voltage: who was in the pilot",
    "voltage.ingredients": "voltage: what does not scale", "voltage.spillovers": "voltage: spillovers", "voltage.cost": "voltage: cost at scale",
    "decay.half_life": "half-life of the effect", "learning.rate": "learning in cost", "baseline": "level without the measure",
}  # fmt: skip


def name_of(label: str) -> str:
    """An input for reading; flows have their own names."""
    return NAMES.get(label, label)
