"""Measure: what a city did, how it should work, what it should move, what it may harm, who pays and who gains.

A card holds what is known before any number is looked at. Sizes of effects are no part of it: they come from evidence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import field_serializer, field_validator

from scale_impact.core import keys
from scale_impact.core.catalogue.indicator import DIMENSIONS, Indicator, nearest_indicator
from scale_impact.core.project import Project
from scale_impact.core.words import nearest
from scale_impact.core.yaml_file import Record, load_record
from scale_impact.errors import StudyError

Move = Literal["up", "down"]
"""The way in which an indicator is expected to go."""

JUDGED = tuple(d for d in DIMENSIONS if d != "context")
"""The dimensions in which a measure is judged."""

SAID = ("title", "what", "mechanism", "expected", "risks")
"""What results and frozen plans say of a measure. The other keys help to plan a study and change none of its numbers."""

BETTER: dict[str, Move] = {"+": "up", "-": "down"}
"""The good way, by the indicator's direction."""

EITHER = {
    "expected": "should be a list of indicators, [no2, pm25], or say of each which way it should move, {no2: down}",
    "risks": "should be a list of indicators, [no2, pm25], or say of each how it may come to harm, {no2: traffic moves}",
}


class Assumption(Record):
    """What has to hold for the measure to work, and how data could show that it does not."""

    claim: str
    test: str


class Theory(Record):
    """How a measure is meant to work, from what is put in to what lasts; each step in a few words."""

    inputs: tuple[str, ...]
    activities: tuple[str, ...]
    outputs: tuple[str, ...]
    outcomes: tuple[str, ...]
    impact: tuple[str, ...]
    assumptions: tuple[Assumption, ...]


class Dose(Record):
    """What more of the measure is: the intensity, its unit, and where the figure comes from."""

    what: str
    unit: str
    how: str


class Spillover(Record):
    """Who is touched without having the measure, how far away, and what a design does about it."""

    who: str
    reach: str
    remedy: str


class Timing(Record):
    """When to look for the first effects, and when for lasting ones."""

    short: str
    long: str


class Partner(Record):
    """Somebody whose consent or work the measure needs, with what it costs them and what they have of it."""

    name: str
    costs: str
    benefits: str


class Fitting(Record):
    """An estimator that suits the way in which the measure usually comes, and the checks that matter then."""

    estimator: str
    when: str
    checks: tuple[str, ...] = ()


class Reference(Record):
    """A publication on the measure."""

    authors: str
    year: int
    title: str
    published: str | None = None


class Measure(Record):
    """A card of ``data/measures/``; only ``title``, ``what`` and ``mechanism`` are needed.

    Attributes
    ----------
    title, what, mechanism:
        Its name, what it is, how it should work.
    dimension:
        Where it is at home. What it touches follows from ``expected`` and ``risks``.
    theory:
        The theory of change, step by step, with assumptions that can be tested.
    expected:
        Indicators that it should move, each with the way: ``up``, ``down``, or None, which means the
        better way. A file may also give a plain list.
    risks:
        Indicators that it may harm, each with how, or None. A file may also give a plain list.
    unmeasured_risks:
        Harm that no indicator of the catalogue shows.
    unit, dose:
        What is treated (a street, a household, a city), and how strongly.
    confounders:
        What else differs or changes where and when the measure comes.
    spillovers, timing, partners:
        Who next door is touched; when to look; who bears cost and who has benefit.
    naive, designs:
        Why a comparison of before and after misleads, and what fits instead.
    references:
        Publications.
    """

    title: str
    what: str
    mechanism: str
    dimension: str | None = None
    theory: Theory | None = None
    expected: dict[str, Move | None] = {}
    risks: dict[str, str | None] = {}
    unmeasured_risks: tuple[str, ...] = ()
    unit: str | None = None
    dose: Dose | None = None
    confounders: tuple[str, ...] = ()
    spillovers: tuple[Spillover, ...] = ()
    timing: Timing | None = None
    partners: tuple[Partner, ...] = ()
    naive: str | None = None
    designs: tuple[Fitting, ...] = ()
    references: tuple[Reference, ...] = ()

    @field_validator("expected", "risks", mode="before")
    @classmethod
    def _by_indicator(cls, given: Any, info: Any) -> Any:
        if isinstance(given, Mapping):
            return given
        if not isinstance(given, (list, tuple)) or not all(isinstance(name, str) for name in given):
            raise ValueError(f"{EITHER[info.field_name]}.")
        if twice := dict.fromkeys(name for k, name in enumerate(given) if name in given[:k]):
            raise ValueError(f"{', '.join(twice)} stands here twice. Leave one out.")
        return dict.fromkeys(given)

    @field_serializer("expected", "risks")
    def _shortly(self, named: dict[str, str | None]) -> dict[str, str | None] | list[str]:
        """As a file would say it: a list where nothing is said but names. Plans frozen earlier hold such lists."""
        return named if any(named.values()) else list(named)


def load_measure(path: Path) -> Measure:
    """Read a measure card; all problems at once.

    Raises
    ------
    StudyError
        The card is missing or not as it should be.
    """
    return load_record(Measure, path, StudyError, "measure card")


def load_measures(project: Project) -> dict[str, Measure]:
    """All cards of a project by name; the problems of all of them at once.

    Raises
    ------
    StudyError
        A card is not as it should be.
    """
    found, problems = {}, []
    for name in project.keys("measures"):
        try:
            found[name] = load_measure(project.measure(name))
        except StudyError as error:
            problems += [f"{error.where}: {p}" for p in error.problems]
    if problems:
        raise StudyError(problems)
    return found


def said(measure: Measure) -> dict[str, Any]:
    """What results and plans say of a measure, as JSON knows it."""
    return measure.model_dump(mode="json", include=set(SAID))


# ---- with the catalogue -------------------------------------------------------------------------------


def move(measure: Measure, indicator: Indicator) -> Move | None:
    """The way in which a measure should move an indicator; None where neither its card nor the direction tells."""
    return measure.expected.get(indicator.indicator) or BETTER.get(indicator.direction)


def dimensions(measure: Measure, indicators: Mapping[str, Indicator]) -> tuple[str, ...]:
    """Dimensions of the indicators that a measure should move or may harm; those of the package first."""
    touched = {indicators[name].dimension for name in (*measure.expected, *measure.risks) if name in indicators}
    own = sorted(touched - {*DIMENSIONS})
    return (*(d for d in JUDGED if d in touched), *own)


def missing_dimensions(measure: Measure, indicators: Mapping[str, Indicator]) -> tuple[str, ...]:
    """Dimensions of which a measure's card says nothing."""
    touched = dimensions(measure, indicators)
    return tuple(d for d in JUDGED if d not in touched)


def measure_problems(measure: Measure, indicators: Mapping[str, Indicator]) -> list[str]:
    """What a card names and nobody knows, and where it contradicts the catalogue or itself."""
    parts = (_dimension(measure, indicators), _unknown(measure, indicators), _for_the_worse(measure, indicators))
    return [problem for part in (*parts, _both(measure), _designs(measure)) for problem in part]


def _dimension(measure: Measure, indicators: Mapping[str, Indicator]) -> Iterator[str]:
    known = {*JUDGED, *(i.dimension for i in indicators.values())} - {"context"}
    if measure.dimension is not None and measure.dimension not in known:
        yield f"dimension: there is no dimension {measure.dimension!r}. {nearest(measure.dimension, known)}"


def _unknown(measure: Measure, indicators: Mapping[str, Indicator]) -> Iterator[str]:
    for key in ("expected", "risks"):
        for name in getattr(measure, key):
            if name not in indicators:
                hint = nearest_indicator(indicators, name)
                yield f"{key}: there is no indicator {name!r}. {hint} Or add its line to data/indicators/catalogue.csv."


def _for_the_worse(measure: Measure, indicators: Mapping[str, Indicator]) -> Iterator[str]:
    for name, way in measure.expected.items():
        better = BETTER.get(indicators[name].direction) if name in indicators else None
        if way and better and way != better:
            less = "less" if better == "down" else "more"
            yield (
                f"expected.{name}: the card expects it to go {way}, and {less} is better (data/indicators/catalogue.csv): that "
                "would be harm. Name it under risks, or correct the way."
            )


def _both(measure: Measure) -> Iterator[str]:
    for name in measure.expected:
        if name in measure.risks and not measure.risks[name]:
            yield (
                f"risks.{name}: the measure should move it for the better, too. Say how it may come to harm "
                f"({name}: ...), or leave one out."
            )


def _designs(measure: Measure) -> Iterator[str]:
    for k, design in enumerate(measure.designs):
        yield from _not_in("estimators", f"designs.{k}.estimator", design.estimator)
        for j, name in enumerate(design.checks):
            yield from _not_in("checks", f"designs.{k}.checks.{j}", name)


def _not_in(room: str, key: str, name: str) -> Iterator[str]:
    if name not in keys.names(room):
        yield f"{key}: there is no {room.removesuffix('s')} {name!r}. {nearest(name, keys.names(room))}"
