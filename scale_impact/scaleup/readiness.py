"""Readiness: which questions a city has answered before it scales a pilot, which are open, and which stop it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scale_impact.core.check import Check, Verdict
from scale_impact.core.readiness_items import ITEMS, ReadinessAnswer, ReadinessItem, readiness_problems
from scale_impact.core.words import counted
from scale_impact.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

NOT_ANSWERED = "not answered"


@dataclass(frozen=True)
class Readiness:
    """The checklist with the answers of a study.

    Attributes
    ----------
    answers:
        Answers by item, in the order of the checklist; None where a question is not answered, which counts as no yes.
    """

    answers: Mapping[str, ReadinessAnswer | None]

    def said(self, answer: str | None, *, blocking: bool | None = None) -> tuple[ReadinessItem, ...]:
        """Items with an answer (None: not answered); those that stop a roll-out, those that do not, or all."""
        found = (ITEMS[key] for key, a in self.answers.items() if (None if a is None else a.answer) == answer)
        return tuple(i for i in found if blocking is None or i.blocks == blocking)

    @property
    def stops(self) -> tuple[ReadinessItem, ...]:
        """Items whose answer is no and without which nothing should be scaled."""
        return self.said("no", blocking=True)

    @property
    def open(self) -> tuple[ReadinessItem, ...]:
        """Items that are needed and not yet there: partly, or not answered."""
        return self.said("partly", blocking=True) + self.said(None, blocking=True)

    @property
    def verdict(self) -> Verdict:
        """Fail where something stops it; pass where all that is needed is there and every question has an answer."""
        if self.stops:
            return "fail"
        return "inconclusive" if self.open or self.said(None) else "pass"

    def sentences(self) -> list[str]:
        """What stops it, what is open, what is weak, what nobody has answered."""
        parts = (
            (self.stops, "stops a roll-out (the answer is no)", "stop a roll-out (the answer is no)"),
            (self.said("partly", blocking=True), "is needed and only partly there", "are needed and only partly there"),
            (self.said("no", blocking=False), "is missing and can be worked on", "are missing and can be worked on"),
            (self.said("partly", blocking=False), "is partly there", "are partly there"),
        )
        told = [f"{_topics(items)} {one if len(items) == 1 else many}." for items, one, many in parts if items]
        unanswered = self.said(None)
        if not unanswered:
            return told or [f"All {len(self.answers)} questions are answered with yes."]
        needed = [i for i in unanswered if i.blocks]
        among = (
            f", among them {_topics(needed, capital=False)}, without which nothing should be scaled" if needed else ""
        )
        of = f"{len(unanswered)} of {counted(len(self.answers), 'question')}"
        return [*told, f"{of} {'is' if len(unanswered) == 1 else 'are'} not answered{among}."]

    def check(self) -> Check:
        """The check ``readiness``; its statistic is the share of questions that are answered with yes."""
        share = len(self.said("yes")) / len(self.answers)
        return Check("readiness", self.verdict, " ".join(self.sentences()), statistic=share, details=self._details())

    def to_frame(self) -> pd.DataFrame:
        """One row an item: item, group, question, answer (``not answered``), note, why, source, blocks."""
        import pandas as pd

        return pd.DataFrame([{**row, "answer": row["answer"] or NOT_ANSWERED} for row in self._details()["items"]])

    def _details(self) -> dict[str, Any]:
        rows = [_line(ITEMS[key], answer) for key, answer in self.answers.items()]
        return {"items": rows, "stops": [i.key for i in self.stops], "open": [i.key for i in self.open]}


def _line(item: ReadinessItem, given: ReadinessAnswer | None) -> dict[str, Any]:
    """An item with its answer, as JSON knows it."""
    said = {"answer": None, "note": "", "who": None, "by": None} if given is None else given.model_dump()
    asked = {"item": item.key, "group": item.group, "question": item.question}
    return {**asked, **said, "why": item.why, "source": item.source, "blocks": item.blocks}


def readiness(answers: Mapping[str, ReadinessAnswer | Mapping[str, str]]) -> Readiness:
    """Hold a study's answers against the checklist.

    Parameters
    ----------
    answers:
        ``scaleup.readiness`` of a study: by item an answer (yes, partly, no) and a note. Items not in it are not answered.

    Raises
    ------
    UsageError
        Items that the checklist does not have, or answers that are none; all of them at once.

    Source: ExpandNet and WHO (2010), Nine steps for developing a scaling-up strategy; each item names its own.
    """
    problems = readiness_problems(answers)
    given = {key: _answer(key, raw, problems) for key, raw in answers.items() if key in ITEMS}
    if problems:
        raise UsageError(problems)
    return Readiness({key: given.get(key) for key in ITEMS})


def _answer(key: str, raw: Any, problems: list[str]) -> ReadinessAnswer | None:
    """One answer; what is wrong with it is added to the problems."""
    from scale_impact.core.yaml_file import validate

    if isinstance(raw, ReadinessAnswer):
        return raw
    if not isinstance(raw, Mapping):
        problems.append(
            f"readiness.{key}: it is {raw!r}. Write {key}: {{answer: yes, note: who decided it, and when}}."
        )
        return None
    found, wrong = validate(ReadinessAnswer, raw)
    problems += [f"readiness.{key}.{problem}" for problem in wrong]
    return found


def _topics(items: Iterable[ReadinessItem], *, capital: bool = True) -> str:
    """``A mandate, enough staff and a legal basis``."""
    *first, last = (i.topic for i in items)
    text = f"{', '.join(first)} and {last}" if first else last
    return text[:1].upper() + text[1:] if capital else text
