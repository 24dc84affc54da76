"""Indicator: what is measured, in which unit, which direction is better, and how it is judged."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

from scale_impact.core.catalogue.csv_lines import Line, read_lines
from scale_impact.core.words import nearest, number, slip
from scale_impact.errors import DataError, StudyError

WHERE = "data/indicators/catalogue.csv"

Direction = Literal["+", "-", "0", "target", "context"]
Kind = Literal["input", "process", "output", "outcome", "impact"]
Better = Literal["a", "b", "neither"]

DIRECTIONS: dict[Direction, str] = {
    "+": "more is better",
    "-": "less is better",
    "0": "neither is better",
    "target": "best at a value",
    "context": "never judged",
}
"""Directions in words."""

DIMENSIONS = (
    "technology", "organisation", "participation", "environment", "economy", "mobility", "safety", "health", "education",
    "scale-up", "context",
)  # fmt: skip
"""The dimensions in which a measure is judged, in the order in which they are shown; context is never scored."""

QUALITIES = {
    "measured": "counted or metered in the city itself, completely, for the period given",
    "calculated": "follows by a documented formula from measured values of the same city and period",
    "sampled": "from a sample of the city (a survey, monitors at some places) with a known design",
    "modelled": "from a model, an interpolation, or a larger area or another year, by a documented method",
    "stated": "said by an expert or by the city itself, without data that others could check",
    "not traceable": "nobody can say any more where the value comes from or how it was made",
}
"""How well a value is founded, six steps from the best to the worst."""

REQUIRED = ("indicator", "name", "dimension", "definition", "unit", "direction")
"""Columns of each catalogue, and the fields of a short line."""


@dataclass(frozen=True)
class Indicator:
    """One line of the catalogue; only the first six fields are needed.

    Attributes
    ----------
    indicator:
        Key, as studies name it.
    name, definition, unit:
        In words.
    dimension:
        One of ``DIMENSIONS``, or one of the author's own.
    direction:
        ``+`` more is better, ``-`` less is better, ``0`` neither, ``target`` best at a value,
        ``context`` never judged.
    code:
        Short name; studies may use it in place of the key.
    normaliser:
        What the quantity is divided by (population, households, ...), or none.
    kind:
        Place in the chain from input to impact.
    u4ssc, iso37120, sdg:
        Codes of the same quantity in U4SSC, ISO 37120:2014 and the UN goals; ``verified`` says
        by what they were checked, ``references`` what else is known.
    source_hint:
        Where values can be found.
    small_count:
        Whether counts of events that happen one by one are so small that pooling years is advised.
    target:
        The best value, for the direction ``target``.
    quality:
        The usual quality of published values, one of ``QUALITIES``; that of a value, where its
        source gives it, goes before (``quality_of``).
    worst, best:
        Goalposts: values that are 0 and 1 on a common scale; ``goalposts`` says whence.
    """

    indicator: str
    name: str
    dimension: str
    definition: str
    unit: str
    direction: Direction
    code: str = ""
    normaliser: str = ""
    kind: Kind | Literal[""] = ""
    u4ssc: str = ""
    iso37120: str = ""
    sdg: str = ""
    references: str = ""
    verified: str = ""
    source_hint: str = ""
    small_count: bool = False
    target: float | None = None
    quality: str = ""
    worst: float | None = None
    best: float | None = None
    goalposts: str = ""

    @property
    def judged(self) -> bool:
        """Whether a change of it can be a gain or a loss."""
        return self.direction in ("+", "-", "target")


# ---- reading -------------------------------------------------------------------------------------------


def load_indicators(path: Path) -> dict[str, Indicator]:
    """The catalogue by key; each content is parsed once a process.

    Raises
    ------
    StudyError
        The catalogue is missing, lacks a column, or lines are not as they should be; all
        problems at once, each with its line.
    """
    if not path.is_file():
        raise StudyError("There is no indicator catalogue.", where=WHERE)
    return _parsed(path.read_bytes())


@lru_cache(maxsize=8)
def _parsed(content: bytes) -> dict[str, Indicator]:
    lines = read_lines(content, WHERE, REQUIRED, [f.name for f in fields(Indicator)])
    problems = [f"line {line.number}, {line['indicator']}: {p}" for line in lines for p in _problems(line)]
    if problems := [*problems, *_repeated(lines)]:
        raise StudyError(problems, where=WHERE)
    return {line["indicator"]: _indicator(line) for line in lines}


def _indicator(line: Line) -> Indicator:
    texts: dict[str, Any] = {f.name: line[f.name] for f in fields(Indicator)}
    direction, target = _direction(line)
    values = {"target": _number(target), "worst": _number(line["worst"]), "best": _number(line["best"])}
    return Indicator(**{**texts, **values, "direction": direction, "small_count": line["small_count"] == "yes"})


def _direction(line: Line) -> tuple[str, str]:
    """Direction and target; a short line writes both as ``target 1``."""
    word, _, value = line["direction"].partition(" ")
    return (word, value.strip()) if word == "target" and value else (line["direction"], line["target"])


def _number(text: str) -> float | None:
    return float(text) if text else None


def _problems(line: Line) -> Iterator[str]:
    """What is wrong with one line."""
    yield from (f"{c} is empty. A line says at least {', '.join(REQUIRED)}." for c in REQUIRED if not line[c])
    if (meant := slip(line["dimension"], DIMENSIONS)) is not None:
        yield f"dimension is {line['dimension']!r}. Did you mean {meant!r}?"
    direction, target = _direction(line)
    if line["direction"]:
        yield from _unknown("direction", direction, get_args(Direction))
    for column, allowed in (("kind", get_args(Kind)), ("quality", tuple(QUALITIES)), ("small_count", ("yes", "no"))):
        if line[column]:
            yield from _unknown(column, line[column], allowed)
    numbers = {"target": target, "worst": line["worst"], "best": line["best"]}
    no_numbers = [f"{c} is {text!r}. Write a number, such as 0.5." for c, text in numbers.items() if not _finite(text)]
    yield from no_numbers or [*_target_problems(line), *_goalpost_problems(line)]


def _unknown(column: str, value: str, allowed: tuple[str, ...]) -> Iterator[str]:
    if value not in allowed:
        hint = f" {nearest(value, allowed)}" if slip(value, allowed) else ""
        yield f"{column} is {value!r}; it has to be one of {', '.join(allowed)}.{hint}"


def _finite(text: str) -> bool:
    try:
        return not text or math.isfinite(float(text))
    except ValueError:
        return False


def _target_problems(line: Line) -> Iterator[str]:
    direction, target = _direction(line)
    if direction == "target" and not target:
        yield "direction is target, and no target is given. Write the value in the column target, or `target 1` as direction."
    if direction in ("+", "-", "0", "context") and target:
        yield f"target is {target}, and direction is {direction}. Leave the target empty, or write target as direction."


def _goalpost_problems(line: Line) -> Iterator[str]:
    """Goalposts: both or none, with their origin, and in the order that the direction says."""
    direction, target = _direction(line)
    worst, best = _number(line["worst"]), _number(line["best"])
    if (worst is None) != (best is None) or (worst is None) != (not line["goalposts"]):
        yield "worst, best and goalposts (where the two come from) go together. Give all three, or none."
    if worst is None or best is None:
        return
    if direction in ("0", "context"):
        yield f"it has goalposts, and direction is {direction}: it is not scored. Leave worst, best and goalposts empty."
    if worst == best or (direction == "+" and worst > best) or (direction == "-" and worst < best):
        yield f"worst is {number(worst)} and best is {number(best)}, and direction is {direction}. Correct the one or the other."
    if direction == "target" and target and best != float(target):
        yield f"best is {number(best)}, and target is {target}. The best value is the target."


def _repeated(lines: list[Line]) -> Iterator[str]:
    """Keys and codes that stand twice; a code may be no other indicator's key."""
    seen: dict[str, tuple[int, str]] = {}
    for line in lines:
        key, code = line["indicator"], line["code"]
        for what, name in (("key", key), *([("code", code)] if code != key else [])):
            if name and name in seen:
                at, was = seen[name]
                yield f"line {line.number}, {key}: the {what} {name} stands in line {at} too (as a {was}). Give another."
            if name:
                seen.setdefault(name, (line.number, what))


# ---- looking up ----------------------------------------------------------------------------------------


def find(indicators: Mapping[str, Indicator], name: str) -> Indicator | None:
    """The indicator of a key or code; None where there is none."""
    if name in indicators:
        return indicators[name]
    return next((i for i in indicators.values() if i.code and i.code == name), None)


def nearest_indicator(indicators: Mapping[str, Indicator], name: str) -> str:
    """Say which key was probably meant by a name that is neither key nor code."""
    wanted = name.strip().casefold()
    for indicator in indicators.values():
        if wanted in (indicator.code.casefold(), indicator.name.casefold(), indicator.indicator.casefold()):
            return f"Did you mean {indicator.indicator!r}?"
    return nearest(name, indicators)


def with_code(
    indicators: Mapping[str, Indicator], code: str, scheme: Literal["u4ssc", "iso37120", "sdg"] | None = None
) -> list[Indicator]:
    """Indicators with a code of U4SSC, ISO 37120 or the UN goals (``EC: ICT: WS: 1C``, ``5.1``, ``11.6.2``).

    What the catalogue adds to a code, such as ``- pm_10`` or ``(related)``, may be left out.
    """
    wanted = _plain_code(code)
    schemes = ("u4ssc", "iso37120", "sdg") if scheme is None else (scheme,)
    return [i for i in indicators.values() if any(wanted in _codes(getattr(i, s)) for s in schemes)]


def _codes(text: str) -> set[str]:
    """A code with and without what is added to it."""
    return {_plain_code(text), _plain_code(text.partition(" (")[0].partition(" - ")[0])} if text else set()


def _plain_code(code: str) -> str:
    return "".join(code.split()).casefold()


def shown(dimension: str) -> str:
    """A dimension as it is shown to readers."""
    return "sustainability (environment)" if dimension == "environment" else dimension


# ---- judging -------------------------------------------------------------------------------------------


def better(indicator: Indicator, a: Any, b: Any) -> Better:
    """Which of two values is better: ``a``, ``b`` or ``neither``.

    Neither of two equal values is better, nor of any where the direction is ``0`` or ``context``.
    For a target the nearer value is better, by the absolute distance.

    Raises
    ------
    DataError
        A value that has to be judged is no finite number.
    """
    if not indicator.judged:
        return "neither"
    good_a, good_b = (_goodness(indicator, value) for value in (a, b))
    if math.isclose(good_a, good_b, rel_tol=1e-9, abs_tol=1e-12):
        return "neither"
    return "a" if good_a > good_b else "b"


def _goodness(indicator: Indicator, value: Any) -> float:
    """A number that is larger where the value is better."""
    try:
        amount = float(value)
    except (TypeError, ValueError):
        amount = math.nan
    if not math.isfinite(amount):
        raise DataError(
            f"{indicator.indicator}: {value!r} is no number that can be judged. Leave the city out, or give its value."
        )
    if indicator.direction == "target":
        return -abs(amount - _target(indicator))
    return amount if indicator.direction == "+" else -amount


def _target(indicator: Indicator) -> float:
    if indicator.target is None:
        raise DataError(f"{indicator.indicator}: its direction is target, and it has none. Give the target in {WHERE}.")
    return indicator.target


def meaning(indicator: Indicator) -> dict[str, Any]:
    """What a study's results depend on: the fields of a short line, and the target where there is one.

    Codes, references, goalposts and usual quality change no number of a study.
    """
    found = {name: getattr(indicator, name) for name in REQUIRED}
    return found if indicator.target is None else {**found, "target": indicator.target}
