"""The list of all studies: pages that are whole without a script, and one file by which a script searches and filters all of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from scale_impact.core.catalogue.indicator import Indicator
from scale_impact.core.catalogue.measure import Measure
from scale_impact.report.answers import KINDS
from scale_impact.report.pages import fragment, page, write_page
from scale_impact.report.standing import level_words
from scale_impact.report.summary import Summary

A_PAGE = 60
"""Studies a page of the list."""

TEXT = 4_000
"""Characters of a study that a search looks through."""

CITIES = 2_000
"""Cities that are offered while one types."""


def write_overview(
    out: Path,
    studies: Sequence[Summary],
    measures: Mapping[str, Measure],
    indicators: Mapping[str, Indicator],
    problems: Sequence[str],
    papers: int,
) -> int:
    """Write the list and what its filters need; how many pages."""
    ordered = sorted(studies, key=lambda s: (s.title.casefold(), s.slug))
    cities = sorted({told.place.name for s in studies for told, _ in s.places}, key=lambda n: (n.casefold(), n))
    write_page(out / "assets" / "studies.js", _script(ordered, cities, measures, indicators))
    pages = [ordered[k : k + A_PAGE] for k in range(0, len(ordered), A_PAGE)] or [[]]
    filters = _filters(ordered, measures, indicators)
    for k, some in enumerate(pages, 1):
        text = page(
            "index.html.j2", "", here="Studies", studies=some, number=k, of=len(pages), address=_address, filters=filters, cities=cities[:CITIES],
            count=len(ordered), problems=problems, papers=papers, n_measures=len({m for s in studies for m in s.measures}),
            n_estimates=sum(s.estimates for s in studies), n_checks=sum(s.checks for s in studies),
        )  # fmt: skip
        write_page(out / _address(k), text)
    return len(pages)


def _address(k: int) -> str:
    return "index.html" if k == 1 else f"studies-{k}.html"


def _filters(
    studies: Sequence[Summary], measures: Mapping[str, Measure], indicators: Mapping[str, Indicator]
) -> list[dict[str, Any]]:
    """The choices: only what there is."""
    titles = {name: card.title for name, card in measures.items()}
    names = {name: one.name for name, one in indicators.items()}
    return [
        _filter("kind", "Kind of study", (s.kind for s in studies), KINDS),
        _filter("measure", "Measure", (m for s in studies for m in s.measures), titles),
        _filter("dimension", "Dimension", (d for s in studies for d in s.dimensions), {}),
        _filter("indicator", "Indicator", (i for s in studies for i in s.indicators), names),
        _filter("design", "Design", (s.design for s in studies), {}),
        _filter(
            "credibility",
            "Credibility",
            (_level(s) for s in studies),
            {"none": "no level", **{str(k): level_words(k) for k in range(1, 6)}},
        ),
    ]


def _filter(key: str, label: str, values: Iterable[str], words: Mapping[str, str]) -> dict[str, Any]:
    found = {value: " ".join(words.get(value, value.replace("_", " ")).split())[:80] for value in values if value}
    return {
        "key": key,
        "label": label,
        "options": sorted(found.items(), key=lambda item: (item[1].casefold(), item[0]))[:400],
    }


def _level(study: Summary) -> str:
    return "none" if study.credibility is None else str(study.credibility)


def _script(
    studies: Sequence[Summary],
    cities: Sequence[str],
    measures: Mapping[str, Measure],
    indicators: Mapping[str, Indicator],
) -> str:
    """The studies for the script: a text to search, what each is found by, and its piece of the page, as the list has it."""
    number = {name: k for k, name in enumerate(cities)}
    found = []
    for study in studies:
        named = [measures[m].title for m in study.measures if m in measures] + [
            indicators[i].name for i in study.indicators if i in indicators
        ]
        text = " ".join(
            [
                study.title,
                study.slug,
                study.question,
                *study.measures,
                *named,
                *study.dimensions,
                study.design,
                *study.words,
            ]
        )
        found.append({
            "text": text[:TEXT],
            "is": {
                "kind": [study.kind], "measure": study.measures, "dimension": study.dimensions, "indicator": study.indicators,
                "design": [study.design], "credibility": [_level(study)],
            },
            "cities": sorted({number[told.place.name] for told, _ in study.places}),
            "html": fragment("study.html.j2", study=study, root=""),
        })  # fmt: skip
    content = json.dumps({"studies": found, "cities": list(cities)}, ensure_ascii=False, separators=(",", ":"))
    safe = content.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return f"window.scaleImpactStudies={safe};\n"
