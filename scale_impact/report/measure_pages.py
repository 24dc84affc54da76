"""A page a measure: its card, what studies and papers found, where nobody looked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from scale_impact.core.catalogue.indicator import Indicator, shown
from scale_impact.core.catalogue.measure import Measure, missing_dimensions, move
from scale_impact.core.words import counted
from scale_impact.report import tables
from scale_impact.report.pages import cut, fitting, page, write_page
from scale_impact.report.published import Row
from scale_impact.report.slugs import slug
from scale_impact.report.standing import SIMULATED, level_words
from scale_impact.report.summary import Effect, Summary

BARE = re.compile(r"\d+(\s*[-\N{EN DASH}]\s*\d+)?")
"""A page that is written as a number or a range alone, and not as ``table 2`` or ``p. 5``."""


@dataclass(frozen=True)
class Listed:
    """A measure in the list: its page, what it is, how many studies (and of them simulated ones) and published numbers it has."""

    href: str
    title: str
    what: str
    studies: int
    simulated: int
    papers: int


@dataclass(frozen=True)
class Found:
    """A number on a measure's page: the row, whose it is, what to know of it, and its page."""

    row: Row
    label: str
    note: str
    href: str


def write_measures(
    out: Path,
    measures: Mapping[str, Measure],
    indicators: Mapping[str, Indicator],
    studies: Sequence[Summary],
    papers: Sequence[Row],
) -> int:
    """Write the list of measures and a page each, also of measures that studies name and no card describes; how many pages."""
    named = sorted(
        {*measures, *(m for s in studies for m in s.measures), *(str(p["measure"]) for p in papers if p["measure"])}
    )
    by_measure: dict[str, list[Effect]] = {name: [] for name in named}
    for study in studies:
        for effect in study.effects:
            by_measure.setdefault(str(effect.row["measure"]), []).append(effect)
    listed = []
    for name in named:
        of = [s for s in studies if name in s.measures]
        printed = [p for p in papers if p["measure"] == name]
        text = _page(name, measures.get(name), indicators, of, by_measure[name], printed)
        write_page(out / "measures" / f"{slug(name)}.html", text)
        title = measures[name].title if name in measures else name
        what = measures[name].what if name in measures else ""
        made_up = sum(any(mark.word == SIMULATED for mark in s.marks) for s in of)
        listed.append(Listed(f"{slug(name)}.html", title, what, len(of), made_up, len(printed)))
    listed.sort(key=lambda m: (m.simulated - m.studies - m.papers, m.title.casefold()))
    write_page(out / "measures" / "index.html", page("measures.html.j2", "../", here="Measures", measures=listed))
    return len(named) + 1


def _page(
    name: str,
    card: Measure | None,
    indicators: Mapping[str, Indicator],
    studies: Sequence[Summary],
    effects: Sequence[Effect],
    papers: Sequence[Row],
) -> str:
    def render(most: int) -> str:
        return page(
            "measure.html.j2", "../", here="Measures", name=name, card=card, title=card.title if card else name,
            tables=list(_found(effects, papers, indicators, most))[:40], others=[e for e in effects if e.kind != "measure"][:most],
            papers=[_paper(p) for p in papers[:most]], more_papers=max(len(papers) - most, 0), studies=studies[:most], more=max(len(studies) - most, 0),
            expected=_expected(card, indicators, effects, papers), risks=_risks(card, indicators, effects, papers),
            silent=[shown(d) for d in missing_dimensions(card, indicators)] if card else [],
        )  # fmt: skip

    return fitting(render)


def _found(
    effects: Sequence[Effect], papers: Sequence[Row], indicators: Mapping[str, Indicator], most: int
) -> Iterator[tables.NumberTable]:
    """What was found, an indicator and unit each: numbers of different units or meanings are never in one table."""
    groups: dict[tuple[str, str, str], list[Found]] = {}
    for one in [*(_of_study(e) for e in effects if e.kind == "measure"), *map(_of_paper, papers)]:
        groups.setdefault(_group(one.row), []).append(one)
    for group in sorted(groups.values(), key=lambda g: (-len(g), str(g[0].row["indicator"]))):
        yield _table(group, indicators, most)


def _of_study(effect: Effect) -> Found:
    note = [f"credibility {level_words(effect.credibility)}", *(m.word for m in effect.marks if m.tone == "bad")]
    return Found(effect.row, effect.title, ", ".join(note), f"../{effect.href}")


def _of_paper(row: Row) -> Found:
    where = f"{row['place']}, " if row.get("place") else ""
    return Found(row, f"{row['study']} (paper)", f"{where}credibility {level_words(row.get('credibility'))}", "")


def _table(group: Sequence[Found], indicators: Mapping[str, Indicator], most: int) -> tables.NumberTable:
    by_row = {id(one.row): one for one in group}
    return tables.number_table(
        tables.unit_words(group[0].row, indicators), [one.row for one in group], most, lambda r: by_row[id(r)].label, head="study",
        note=lambda r: by_row[id(r)].note, href=lambda r: by_row[id(r)].href, where="among the downloads of all rows",
    )  # fmt: skip


def _group(row: Row) -> tuple[str, str, str]:
    return (
        str(row["indicator"]),
        str(row["outcome_unit"]),
        str(row["estimand"] if row["estimand"] in ("LATE", "CATE") else ""),
    )


def _paper(row: Row) -> dict[str, str]:
    """Where a published number comes from."""
    keys = ("source", "page", "url", "design", "conversion", "rule", "note")
    told = {k: cut(row[k], 400) for k in keys if row.get(k) not in (None, "")}
    if BARE.fullmatch(told.get("page", "")):
        told["page"] = f"page {told['page']}"
    return {"study": str(row["study"]), **{k: told.get(k, "") for k in keys}}


def _counted(name: str, effects: Sequence[Effect], papers: Sequence[Row]) -> str:
    """How many looked; simulated data are no evidence, as in the evidence map, and are counted apart."""
    looked = [e for e in effects if e.row["indicator"] == name and e.kind == "measure"]
    real = {e.study for e in looked if not e.simulated}
    made_up = {e.study for e in looked} - real
    printed = {p["study"] for p in papers if p["indicator"] == name}
    parts = [counted(len(real), "study", "studies")] * bool(real) + [counted(len(printed), "paper")] * bool(printed)
    beside = f" ({len(made_up)} simulated)" if made_up else ""
    return (" and ".join(parts) or "no evidence here") + beside


def _expected(
    card: Measure | None, indicators: Mapping[str, Indicator], effects: Sequence[Effect], papers: Sequence[Row]
) -> list[tuple[str, str, str]]:
    """What it should move, which way, and how often that was looked at."""
    if card is None:
        return []
    named = [(n, move(card, indicators[n]) if n in indicators else card.expected[n]) for n in card.expected]
    return [
        (indicators[n].name if n in indicators else n, way or "either way", _counted(n, effects, papers))
        for n, way in named
    ]


def _risks(
    card: Measure | None, indicators: Mapping[str, Indicator], effects: Sequence[Effect], papers: Sequence[Row]
) -> list[tuple[str, str, str]]:
    """What it may harm, how, and how often that was looked at."""
    if card is None:
        return []
    named = [
        (indicators[n].name if n in indicators else n, why or "", _counted(n, effects, papers))
        for n, why in card.risks.items()
    ]
    return [*named, *((risk, "", "no indicator shows it") for risk in card.unmeasured_risks)]
