"""Voltage: what large scale does to a pilot's effect and to costs, by five factors that are all shown with their reasons.

Source: List (2022), The Voltage Effect; Al-Ubaydli, List and Suskind (2020), 2017 Klein Lecture: The science of using science,
International Economic Review 61.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.check import Check, Verdict
from scale_impact.core.scaleup_choices import Quantity, ScaleUp
from scale_impact.core.words import number
from scale_impact.scaleup.effect import EffectToScale
from scale_impact.scaleup.inputs import Worlds, mean_of

Floats = NDArray[np.float64]

ON_EFFECT = {
    "false_positive": "was it true at all",
    "population": "who was in the pilot",
    "ingredients": "what does not scale",
    "spillovers": "spillovers and saturation",
}
"""The factors on the effect, in words."""

ON_COST = {"cost": "cost at scale"}


def strength(choices: ScaleUp, effect: EffectToScale, worlds: Worlds) -> Floats:
    """What the improvement of the pilot is multiplied by: four factors and the dose; on a log scale the baseline too [n or 1]."""
    found = worlds["dose"] ** choices.dose.elasticity
    for name in ON_EFFECT:
        found = found * worlds[f"voltage.{name}"]
    return found * worlds["baseline"] if effect.scale == "log" else found


def cost_factor(worlds: Worlds) -> Floats:
    """What costs at scale are multiplied by [n or 1]; not what a harmful effect saves of them."""
    return worlds["voltage.cost"]


def kept(choices: ScaleUp) -> float:
    """What is left of the effect by the means of factors and dose."""
    found = mean_of(choices.dose.value) ** choices.dose.elasticity
    for name in ON_EFFECT:
        found *= mean_of(getattr(choices.voltage, name).factor)
    return float(found)


def check(choices: ScaleUp, effect: EffectToScale) -> Check:
    """The check ``voltage``: pass where most of the effect is left, inconclusive where little is or more than the pilot's is claimed.

    Fails where nothing is left. What counts is the product of the means of the four factors on the effect and the dose.
    """
    left = kept(choices)
    raised = [name for name in ON_EFFECT if getattr(choices.voltage, name).factor.ends[1] > 1]
    untouched = all(getattr(choices.voltage, name).factor == Quantity(value=1.0) for name in (*ON_EFFECT, "cost"))
    told = f"{number(100 * left)} % of the effect is left at scale ({_product(choices)}); costs are multiplied by {_said(choices.voltage.cost.factor)}."
    if raised or choices.dose.value.ends[1] > 1:
        names = [*(ON_EFFECT[n] for n in raised), *(["dose"] if choices.dose.value.ends[1] > 1 else [])]
        told += f" More than the pilot had is claimed for {', '.join(names)}, which the pilot cannot show."
    if untouched:
        told += " All five are taken as exactly 1, which says that nothing is lost at scale and that this is known for sure."
    if left < 1 and effect.improvement(effect.estimate) < 0:
        told += " The effect is harmful, so that factors below 1 make a harm smaller, which favours the measure; whether it is harmful is asked before them."
    verdict: Verdict = (
        "fail"
        if left <= 0
        else "inconclusive"
        if left < 0.5 or raised or untouched or choices.dose.value.ends[1] > 1
        else "pass"
    )
    return Check("voltage", verdict, told, statistic=left, details={"left": left, "factors": factors(choices)})


def factors(choices: ScaleUp) -> list[dict[str, Any]]:
    """A row a factor: name, meaning, what it is on, mean, low, high, reason; the dose and the decay beside the five."""
    five = [
        _row(
            name,
            told,
            "costs" if name in ON_COST else "effect",
            getattr(choices.voltage, name).factor,
            getattr(choices.voltage, name).reason,
        )
        for name, told in {**ON_EFFECT, **ON_COST}.items()
    ]
    return [*five, _row("dose", "dose beside the pilot's", "effect", choices.dose.value, choices.dose.reason)]


def _row(name: str, told: str, on: str, factor: Quantity, reason: str) -> dict[str, Any]:
    low, high = factor.ends
    return {
        "factor": name,
        "meaning": told,
        "on": on,
        "mean": mean_of(factor),
        "low": low,
        "high": high,
        "reason": reason,
    }


def _product(choices: ScaleUp) -> str:
    parts = [f"{told} {_said(getattr(choices.voltage, name).factor)}" for name, told in ON_EFFECT.items()]
    return ", ".join([*parts, f"dose {_said(choices.dose.value)}"])


def _said(factor: Quantity) -> str:
    low, high = factor.ends
    return number(factor.best) if factor.is_known else f"{number(factor.best)} ({number(low)} to {number(high)})"
