"""Facts: the published rows that a decision card says something about, found among the rows of several studies."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from scale_impact.core.evidence import HELD_OUT, P_HARM, P_TARGET, POOLED, PREDICTED, SHARE, TRANSPORTED

if TYPE_CHECKING:
    from scale_impact.core.catalogue.indicator import Indicator
    from scale_impact.core.catalogue.measure import Measure

Row = Mapping[str, Any]

NO_EFFECTS = (
    "MDE", "RANK", "SCORE", "EXPECTED", "ADJUSTED", "CHANGE", PREDICTED, TRANSPORTED, POOLED, "TAU", "I2", P_HARM, P_TARGET, HELD_OUT, SHARE,
)  # fmt: skip
"""Estimands that are no effect of a pilot."""

LONGEST: Mapping[str, int] = {"title": 120, "name": 40, "text": 230, "reason": 200}
"""Characters of texts that others wrote; longer ones are cut, for a page is a page. The study has them whole."""

OF_ONE = ("study", "variant", "outcome")
"""Fields that rows of one study about one outcome share."""

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
    def direction(self) -> str:
        """Which way is better: by the indicator, or as the rows say."""
        if self.indicator is not None:
            return str(self.indicator.direction)
        rows = (self.row("PILOT_EFFECT"), self.seen)
        return next((str(r["direction"]) for r in rows if r is not None and r.get("direction")), "")

    @property
    def name(self) -> str:
        """What was looked at, as the catalogue calls it."""
        found = self.indicator.name if self.indicator is not None else self.outcome
        return clipped(found or "the outcome", 60)

    @property
    def decision(self) -> Row | None:
        """The check that says what was decided."""
        return next((c for c in self.checks if c["check"] == "decision"), None)

    @property
    def details(self) -> Mapping[str, Any]:
        """Details of the decision; none where there is none."""
        found = None if self.decision is None else self.decision.get("details")
        return found if isinstance(found, Mapping) else {}

    # ---- where the effect comes from --------------------------------------------------------------

    @cached_property
    def origin(self) -> Row | None:
        """The row of another study that stands as the pilot's effect in the scale-up: the same number with the same error."""
        own = self.row("PILOT_EFFECT")
        if own is None or own["estimate"] is None:
            return None
        same = [r for r in self.others if self._same(r) and all(r[k] == own[k] for k in ("estimate", "std_error"))]
        return min(same, key=self._rank, default=None)

    def _rank(self, row: Row) -> tuple[bool, ...]:
        """Of rows with one number that of the whole, of the scale-up's own outcome, and primary comes first."""
        return row["kind"] != "overall", row["outcome"] != self.outcome, row["role"] != "primary"

    @property
    def pilot(self) -> Row | None:
        """The pilot's own effect; None where what is scaled was put together from several, or given."""
        if self.origin is not None:
            return self.origin if self.origin["estimand"] not in NO_EFFECTS else None
        found = [r for r in self.others if self._same(r) and r["kind"] == "overall" and r["role"] == "primary"]
        return min((r for r in found if r["estimand"] not in NO_EFFECTS), key=self._rank, default=None)

    @property
    def mean(self) -> Row | None:
        """The mean of the cities that tried it, by the transfer that the effect comes from; None where a pilot stands for itself."""
        if self.pilot is not None:
            return None
        found = [r for r in self.others if r["estimand"] == POOLED and r["kind"] == "overall" and self._same(r)]
        if (of := self.origin) is not None:
            found = [r for r in found if all(r[k] == of[k] for k in OF_ONE)]
        return min(found, key=self._rank, default=None)

    @property
    def seen(self) -> Row | None:
        """What was seen where it was tried: a pilot's effect, the mean of cities, or what the scale-up took over."""
        return self.pilot or self.mean or self.row("PILOT_EFFECT")

    @property
    def groups(self) -> list[Row]:
        """Effects of the pilot in groups."""
        pilot = self.pilot
        if pilot is None:
            return []
        return [
            r
            for r in self.others
            if r["kind"] == "subgroup"
            and r["estimand"] not in NO_EFFECTS
            and all(r[k] == pilot[k] for k in (*OF_ONE, "estimator"))
        ]

    @property
    def tests(self) -> list[Row]:
        """Tests of the studies that were read, as far as they are about the outcome; each once, though a study be read twice."""
        about = {r["outcome"] for r in self.others if self._same(r)} | {self.outcome}
        found = [c for c in self.other_checks if c["outcome"] is None or self.outcome is None or c["outcome"] in about]
        return [c for k, c in enumerate(found) if c not in found[:k]]

    @property
    def tests_of_seen(self) -> list[Row]:
        """The tests of the study in which the change was seen."""
        seen = self.pilot or self.mean
        return [] if seen is None else [c for c in self.tests if all(c[k] == seen[k] for k in OF_ONE)]

    def expected(self, estimand: str = PREDICTED) -> Row | None:
        """What a transfer says that a city may expect: the row that is scaled, else the first one."""
        if estimand == PREDICTED and self.origin is not None and self.origin["estimand"] in (PREDICTED, TRANSPORTED):
            return self.origin
        found = (r for r in self.others if r["estimand"] == estimand and r["kind"] == "overall" and self._about(r))
        return next(found, None)

    @property
    def place(self) -> str:
        """The city that the forecast is for, by its own row; empty where there is none."""
        row = self.expected()
        if row is not None and row["kind"] != "overall":  # such as the mean by similarity, which has its own label
            of = row
            whole = (r for r in self.others if r["estimand"] == PREDICTED and r["kind"] == "overall")
            row = next((r for r in whole if all(r[k] == of[k] for k in OF_ONE)), None)
        return "" if row is None else clipped(row["label"] or "", LONGEST["name"])

    @property
    def is_elsewhere(self) -> bool:
        """Whether the forecast is for another city than the one that decides."""
        return bool(self.city and self.place) and _plain(clipped(self.city, LONGEST["name"])) != _plain(self.place)

    def _about(self, row: Row) -> bool:
        """Whether a row is about the outcome, by its column or by its indicator."""
        indicators = {r.get("indicator") for r in self.rows} - {None}
        return self.outcome is None or row["outcome"] == self.outcome or row["indicator"] in indicators

    def _same(self, row: Row) -> bool:
        measures = {r.get("measure") for r in self.rows} - {None}
        return (not measures or row["measure"] in measures) and self._about(row)


def _plain(name: str) -> str:
    """A name without what makes no other city of it: letters large or small, composed or not."""
    return unicodedata.normalize("NFC", name).casefold().strip()


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
