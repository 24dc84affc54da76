"""Evidence map: which measures were studied for which indicators, how well, with what finding, and where nobody looked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

By = Literal["dimension", "indicator"]

FINDINGS: dict[str, str] = {
    "better": "for the better",
    "worse": "for the worse",
    "mixed": "some for the better, some for the worse",
    "unclear": "not told from no effect",
    "changed": "a change that is neither better nor worse",
}
"""What the studies of a cell find together; a cell without a study has none."""

SAYING = ("better", "worse", "mixed", "changed")
"""Findings that say something; the others are unclear."""

CELL_FIELDS = (
    "measure", "column", "asked", "expected", "risks", "studies", "papers", "marked", "better", "worse", "changed", "unclear", "finding",
    "credibility", "gap", "names",
)  # fmt: skip
"""Columns of the cells (see ``EvidenceMap``)."""


@dataclass(frozen=True)
class EvidenceMap:
    """Measures by dimensions or indicators.

    Attributes
    ----------
    by:
        What the columns are.
    measures, columns:
        Keys, in the order in which they are shown.
    titles, headings:
        What stands there for readers, by key.
    cells:
        One row a measure and column of which a card or a study says something: what the card asks (``asked``: expected, risk, both
        or nothing), the indicators ``expected`` and at risk; how many ``studies`` and ``papers`` count and how many are ``marked``
        beside them; how many of those that count find a change for the ``better``, for the ``worse``, a ``change`` that is neither,
        and how many are ``unclear``; the ``finding`` (of those that count; where there are none of the marked ones), the strongest
        ``credibility`` of the same, whether it is a ``gap``, and the ``names``.
    notes:
        What is counted and what is not.
    """

    by: By
    measures: tuple[str, ...]
    columns: tuple[str, ...]
    titles: dict[str, str]
    headings: dict[str, str]
    cells: pd.DataFrame
    notes: tuple[str, ...] = field(default=())

    def __repr__(self) -> str:
        gaps = int(self.cells["gap"].astype(bool).sum())
        return f"EvidenceMap({len(self.measures)} measures by {self.by}: {len(self.cells) - gaps} cells with evidence, {gaps} gaps)"

    def table(self) -> pd.DataFrame:
        """Measures as rows, columns as columns, each cell in a few words; nothing where neither card nor study says anything."""
        words = self.cells.assign(words=[in_words(cell) for cell in self.cells.to_dict(orient="records")])
        wide = words.pivot(index="measure", columns="column", values="words")
        found: pd.DataFrame = wide.reindex(index=list(self.measures), columns=list(self.columns)).fillna("")
        return found.rename_axis(index="measure", columns=None)


def in_words(cell: Mapping[str, Any]) -> str:
    """A cell in a few words: ``2 better, 1 unclear; best level 3``; ``gap``; in brackets where only marked evidence is there."""
    count = int(cell["studies"]) + int(cell["papers"])
    if cell["gap"]:
        return "gap"
    of = count or int(cell["marked"])
    known = cell["credibility"]
    before = ", level" if of == 1 else "; best level"
    level = "" if known is None or known != known else f"{before} {int(known)}"
    more = f" (+{cell['marked']} marked)" if count and cell["marked"] else ""
    words = f"{_findings(cell, of)}{level}"
    return f"{words}{more}" if count else f"({words})"


def _findings(cell: Mapping[str, Any], of: int) -> str:
    """How many found what: ``4 better, 1 unclear``; a study that found both counts as mixed."""
    told = {word: int(cell[word]) for word in ("better", "worse", "changed", "unclear")}
    told["mixed"] = max(of - sum(told.values()), 0)
    return ", ".join(f"{told[word]} {word}" for word in (*SAYING, "unclear") if told[word])
