"""The measures as a page and as a table: docs/measures.md is made here, and `python -m` this module writes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from scale_impact.core.catalogue.indicator import Indicator, load_indicators, shown
from scale_impact.core.catalogue.measure import (
    JUDGED,
    Measure,
    Partner,
    Reference,
    Spillover,
    Theory,
    dimensions,
    load_measures,
    measure_problems,
    missing_dimensions,
    move,
)
from scale_impact.core.project import Project
from scale_impact.core.words import counted, within_sentence
from scale_impact.errors import StudyError

PAGE = "docs/measures.md"

HEAD = """\
# Measures

<!-- Made from data/measures/ by `python -m scale_impact.core.catalogue.measure_page`: change the cards there, then make it again. -->

What cities do: {n}, each under the dimension in which it is at home. A study names one by
its key, the word in `this type`. How a card is written: [files](files.md#the-measure-datameasureslow_emission_zoneyaml); what each indicator says:
[indicators](indicators.md).

**No card holds the size of an effect.** A card says how a measure is meant to work, what it should move and what it may harm, so
that a study looks in all dimensions and not only where the measure is proud of itself. Whether it did, and by how much, is for
evidence: `scale-impact evidence`. The named publications are a start for reading, not a summary of what is known.

**It should move** is what the measure is for; **it may harm** is where an honest study looks too; under **no indicator shows**
stands harm that the catalogue cannot measure. Dimensions *of which the card says nothing* may be reached all the same.
"""


def measure_table(measures: Mapping[str, Measure], indicators: Mapping[str, Indicator]) -> list[dict[str, str]]:
    """A row a measure, by dimension and title, as texts for a page or a table.

    Keys: measure, title, what, dimension (where it is at home), expected, risks, dimensions (all
    that it touches), missing (those of which it says nothing), unit; empty where there is nothing.
    """
    return [
        {
            "measure": name,
            "title": card.title,
            "what": card.what.strip(),
            "dimension": card.dimension or "",
            "expected": ", ".join(_ways(card, indicators)),
            "risks": ", ".join(card.risks),
            "dimensions": ", ".join(dimensions(card, indicators)),
            "missing": ", ".join(missing_dimensions(card, indicators)),
            "unit": card.unit or "",
        }
        for name, card in _sorted(measures)
    ]


def _sorted(measures: Mapping[str, Measure]) -> list[tuple[str, Measure]]:
    """By the dimension in which they are at home, then by title; without one last."""
    order = {dimension: k for k, dimension in enumerate(JUDGED)}

    def place(item: tuple[str, Measure]) -> tuple[int, str, str]:
        home = item[1].dimension or ""
        return (order.get(home, len(order) + (not home)), home, item[1].title)

    return sorted(measures.items(), key=place)


def _ways(card: Measure, indicators: Mapping[str, Indicator]) -> list[str]:
    """``no2 (down)``: each indicator that it should move, with the way."""
    return [f"{name} ({way})" if (way := _way(card, name, indicators)) else name for name in card.expected]


def _way(card: Measure, name: str, indicators: Mapping[str, Indicator]) -> str | None:
    return move(card, indicators[name]) if name in indicators else card.expected[name]


# ---- the page ------------------------------------------------------------------------------------------


def page(measures: Mapping[str, Measure], indicators: Mapping[str, Indicator]) -> str:
    """All measures as a Markdown page: an overview, then a section each."""
    parts = [HEAD.format(n=counted(len(measures), "kind of measure", "kinds of measure"))]
    parts += ["\n".join([*_overview(measures), ""])]
    return "\n".join([*parts, *(section(name, card, indicators) for name, card in _sorted(measures))])


def _overview(measures: Mapping[str, Measure]) -> Iterator[str]:
    homes = dict.fromkeys(card.dimension for _, card in _sorted(measures))
    for home in homes:
        links = [f"[{card.title}](#{_anchor(card.title)})" for _, card in _sorted(measures) if card.dimension == home]
        yield f"- **{_upper(shown(home or 'no dimension'))}:** {', '.join(links)}"


def _anchor(title: str) -> str:
    """The link to a heading, as GitHub makes it."""
    return "".join(c for c in title.casefold().replace(" ", "-") if c.isalnum() or c in "-_")


def section(name: str, card: Measure, indicators: Mapping[str, Indicator]) -> str:
    """One measure, for a reader who decides on it: what it is, how it works, who gains, how one would know."""
    paragraphs = [
        f"## {card.title}",
        f"`{name}`. {card.what.strip()}",
        f"**How it should work.** {card.mechanism.strip()}",
        *_theory(card.theory),
        *_moves(card, indicators),
        *_partners(card.partners),
        *_study(card),
        *_references(card.references),
    ]
    return "\n\n".join(paragraphs) + "\n"


def _theory(theory: Theory | None) -> Iterator[str]:
    if theory is None:
        return
    steps = {
        "inputs": "Inputs",
        "activities": "Activities",
        "outputs": "Outputs",
        "outcomes": "Outcomes",
        "impact": "Impact",
    }
    rows = [
        f"| {word} | {_cell('; '.join(within_sentence(s) for s in getattr(theory, key)))} |"
        for key, word in steps.items()
    ]
    yield "\n".join(["| step | what |", "|---|---|", *rows])
    tested = [f"- {a.claim}. *How to test it:* {within_sentence(a.test)}." for a in theory.assumptions]
    yield "\n".join(["It rests on these assumptions:\n", *tested])


def _moves(card: Measure, indicators: Mapping[str, Indicator]) -> Iterator[str]:
    if card.expected:
        moved = [_named(n, indicators, _way(card, n, indicators)) for n in card.expected]
        yield f"**It should move:** {'; '.join(moved)}."
    if card.risks:
        yield "\n".join(["**It may harm:**\n", *(_harm(n, why, indicators) for n, why in card.risks.items())])
    if card.unmeasured_risks:
        yield "\n".join(["**No indicator shows:**\n", *(f"- {risk}." for risk in card.unmeasured_risks)])
    if missing := missing_dimensions(card, indicators):
        yield f"*Dimensions of which the card says nothing:* {', '.join(map(shown, missing))}."


def _harm(name: str, why: str | None, indicators: Mapping[str, Indicator]) -> str:
    return f"- {_named(name, indicators)}: {within_sentence(why)}." if why else f"- {_named(name, indicators)}."


def _named(name: str, indicators: Mapping[str, Indicator], way: str | None = None) -> str:
    """``PM2.5 (`pm25`, down)``."""
    told = f"`{name}`, {way}" if way else f"`{name}`"
    return f"{indicators[name].name} ({told})" if name in indicators else told


def _partners(partners: Iterable[Partner]) -> Iterator[str]:
    rows = [f"| {_cell(p.name)} | {_cell(p.costs)} | {_cell(p.benefits)} |" for p in partners]
    if rows:
        yield "\n".join(["| who | bears | has of it |", "|---|---|---|", *rows])


def _study(card: Measure) -> Iterator[str]:
    """What somebody who evaluates it has to know."""
    lines = [
        *([f"**What is treated.** {card.unit}."] if card.unit else []),
        *([f"**Dose.** {card.dose.what} ({card.dose.unit}). {card.dose.how}."] if card.dose else []),
        *([f"**When to look.** {card.timing.short}. {card.timing.long}."] if card.timing else []),
        *([f"**What else differs or changes.** {'. '.join(card.confounders)}."] if card.confounders else []),
        *([f"**Who next door is touched.** {' '.join(map(_spill, card.spillovers))}"] if card.spillovers else []),
        *([f"**Why before and after misleads.** {card.naive.strip()}"] if card.naive else []),
        *_designs(card),
    ]
    if lines:
        yield "\n".join(["**To evaluate it**\n", *(f"- {line}" for line in lines)])


def _spill(spillover: Spillover) -> str:
    return f"{spillover.who} ({spillover.reach}). {spillover.remedy}."


def _designs(card: Measure) -> Iterator[str]:
    for design in card.designs:
        checks = f", with the checks {', '.join(f'`{c}`' for c in design.checks)}" if design.checks else ""
        yield f"**`{design.estimator}`** fits here: {within_sentence(design.when)}{checks}."


def _references(references: Iterable[Reference]) -> Iterator[str]:
    lines = [
        f"- {r.authors} ({r.year}). {_ended(r.title)}{f' *{r.published}*.' if r.published else ''}" for r in references
    ]
    if lines:
        yield "\n".join(["**To read**\n", *lines])


def _ended(title: str) -> str:
    return title if title.endswith(("?", "!", ".")) else f"{title}."


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _upper(text: str) -> str:
    return text[:1].upper() + text[1:]


# ---- of a project --------------------------------------------------------------------------------------


def page_of(project: Project) -> str:
    """The page of a project's measures.

    Raises
    ------
    StudyError
        The catalogue or a card is not as it should be; all problems of all cards at once.
    """
    indicators, measures = load_indicators(project.indicators), load_measures(project)
    problems = [
        f"data/measures/{name}.yaml: {problem}"
        for name, card in measures.items()
        for problem in measure_problems(card, indicators)
    ]
    if problems:
        raise StudyError(problems)
    return page(measures, indicators)


def write(project: Project) -> Path:
    """Write the page, and say where."""
    path = project.root / PAGE
    path.write_text(page_of(project), encoding="utf-8")
    return path


if __name__ == "__main__":
    write(Project.find())
