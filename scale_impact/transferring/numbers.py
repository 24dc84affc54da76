"""The numbers of a transfer that are published."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from scale_impact.core.evidence import (
    BETWEEN,
    HELD_OUT,
    I_SQUARED,
    P_HARM,
    P_TARGET,
    POOLED,
    PREDICTED,
    SHARE,
    TRANSPORTED,
    Answer,
)

if TYPE_CHECKING:
    from scale_impact.synthesis.for_city import Expectation
    from scale_impact.synthesis.held_out import HeldOut
    from scale_impact.synthesis.pooling import Pooled
    from scale_impact.synthesis.transport import Transported

WEIGHTED = "weighted by similarity"

Numbers = tuple[float | None, float | None, float | None, float | None, float | None]
"""Value, low, high, standard error, degrees of freedom."""


def numbers(expected: Expectation, held_out: HeldOut | None) -> Iterator[Answer]:
    """Rows of a transfer: what the city may expect first."""
    yield from _of_city(expected)
    yield from _of_all(expected.unweighted)
    yield from _of_each(expected.unweighted)
    yield from _shares(expected)
    yield from () if held_out is None else _of_held_out(held_out)


def _of_city(expected: Expectation) -> Iterator[Answer]:
    """What the city may expect, unweighted and weighted, and how likely harm and target are."""
    likely, name, k = expected.unweighted, expected.name, len(expected.effects)
    how = likely.why_not.get("prediction", _how(likely))
    yield Answer(
        PREDICTED,
        "overall",
        name,
        *_prediction(likely),
        how=how,
        role="primary",
        cities=k,
        context=_known(expected.city),
    )
    near = expected.weighted
    if near is None:
        yield Answer(PREDICTED, "subgroup", WEIGHTED, None, how=expected.why_not or "", cities=k)
    else:
        told = f"pilots weighted by similarity of context; {near.effective:.3g} pilots that count the same would say as much"
        if bool((near.kernel == 1).all()):
            told = near.bandwidth.rule
        yield Answer(PREDICTED, "subgroup", WEIGHTED, *_prediction(near), how=told, cities=k)
    harm = (
        "from the prediction"
        if expected.harm is not None
        else likely.why_not.get("prediction", "neither direction of the outcome is bad by itself")
    )
    yield Answer(P_HARM, "overall", name, expected.harm, how=harm, unit="probability", direction="-", cities=k)
    if expected.target is not None:
        told = (
            f"at least {expected.target:g}, from the prediction"
            if expected.reaches is not None
            else likely.why_not.get("prediction", "")
        )
        yield Answer(P_TARGET, "overall", name, expected.reaches, how=told, unit="probability", direction="+", cities=k)


def _prediction(answer: Any) -> Numbers:
    """Mean and prediction interval; nothing where a new city cannot be told, which is not what the mean says."""
    if answer.prediction_error is None:
        return None, None, None, None, None
    found = (answer.mean, answer.predicted_low, answer.predicted_high, answer.prediction_error, answer.prediction_df)
    value, low, high, error, df = (_number(v) for v in found)
    return value, low, high, error, df


def _of_all(pooled: Pooled) -> Iterator[Answer]:
    """The mean of all cities, and how much they differ."""
    k, how, why = len(pooled), _how(pooled), pooled.why_not
    mean = (
        _number(pooled.mean),
        _number(pooled.low),
        _number(pooled.high),
        _number(pooled.std_error),
        _number(pooled.df),
    )
    yield Answer(POOLED, "overall", "mean of all", *mean, how=why.get("interval", how), cities=k)
    tau, low, high = (None if v is None else math.sqrt(v) for v in (pooled.tau2, pooled.tau2_low, pooled.tau2_high))
    told = why.get("tau2") or why.get("tau2 interval") or how
    yield Answer(BETWEEN, "overall", "standard deviation between cities", tau, _number(low), _number(high), how=told,
                 unit=pooled.effects.unit, cities=k)  # fmt: skip
    yield Answer(I_SQUARED, "overall", "variation that is between cities", pooled.i2, pooled.i2_low, pooled.i2_high,
                 how=why.get("i2", how), unit="share", cities=k)  # fmt: skip


def _of_each(pooled: Pooled) -> Iterator[Answer]:
    """Each city's own effect, with what is known of it."""
    effects = pooled.effects
    for i, label in enumerate(effects.labels):
        context = None if effects.context is None else _known(effects.context.iloc[i].to_dict())
        df = None if effects.df is None else _number(float(effects.df[i]))
        value, error = float(effects.effects[i]), math.sqrt(float(effects.variances[i]))
        reach = _quantile(pooled.level, df) * error
        how = "as published" if effects.df is None else "error from cities without the measure"
        yield Answer(
            "ATT", "unit", label, value, value - reach, value + reach, error, df, how=how, cities=1, context=context
        )


def _shares(expected: Expectation) -> Iterator[Answer]:
    """How much each pilot counts in the mean of all, and in the one by similarity."""
    pooled, near, k = expected.unweighted, expected.weighted, len(expected.effects)
    for i, label in enumerate(expected.effects.labels):
        beside = "" if near is None else f"; {float(near.weights[i]):.3g} where similar cities count more"
        how = f"share in the mean of all{beside}"
        yield Answer(SHARE, "unit", label, _number(pooled.weights[i]), how=how, unit="share", cities=k)


def _of_held_out(found: HeldOut) -> Iterator[Answer]:
    """The prediction for each city, made without it."""
    if found.why_not is not None:
        return
    how = f"predicted without its own {found.left_out}; the interval is that of its true effect, and what was measured errs beside"
    for row, left in zip(found.table().to_dict("records"), _staying(found), strict=True):
        ends = _number(row["predicted_low"]), _number(row["predicted_high"])
        yield Answer(HELD_OUT, "unit", str(row["city"]), _number(row["mean"]), *ends, how=how, cities=left)


def _staying(found: HeldOut) -> list[int]:
    """How many cities predict each."""
    k, clusters = len(found.effects), found.effects.clusters
    if found.left_out != "cluster" or clusters is None:
        return [k - 1] * k
    return [k - clusters.count(cluster) for cluster in clusters]


def of_transport(city: str, found: Transported | None) -> Iterator[Answer]:
    """One study's effect carried over by who lives in the city."""
    if found is not None:
        bound = "; the standard error is a bound" if found.bound else ""
        how = found.why_not or f"carried over by who lives there, {found.method.replace('_', ' ')}{bound}"
        yield Answer(
            TRANSPORTED, "overall", city, found.estimate, found.low, found.high, found.std_error, found.df, how=how
        )


def _how(pooled: Pooled) -> str:
    """How the numbers were made."""
    return f"random effects, {pooled.estimator}, {pooled.inference}".replace("_", " ")


def _quantile(level: float, df: float | None) -> float:
    """Half the width of an interval in standard errors."""
    from scipy.special import ndtri, stdtrit

    p = (1 + level) / 2
    return float(ndtri(p) if df is None else stdtrit(df, p))


def _number(value: Any) -> float | None:
    """A finite number, or None."""
    return None if value is None or not math.isfinite(value) else float(value)


def _known(context: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of a city, as JSON knows it."""
    plain = {name: value.item() if hasattr(value, "item") else value for name, value in context.items()}
    return {name: None if value is None or value != value else value for name, value in plain.items()}
