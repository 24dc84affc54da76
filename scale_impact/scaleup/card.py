"""Decision card: one page in plain words about a measure, for those who decide about it and those who live with it.

Everything on it comes from published rows, checks and cards. What is not known is said to be not known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from scale_impact.core.evidence import P_HARM, P_TARGET
from scale_impact.core.readiness_items import ITEMS
from scale_impact.core.words import counted
from scale_impact.scaleup.carding import amounts, tests_in_words
from scale_impact.scaleup.carding.facts import Facts, Row, begins, clipped
from scale_impact.scaleup.words import WEIGHTED

if TYPE_CHECKING:
    from scale_impact.core.catalogue.indicator import Indicator
    from scale_impact.core.catalogue.measure import Measure

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

LONGEST: Mapping[str, int] = {"title": 120, "name": 40, "text": 230, "reason": 200}
"""Characters of texts that others wrote; longer ones are cut, for a page is a page. The study has them whole."""

MOST_PARTNERS, MOST_UNKNOWNS, MOST_GROUPS, MOST_RUNS = 8, 6, 3, 4

SEPARATE = ("decision", "readiness", "losers")
"""Checks of a scale-up that have a place of their own."""


@dataclass(frozen=True)
class PartnerLine:
    """Who pays or gains: ``value`` in ``unit`` with its range, and the chance to gain; None where that is not known."""

    name: str
    value: float | None
    low: float | None
    high: float | None
    chance: float | None
    unit: str

    @property
    def words(self) -> str:
        """``loses 1.93 million EUR``."""
        if self.value is None:
            return "not known"
        if self.value == 0:
            return "neither gains nor loses"
        return f"{'gains' if self.value > 0 else 'loses'} {amounts.amount(abs(self.value), self.unit)}"

    @property
    def range_words(self) -> str:
        """``−4.50 to 0.640 million EUR``."""
        if self.low is None or self.high is None:
            return "not known"
        return amounts.between(self.low, self.high, self.unit)

    @property
    def chance_words(self) -> str:
        """``10 in 100``."""
        return "not known" if self.chance is None else amounts.chance(self.chance)


@dataclass(frozen=True)
class CardPart:
    """A part of the page; ``gap`` where it can only say what is missing."""

    key: str
    title: str
    sentences: tuple[str, ...]
    gap: bool = False


@dataclass(frozen=True)
class DecisionCard:
    """One page about a decision.

    Attributes
    ----------
    title:
        The question, as the study puts it.
    decision:
        ``stop``, ``adapt`` or ``scale``; None where nobody has worked it out.
    headline, reason:
        The decision in words, and the rule that gave it.
    parts:
        What was tried, what changed, how sure, for whom, cost, what to expect, who pays and gains, what is not known, next step.
    partners:
        Who pays and gains, in numbers.
    money:
        Currency and year of all amounts; empty where there are none.
    sources:
        Studies, runs and dates that the page was made of.
    warnings:
        What a reader has to know before all else.
    """

    title: str
    decision: Decision | None
    headline: str
    reason: str
    parts: tuple[CardPart, ...]
    partners: tuple[PartnerLine, ...]
    money: str
    sources: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    def part(self, key: str) -> CardPart:
        """A part by its key."""
        return next(p for p in self.parts if p.key == key)

    @property
    def gaps(self) -> tuple[str, ...]:
        """Parts that can only say what is missing."""
        return tuple(p.key for p in self.parts if p.gap)

    def markdown(self) -> str:
        """The page as Markdown; nothing in it is read as anything but text."""
        lines = [f"# {_literal(self.title)}", "", f"**{_literal(self.headline)}.** {_literal(self.reason)}", ""]
        lines += [f"> {_literal(w)}\n" for w in self.warnings]
        for part in self.parts:
            lines += [f"## {part.title}", "", *(f"{_literal(s)}  " for s in part.sentences), ""]
            if part.key == "partners" and self.partners:
                rows = [
                    f"| {_literal(p.name)} | {p.words} | {p.range_words} | {p.chance_words} |" for p in self.partners
                ]
                lines += ["| | gains or loses | likely range | chance to gain |", "|---|---|---|---|", *rows, ""]
        return "\n".join([*lines, *(f"{_literal(s)}  " for s in self.sources)]).rstrip() + "\n"


def make_card(
    rows: Sequence[Row],
    checks: Sequence[Row],
    *,
    measure: Measure | None = None,
    indicator: Indicator | None = None,
    others: Sequence[Row] = (),
    other_checks: Sequence[Row] = (),
    title: str = "",
    city: str | None = None,
    dates: Mapping[str, str] | None = None,
    warnings: Sequence[str] = (),
) -> DecisionCard:
    """The decision card of a scale-up.

    Parameters
    ----------
    rows, checks:
        What the scale-up study has published (estimates.jsonl, checks.jsonl).
    measure, indicator:
        The measure's card, and the line of the catalogue for the outcome.
    others, other_checks:
        What the studies have published that it rests on: the pilot's, and that of the transfer.
    title:
        The question; default the measure's title.
    city:
        The city that decides; default the one that a prediction is for.
    dates:
        When each run was made, by run id.
    warnings:
        What a reader has to know first, in plain sentences: that data are simulated, that a run is out of date.
    """
    facts = Facts(rows, checks, others, other_checks, measure, indicator, city)
    decision, reason = _decided(facts)
    asked = title or ("" if measure is None else measure.title) or "A measure without a card"
    found = tuple(_part(key, heading, facts) for key, heading in PARTS)
    headline = "No decision yet" if decision is None else DECISIONS[decision]
    return DecisionCard(
        clipped(asked, LONGEST["title"]),
        decision,
        headline,
        reason,
        found,
        _partners(facts),
        _money(facts),
        _sources(facts, dates or {}),
        tuple(clipped(w, LONGEST["reason"]) for w in warnings),
    )


# ---- parts -------------------------------------------------------------------------------------------------

PARTS = (
    ("tried", "What was tried"),
    ("changed", "What changed"),
    ("sure", "How sure is that?"),
    ("whom", "For whom?"),
    ("cost", "What does it cost?"),
    ("expect", "What may we expect here?"),
    ("partners", "Who pays, who gains?"),
    ("unknown", "What we do not know"),
    ("next", "Next step"),
)


def _part(key: str, title: str, facts: Facts) -> CardPart:
    told = tuple(TOLD[key](facts))
    return CardPart(key, title, tuple(s.removeprefix(GAP) for s in told), all(s.startswith(GAP) for s in told))


GAP = "\0"
"""Stands before a sentence that says what is missing, and is taken off."""


def _tried(facts: Facts) -> Iterator[str]:
    if facts.measure is None:
        yield f"{GAP}There is no card of this measure. So this page cannot say what was tried."
        return
    yield f"{clipped(facts.measure.title, LONGEST['name'] * 2).rstrip('.')}."
    yield begins(facts.measure.what, LONGEST["text"])
    pilot = facts.pilot
    if pilot is not None and pilot.get("n_treated") and pilot.get("n_units"):
        yield f"The study looked at {counted(pilot['n_units'], 'place or group', 'places or groups')}. {pilot['n_treated']:,} had the measure."


def _changed(facts: Facts) -> Iterator[str]:
    row = facts.pilot or facts.row("PILOT_EFFECT")
    if row is None:
        yield f"{GAP}No study of a pilot was read. So nobody can say what changed."
    elif not amounts.is_known(row):
        yield f"{GAP}The study of the pilot gives no number for {facts.name}."
    else:
        yield _moved(facts, row)
        if told := _judged(facts, row["estimate"]):
            yield told


def _moved(facts: Facts, row: Row) -> str:
    """``Jobs: up by 1.20 jobs.``"""
    value = row["estimate"]
    if value == 0:
        return f"{facts.name}: no change."
    return f"{facts.name}: {'up' if value > 0 else 'down'} by {_size(row)}."


def _size(row: Row) -> str:
    """How much, in the digits of the range."""
    return _signed(row).removeprefix("\N{MINUS SIGN}")


def _judged(facts: Facts, value: float) -> str:
    """Whether a change is one for the better; nothing where neither way is better."""
    better = {"+": 1, "-": -1}.get(facts.direction)
    if better is None or value == 0:
        return ""
    wish = "more" if better > 0 else "less"
    return f"That is for the {'better' if value * better > 0 else 'worse'}: {wish} is better."


def _sure(facts: Facts) -> Iterator[str]:
    row = facts.pilot or facts.row("PILOT_EFFECT")
    if row is None or not amounts.is_known(row) or not amounts.has_range(row):
        yield f"{GAP}No range was published. So nobody can say how sure it is."
    else:
        yield f"Changes from {_ends(row)} fit the data."
        chance = row["ci_low"] <= 0 <= row["ci_high"]
        yield "No change at all fits too, so it may be chance." if chance else "Chance alone hardly explains it."
        yield f"Of 100 ranges made like this one, {100 * row['level']:.0f} hold the true change."
    yield from _tested(facts.pilot_checks)
    if facts.pilot is not None:
        yield _planned(facts.pilot)


def _ends(row: Row) -> str:
    return amounts.between(row["ci_low"], row["ci_high"], str(row["outcome_unit"] or ""), beside=row["estimate"])


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


def _whom(facts: Facts) -> Iterator[str]:
    if facts.measure is not None and facts.measure.unit:
        yield f"It is meant for: {within(clipped(facts.measure.unit, 80)).rstrip('.')}."
    reach = facts.row("REACH")
    if reach is not None and amounts.is_known(reach):
        yield _reached(reach)
    known = [r for r in facts.groups if amounts.is_known(r)]
    for row in known[:MOST_GROUPS]:
        chance = " (it may be chance)" if not amounts.has_range(row) or row["ci_low"] <= 0 <= row["ci_high"] else ""
        way = "no change" if row["estimate"] == 0 else f"{'up' if row['estimate'] > 0 else 'down'} by {_size(row)}"
        yield f"{clipped(row['label'], LONGEST['name'])}: {way}{chance}."
    if facts.pilot is None:
        yield f"{GAP}No study of a pilot was read. So nobody knows who gains more and who less."
    elif not known:
        yield "The study does not tell groups apart. So nobody knows who gains more and who less."


def _reached(row: Row) -> str:
    if row["outcome_unit"] in amounts.SHARES:
        return f"It would reach about {amounts.chance(row['estimate'])} of those it is meant for."
    return f"It would reach about {amounts.amount(row['estimate'], str(row['outcome_unit'] or ''))}."


def _cost(facts: Facts) -> Iterator[str]:
    row, total = facts.row("COST_PER_EFFECT"), facts.row("COSTS")
    if row is not None and amounts.is_known(row):
        yield f"{_capital(_about(row))}."
        yield (
            f"Likely range: {_money_range(row)}."
            if amounts.has_range(row)
            else "How much more or less it may be, is not known."
        )
    elif row is not None:
        yield f"{GAP}No cost per unit can be given: {_why(row)}."
    else:
        yield f"{GAP}What one unit of the effect costs was not worked out."
    if total is not None and amounts.is_known(total):
        yield f"In all it costs about {amounts.amount(total['estimate'], str(total['outcome_unit']))}."


def _about(row: Row) -> str:
    """``about 23,400 EUR per job``."""
    price = _price(row)
    return f"about {amounts.joined(amounts.figures([row['estimate'] * price.scale])[0], price.currency)} {price.each}".rstrip()


def _money_range(row: Row) -> str:
    price = _price(row)
    low, high, value = (row[k] * price.scale for k in ("ci_low", "ci_high", "estimate"))
    return amounts.between(low, high, price.currency, beside=value)


@dataclass(frozen=True)
class Price:
    """What is paid in, for what, and by how much a number is multiplied to be read so."""

    currency: str
    each: str
    scale: float = 1.0


def _price(row: Row) -> Price:
    """``EUR of 2024 per share and pupil`` is read as EUR for each percentage point of one pupil."""
    unit = str(row["outcome_unit"] or "")
    money, per, what = unit.partition(" per ")
    currency = amounts.readable(0.0, money)[1]
    if not per:
        return Price(currency, "")
    outcome, _, who = what.rpartition(" and ")
    among = f", for one of the {clipped(who, 40)}" if outcome else ""
    if outcome in (*amounts.SHARES, "%"):
        return Price(currency, f"for each percentage point{among}", 1.0 if outcome == "%" else 0.01)
    return Price(currency, f"for a change of 1 ({clipped(outcome or who, 40)}){among}")


def _expect(facts: Facts) -> Iterator[str]:
    row = facts.expected()
    if row is None:
        yield f"{GAP}No study asked what this city may expect."
    elif not amounts.is_known(row):
        yield f"{GAP}No forecast can be made: {_why(row)}."
    else:
        place = clipped(facts.city or row["label"] or "This city", LONGEST["name"])
        yield f"{place}: {_forecast(row)}."
        yield from _odds(facts)
    at_scale = facts.row("EFFECT_AT_SCALE")
    if at_scale is not None and amounts.is_known(at_scale):
        ends = f" ({_ends(at_scale)})" if amounts.has_range(at_scale) else ""
        yield f"The sums for the whole city count on a change of {_signed(at_scale)}{ends}."


def _forecast(row: Row) -> str:
    way = "no change" if row["estimate"] == 0 else f"{'up' if row['estimate'] > 0 else 'down'} by about {_size(row)}"
    return (
        f"{way}, very likely between {_ends(row).replace(' to ', ' and ', 1)}"
        if amounts.has_range(row)
        else f"{way}; no range is known"
    )


def _signed(row: Row) -> str:
    """A change with its sign, in the digits of its range."""
    unit = str(row["outcome_unit"] or "")
    values = [row["estimate"], *([row["ci_low"], row["ci_high"]] if amounts.has_range(row) else [])]
    shown = [amounts.readable(v, unit) for v in values]
    return amounts.joined(amounts.figures([v for v, _ in shown])[0], shown[0][1])


def _odds(facts: Facts) -> Iterator[str]:
    for estimand, what in ((P_HARM, "does harm"), (P_TARGET, "reaches the target")):
        row = facts.expected(estimand)
        if row is not None and amounts.is_known(row):
            yield f"The chance that it {what} is {amounts.chance(row['estimate'])}."
    if (support := facts.check("support")) is not None and support["verdict"] == "fail":
        yield "But this city is unlike those that tried it. The forecast may not hold here."


def _who(facts: Facts) -> Iterator[str]:
    total, odds = facts.row("NPV"), facts.row("P_POSITIVE")
    if total is None:
        yield f"{GAP}Nobody has worked out who pays and who gains."
        return
    if not amounts.is_known(total):
        yield f"{GAP}The sums give no result: {_why(total)}."
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


def _unknown(facts: Facts) -> Iterator[str]:
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


def _next(facts: Facts) -> Iterator[str]:
    decision, _ = _decided(facts)
    yield f"{DECISIONS[decision]}." if decision else f"{GAP}No decision was worked out. First the sums have to be made."
    ready = facts.check("readiness")
    yield from _ready(ready) if ready is not None else ["Nobody has checked whether the city is ready for it."]
    yield from _worth(facts)


def _ready(check: Row) -> Iterator[str]:
    """What stops a roll-out, and how many questions are open."""
    items = [i for i in (check.get("details") or {}).get("items", []) if i.get("item") in ITEMS]
    missing = [ITEMS[i["item"]].topic for i in items if i["answer"] == "no" and ITEMS[i["item"]].blocks]
    if missing:
        yield f"Missing before any roll-out: {_listed(missing)}."
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


TOLD = {
    "tried": _tried, "changed": _changed, "sure": _sure, "whom": _whom, "cost": _cost, "expect": _expect, "partners": _who,
    "unknown": _unknown, "next": _next,
}  # fmt: skip


# ---- beside the parts ----------------------------------------------------------------------------------------


def _decided(facts: Facts) -> tuple[Decision | None, str]:
    """The decision and the rule that gave it."""
    check = next((c for c in facts.checks if c["check"] == "decision"), None)
    if check is None:
        return None, "Nobody has worked out yet whether to stop, to adapt or to scale."
    details: Mapping[str, Any] = check.get("details") or {}
    named = details.get("decision")
    decision: Decision | None = named if named in DECISIONS else BY_VERDICT.get(str(check["verdict"]))
    return decision, RULES.get(str(details.get("rule"))) or clipped(check["reason"], LONGEST["reason"])


def _partners(facts: Facts) -> tuple[PartnerLine, ...]:
    odds = {r["label"]: r["estimate"] for r in facts.parts("P_POSITIVE")}
    lines = [
        PartnerLine(
            clipped(r["label"], LONGEST["name"]),
            r["estimate"],
            r["ci_low"],
            r["ci_high"],
            odds.get(r["label"]),
            str(r["outcome_unit"]),
        )
        for r in facts.parts("NPV")
        if r["label"] != WEIGHTED
    ]
    if len(lines) > MOST_PARTNERS:  # those who lose or gain most are shown
        kept = sorted(lines, key=lambda p: -abs(p.value or 0.0))[:MOST_PARTNERS]
        lines = [p for p in lines if p in kept]
    return tuple(lines)


def _money(facts: Facts) -> str:
    """``EUR, in prices of 2024``."""
    units = (amounts.MONEY.match(str(r["outcome_unit"] or "")) for r in facts.rows)
    return next((f"{m.group(1)}, in prices of {m.group(2)}" for m in units if m), "")


def _sources(facts: Facts, dates: Mapping[str, str]) -> tuple[str, ...]:
    """The runs that the page was made of, the scale-up's own first."""
    runs = dict.fromkeys(
        (r["study"], r.get("variant"), r.get("run_id"))
        for r in (*facts.rows, *facts.checks, *facts.others, *facts.other_checks)
    )
    told = [_run(study, variant, run, dates) for study, variant, run in runs]
    more = len(told) - MOST_RUNS
    return (*told[:MOST_RUNS], *([f"{counted(more, 'more run')} of other studies"] if more > 0 else []))


def _run(study: Any, variant: Any, run: Any, dates: Mapping[str, str]) -> str:
    name = clipped(study if variant is None else f"{study}, {variant}", 60)
    when = dates.get(str(run))
    return f"{name}: run {clipped(run or 'not published', 16)}{f', {clipped(when, 20)}' if when else ''}"


# ---- words ---------------------------------------------------------------------------------------------------


def _why(row: Row) -> str:
    return clipped(row.get("inference") or "no reason is given", LONGEST["reason"]).rstrip(".")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def within(text: str) -> str:
    """A text within a sentence."""
    return text if len(text) > 1 and text[1].isupper() else text[:1].lower() + text[1:]


def _listed(words: Sequence[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def _literal(text: str) -> str:
    """Text in Markdown as it is: nothing of it a heading, a link, a table or HTML."""
    return re.sub(r"([\\`*_{}\[\]()#+!|<>~&$^=-])", r"\\\1", text)
