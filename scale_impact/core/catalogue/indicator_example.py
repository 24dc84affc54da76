"""Worked examples of the catalogue: two cities, their values, and which of the two is better, with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import get_args

from scale_impact.core.catalogue.csv_lines import read_lines
from scale_impact.core.catalogue.indicator import Better, Indicator, better, nearest_indicator
from scale_impact.errors import DataError, StudyError

WHERE = "data/indicators/examples.csv"


@dataclass(frozen=True)
class Example:
    """Two cities and their values: ``a``, ``b`` or ``neither`` is better, and why, in a sentence for readers."""

    indicator: str
    city_a: str
    value_a: str
    city_b: str
    value_b: str
    better: Better
    why: str

    @property
    def in_words(self) -> str:
        """``18 or **9**: the air that people breathe holds less fine dust.``"""
        a, b = (f"**{v}**" if self.better == which else v for which, v in (("a", self.value_a), ("b", self.value_b)))
        return f"{a} or {b}{', neither' if self.better == 'neither' else ''}: {self.why[:1].lower()}{self.why[1:]}"


def load_examples(path: Path, indicators: Mapping[str, Indicator]) -> dict[str, Example]:
    """The examples by indicator; none where the project has no such file.

    Raises
    ------
    StudyError
        Fields are empty, an indicator is not in the catalogue or has an example already, or the
        catalogue's direction says that another city is better; all problems at once.
    """
    if not path.is_file():
        return {}
    examples = _parsed(path.read_bytes())
    wrong = [f"line {n}, {e.indicator}: {p}" for n, e in examples if (p := _problem(e, indicators)) is not None]
    keys = [e.indicator for _, e in examples]
    wrong += [f"{key}: it has more than one example." for key in dict.fromkeys(keys) if keys.count(key) > 1]
    if wrong:
        raise StudyError(wrong, where=WHERE)
    return {e.indicator: e for _, e in examples}


@lru_cache(maxsize=8)
def _parsed(content: bytes) -> tuple[tuple[int, Example], ...]:
    """Examples with their lines."""
    names = [f.name for f in fields(Example)]
    lines = read_lines(content, WHERE, names, names)
    return tuple((line.number, Example(**{n: line[n] for n in names})) for line in lines)  # type: ignore[arg-type]


def _problem(example: Example, indicators: Mapping[str, Indicator]) -> str | None:
    """What is wrong with an example: its fields, its name, or the direction."""
    if absent := [f.name for f in fields(Example) if not getattr(example, f.name)]:
        return f"{', '.join(absent)} is empty."
    if example.better not in get_args(Better):
        return f"better is {example.better!r}; it has to be one of {', '.join(get_args(Better))}."
    indicator = indicators.get(example.indicator)
    if indicator is None:
        return f"there is no such indicator. {nearest_indicator(indicators, example.indicator)}"
    try:
        found = better(indicator, example.value_a, example.value_b)
    except DataError as error:
        return str(error)
    if found == example.better:
        return None
    return (
        f"of {example.value_a} and {example.value_b} the example says {example.better}, and direction {indicator.direction} says "
        f"{found}. One of the two is wrong."
    )
