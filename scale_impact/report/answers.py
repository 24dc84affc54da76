"""What kind of question a study asks, and its main answer in one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scale_impact.core.catalogue.indicator import Indicator
from scale_impact.core.evidence import I_SQUARED, NOTICED, PREDICTED
from scale_impact.core.words import number
from scale_impact.evidence.reading import in_words
from scale_impact.report.published import Row, RunRead

KINDS = {
    "measure": "effect of a measure",
    "benchmark": "a city among others",
    "transfer": "what the next city may expect",
    "scaleup": "from pilot to scale",
    "pilot": "plan of a pilot",
}
"""Kinds of study, in the words of the pages."""

STARTING = "PILOT_EFFECT"
"""Estimand of the effect that a scale-up starts from."""


def kind_of(run: RunRead) -> str:
    """The kind of a run: by its rows, and by its keys where it has none."""
    estimators = {str(row["estimator"]) for row in run.estimates if row["role"] == "primary"}
    for name, kind in (("benchmark", "benchmark"), ("synthesis", "transfer"), ("scaleup", "scaleup")):
        if name in estimators:
            return kind
    if any(row["estimand"] == NOTICED for row in run.estimates):
        return "pilot"
    if run.study is None:
        return "measure"
    return "pilot" if run.study.settings.treatment.planned is not None else str(run.study.settings.kind)


def main_rows(run: RunRead) -> list[Row]:
    """The answer of a run: the overall row of each outcome by the first estimator, the primary outcome first."""
    overall = [row for row in run.estimates if row["kind"] == "overall"]
    primary = [row for row in overall if row["role"] == "primary"]
    if kind_of(run) != "measure":
        return primary[:1] or overall[:1]
    by_outcome: dict[str, Row] = {}
    for row in [*primary, *(r for r in overall if r["indicator"] is not None)]:
        by_outcome.setdefault(str(row["outcome"]), row)
    return list(by_outcome.values())


def name_of(row: Row, indicators: Mapping[str, Indicator]) -> str:
    """What a row is about, as the catalogue calls it."""
    known = indicators.get(str(row["indicator"]))
    return str(row["outcome"]) if known is None else known.name


def sentence(row: Row, indicators: Mapping[str, Indicator]) -> str:
    """A row in one sentence, with the reason where it has no number."""
    if row["estimate"] is None:
        why = str(row["inference"] or "").strip()
        return f"No answer: {why.rstrip('.')}." if why else "No answer, and no reason given."
    return in_words(row, name_of(row, indicators))


def shown(value: float) -> str:
    """A number for reading, with a minus sign that is one."""
    return number(value).replace("-", "−")


def beside(rows: Sequence[Row], answer: Row) -> list[tuple[str, str]]:
    """What belongs to the answer of a transfer or a scale-up: shares and probabilities, named."""
    named = {
        "P_HARM": "Probability of harm", "P_TARGET": "Probability of reaching the target", "POOLED": "Mean of all cities",
        "TAU": "Standard deviation between cities", "I2": "Share of the differences that is no chance", "P_POSITIVE": "Probability that it pays",
        "BCR": "Benefits for each unit of costs", "BREAK_EVEN": "Effect at which it breaks even", "COST_PER_EFFECT": "Cost per unit of effect",
        "REACH": "Reached", STARTING: "Effect in the pilot", "EFFECT_AT_SCALE": "Effect at scale", "COSTS": "Costs", "BENEFITS": "Benefits",
        "EVPI": "Worth of knowing everything before deciding",
    }  # fmt: skip
    found = [
        r
        for r in rows
        if r["kind"] == "overall" and r["estimand"] in named and r is not answer and r["outcome"] == answer["outcome"]
    ]
    return [(_starting(r) if r["estimand"] == STARTING else named[str(r["estimand"])], _value(r)) for r in found]


def _starting(row: Row) -> str:
    """What the effect is that a scale-up starts from; its row says where it is from (``deciding.effect``)."""
    source = str(row["inference"] or "")
    if not source.startswith("study "):
        return "Effect that was given"
    return "Predicted effect" if f", {PREDICTED} by " in source else "Effect in the pilot"


def _value(row: Row) -> str:
    if row["estimate"] is None:
        return f"no number: {row['inference'] or 'no reason given'}"
    if row["outcome_unit"] == "probability" or row["estimand"] == I_SQUARED:
        value, low, high = (
            None if row[k] is None else f"{100 * row[k]:.3g} %" for k in ("estimate", "ci_low", "ci_high")
        )
        return f"{value}" + ("" if low is None or high is None else f" ({low} to {high})")
    times, unit = (100.0, "percentage points") if row["outcome_unit"] == "share" else (1.0, row["outcome_unit"])
    value, low, high = (
        None if row[k] is None else shown(_rounded(times * row[k])) for k in ("estimate", "ci_low", "ci_high")
    )
    return f"{value} {unit}" + ("" if low is None or high is None else f" ({low} to {high})")


def _rounded(value: float) -> float:
    """Four digits: more would claim to know them."""
    return float(f"{value:.4g}")


def decision(checks: Sequence[Row]) -> dict[str, Any] | None:
    """The decision of a scale-up with its rule; None where there is none."""
    found = next((c for c in checks if c["check"] == "decision"), None)
    if found is None:
        return None
    words = {"pass": "scale", "inconclusive": "adapt", "fail": "stop"}
    told = (found["details"] or {}).get("decision")
    return {
        "word": str(told or words.get(found["verdict"], "no decision")),
        "reason": found["reason"],
        "verdict": found["verdict"],
    }
