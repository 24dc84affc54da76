"""Columns of a file of ``data/evidence/``, and what may stand in each: one line a published number."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from scale_impact.core.catalogue.csv_lines import Line
from scale_impact.core.words import nearest

REQUIRED = ("paper", "measure", "indicator", "place", "design", "estimate", "conversion", "source", "page")

NUMBERS = (
    "estimate", "std_error", "ci_low", "ci_high", "level", "t_value", "p_value", "df", "base_rate", "standard_deviation", "factor",
)  # fmt: skip
COUNTS = ("n_units", "n_treated", "n_control", "first_year", "last_year", "credibility")

OPTIONAL = (
    "outcome", "country", "unit", "estimand", "kind", "role", "std_error_of", "interval", "data_set", "url", "preregistered",
    "credibility_reason", "note",
)  # fmt: skip

COLUMNS = (*REQUIRED, *(n for n in (*NUMBERS, *COUNTS) if n not in REQUIRED), *OPTIONAL)

WORDS: dict[str, tuple[str, ...]] = {
    "kind": ("overall", "unit"),
    "role": ("primary", "secondary"),
    "std_error_of": ("ratio", "log"),
    "interval": ("even", "uneven"),
    "preregistered": ("yes", "no"),
}
"""Words that a column may hold, the first where it is empty (``std_error_of`` and ``preregistered`` have no such word)."""


@dataclass(frozen=True)
class Cells:
    """The cells of one line: texts, and numbers where the column holds any; None where a cell is empty."""

    line: Line
    numbers: dict[str, float | None]

    def __getitem__(self, column: str) -> str:
        return self.line[column]

    def number(self, column: str) -> float | None:
        """The number of a cell, None where it is empty."""
        return self.numbers.get(column)

    def word(self, column: str) -> str:
        """The word of a cell, or the usual one."""
        return self.line[column] or WORDS[column][0]

    def decimals(self, column: str) -> float:
        """Half a unit of the last digit that is printed: by so much the number may have been rounded."""
        text = self.line[column].lower().partition("e")
        digits = len(text[0].partition(".")[2])
        return 0.5 * 10.0 ** (int(text[2] or 0) - digits) if self.line[column] else 0.0


def read_cells(line: Line) -> tuple[Cells, list[str]]:
    """The cells of a line, and what is wrong with single ones."""
    numbers: dict[str, float | None] = {}
    problems = [f"{c} is empty. A line says at least {', '.join(REQUIRED)}." for c in REQUIRED if not line[c]]
    for column in (*NUMBERS, *COUNTS):
        numbers[column], wrong = _number(column, line[column])
        problems += wrong
    problems += [
        f"{c} is {line[c]!r}; it has to be {' or '.join(allowed)}. {nearest(line[c], allowed)}"
        for c, allowed in WORDS.items()
        if line[c] and line[c] not in allowed
    ]
    if not problems:
        problems = list(_ranges(numbers, line))
    return Cells(line, numbers), problems


def _number(column: str, text: str) -> tuple[float | None, list[str]]:
    """A number as printed, with either minus sign."""
    if not text:
        return None, []
    try:
        value = float(text.replace("\N{MINUS SIGN}", "-"))
    except ValueError:
        return None, [f"{column} is {text!r}. {_advice(text)}"]
    if not math.isfinite(value) or "_" in text:
        return None, [f"{column} is {text!r}, which is no number."]
    if column in COUNTS and not value.is_integer():
        return None, [f"{column} is {text!r}. Write a whole number."]
    return value, []


def _advice(text: str) -> str:
    """What to write instead of a cell that is no number."""
    if text.lstrip("p ").startswith(("<", ">")):
        return "A bound is no number: leave the cell empty, and give a standard error, an interval or a t value where the paper has one."
    if "%" in text:
        return "Write the number alone; the column conversion says that it is in per cent."
    if "," in text:
        return "Write a plain number with a point, such as 11863.90."
    if "*" in text or "(" in text:
        return "Write the number alone, without stars and brackets; the standard error has a column of its own."
    return "Write a plain number, such as -0.18."


def _ranges(found: dict[str, float | None], line: Line) -> Iterator[str]:
    """Numbers that cannot be, each by itself."""
    for column in ("level", "p_value", "base_rate"):
        value = found[column]
        if value is not None and not 0 < value < 1 and not (column == "p_value" and value == 1):
            yield f"{column} is {line[column]}; it lies between 0 and 1, such as 0.95."
    for column in ("std_error", "df", "standard_deviation", "n_units", "n_treated", "n_control"):
        value = found[column]
        if value is not None and value <= 0:
            yield f"{column} is {line[column]}; it has to be above 0."
    if found["factor"] == 0:
        yield "factor is 0: every number would be 0. Write what one unit of the paper is in the indicator's unit."
    first, last = found["first_year"], found["last_year"]
    if first is not None and last is not None and first > last:
        yield f"first_year is {first:g}, after last_year ({last:g}). Change the two."
    if found["credibility"] is not None and not 1 <= found["credibility"] <= 5:
        yield f"credibility is {line['credibility']}; the Maryland scale goes from 1 to 5."
    yield from _interval(found, line)


def _interval(found: dict[str, float | None], line: Line) -> Iterator[str]:
    """What is wrong with an interval: one end, no level, the wrong way round, or without the estimate."""
    low, high, estimate = found["ci_low"], found["ci_high"], found["estimate"]
    if (low is None) != (high is None):
        yield f"{'ci_low' if low is None else 'ci_high'} is empty, and the other end is given. Give both, or none."
        return
    if low is None or high is None or estimate is None:
        return
    if found["level"] is None:
        yield "level is empty, and an interval is given. Write its level, such as 0.95."
    if low >= high:
        yield f"ci_low is {line['ci_low']} and ci_high is {line['ci_high']}: the interval is empty. Change the two."
    elif not low <= estimate <= high:
        yield (
            f"estimate is {line['estimate']}, and its interval goes from {line['ci_low']} to {line['ci_high']} without holding it. "
            "Correct the sign or the numbers."
        )
