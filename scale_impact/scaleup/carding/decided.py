"""What was decided, by which rule, what that asks for, and what it hangs on, in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from scale_impact.scaleup.carding.facts import LONGEST, Facts, clipped
from scale_impact.scaleup.words import NAMES

Decision = Literal["stop", "adapt", "scale"]

DECISIONS: Mapping[Decision, str] = {
    "stop": "Stop: do not scale this up",
    "adapt": "Adapt: do not scale this up as it is",
    "scale": "Scale it up",
}
"""What each decision asks for, where the rule is not known."""

BY_VERDICT: Mapping[str, Decision] = {"pass": "scale", "inconclusive": "adapt", "fail": "stop"}


@dataclass(frozen=True)
class Rule:
    """A rule in plain words: why it decides so, the decision at the head of the page, and the step that it asks for."""

    why: str
    headline: str
    step: str


def _stop(why: str) -> Rule:
    return Rule(why, DECISIONS["stop"], f"{DECISIONS['stop']}.")


ONCE_READY = "Scale it up, once it is ready"
NOT_READY = "But what a roll-out needs is not all there, or nobody has said so."
"""Where the sums say scale and the checklist is not answered."""

RULES: Mapping[str, Rule] = {
    "harm": _stop("It is too likely to do harm."),
    "loss": _stop("All together would lose by it, and no measurement is named that is worth its cost."),
    "hopeless": _stop("It seldom pays off for all together, and no measurement is named that is worth its cost."),
    "measure": Rule(
        "One more measurement is worth its cost before anybody decides.",
        "Adapt: measure first",
        "Measure first, then decide.",
    ),
    "payer": Rule(
        "Somebody who has to agree would probably lose by it.",
        "Adapt: change who pays what",
        "Change who pays what, until nobody who has to agree is likely to lose.",
    ),
    "unsure": Rule(
        "It may pay off for all together, but that is not sure enough.",
        "Adapt: make it cheaper or better",
        "Change it so that it costs less or does more. Then do the sums again.",
    ),
    "readiness": Rule(
        "Something is missing without which nothing should be scaled.",
        "Adapt: prepare for it first",
        "Get what is missing first.",
    ),
    "scale": Rule(
        "It pays off for all together and for each who has to agree.", DECISIONS["scale"], f"{DECISIONS['scale']}."
    ),
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


def input_in_words(label: str) -> str:
    """An input by its key or by its name, in plain words."""
    key = next((k for k, name in NAMES.items() if name == label), label)
    return INPUTS.get(key) or clipped(label, LONGEST["name"])


@dataclass(frozen=True)
class Decided:
    """The decision, what stands at the head of the page, why, and the steps that it asks for."""

    decision: Decision | None
    headline: str
    reason: str
    steps: tuple[str, ...] = ()


def decided(facts: Facts) -> Decided:
    """The decision and the rule that gave it; where it is to adapt, also the other rules that ask for a change."""
    check = facts.decision
    if check is None:
        return Decided(None, "No decision yet", "Nobody has worked out yet whether to stop, to adapt or to scale.")
    details = facts.details
    named = details.get("decision")
    decision: Decision | None = named if named in DECISIONS else BY_VERDICT.get(str(check["verdict"]))
    first = RULES.get(str(details.get("rule")))
    if first is None:
        headline = DECISIONS[decision] if decision else "No decision yet"
        return Decided(decision, headline, clipped(check["reason"], LONGEST["reason"]), (f"{headline}.",))
    ready = facts.check("readiness")
    if decision == "scale" and ready is not None and ready["verdict"] != "pass":
        return Decided(decision, ONCE_READY, f"{first.why} {NOT_READY}", (f"{ONCE_READY}.",))
    rules = [first, *(_others(details) if decision == "adapt" else [])]
    return Decided(decision, first.headline, " ".join(r.why for r in rules), tuple(r.step for r in rules))


def _others(details: Mapping[str, Any]) -> list[Rule]:
    """Rules that hold beside the one that decided and that ask for a change too; a measurement is what makes the unsure sure."""
    first = str(details.get("rule"))
    done = {first, "unsure"} if first == "measure" else {first}
    tried = [r for r in details.get("rules") or () if isinstance(r, Mapping)]
    held = [str(r.get("rule")) for r in tried if r.get("holds") is True and r.get("decision") == "adapt"]
    return [RULES[name] for name in dict.fromkeys(held) if name in RULES and name not in done]
