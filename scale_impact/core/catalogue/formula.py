"""Formula: how an indicator is computed from a numerator and a denominator."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.catalogue.csv_lines import Line, read_lines
from scale_impact.core.catalogue.indicator import Indicator, nearest_indicator
from scale_impact.core.words import number, plain, some
from scale_impact.errors import DataError, StudyError

WHERE = "data/indicators/formulas.csv"

Bounds = Literal["part", "amount", "signed", "both_signed"]

BOUNDS: dict[Bounds, str] = {
    "part": "the numerator is a part of the denominator: at least 0, at most the denominator",
    "amount": "the numerator is an amount: at least 0",
    "signed": "the numerator may be negative: a change, a balance",
    "both_signed": "numerator and denominator may be negative: an effect over an effect",
}
"""What numerator and denominator may be; a denominator is above 0 but for the last."""

SLACK = 1e-9
"""By how much of itself a denominator may lie below its part: sums of the same numbers in another order differ so."""


@dataclass(frozen=True)
class Formula:
    """``per`` x numerator / denominator, with a worked example.

    Attributes
    ----------
    indicator:
        Key of the indicator.
    numerator, denominator:
        What is counted, and what it is divided by, in words with their units.
    per:
        100 for per cent, 100,000 for a rate per 100,000 inhabitants, 1 for a ratio.
    bounds:
        What numerator and denominator may be: see ``BOUNDS``.
    example_numerator, example_denominator, example_value:
        One case, computed by hand.
    """

    indicator: str
    numerator: str
    denominator: str
    per: float
    bounds: Bounds
    example_numerator: float
    example_denominator: float
    example_value: float

    @property
    def in_words(self) -> str:
        """``100 x water meters read remotely / all water meters``."""
        factor = "" if self.per == 1 else f"{number(self.per)} x "
        return f"{factor}{self.numerator} / {self.denominator}"


# ---- reading -------------------------------------------------------------------------------------------


def load_formulas(path: Path, indicators: Mapping[str, Indicator]) -> dict[str, Formula]:
    """The formulas by indicator; none where the project has no such file.

    Raises
    ------
    StudyError
        Lines are not as they should be, name an indicator that is not in the catalogue, give another ``per``
        than its unit says, or an example that the formula does not give; all problems at once.
    """
    if not path.is_file():
        return {}
    formulas, lines = _parsed(path.read_bytes())
    wrong = [
        f"line {lines[key]}, {key}: {problem}"
        for key, formula in formulas.items()
        for problem in (*_unfitting(formula, indicators), *_miscalculated(formula))
    ]
    if wrong:
        raise StudyError(wrong, where=WHERE)
    return formulas


@lru_cache(maxsize=8)
def _parsed(content: bytes) -> tuple[dict[str, Formula], dict[str, int]]:
    """Formulas and the lines that they stand in."""
    names = [f.name for f in fields(Formula)]
    lines = read_lines(content, WHERE, names, names)
    problems = [f"line {line.number}, {line['indicator']}: {p}" for line in lines for p in _problems(line)]
    at: dict[str, int] = {}
    for line in lines:
        first = at.setdefault(line["indicator"], line.number)
        if first != line.number:
            problems.append(f"line {line.number}, {line['indicator']}: it has a formula in line {first} already.")
    if problems:
        raise StudyError(problems, where=WHERE)
    return {line["indicator"]: _formula(line) for line in lines}, at


NUMBERS = ("per", "example_numerator", "example_denominator", "example_value")


def _formula(line: Line) -> Formula:
    return Formula(**{f.name: float(line[f.name]) if f.name in NUMBERS else line[f.name] for f in fields(Formula)})  # type: ignore[arg-type]


def _problems(line: Line) -> Iterator[str]:
    """What is wrong with one line by itself."""
    yield from (f"{f.name} is empty." for f in fields(Formula) if not line[f.name])
    wrong = [n for n in NUMBERS if line[n] and not _is_number(line[n])]
    yield from (f"{n} is {line[n]!r}. Write a number, such as 100." for n in wrong)
    if not wrong and line["per"] and float(line["per"]) <= 0:
        yield f"per is {line['per']}; it has to be above 0."
    if line["bounds"] and line["bounds"] not in get_args(Bounds):
        yield f"bounds is {line['bounds']!r}; it has to be one of {', '.join(get_args(Bounds))}."


def _is_number(text: str) -> bool:
    written = re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text)
    return written is not None and math.isfinite(float(text))


def _unfitting(formula: Formula, indicators: Mapping[str, Indicator]) -> Iterator[str]:
    """What does not go with the catalogue."""
    indicator = indicators.get(formula.indicator)
    if indicator is None:
        yield f"there is no such indicator. {nearest_indicator(indicators, formula.indicator)}"
    elif formula.per != per_of(indicator.unit):
        yield f"per is {number(formula.per)}, and the unit is {indicator.unit!r} ({number(per_of(indicator.unit))})."


def _miscalculated(formula: Formula) -> Iterator[str]:
    """What is wrong with a worked example: what the formula gives is another value, or none."""
    above, below, said = formula.example_numerator, formula.example_denominator, formula.example_value
    try:
        found = value(formula, above, below)
    except DataError as error:
        yield from (f"the example cannot be: {problem}" for problem in error.problems)
        return
    if not math.isclose(found, said, rel_tol=1e-6):
        yield (
            f"the example says {said:.10g}, and {number(formula.per)} x {above:.10g} / {below:.10g} is {found:.10g}. Correct the one that is "
            "wrong."
        )


def per_of(unit: str) -> float:
    """What a unit multiplies by: 100 for ``%``, 100,000 for ``per 100 000 inhabitants``, else 1."""
    found = re.search(r"\bper (1[0\s,]*)(?!\d)", unit)
    return 100.0 if unit == "%" else float(re.sub(r"[\s,]", "", found[1])) if found else 1.0


# ---- computing -----------------------------------------------------------------------------------------


def value(formula: Formula, numerator: Any, denominator: Any) -> Any:
    """The indicator's values: ``per`` x numerator / denominator.

    Parameters
    ----------
    numerator, denominator:
        Numbers, arrays or series of one shape or one of them a number; NaN where a value is
        missing, and then the result is missing too. They are left as they are.

    Returns
    -------
    A float for two numbers, else an array, or a series where one was given.

    Raises
    ------
    DataError
        A denominator of zero or (unless both may be negative) below, a part that is larger than the whole, a negative amount,
        an infinite value, series with different rows; all problems at once, each with its rows.
    """
    index = _common_index(formula, numerator, denominator)
    above, below = (_numbers(formula, name, v) for name, v in (("numerator", numerator), ("denominator", denominator)))
    try:
        above, below = np.broadcast_arrays(above, below)
    except ValueError as error:
        raise DataError(
            f"{formula.indicator}: the numerator has the shape {above.shape}, the denominator {below.shape}. Give both the same."
        ) from error
    if wrong := list(_impossible(formula, above, below, index)):
        raise DataError(wrong, where=f"formula of {formula.indicator}")
    found = formula.per * above / below
    return float(found) if found.ndim == 0 else found if index is None else _series(found, index, formula.indicator)


def _numbers(formula: Formula, name: str, values: Any) -> NDArray[np.float64]:
    """Values as an array; missing ones of pandas as NaN."""
    try:
        if hasattr(values, "to_numpy"):
            return np.asarray(values.to_numpy(dtype=float, na_value=np.nan))
        return np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{formula.indicator}: the {name} holds what is no number ({error}). Correct it in the data."
        ) from error


def _common_index(formula: Formula, numerator: Any, denominator: Any) -> Any:
    """The rows' names where series are given."""
    indexes = [v.index for v in (numerator, denominator) if hasattr(v, "to_numpy") and hasattr(v, "index")]
    if len(indexes) == 2 and not indexes[0].equals(indexes[1]):
        raise DataError(
            f"{formula.indicator}: numerator and denominator have different rows. Join them on unit and period first."
        )
    return indexes[0] if indexes else None


def _series(found: NDArray[np.float64], index: Any, name: str) -> Any:
    import pandas as pd

    return pd.Series(found, index=index, name=name)


def _impossible(formula: Formula, above: NDArray[np.float64], below: NDArray[np.float64], index: Any) -> Iterator[str]:
    """Rows that cannot be: what is wrong, where, and the first values seen."""
    part, any_sign = formula.bounds == "part", formula.bounds == "both_signed"
    for wrong, problem in (
        (np.isinf(above) | np.isinf(below), "a value is infinite"),
        ((below <= 0) & (not any_sign), f"{formula.denominator}: the denominator is not above 0"),
        ((below == 0) & any_sign, f"{formula.denominator}: the denominator is 0"),
        ((above < 0) & (formula.bounds in ("part", "amount")), f"{formula.numerator}: the numerator is below 0"),
        (part & (above > below * (1 + SLACK)) & (below > 0), f"{formula.numerator}: more than {formula.denominator}"),
    ):
        if wrong.any():
            yield f"{problem} in {_rows(wrong, index)} ({_seen(above, below, wrong)}). Correct the data, or give NaN for no value."


def _rows(wrong: NDArray[np.bool_], index: Any) -> str:
    """Rows in words: by the names of a series, else counted from 1."""
    if wrong.ndim == 0:
        return "the numbers given"
    at = np.argwhere(wrong)
    counted = [" column ".join(str(int(k) + 1) for k in place) for place in at]
    names = counted if index is None else [plain(index[int(place[0])]) for place in at]
    return f"row {some(names)}"


def _seen(above: NDArray[np.float64], below: NDArray[np.float64], wrong: NDArray[np.bool_]) -> str:
    first = next(iter(zip(above[wrong], below[wrong], strict=True)))
    return f"first seen: {float(first[0]):g} / {float(first[1]):g}"
