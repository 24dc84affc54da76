"""Readiness items: what a city should be able to answer before it scales a pilot, and why each question is asked.

The questions follow ExpandNet's attributes of what can be scaled (CORRECT) and its nine steps, and what cities said decides
in practice: a mandate, somebody in charge of digital change, citizens who were asked, few moving parts, data that may be
used, money after the pilot.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, StrictStr

from scale_impact.core.words import nearest
from scale_impact.core.yaml_file import Record

Answered = Literal["yes", "partly", "no"]

NINE_STEPS = "ExpandNet and WHO (2010), Nine steps for developing a scaling-up strategy"
CORRECT = "CORRECT attributes: Glaser, Abelson and Garrison (1983), in ExpandNet and WHO (2010), step 1"
END_IN_MIND = "ExpandNet and WHO (2011), Beginning with the end in mind"
GDPR = "Regulation (EU) 2016/679 (data protection), articles 6 and 35, or the law of the place"
CITIES = "asked by this project: what holds up cities between pilot and scale"

GROUPS = ("What was tried", "Who carries it", "Citizens", "Data and law", "Money", "The plan")
"""Headings, in the order in which items are shown."""


class ReadinessAnswer(Record):
    """An answer to a readiness item in study.yaml: ``{answer: yes, note: "Council decision of May 2024"}``."""

    answer: Answered
    """yes, partly or no; an item that is left out is not answered."""
    note: StrictStr = ""
    """What shows it, or what is missing."""
    who: StrictStr | None = None
    """Who sees to it."""
    by: StrictStr | None = None
    """Until when."""


@dataclass(frozen=True)
class ReadinessItem:
    """A question of the checklist.

    Attributes
    ----------
    key:
        As ``scaleup.readiness`` names it.
    group:
        One of ``GROUPS``.
    topic:
        Two or three words for lists.
    question, why:
        In plain words; why a wrong answer stops a roll-out.
    source:
        Where the question comes from.
    blocks:
        Whether nothing should be scaled while the answer is no.
    """

    key: str
    group: str
    topic: str
    question: str
    why: str
    source: str
    blocks: bool = False


_TRIED, _WHO, _CITIZENS, _LAW, _MONEY, _PLAN = GROUPS

ITEMS: dict[str, ReadinessItem] = {i.key: i for i in (
    ReadinessItem(
        "credible", _TRIED, "credible evidence",
        "Did a study that others can repeat find the effect?",
        "What worked by luck will not work again.", CORRECT, blocks=True),
    ReadinessItem(
        "observable", _TRIED, "results to see",
        "Can people see the results with their own eyes?",
        "Staff and citizens support what they see working.", CORRECT),
    ReadinessItem(
        "relevant", _TRIED, "a need",
        "Does it solve a problem that the city has today?",
        "Without a need, other work comes first.", CORRECT, blocks=True),
    ReadinessItem(
        "relative_advantage", _TRIED, "better than today",
        "Is it better than what is done today, for its cost?",
        "The choice is between this and the best use of the same money.", CORRECT, blocks=True),
    ReadinessItem(
        "easy", _TRIED, "easy to run",
        "Is it easy to set up, to learn and to run?",
        "What needs experts every day stays a pilot.", CORRECT),
    ReadinessItem(
        "compatible", _TRIED, "fits the rules",
        "Does it fit the rules, values and systems that are there?",
        "What has to change everything around it takes years.", CORRECT),
    ReadinessItem(
        "testable", _TRIED, "small steps",
        "Can it be rolled out in small steps that can be stopped?",
        "A step that fails should cost little.", CORRECT),
    ReadinessItem(
        "few_parts", _TRIED, "few moving parts",
        "Does it work with few moving parts: devices, contracts, offices that must act together?",
        "Each part can fail, and they fail together more often in more places.", END_IN_MIND),
    ReadinessItem(
        "mandate", _WHO, "a mandate",
        "Has the council or the mayor decided that this shall be done?",
        "Without a decision nobody may spend money or time on it.", CITIES, blocks=True),
    ReadinessItem(
        "chief_digital_officer", _WHO, "somebody in charge",
        "Is there a chief digital officer, or another person in charge with a say in all offices?",
        "Work across offices stops where nobody can decide for all.", CITIES),
    ReadinessItem(
        "implementers", _WHO, "able offices",
        "Do those who will run it want it, and can they?",
        "The pilot's team will not run it in the whole city.", f"{NINE_STEPS}, step 2"),
    ReadinessItem(
        "staff", _WHO, "enough staff",
        "Are there enough trained people, also after the pilot's team has left?",
        "Lack of staff is why many effects shrink at scale.", f"{NINE_STEPS}, step 2", blocks=True),
    ReadinessItem(
        "support_team", _WHO, "a team that helps",
        "Is there a team that helps other offices and districts to take it up?",
        "New places ask the same questions again.", f"{NINE_STEPS}, step 4"),
    ReadinessItem(
        "surroundings", _WHO, "the surroundings",
        "Were politics, partners and markets looked at, and what may change there?",
        "Elections and suppliers change more in five years than the measure does.", f"{NINE_STEPS}, step 3"),
    ReadinessItem(
        "citizens_asked", _CITIZENS, "citizens asked",
        "Were citizens asked before the decision, and did the plan change by what they said?",
        "Those who were not asked resist, and they know what planners do not.", END_IN_MIND),
    ReadinessItem(
        "fair", _CITIZENS, "nobody left behind",
        "Is it known who gains little or loses, and what is done for them?",
        "An average hides groups that are worse off.", END_IN_MIND),
    ReadinessItem(
        "legal_basis", _LAW, "a legal basis",
        "Is there a legal basis for the measure and for each use of personal data?",
        "Courts stop what has none.", GDPR, blocks=True),
    ReadinessItem(
        "data", _LAW, "data to steer by",
        "Are the data that it needs there, good enough, and owned by the city or open to it?",
        "Without data nobody sees whether it still works.", END_IN_MIND),
    ReadinessItem(
        "institutions", _LAW, "part of the rules",
        "Is it written into budgets, job descriptions and rules?",
        "What is no part of the rules ends with the people who began it.", f"{NINE_STEPS}, step 5"),
    ReadinessItem(
        "finance", _MONEY, "money after the pilot",
        "Is the money for running it there after the pilot's funds end?",
        "Grants pay for beginnings and seldom for upkeep.", f"{NINE_STEPS}, step 5", blocks=True),
    ReadinessItem(
        "suppliers", _MONEY, "free to change supplier",
        "Can the city change the supplier without starting again?",
        "Prices rise where there is one supplier.", CITIES),
    ReadinessItem(
        "expansion", _PLAN, "where next",
        "Is it decided where it goes next, how fast, and by whom?",
        "Speed and reach decide the cost and the load on staff.", f"{NINE_STEPS}, step 6"),
    ReadinessItem(
        "diversification", _PLAN, "what may change",
        "Is it clear what may be changed in other places and what must stay as tried?",
        "The part that made it work is often the first to be cut.", f"{NINE_STEPS}, step 7"),
    ReadinessItem(
        "spontaneous", _PLAN, "copies",
        "Is it known who copies it already, and are they helped to do it well?",
        "Bad copies harm the name of the measure.", f"{NINE_STEPS}, step 8"),
    ReadinessItem(
        "monitoring", _PLAN, "written plan, watched",
        "Is there a written plan that says what is measured, when it is looked at and when it is stopped?",
        "A roll-out that is not watched cannot be put right.", f"{NINE_STEPS}, step 9"),
)}  # fmt: skip
"""All items by key, in the order in which they are shown."""


def readiness_problems(given: Iterable[str]) -> list[str]:
    """What is wrong with the names of items that a study answers, in sentences; the keys' place stands before them."""
    return [f"readiness.{key}: there is no such item. {nearest(key, ITEMS)}" for key in given if key not in ITEMS]


def _known(key: str) -> str:
    if key not in ITEMS:
        raise ValueError(f"there is no such item. {nearest(key, ITEMS)}")
    return key


ReadinessAnswers = dict[Annotated[StrictStr, AfterValidator(_known)], ReadinessAnswer]
"""Answers by item, as a study writes them; an item that the checklist does not have is a problem of its own."""


def blockers() -> Collection[str]:
    """Keys of the items that stop a roll-out while their answer is no."""
    return [key for key, item in ITEMS.items() if item.blocks]
