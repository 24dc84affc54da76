"""Evidence row: the flat, versioned form in which every number of every study is kept."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scale_impact.core.check import Check
from scale_impact.core.effect import ROW_FIELDS, Effect, Estimate, flat_row
from scale_impact.core.study import Outcome, Study

if TYPE_CHECKING:
    from scale_impact.core.design import Design
    from scale_impact.core.experiment.power.plan import PowerPlan
    from scale_impact.core.pilot.plan import PilotPlan
    from scale_impact.core.profile.profile import IndexLine
    from scale_impact.core.specifications import Specification

SCHEMA = 1

NOTICED = "MDE"
"""Estimand of a planned pilot: the minimum detectable effect, which is no effect of anything."""

RANKED = "RANK"
"""Estimand of a city's place among cities, 1 the best; like the other numbers of a benchmark it is no effect of anything."""

PREDICTED, POOLED, HELD_OUT, BETWEEN, I_SQUARED, TRANSPORTED, SHARE = (
    "PREDICTED", "POOLED", "HELD_OUT", "TAU", "I2", "TRANSPORTED", "WEIGHT",
)  # fmt: skip
"""Estimands of a transfer: what the next city may expect, the mean of all cities, the prediction for a city made without it, the
standard deviation between cities, the share of variation that is between them, one study's effect carried over by who lives there, how
much a city counts in the mean."""

P_HARM, P_TARGET = "P_HARM", "P_TARGET"
"""Probabilities that the next city is worse off, and that it reaches its target."""

NET_VALUE = "NPV"
"""Estimand of a scale-up: what it is worth in today's money, to all partners or to one."""

PUT_TOGETHER, SCALED = "synthesis", "scaleup"
"""What stands as estimator in rows of transfers and of scale-ups."""

INDEX = "index"
"""What stands as outcome where all indicators of a benchmark are put together."""

ESTIMATE_FIELDS = (
    "schema", "study", "variant", "run_id", "measure", "outcome", "indicator", "dimension", "direction",
    "outcome_unit", "estimator", "role", "estimand", *ROW_FIELDS,
    "plan", "deviations",
)  # fmt: skip

CHECK_FIELDS = (
    "schema", "study", "variant", "run_id", "measure", "outcome", "estimator",
    "check", "verdict", "reason", "statistic", "p_value", "details",
)  # fmt: skip


UNIT_FIELDS = ("schema", "study", "variant", "measure", "unit", "first_treated")

MOST_UNITS = 10_000
"""A study of more units publishes no list of them."""


@dataclass(frozen=True)
class Origin:
    """Which study, run and outcome a row belongs to; the frozen plan that counts (its id) and how the run departs from it."""

    study: Study
    run_id: str | None
    outcome: Outcome
    plan: str | None = None
    deviations: str | None = None

    def fields(self) -> dict[str, Any]:
        """The fields that all rows of an outcome share."""
        indicator = self.study.indicator(self.outcome)
        return {
            "schema": SCHEMA,
            "study": self.study.slug,
            "variant": self.study.variant,
            "run_id": self.run_id,
            "measure": self.study.settings.measure,
            "outcome": self.outcome.column,
            "indicator": indicator.indicator,
            "dimension": indicator.dimension,
            "direction": indicator.direction,
            "outcome_unit": self.study.unit_of(self.outcome),
            "plan": self.plan,
            "deviations": self.deviations,
        }


def estimate_rows(origin: Origin, effect: Effect, *, primary: bool) -> list[dict[str, Any]]:
    """Rows of estimates.jsonl for one effect."""
    head = {
        **origin.fields(),
        "estimator": effect.estimator,
        "role": "primary" if primary else "secondary",
    }
    numbers = zip(effect.rows(origin.study.settings.level), effect.estimands(), strict=True)
    rows = [{**head, "estimand": estimand, **row} for row, estimand in numbers]
    return [{name: row[name] for name in ESTIMATE_FIELDS} for row in rows]


def specification_row(origin: Origin, specification: Specification, level: float) -> dict[str, Any]:
    """Row of estimates.jsonl for one specification of a curve; the primary estimate has rows of its own."""
    head = {"estimator": specification.estimator, "role": "secondary", "estimand": specification.estimand}
    row = {**origin.fields(), **head, **specification.row(level)}
    return {name: row[name] for name in ESTIMATE_FIELDS}


def index_row(origin: Origin, index: IndexLine, primary: Effect, level: float) -> dict[str, Any]:
    """Row of estimates.jsonl for the summary index of a dimension, by the study's primary estimator; it has no indicator."""
    from scale_impact.core.profile.profile import UNIT

    effect = index.effect
    sample, inference = (None, "") if effect is None else (effect.sample, effect.inference)
    head = {"estimator": primary.estimator, "role": "secondary", "estimand": (effect or primary).estimand}
    row = {
        **origin.fields(), **head, "outcome": index.name, "indicator": None, "dimension": index.dimension, "direction": "+",
        "outcome_unit": UNIT, **flat_row("overall", "overall", index.estimate, sample, inference, level),
    }  # fmt: skip
    return {name: row[name] for name in ESTIMATE_FIELDS}


def pilot_rows(origin: Origin, plan: PilotPlan, estimator: str, *, primary: bool) -> list[dict[str, Any]]:
    """Rows of estimates.jsonl for a planned pilot: smallest effects that would be noticed, the recommended one first.

    Then the best set of each duration in the windows held out, and all sets in those that they were chosen by.
    """
    level, best = origin.study.settings.level, plan.found
    head = {**origin.fields(), "estimator": estimator, "estimand": NOTICED}
    first = Estimate(None, reason="no plan can promise the power asked for") if best is None else plan.promised(best)
    label, sample = ("overall", None) if best is None else (best.label, plan.sample(best))
    rows = [("overall", label, first, sample, "primary" if primary else "secondary")]
    rows += [("subgroup", f"{o.label}, held out", plan.promised(o), plan.sample(o), "secondary") for o in plan.best]
    chosen = "smallest effect noticed in the windows to choose by; that of the best set is too small by luck"
    rows += [
        ("subgroup", o.label, Estimate(o.mde, reason=o.reason or chosen), plan.sample(o), "secondary")
        for o in plan.options
    ]
    filled = [
        {**head, "role": role, **flat_row(kind, label, estimate, sample, "", level)}
        for kind, label, estimate, sample, role in rows
    ]
    return [{name: row[name] for name in ESTIMATE_FIELDS} for row in filled]


def power_rows(origin: Origin, plan: PowerPlan, estimator: str, *, primary: bool) -> list[dict[str, Any]]:
    """Rows of estimates.jsonl for trials that are considered: the smallest effect that each would notice, the recommended one first."""
    level, best = origin.study.settings.level, plan.best
    head = {**origin.fields(), "estimator": estimator, "estimand": NOTICED}
    rows = [("overall", best, "primary" if primary else "secondary")]
    rows += [("subgroup", p, "secondary") for p in plan.prospects]
    filled = [
        {**head, "role": role, **flat_row(kind, p.trial.label, p.mde, p.sample, "", level)} for kind, p, role in rows
    ]
    return [{name: row[name] for name in ESTIMATE_FIELDS} for row in filled]


def unanswered_row(origin: Origin, estimator: str, reason: str, level: float) -> dict[str, Any]:
    """Row of estimates.jsonl for an outcome that cannot be estimated, with the reason where others say how they were inferred."""
    head = {"estimator": estimator, "role": "secondary", "estimand": None}
    number = flat_row("overall", "overall", Estimate(None, reason=reason), None, "", level)
    row = {**origin.fields(), **head, **number}
    return {name: row[name] for name in ESTIMATE_FIELDS}


@dataclass(frozen=True)
class CityNumber:
    """A number of a benchmark: ``estimand`` of a city, with its interval.

    Attributes
    ----------
    city:
        The city, as it is shown.
    estimand:
        ``RANK``, ``SCORE``, ``EXPECTED``, ``ADJUSTED`` or ``CHANGE``.
    value, low, high, std_error:
        The number; None where there is none.
    unit:
        Its unit.
    how:
        How the interval was made, or why there is no number.
    outcome:
        ``index``, or a dimension.
    kind, role:
        As in estimates.jsonl.
    cities:
        How many cities it is among.
    context:
        What is known of the city.
    """

    city: str
    estimand: str
    value: float | None
    low: float | None
    high: float | None
    unit: str
    how: str
    std_error: float | None = None
    outcome: str = INDEX
    kind: str = "unit"
    role: str = "secondary"
    cities: int | None = None
    context: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Answer:
    """A number of a transfer or a scale-up, which is put together from effects that others estimated.

    Attributes
    ----------
    estimand, kind, label:
        Which number it is.
    value, low, high, std_error, df:
        The number, None where there is none; its interval at the study's level.
    how:
        How it was made, or why there is none.
    unit:
        Its unit; None where it is the outcome's, so that it counts as one of its indicator.
    direction:
        Which way is better, where it has a unit of its own: ``+``, ``-`` or empty.
    role:
        As in estimates.jsonl.
    cities:
        How many cities it rests on.
    context:
        What is known of whom it is about.
    """

    estimand: str
    kind: str
    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    std_error: float | None = None
    df: float | None = None
    how: str = ""
    unit: str | None = None
    direction: str = ""
    role: str = "secondary"
    cities: int | None = None
    context: Mapping[str, Any] | None = None


def answer_row(origin: Origin, answer: Answer, estimator: str, level: float) -> dict[str, Any]:
    """Row of estimates.jsonl for a number of a transfer or a scale-up."""
    own = {} if answer.unit is None else {"indicator": None, "outcome_unit": answer.unit, "direction": answer.direction}
    row = {
        **dict.fromkeys(ESTIMATE_FIELDS), **origin.fields(), **own, "estimator": estimator, "role": answer.role,
        "estimand": answer.estimand, "kind": answer.kind, "label": answer.label, "estimate": answer.value,
        "std_error": answer.std_error, "df": answer.df, "level": level, "ci_low": answer.low, "ci_high": answer.high,
        "n_units": answer.cities, "inference": answer.how, "context": answer.context,
    }  # fmt: skip
    return {name: row[name] for name in ESTIMATE_FIELDS}


def city_row(origin: Origin, number: CityNumber, level: float) -> dict[str, Any]:
    """Row of estimates.jsonl for a number of a benchmark."""
    about = {"outcome": number.outcome, "indicator": None, "direction": "+", "outcome_unit": number.unit}
    dimension = None if number.outcome == INDEX else number.outcome
    row = {
        **dict.fromkeys(ESTIMATE_FIELDS), **origin.fields(), **about, "dimension": dimension, "measure": None,
        "estimator": "benchmark", "role": number.role, "estimand": number.estimand, "kind": number.kind, "label": number.city,
        "estimate": number.value, "std_error": number.std_error, "level": level, "ci_low": number.low, "ci_high": number.high,
        "n_units": number.cities, "inference": number.how, "context": number.context,
    }  # fmt: skip
    return {name: row[name] for name in ESTIMATE_FIELDS}


def unit_rows(origin: Origin, design: Design, followed: bool) -> list[dict[str, Any]]:
    """Rows of units.jsonl: who was studied, and the first treated period of each as text (null: never treated).

    No row where nobody is followed over time, where observations and not units are treated, or where there are too many.
    """
    known = len(design.cohort_codes) if followed and design.exposed is None else 0
    if not 0 < known <= MOST_UNITS:
        return []
    head = {name: value for name, value in origin.fields().items() if name in UNIT_FIELDS}
    starts = {g: None if s == design.n_periods else design.cohort_name(g) for g, s in enumerate(design.starts)}
    rows = [{"unit": unit, "first_treated": start} for g, start in starts.items() for unit in design.members(g)]
    return [{name: {**head, **row}[name] for name in UNIT_FIELDS} for row in rows]


def check_row(origin: Origin, check: Check, estimator: str) -> dict[str, Any]:
    """Row of checks.jsonl for one check."""
    row = {**origin.fields(), "estimator": check.of or estimator, **check.row()}
    if origin.study.settings.benchmark is not None:
        row |= {"outcome": INDEX, "measure": None}
    return {name: row[name] for name in CHECK_FIELDS}


def to_line(row: dict[str, Any]) -> str:
    """A row as one line of JSON; numbers in full precision, never NaN."""
    return json.dumps(_plain(row), ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    """A value as JSON knows it."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    number = value.item() if hasattr(value, "item") else value
    if isinstance(number, float) and not math.isfinite(number):
        return None
    return number
