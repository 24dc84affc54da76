"""Decision card: one page in plain words about a measure, for those who decide about it and those who live with it.

Everything on it comes from published rows, checks and cards. What is not known is said to be not known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scale_impact.core.words import counted
from scale_impact.scaleup.carding import amounts, open_points, outlook, pilot
from scale_impact.scaleup.carding.decided import Decision, decided
from scale_impact.scaleup.carding.facts import LONGEST, Facts, Row, clipped
from scale_impact.scaleup.carding.outlook import MOST_PARTNERS
from scale_impact.scaleup.carding.phrases import GAP
from scale_impact.scaleup.words import WEIGHTED

if TYPE_CHECKING:
    from scale_impact.core.catalogue.indicator import Indicator
    from scale_impact.core.catalogue.measure import Measure

MOST_RUNS = 4


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
        The city that decides; a prediction for another one is said to be that.
    dates:
        When each run was made, by run id.
    warnings:
        What a reader has to know first, in plain sentences: that data are simulated, that a run is out of date.
    """
    facts = Facts(rows, checks, others, other_checks, measure, indicator, city)
    told = decided(facts)
    asked = title or ("" if measure is None else measure.title) or "A measure without a card"
    found = tuple(_part(key, heading, tell, facts) for key, heading, tell in PARTS)
    return DecisionCard(
        clipped(asked, LONGEST["title"]),
        told.decision,
        told.headline,
        told.reason,
        found,
        _partners(facts),
        _money(facts),
        _sources(facts, dates or {}),
        tuple(clipped(w, LONGEST["reason"]) for w in warnings),
    )


# ---- parts and what stands beside them ---------------------------------------------------------------------

PARTS: tuple[tuple[str, str, Callable[[Facts], Iterator[str]]], ...] = (
    ("tried", "What was tried", pilot.tried),
    ("changed", "What changed", pilot.changed),
    ("sure", "How sure is that?", pilot.sure),
    ("whom", "For whom?", pilot.whom),
    ("cost", "What does it cost?", outlook.cost),
    ("expect", "What may we expect here?", outlook.expect),
    ("partners", "Who pays, who gains?", outlook.who),
    ("unknown", "What we do not know", open_points.unknown),
    ("next", "Next step", open_points.next_step),
)


def _part(key: str, title: str, tell: Callable[[Facts], Iterator[str]], facts: Facts) -> CardPart:
    told = tuple(tell(facts))
    return CardPart(key, title, tuple(s.removeprefix(GAP) for s in told), all(s.startswith(GAP) for s in told))


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


def _literal(text: str) -> str:
    """Text in Markdown as it is: nothing of it a heading, a link, a table or HTML."""
    return re.sub(r"([\\`*_{}\[\]()#+!|<>~&$^=-])", r"\\\1", text)
