"""What a card says of the pilot: what was tried, what changed, how sure that is, for whom."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from scale_impact.core.words import counted
from scale_impact.scaleup.carding import amounts
from scale_impact.scaleup.carding.facts import LONGEST, Facts, Row, begins, clipped
from scale_impact.scaleup.carding.phrases import GAP, capital, ends, size, within

MOST_GROUPS = 3


def tried(facts: Facts) -> Iterator[str]:
    """What was tried, by the card of the measure, and on how many."""
    if facts.measure is None:
        yield f"{GAP}There is no card of this measure. So this page cannot say what was tried."
        return
    yield f"{clipped(facts.measure.title, LONGEST['name'] * 2).rstrip('.')}."
    yield begins(facts.measure.what, LONGEST["text"])
    pilot, mean = facts.pilot, facts.mean
    if mean is not None and mean.get("n_units"):
        yield f"{capital(_cities(mean))} tried it."
    if pilot is not None and pilot.get("n_treated") and pilot.get("n_units"):
        yield f"The study looked at {counted(pilot['n_units'], 'place or group', 'places or groups')}. {pilot['n_treated']:,} had the measure."


def changed(facts: Facts) -> Iterator[str]:
    """What changed where it was tried, and whether that is for the better."""
    row, mean = facts.seen, facts.mean
    if row is None:
        yield f"{GAP}No study of a pilot was read. So nobody can say what changed."
    elif not amounts.is_known(row):
        told = "The study of the pilot gives" if mean is None else "The results of the cities that tried it give"
        yield f"{GAP}{told} no number for {facts.name}."
    else:
        yield _moved(facts, row)
        if mean is not None:
            yield f"That is the mean of {_cities(mean)} that tried it."
        if told := _judged(facts, row["estimate"]):
            yield told


def _cities(mean: Row) -> str:
    """``12 cities``."""
    return counted(mean["n_units"], "city", "cities") if mean.get("n_units") else "the cities"


def _moved(facts: Facts, row: Row) -> str:
    """``Jobs: up by 1.20 jobs.``"""
    value = row["estimate"]
    if value == 0:
        return f"{facts.name}: no change."
    return f"{facts.name}: {'up' if value > 0 else 'down'} by {size(row)}."


def _judged(facts: Facts, value: float) -> str:
    """Whether a change is one for the better; nothing where neither way is better."""
    better = {"+": 1, "-": -1}.get(facts.direction)
    if better is None or value == 0:
        return ""
    wish = "more" if better > 0 else "less"
    return f"That is for the {'better' if value * better > 0 else 'worse'}: {wish} is better."


def sure(facts: Facts) -> Iterator[str]:
    """How sure that is: the range, the tests, the plan."""
    row, read = facts.seen, facts.pilot or facts.mean
    if row is None or not amounts.is_known(row) or not amounts.has_range(row):
        yield f"{GAP}No range was published. So nobody can say how sure it is."
    else:
        yield f"Changes from {ends(row)} {'are counted with' if read is None else 'fit the data'}."
        chance = row["ci_low"] <= 0 <= row["ci_high"]
        yield "No change at all fits too, so it may be chance." if chance else "Chance alone hardly explains it."
        if read is not None and _covers(row):
            what = "mean" if facts.mean is not None else "change"
            yield f"Of 100 ranges made like this one, {100 * row['level']:.0f} hold the true {what}."
    yield from (
        _tested(facts.tests_of_seen)
        if read is not None
        else [f"{GAP}No study of it was read. So nobody can say how it was tested."]
    )
    if facts.pilot is not None:
        yield _planned(facts.pilot)


def _covers(row: Row) -> bool:
    """Whether the range is one that holds the truth so often when it is made again; one of draws says what to believe, which is not that."""
    return not re.search(r"\bdraws? from the posterior|\bdrawn\b|\bcredible\b", str(row.get("inference") or ""))


def _tested(checks: Sequence[Row]) -> Iterator[str]:
    """How many tests of a study were passed."""
    asked = [c["verdict"] for c in checks if c["verdict"] != "inapplicable"]
    if not asked:
        yield f"{GAP}The study published no test of itself."
        return
    failed, unclear = asked.count("fail"), asked.count("inconclusive")
    rest = ", ".join(w for n, w in ((failed, f"{failed} failed"), (unclear, f"{unclear} gave no clear answer")) if n)
    yield f"The study was put to {counted(len(asked), 'test')}: {asked.count('pass')} passed{f', {rest}' if rest else ''}."


def _planned(row: Row) -> str:
    if not row.get("plan"):
        return "How to calculate was not fixed before the results were seen."
    return (
        "The plan was fixed in advance, and the study departed from it."
        if row.get("deviations")
        else "The plan was fixed in advance and kept."
    )


def whom(facts: Facts) -> Iterator[str]:
    """For whom it is meant, how many it would reach, and which groups gained."""
    if facts.measure is not None and facts.measure.unit:
        yield f"It is meant for: {within(clipped(facts.measure.unit, 80)).rstrip('.')}."
    reach = facts.row("REACH")
    if reach is not None and amounts.is_known(reach):
        yield _reached(reach)
    known = [r for r in facts.groups if amounts.is_known(r)]
    for row in known[:MOST_GROUPS]:
        chance = " (it may be chance)" if not amounts.has_range(row) or row["ci_low"] <= 0 <= row["ci_high"] else ""
        way = "no change" if row["estimate"] == 0 else f"{'up' if row['estimate'] > 0 else 'down'} by {size(row)}"
        yield f"{clipped(row['label'], LONGEST['name'])}: {way}{chance}."
    if facts.mean is not None:
        yield "The results are those of whole cities. So nobody knows who gains more and who less."
    elif facts.pilot is None:
        yield f"{GAP}No study of a pilot was read. So nobody knows who gains more and who less."
    elif not known:
        yield "The study does not tell groups apart. So nobody knows who gains more and who less."


def _reached(row: Row) -> str:
    if row["outcome_unit"] in amounts.SHARES:
        return f"It would reach about {amounts.chance(row['estimate'])} of those it is meant for."
    return f"It would reach about {amounts.amount(row['estimate'], str(row['outcome_unit'] or ''))}."
