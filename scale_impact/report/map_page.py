"""The evidence map as a page: measures by dimensions, then by indicators: how many looked, what they found, how credible, and gaps."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from scale_impact.core.evidence_map import FINDINGS, By, EvidenceMap, in_words
from scale_impact.report.pages import fitting, page, write_page
from scale_impact.report.slugs import slug


@dataclass(frozen=True)
class Cell:
    """A cell in a few words, with the address of the studies behind it; ``looked``: whether anybody did."""

    words: str
    finding: str
    href: str
    looked: bool


@dataclass(frozen=True)
class Line:
    """A measure with a cell a column."""

    title: str
    href: str
    cells: tuple[Cell, ...]


def write_map(out: Path, maps: Mapping[By, EvidenceMap], studies: Collection[str], problems: Sequence[str]) -> int:
    """Write the map; how many pages. Without maps the page says why there are none. ``studies`` have a place in the list of studies."""
    wide, long = maps.get("dimension"), maps.get("indicator")

    def render(most: int) -> str:
        rows = [] if long is None else _pairs(long, studies)
        looked, gaps = [r for r in rows if r[2].looked], [r for r in rows if not r[2].looked]
        return page(
            "map.html.j2", "", here="Evidence map", problems=problems, notes=() if wide is None else wide.notes, findings=FINDINGS,
            columns=[] if wide is None else [wide.headings[c] for c in wide.columns], lines=[] if wide is None else _lines(wide, studies),
            looked=looked[: 2 * most], more_looked=max(len(looked) - 2 * most, 0), gaps=gaps[: 3 * most], more_gaps=max(len(gaps) - 3 * most, 0),
        )  # fmt: skip

    write_page(out / "map.html", fitting(render))
    return 1


def _lines(found: EvidenceMap, studies: Collection[str]) -> list[Line]:
    """A line a measure, those with evidence first."""
    cells = {(c["measure"], c["column"]): c for c in found.cells.to_dict(orient="records")}
    lines = [
        Line(found.titles[m], _address(m), tuple(_cell(cells.get((m, c)), "dimension", studies) for c in found.columns))
        for m in found.measures
    ]
    return sorted(lines, key=lambda line: (-sum(c.looked for c in line.cells), line.title.casefold()))


def _pairs(found: EvidenceMap, studies: Collection[str]) -> list[tuple[str, str, Cell, str]]:
    """Measure and indicator, one by one."""
    rows = [
        (
            found.titles[c["measure"]],
            found.headings[c["column"]],
            _cell(c, "indicator", studies),
            _address(c["measure"]),
        )
        for c in found.cells.to_dict(orient="records")
    ]
    return sorted(rows, key=lambda row: (row[0].casefold(), row[1].casefold()))


def _address(measure: str) -> str:
    return f"measures/{slug(measure)}.html"


def _cell(cell: dict[str, Any] | None, by: By, studies: Collection[str]) -> Cell:
    """What stands in a cell; a dash where neither card nor study says anything. What papers alone say is on the measure's page."""
    if cell is None:
        return Cell("–", "", "", False)
    looked = not cell["gap"]
    chosen = urlencode({"measure": str(cell["measure"]), by: str(cell["column"])})
    address = f"index.html#{chosen}" if set(cell["names"]) & set(studies) else _address(str(cell["measure"]))
    finding = FINDINGS.get(str(cell["finding"]), "") if looked else ""
    return Cell(in_words(cell), finding, address if looked else "", looked)
