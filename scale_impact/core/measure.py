"""Measure: what a city did, how it should work, what it should move and what it may harm."""

from __future__ import annotations

from pathlib import Path

from scale_impact.core.yaml_file import Record, load_record
from scale_impact.errors import StudyError


class Measure(Record):
    """A card of ``data/measures/``.

    ``what`` says what it is, ``mechanism`` how it should work, ``expected`` which indicators it
    should move, ``risks`` what it may harm.
    """

    title: str
    what: str
    mechanism: str
    expected: tuple[str, ...] = ()
    risks: tuple[str, ...] = ()


def load_measure(path: Path) -> Measure:
    """Read a measure card; all problems at once.

    Raises
    ------
    StudyError
        The card is missing or not as it should be.
    """
    return load_record(Measure, path, StudyError, "measure card")
