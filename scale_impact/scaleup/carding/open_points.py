"""What a card says of what is not known, and of the next step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from scale_impact.core.readiness_items import ITEMS
from scale_impact.core.words import counted
from scale_impact.scaleup.carding import amounts, tests_in_words
from scale_impact.scaleup.carding.decided import decided, input_in_words
from scale_impact.scaleup.carding.facts import LONGEST, Facts, Row, clipped
from scale_impact.scaleup.carding.phrases import GAP, listed

MOST_UNKNOWNS = 6

SEPARATE = ("decision", "readiness", "losers")
"""Checks of a scale-up that have a place of their own."""


def unknown(facts: Facts) -> Iterator[str]:
    """Tests that failed or could not tell, the failed ones first."""
    tests = [c for c in (*facts.tests, *facts.checks) if c["check"] not in SEPARATE and c["verdict"] != "inapplicable"]
    open_ones = [c for c in tests if c["verdict"] in ("fail", "inconclusive")]
    ordered = sorted(open_ones, key=lambda c: c["verdict"] != "fail")
    told = list(dict.fromkeys(tests_in_words.in_words(c) for c in ordered))
    yield from told[:MOST_UNKNOWNS]
    if (more := len(told) - MOST_UNKNOWNS) > 0:
        yield f"{counted(more, 'more open point')} {'stands' if more == 1 else 'stand'} in the studies."
    if not tests:
        yield f"{GAP}No tests of the effect were published. So all of this may rest on error or luck."
    elif not told:
        separate = any(c["check"] in SEPARATE and c["verdict"] == "fail" for c in facts.checks)
        yield from () if separate else ["All tests of the effect that were made were passed."]
        yield "What nobody tested is not known."


def next_step(facts: Facts) -> Iterator[str]:
    """The decision, what is missing for it, and what would be most worth knowing."""
    found = decided(facts)
    yield from (
        found.steps[:1] if found.decision else [f"{GAP}No decision was worked out. First the sums have to be made."]
    )
    yield from _measured(facts)
    yield from found.steps[1:]
    ready = facts.check("readiness")
    yield from _ready(ready) if ready is not None else ["Nobody has checked whether the city is ready for it."]
    yield from _worth(facts)


def _ready(check: Row) -> Iterator[str]:
    """What stops a roll-out, and how many questions are open."""
    items = [i for i in (check.get("details") or {}).get("items", []) if i.get("item") in ITEMS]
    missing = [ITEMS[i["item"]].topic for i in items if i["answer"] == "no" and ITEMS[i["item"]].blocks]
    if missing:
        yield f"Missing before any roll-out: {listed(missing)}."
    if unanswered := sum(i["answer"] is None for i in items):
        yield f"{unanswered} of {len(items)} questions about being ready are not answered."
    elif items and not missing:
        yield "All questions about being ready are answered, and nothing stops it."


def _measured(facts: Facts) -> Iterator[str]:
    """The measurement that is most worth its cost; that none is, where measurements are named."""
    named = facts.details.get("measurements")
    if not isinstance(named, list):
        return  # a decision that does not say what measurements cost
    worth = [m for m in named if isinstance(m, Mapping) and m.get("worth_it", (m.get("net") or 0.0) > 0)]
    if not worth:
        yield "No measurement that the study names is worth its cost." if named else "The study names no measurement."
        return
    best, total = max(worth, key=lambda m: float(m["net"])), facts.row("NPV")
    unit = "" if total is None else str(total["outcome_unit"])
    gained, paid = (amounts.amount(float(best[k]), unit) for k in ("after_delay", "cost"))
    yield f"Worth its cost: {clipped(best['name'], LONGEST['name'])}. It brings about {gained} and costs {paid}."


def _worth(facts: Facts) -> Iterator[str]:
    """What would be most worth knowing."""
    known = [r for r in facts.parts("EVPPI") if amounts.is_known(r)]
    if not known:
        yield "Nobody has worked out what would be most worth knowing."
        return
    best = max(known, key=lambda r: float(r["estimate"]))
    if best["estimate"] > 0:
        worth = amounts.amount(best["estimate"], str(best["outcome_unit"]))
        yield f"Most worth knowing: {input_in_words(str(best['label']))}. To know it before deciding is worth up to {worth}."
    else:
        yield "More measuring would not change the decision."
