"""Evidence row: the flat, versioned form in which every number of every study is kept."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scale_impact.core.check import Check
from scale_impact.core.effect import ROW_FIELDS, Effect, Estimate, flat_row
from scale_impact.core.study import Outcome, Study

if TYPE_CHECKING:
    from scale_impact.core.experiment.power.plan import PowerPlan
    from scale_impact.core.pilot.plan import PilotPlan
    from scale_impact.core.profile.profile import IndexLine
    from scale_impact.core.specifications import Specification

SCHEMA = 1

NOTICED = "MDE"
"""Estimand of a planned pilot: the minimum detectable effect, which is no effect of anything."""

ESTIMATE_FIELDS = (
    "schema", "study", "variant", "run_id", "measure", "outcome", "indicator", "dimension", "direction",
    "outcome_unit", "estimator", "role", "estimand", *ROW_FIELDS,
    "plan", "deviations",
)  # fmt: skip

CHECK_FIELDS = (
    "schema", "study", "variant", "run_id", "measure", "outcome", "estimator",
    "check", "verdict", "reason", "statistic", "p_value", "details",
)  # fmt: skip


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


def check_row(origin: Origin, check: Check, estimator: str) -> dict[str, Any]:
    """Row of checks.jsonl for one check."""
    row = {**origin.fields(), "estimator": check.of or estimator, **check.row()}
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
