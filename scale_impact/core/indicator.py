"""Indicator: what is measured, in which unit, and which direction is better."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, get_args

from scale_impact.errors import StudyError

WHERE = "data/indicators/catalogue.csv"

Direction = Literal["+", "-", "0", "target", "context"]


@dataclass(frozen=True)
class Indicator:
    """One line of the catalogue.

    Attributes
    ----------
    indicator:
        Key, as studies name it.
    name, definition, unit:
        In words.
    dimension:
        Such as economy, environment, participation.
    direction:
        ``+`` more is better, ``-`` less is better, ``0`` neither, ``target`` best at a value,
        ``context`` never judged.
    """

    indicator: str
    name: str
    dimension: str
    definition: str
    unit: str
    direction: Direction


def load_indicators(path: Path) -> dict[str, Indicator]:
    """The catalogue by key; each content is parsed once a process.

    Raises
    ------
    StudyError
        The catalogue is missing, lacks a column, repeats a key or has an unknown direction.
    """
    if not path.is_file():
        raise StudyError("There is no indicator catalogue.", where=WHERE)
    return _parsed(path.read_bytes())


@lru_cache(maxsize=8)
def _parsed(content: bytes) -> dict[str, Indicator]:
    try:
        file = io.StringIO(content.decode("utf-8-sig"), newline="")
        rows = [{k: (v or "").strip() for k, v in row.items() if k} for row in csv.DictReader(file)]
    except UnicodeDecodeError as error:
        raise StudyError("The catalogue is not UTF-8 text. Save it as UTF-8.", where=WHERE) from error
    fields = list(Indicator.__dataclass_fields__)
    if rows and (absent := [f for f in fields if f not in rows[0]]):
        raise StudyError(f"The catalogue lacks the column {', '.join(absent)}.", where=WHERE)
    if problems := _problems(rows):
        raise StudyError(problems, where=WHERE)
    return {r["indicator"]: Indicator(**{f: r[f] for f in fields}) for r in rows}  # type: ignore[arg-type]


def _problems(rows: list[dict[str, str]]) -> list[str]:
    seen: set[str] = set()
    problems = []
    for row in rows:
        key = row["indicator"]
        if key in seen:
            problems.append(f"{key}: this key stands twice.")
        if row["direction"] not in get_args(Direction):
            problems.append(
                f"{key}: direction is {row['direction']!r}; it has to be one of {', '.join(get_args(Direction))}."
            )
        seen.add(key)
    return problems
