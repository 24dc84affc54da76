"""What a card says of what is not known, and of the next step."""

from __future__ import annotations

from collections.abc import Iterator

from scale_impact.core.readiness_items import ITEMS
from scale_impact.core.words import counted
from scale_impact.scaleup.carding import amounts, tests_in_words
from scale_impact.scaleup.carding.decided import DECISIONS, INPUTS, decided
from scale_impact.scaleup.carding.facts import LONGEST, Facts, Row, clipped
from scale_impact.scaleup.carding.phrases import GAP, listed

MOST_UNKNOWNS = 6

SEPARATE = ("decision", "readiness", "losers")
"""Checks of a scale-up that have a place of their own."""


def unknown(facts: Facts) -> Iterator[str]:
    """Tests that failed or could not tell, the failed ones first."""
    open_ones = [
        c
        for c in (*facts.other_checks, *facts.checks)
        if c["verdict"] in ("fail", "inconclusive") and c["check"] not in SEPARATE
    ]
    ordered = sorted(open_ones, key=lambda c: c["verdict"] != "fail")
    told = list(dict.fromkeys(tests_in_words.in_words(c) for c in ordered))
    yield from told[:MOST_UNKNOWNS]
    if (more := len(told) - MOST_UNKNOWNS) > 0:
        yield f"{counted(more, 'more open point')} {'stands' if more == 1 else 'stand'} in the studies."
    if not (facts.checks or facts.other_checks):
        yield f"{GAP}No tests were published. So all of this may rest on error or luck."
    elif not told:
        yield "All tests that were made were passed. What nobody tested is not known."


def next_step(facts: Facts) -> Iterator[str]:
    """The decision, what is missing for it, and what would be most worth knowing."""
    decision, _ = decided(facts)
    yield f"{DECISIONS[decision]}." if decision else f"{GAP}No decision was worked out. First the sums have to be made."
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


def _worth(facts: Facts) -> Iterator[str]:
    """What would be most worth knowing."""
    if offered := [r for r in facts.parts("EVSI") if amounts.is_known(r) and r["estimate"] > 0]:
        best = max(offered, key=lambda r: float(r["estimate"]))
        yield f"Of what could be measured next, this tells most: {clipped(best['label'], LONGEST['name'])}."
    known = [r for r in facts.parts("EVPPI") if amounts.is_known(r)]
    if not known:
        yield "Nobody has worked out what would be most worth knowing."
        return
    best = max(known, key=lambda r: float(r["estimate"]))
    if best["estimate"] > 0:
        worth = amounts.amount(best["estimate"], str(best["outcome_unit"]))
        what = INPUTS.get(str(best["label"])) or clipped(best["label"], LONGEST["name"])
        yield f"Most worth knowing: {what}. To know it before deciding is worth up to {worth}."
    else:
        yield "More measuring would not change the decision."
