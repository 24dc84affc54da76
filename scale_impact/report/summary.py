"""What the rest of the report says of a study: one small value, made where the study's own pages are made."""

from __future__ import annotations

from dataclasses import dataclass

from scale_impact.report.places import Told
from scale_impact.report.published import Row


@dataclass(frozen=True)
class Mark:
    """Something that a reader has to know beside the answer; ``tone`` is good, open, bad or plainly."""

    word: str
    why: str = ""
    tone: str = "plainly"


@dataclass(frozen=True)
class File:
    """A download: where it lies from the page, what it is, its size."""

    href: str
    name: str
    about: str
    size: int


@dataclass(frozen=True)
class Effect:
    """An overall row that a measure's page shows, with the page it is from."""

    row: Row
    name: str
    study: str
    title: str
    href: str
    kind: str
    marks: tuple[Mark, ...]
    credibility: int | None
    simulated: bool


@dataclass(frozen=True)
class Summary:
    """A study in the lists of the report.

    Attributes
    ----------
    slug, href, title, question:
        The study, and its page from the report's folder.
    kind, measures, dimensions, indicators, design:
        What it is found by.
    credibility:
        Level 1 to 5; None where there is none.
    words:
        Its main answers.
    verdicts:
        How many checks ended how.
    marks, problems:
        What a reader has to know, and what is wrong.
    effects, places:
        What measures' and cities' pages show of it.
    estimates, checks:
        How many rows it has.
    pages:
        How many pages were written.
    """

    slug: str
    href: str
    title: str
    question: str
    kind: str
    measures: tuple[str, ...]
    dimensions: tuple[str, ...]
    indicators: tuple[str, ...]
    design: str
    credibility: int | None
    words: tuple[str, ...]
    verdicts: tuple[tuple[str, int], ...]
    marks: tuple[Mark, ...]
    problems: tuple[str, ...]
    effects: tuple[Effect, ...]
    places: tuple[tuple[Told, str], ...]
    about: str
    estimates: int
    checks: int
    pages: int
