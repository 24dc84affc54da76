"""What a card says of the roll-out: what it costs, what may be expected here, who pays and who gains."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from scale_impact.core.evidence import P_HARM, P_TARGET
from scale_impact.core.words import counted
from scale_impact.scaleup.carding import amounts
from scale_impact.scaleup.carding.facts import LONGEST, Facts, Row, clipped
from scale_impact.scaleup.carding.phrases import GAP, capital, ends, signed, size, why
from scale_impact.scaleup.words import WEIGHTED

MOST_PARTNERS = 8


def cost(facts: Facts) -> Iterator[str]:
    """What a unit of the effect costs, and all of it."""
    row, total = facts.row("COST_PER_EFFECT"), facts.row("COSTS")
    if row is not None and amounts.is_known(row):
        yield f"{capital(_about(facts, row))}."
        yield (
            f"Likely range: {_money_range(facts, row)}."
            if amounts.has_range(row)
            else "How much more or less it may be, is not known."
        )
    elif row is not None:
        yield f"{GAP}No cost per unit can be given: {why(row)}."
    else:
        yield f"{GAP}What one unit of the effect costs was not worked out."
    if total is not None and amounts.is_known(total):
        yield f"In all it costs about {amounts.amount(total['estimate'], str(total['outcome_unit']))}."


def _about(facts: Facts, row: Row) -> str:
    """``about 23,400 EUR for a change of 1 (jobs)``."""
    price = _price(row, facts.row("REACH"))
    return f"about {amounts.joined(amounts.figures([row['estimate'] * price.scale])[0], price.currency)} {price.each}".rstrip()


def _money_range(facts: Facts, row: Row) -> str:
    price = _price(row, facts.row("REACH"))
    low, high, value = (row[k] * price.scale for k in ("ci_low", "ci_high", "estimate"))
    return amounts.between(low, high, price.currency, beside=value)


@dataclass(frozen=True)
class Price:
    """What is paid in, for what, and by how much a number is multiplied to be read so."""

    currency: str
    each: str
    scale: float = 1.0


def _price(row: Row, reach: Row | None) -> Price:
    """``EUR of 2024 per share and pupils`` is read as EUR for each percentage point, for each unit reached (pupils)."""
    unit = str(row["outcome_unit"] or "")
    money, per, what = unit.partition(" per ")
    currency = amounts.readable(0.0, money)[1]
    if not per:
        return Price(currency, "")
    outcome, _, who = what.rpartition(" and ")
    units = "" if reach is None else str(reach["outcome_unit"] or "")
    if units and what.endswith(f" and {units}"):  # units may have an "and" of their own
        outcome, who = what.removesuffix(f" and {units}"), units
    among = f", for each unit reached ({clipped(who, 40)})" if outcome else ""
    if outcome in (*amounts.SHARES, "%"):
        return Price(currency, f"for each percentage point{among}", 1.0 if outcome == "%" else 0.01)
    return Price(currency, f"for a change of 1 ({clipped(outcome or who, 40)}){among}")


def expect(facts: Facts) -> Iterator[str]:
    """What the city may expect, with the odds of harm and of the target."""
    row = facts.expected()
    if row is None:
        yield f"{GAP}No study asked what this city may expect."
    elif not amounts.is_known(row):
        yield f"{GAP}No forecast can be made: {why(row)}."
    else:
        yield f"{facts.place or 'This city'}: {_forecast(row)}."
        if facts.is_elsewhere:
            here = clipped(facts.city, LONGEST["name"])
            yield f"That is the forecast for {facts.place}. It stands in for {here}, for which nobody made one."
        yield from _odds(facts, row)
    at_scale = facts.row("EFFECT_AT_SCALE")
    if at_scale is not None and amounts.is_known(at_scale):
        around = f" ({ends(at_scale)})" if amounts.has_range(at_scale) else ""
        yield f"The sums for the whole city count on a change of {signed(at_scale)}{around}."


def _forecast(row: Row) -> str:
    way = "no change" if row["estimate"] == 0 else f"{'up' if row['estimate'] > 0 else 'down'} by about {size(row)}"
    return (
        f"{way}, very likely between {ends(row).replace(' to ', ' and ', 1)}"
        if amounts.has_range(row)
        else f"{way}; no range is known"
    )


def _odds(facts: Facts, forecast: Row) -> Iterator[str]:
    """How likely harm and the target are, and whether the city is like those that tried it."""
    there = f" in {facts.place}" if facts.is_elsewhere else ""
    for estimand, what in ((P_HARM, "does harm"), (P_TARGET, "reaches the target")):
        row = (
            facts.expected(estimand) if forecast["kind"] == "overall" else None
        )  # the odds are those of the forecast as a whole
        if row is not None and amounts.is_known(row) and row["label"] == forecast["label"]:
            yield f"The chance that it {what}{there} is {amounts.chance(row['estimate'])}."
    support = next((c for c in facts.tests if c["check"] == "support" and c["study"] == forecast["study"]), None)
    if support is not None and support["verdict"] == "fail":
        where = facts.place if facts.is_elsewhere else "this city"
        yield f"But {where} is unlike those that tried it. The forecast may not hold {'there' if there else 'here'}."


def who(facts: Facts) -> Iterator[str]:
    """What all together gain or lose; each partner stands in the table."""
    total, odds = facts.row("NPV"), facts.row("P_POSITIVE")
    if total is None:
        yield f"{GAP}Nobody has worked out who pays and who gains."
        return
    if not amounts.is_known(total):
        yield f"{GAP}The sums give no result: {why(total)}."
        return
    value, unit = total["estimate"], str(total["outcome_unit"])
    verb = "gain" if value > 0 else "lose"
    yield (
        f"All together {verb} about {amounts.amount(abs(value), unit)}."
        if value
        else "All together neither gain nor lose."
    )
    if amounts.has_range(total):
        yield f"Likely range: {amounts.between(total['ci_low'], total['ci_high'], unit, beside=value)}."
    if odds is not None and amounts.is_known(odds):
        yield f"The chance that it pays off for all together is {amounts.chance(odds['estimate'])}."
    if (more := sum(r["label"] != WEIGHTED for r in facts.parts("NPV")) - MOST_PARTNERS) > 0:
        yield f"{counted(more, 'more partner')} {'stands' if more == 1 else 'stand'} in the study."
