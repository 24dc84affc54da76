"""What was decided, by which rule, and what it hangs on, in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from scale_impact.scaleup.carding.facts import LONGEST, Facts, clipped

Decision = Literal["stop", "adapt", "scale"]

DECISIONS: Mapping[Decision, str] = {
    "stop": "Stop: do not scale this up",
    "adapt": "Adapt: change it and test again",
    "scale": "Scale it up",
}
"""What each decision asks for."""

BY_VERDICT: Mapping[str, Decision] = {"pass": "scale", "inconclusive": "adapt", "fail": "stop"}

RULES: Mapping[str, str] = {
    "harm": "On a large scale it is too likely to do harm.",
    "loss": "All together would lose by it, and no further measuring is worth its cost.",
    "hopeless": "It seldom pays off for all together, and no further measuring is worth its cost.",
    "measure": "One more measurement is worth its cost before anybody decides.",
    "payer": "Somebody who has to agree would probably lose by it.",
    "unsure": "It may pay off for all together, but that is not sure enough.",
    "readiness": "Something is missing without which nothing should be scaled.",
    "scale": "It pays off for all together and for each who has to agree.",
}
"""The rules of a decision in plain words."""

INPUTS: Mapping[str, str] = {
    "effect": "the effect itself", "reach.units": "how many there are to reach", "reach.share": "how many of them can be reached",
    "adoption.ceiling": "how many take part in the end", "adoption.years": "how soon they take part", "adoption.midpoint": "how soon they take part",
    "adoption.innovation": "how many begin by themselves", "adoption.imitation": "how many follow others", "dose": "how much of it each gets",
    "voltage.false_positive": "whether the effect was luck", "voltage.population": "whether others gain as much as those in the pilot",
    "voltage.ingredients": "what is lost without the pilot's team", "voltage.spillovers": "what changes when many take part",
    "voltage.cost": "what it costs on a large scale", "decay.half_life": "how long the effect lasts", "learning.rate": "how fast it becomes cheaper",
    "baseline": "how things are without it",
}  # fmt: skip
"""Inputs of a scale-up in plain words; flows of money have names of their own."""


def decided(facts: Facts) -> tuple[Decision | None, str]:
    """The decision and the rule that gave it."""
    check = next((c for c in facts.checks if c["check"] == "decision"), None)
    if check is None:
        return None, "Nobody has worked out yet whether to stop, to adapt or to scale."
    details: Mapping[str, Any] = check.get("details") or {}
    named = details.get("decision")
    decision: Decision | None = named if named in DECISIONS else BY_VERDICT.get(str(check["verdict"]))
    return decision, RULES.get(str(details.get("rule"))) or clipped(check["reason"], LONGEST["reason"])
