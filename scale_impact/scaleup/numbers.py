"""Numbers of a scale-up that are published, in the order in which they stand: the net present value of all partners first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.scaleup_choices import ScaleUp
from scale_impact.core.words import counted, number
from scale_impact.scaleup.effect import EffectToScale
from scale_impact.scaleup.information import Information
from scale_impact.scaleup.partners import spread, weighted
from scale_impact.scaleup.simulation import Simulated
from scale_impact.scaleup.words import ALL, WEIGHTED, unit_of

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Number:
    """One number: what it is, of whom, how sure, in which unit, how it came about; ``why_not`` where there is none."""

    estimand: str
    kind: str
    label: str
    estimate: float | None
    std_error: float | None = None
    low: float | None = None
    high: float | None = None
    unit: str = ""
    how: str = ""
    why_not: str = ""


@dataclass(frozen=True)
class Findings:
    """What numbers are made of."""

    choices: ScaleUp
    effect: EffectToScale
    found: Simulated
    partners: pd.DataFrame
    tornado: pd.DataFrame
    information: Information
    level: float


def numbers(of: Findings) -> tuple[Number, ...]:
    """All numbers."""
    parts = (_npv, _by_partner, _break_even, _effects, _information, _tornado)
    return tuple(found for part in parts for found in part(of))


def _how(of: Findings) -> str:
    return f"{counted(of.found.n, 'world')} drawn; mean, standard deviation and interval over them"


def _spread(of: Findings, values: Floats) -> dict[str, Any]:
    low, high = np.quantile(values, [(1 - of.level) / 2, (1 + of.level) / 2])
    return {"std_error": spread(values), "low": float(low), "high": float(high)}


def _npv(of: Findings) -> Iterator[Number]:
    unit, how = unit_of(of.choices), _how(of)
    for row in _rows(of.partners):
        kind = "overall" if row["partner"] == ALL else "subgroup"
        yield Number("NPV", kind, row["partner"], row["npv"], row["std_error"], row["low"], row["high"], unit, how)
    if (values := weighted(of.choices, of.found)) is not None:
        yield Number(
            "NPV",
            "subgroup",
            WEIGHTED,
            float(values.mean()),
            **_spread(of, values),
            unit=unit,
            how=f"{how}; partners by their weights",
        )


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = table.astype(object).where(table.notna(), None).to_dict("records")
    return rows


def _by_partner(of: Findings) -> Iterator[Number]:
    unit, how = unit_of(of.choices), _how(of)
    for row in _rows(of.partners):
        name = row["partner"]
        at = ("overall" if name == ALL else "subgroup", name)
        yield Number(
            "P_POSITIVE",
            *at,
            row["p_positive"],
            unit="probability",
            how="share of worlds with a net present value above 0",
        )
        why_not = (
            ""
            if row["bcr"] is not None
            else "Nothing goes out in some or all worlds, so that there is nothing to divide by."
        )
        told = "ratio of the means of what comes in and what goes out; interval of the ratio over worlds"
        yield Number("BCR", *at, row["bcr"], None, row["bcr_low"], row["bcr_high"], "ratio", told, why_not)
        for estimand, kind in (("BENEFITS", "benefits"), ("COSTS", "costs"), ("TRANSFERS", "transfers")):
            values = of.found.total(kind) if name == ALL else of.found.of(name, kind)  # type: ignore[arg-type]
            yield Number(estimand, *at, row[kind], **_spread(of, values), unit=unit, how=how)


def _break_even(of: Findings) -> Iterator[Number]:
    for row in _rows(of.partners):
        kind = "overall" if row["partner"] == ALL else "subgroup"
        value, told = row["break_even"], row["break_even_told"]
        yield Number(
            "BREAK_EVEN",
            kind,
            row["partner"],
            value,
            unit=of.effect.unit,
            how=told,
            why_not="" if value is not None else told,
        )


def _effects(of: Findings) -> Iterator[Number]:
    pilot = of.effect.pilot or of.effect
    low, high = (float(v) for v in pilot.quantile(np.array([(1 - of.level) / 2, (1 + of.level) / 2])))
    yield Number(
        "PILOT_EFFECT", "overall", pilot.label, pilot.estimate, pilot.std_error, low, high, pilot.unit, pilot.source
    )
    scaled = of.effect.sign * of.found.at_scale
    told = f"{of.effect.label} times the factors of voltage and the dose{', in the level of the outcome' if of.effect.scale == 'log' else ''}; {_how(of)}"
    unit = of.effect.outcome_unit if of.effect.scale == "log" else of.effect.unit
    yield Number("EFFECT_AT_SCALE", "overall", ALL, float(scaled.mean()), **_spread(of, scaled), unit=unit, how=told)
    yield _cost_per_effect(of)
    last = of.found.active[:, -1]
    told = f"participants in the last year of the horizon; {_how(of)}"
    yield Number("REACH", "overall", ALL, float(last.mean()), **_spread(of, last), unit=of.choices.reach.unit, how=told)


def _cost_per_effect(of: Findings) -> Number:
    """Discounted costs for each discounted unit of improvement."""
    costs, made = of.found.total("costs"), of.found.made
    unit = f"{unit_of(of.choices)} per {of.effect.outcome_unit or of.effect.unit} and {of.choices.reach.unit}"
    if made.mean() <= 0:
        why_not = "The expected effect at scale is no improvement, so that no cost buys one."
        return Number("COST_PER_EFFECT", "overall", ALL, None, unit=unit, why_not=why_not)
    told = "discounted costs over discounted units of improvement of all participants and years, ratio of means"
    tails = (1 - of.level) / 2
    if (made <= 0).mean() >= tails:
        told += "; no interval, because in too many worlds there is no improvement"
        return Number("COST_PER_EFFECT", "overall", ALL, float(costs.mean() / made.mean()), unit=unit, how=told)
    # worlds without an improvement have no end to what a unit costs
    each = np.divide(costs, made, out=np.full(of.found.n, np.inf), where=made > 0)
    low, high = np.quantile(each, [tails, 1 - tails], method="inverted_cdf")
    return Number(
        "COST_PER_EFFECT", "overall", ALL, float(costs.mean() / made.mean()), None, float(low), float(high), unit, told
    )


_FITTED = {
    how: f"what deciding with this input known gains on average, by a {how} fitted to the worlds; standard error of the simulation"
    for how in ("line", "curve")
}


def _information(of: Findings) -> Iterator[Number]:
    unit, known = unit_of(of.choices), of.information
    told = "what deciding with perfect information gains on average; standard error of the simulation"
    yield Number("EVPI", "overall", ALL, known.evpi, known.std_error, unit=unit, how=told)
    for row in _rows(of.partners)[1:]:
        yield Number(
            "EVPI",
            "subgroup",
            row["partner"],
            row["evpi"],
            unit=unit,
            how="the same for a partner that decides for itself",
        )
    for row in _rows(known.by_input):
        yield Number(
            "EVPPI", "subgroup", row["input"], row["evppi"], row["std_error"], unit=unit, how=_FITTED[row["how"]]
        )
    for row in _rows(known.measurements):
        told = (
            f"a measurement of {row['of']} with a standard error of {row['std_error']:g}; net of its cost and of waiting {row['net']:.6g}; the decision "
            f"becomes another one with probability {row['flips']:.3g}; standard error of the simulation"
        )
        yield Number("EVSI", "subgroup", row["name"], row["evsi"], row["evsi_error"], unit=unit, how=told)


def _tornado(of: Findings) -> Iterator[Number]:
    unit = unit_of(of.choices)
    for row in _rows(of.tornado):
        # the two ends are no interval around the swing, so that they stand in words
        told = (
            f"net present value {number(row['npv_low'])} at {number(row['at_low'])} (low end), {number(row['npv_high'])} at "
            f"{number(row['at_high'])} (high end); the others at their means"
        )
        yield Number("TORNADO", "subgroup", row["input"], row["swing"], unit=unit, how=told)
