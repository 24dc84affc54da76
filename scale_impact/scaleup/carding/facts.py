"""Facts: the published rows that a decision card says something about, found among the rows of several studies."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scale_impact.core.evidence import PREDICTED

if TYPE_CHECKING:
    from scale_impact.core.catalogue.indicator import Indicator
    from scale_impact.core.catalogue.measure import Measure

Row = Mapping[str, Any]

NO_EFFECTS = (
    "MDE", "RANK", "SCORE", "EXPECTED", "ADJUSTED", "CHANGE", "PREDICTED", "POOLED", "TAU", "I2", "P_HARM", "P_TARGET", "HELD_OUT",
)  # fmt: skip
"""Estimands that are no effect of a pilot."""

LONGEST: Mapping[str, int] = {"title": 120, "name": 40, "text": 230, "reason": 200}
"""Characters of texts that others wrote; longer ones are cut, for a page is a page. The study has them whole."""

HIDDEN = {"Cc", "Cf", "Co", "Cs"}
"""Characters that nobody sees and that may turn what stands after them around."""


@dataclass(frozen=True)
class Facts:
    """What a card may say: rows and checks of the scale-up, those of the studies that it read, and two cards of the catalogue."""

    rows: Sequence[Row]
    checks: Sequence[Row]
    others: Sequence[Row]
    other_checks: Sequence[Row]
    measure: Measure | None
    indicator: Indicator | None
    city: str | None

    def row(self, estimand: str, kind: str = "overall") -> Row | None:
        """The first row of the scale-up with an estimand."""
        return next((r for r in self.rows if r["estimand"] == estimand and r["kind"] == kind), None)

    def parts(self, estimand: str) -> list[Row]:
        """The rows of an estimand by partner or by input."""
        return [r for r in self.rows if r["estimand"] == estimand and r["kind"] == "subgroup"]

    def check(self, name: str) -> Row | None:
        """A check of the scale-up, or of a study that it read."""
        return next((c for c in (*self.checks, *self.other_checks) if c["check"] == name), None)

    @property
    def outcome(self) -> str | None:
        """The column that the scale-up is about."""
        return next((str(r["outcome"]) for r in self.rows if r.get("outcome") is not None), None)

    @property
    def unit(self) -> str:
        """The outcome's unit: that of an effect of the scale-up or of the pilot."""
        effects = (self.row("EFFECT_AT_SCALE"), self.row("PILOT_EFFECT"), self.pilot)
        return next((str(r["outcome_unit"]) for r in effects if r is not None and r.get("outcome_unit")), "")

    @property
    def direction(self) -> str:
        """Which way is better: by the indicator, or as the rows say."""
        if self.indicator is not None:
            return str(self.indicator.direction)
        row = self.row("PILOT_EFFECT") or self.pilot
        return str(row["direction"]) if row is not None and row.get("direction") else ""

    @property
    def name(self) -> str:
        """What was looked at, as the catalogue calls it."""
        found = self.indicator.name if self.indicator is not None else self.outcome
        return clipped(found or "the outcome", 60)

    @property
    def pilot(self) -> Row | None:
        """The pilot's own overall effect: the primary one of the same measure and outcome."""
        return next(self._pilots(), None)

    def _pilots(self) -> Iterator[Row]:
        for row in self.others:
            if (
                row["kind"] == "overall"
                and row["role"] == "primary"
                and row["estimand"] not in NO_EFFECTS
                and self._same(row)
            ):
                yield row

    @property
    def groups(self) -> list[Row]:
        """Effects of the pilot in groups."""
        pilot = self.pilot
        if pilot is None:
            return []
        same = ("study", "variant", "outcome", "estimator")
        return [
            r
            for r in self.others
            if r["kind"] == "subgroup" and r["estimand"] not in NO_EFFECTS and all(r[k] == pilot[k] for k in same)
        ]

    @property
    def pilot_checks(self) -> list[Row]:
        """The tests of the pilot's study."""
        pilot = self.pilot
        return (
            []
            if pilot is None
            else [c for c in self.other_checks if all(c[k] == pilot[k] for k in ("study", "variant", "outcome"))]
        )

    def expected(self, estimand: str = PREDICTED) -> Row | None:
        """What a transfer says that the city may expect."""
        found = (r for r in self.others if r["estimand"] == estimand and r["kind"] == "overall")
        return next(found, None)

    def _same(self, row: Row) -> bool:
        measures = {r.get("measure") for r in self.rows} - {None}
        return (not measures or row["measure"] in measures) and row["outcome"] in (self.outcome, None)


def clipped(text: object, most: int) -> str:
    """A text on one line without hidden characters, cut at a word where it is too long for a page."""
    shown = "".join(
        " " if unicodedata.category(c) == "Cc" else c
        for c in str(text)
        if unicodedata.category(c) not in HIDDEN - {"Cc"}
    )
    shown = " ".join(shown.split())
    if len(shown) <= most:
        return shown
    cut = shown[: most - 1]
    return (cut.rsplit(" ", 1)[0] if " " in cut[most // 2 :] else cut).rstrip(" ,;:.") + "…"


def begins(text: str, most: int) -> str:
    """The first sentences of a text, as many as fit; at least a part of the first."""
    whole = clipped(text, 10_000)
    kept = ""
    for sentence in re.split(r"(?<=[.!?])\s+", whole):
        if kept and len(kept) + 1 + len(sentence) > most:
            break
        kept = f"{kept} {sentence}".strip()
    return clipped(kept, most)
