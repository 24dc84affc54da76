"""What a city may expect, in sentences for officials, and as the details of a check."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.core.words import counted, effect_unit, number, some

if TYPE_CHECKING:
    from scale_impact.synthesis.for_city import Expectation
    from scale_impact.synthesis.nearing.weighted import Weighted
    from scale_impact.synthesis.pooling import Pooled

MINUS = "\N{MINUS SIGN}"

UNIT_OF_LOG = "log"


def in_words(found: Expectation, unit: str) -> list[str]:
    """What the city may expect, how sure, how much each pilot counts, whether the city is like them."""
    return [
        *_expected(found, unit), *_chances(found, unit), *_similar(found, unit), *_counting(found, unit), of_support(found),
        *([found.generalisability.in_words()] if found.generalisability is not None else []), *_left_out(found),
    ]  # fmt: skip


def amount(value: float, unit: str) -> str:
    """An effect for reading: ``-0.12 log points (-11.3 %)``, ``2.4 percentage points``."""
    told = number(float(f"{value:.3g}")).replace("-", MINUS)
    if unit.startswith(UNIT_OF_LOG):
        return f"{100 * math.expm1(value):+.3g} %".replace("-", MINUS)
    joint = " of " if effect_unit(unit)[:1].isdigit() else " "  # 0.6 of 0-10
    return f"{told}{joint}{effect_unit(unit)}".rstrip()


def _expected(found: Expectation, unit: str) -> Iterator[str]:
    pooled, k = found.unweighted, len(found.effects)
    level = f"{100 * found.level:.6g} %"
    if k == 1:
        yield f"One city tried it: {found.effects.labels[0]} got {amount(pooled.mean, unit)}. One city does not tell what others may expect."
        return
    yield (
        f"{found.name} may expect about {amount(pooled.mean, unit)}, the mean of {counted(k, 'city', 'cities')} that tried it "
        f"({level} interval of the mean {amount(pooled.low, unit)} to {amount(pooled.high, unit)})."
    )
    if pooled.predicted_low is None or pooled.predicted_high is None:
        yield f"How far a single city may be from that mean is not known: {_first_reason(pooled)}"
        return
    yield (
        f"A single city may differ from the mean: with a probability of about {level} what it gets lies between "
        f"{amount(pooled.predicted_low, unit)} and {amount(pooled.predicted_high, unit)} (prediction interval), if cities like these are alike "
        "in what matters."
    )


def _first_reason(pooled: Pooled) -> str:
    reasons = [pooled.why_not[key] for key in ("prediction", "tau2") if key in pooled.why_not]
    told = reasons[0] if reasons else "the differences between cities cannot be told"
    return f"{told.rstrip('.')}."


def _chances(found: Expectation, unit: str) -> Iterator[str]:
    own = found.chances
    if own.harm is not None:
        yield f"The probability that it does harm, an effect {_bad(found.effects.direction)}, is {share(own.harm)}{_other(found.chances_weighted.harm)}."
    elif own.below_zero is not None and own.above_zero is not None:
        yield (
            f"The probability of an effect below zero is {share(own.below_zero)}, above zero {share(own.above_zero)}; neither direction is "
            "better by itself, so there is no probability of harm."
        )
    if own.reaches is not None and found.target is not None:
        yield f"The probability that it reaches the target of {amount(found.target, unit)} is {share(own.reaches)}{_other(found.chances_weighted.reaches)}."


def _bad(direction: str) -> str:
    return "below zero" if direction == "+" else "above zero"


def _other(weighted: float | None) -> str:
    return "" if weighted is None else f" ({share(weighted)} where similar cities count more)"


def share(p: float) -> str:
    """A probability for reading, never certain where it is not."""
    if p in (0.0, 1.0) or 0.01 <= p <= 0.99:
        return f"{100 * p:.0f} %"
    return "below 1 %" if p < 0.01 else "above 99 %"


def _similar(found: Expectation, unit: str) -> Iterator[str]:
    near = found.weighted
    if near is None:
        if found.why_not is not None:
            yield found.why_not
        return
    if (near.kernel == 1).all():
        yield f"Weighted by similarity the answer is the same. {near.bandwidth.rule}"
        return
    ends = "" if near.predicted_low is None or near.predicted_high is None else (
        f" (prediction interval {amount(near.predicted_low, unit)} to {amount(near.predicted_high, unit)})"
    )  # fmt: skip
    yield (
        f"Where cities that are more like {found.name} count more, it is {amount(near.mean, unit)}{ends}; in effect {near.effective:.1f} "
        f"cities count. {near.bandwidth.rule}"
    )


def _counting(found: Expectation, unit: str) -> Iterator[str]:
    """Who counts most in which answer, and whose absence would change it most."""
    k = len(found.effects)
    if k < 2:
        return
    table = found.contributions
    column = "weight_unweighted" if found.weighted is None else "weight_weighted"
    top = table.nlargest(3, column, keep="first")
    told = ", ".join(f"{c} {100 * w:.0f} %" for c, w in zip(top["city"], top[column], strict=True))
    which = "answer" if found.weighted is None or (found.weighted.kernel == 1).all() else "weighted answer"
    yield f"In the {which} {told} count most; an even share is {100 / k:.0f} %." if k > 3 else f"In the {which} {told}."
    moved = (table["unweighted_without"] - found.unweighted.mean).abs()
    if moved.notna().any() and moved.max() > 0:
        at = int(moved.to_numpy().argmax())
        told_mean = amount(float(table["unweighted_without"].iloc[at]), unit)
        yield f"Without {table['city'].iloc[at]} the mean would be {told_mean}: no other city moves it as much."


def of_support(found: Expectation) -> str:
    """Whether the city is like the pilots, with what that means for the answer."""
    told = found.support.reason
    if found.support.verdict == "fail":
        told += " The unweighted answer stands only if what makes this city different does not matter for the effect."
    if (left := found.compared.left_out) and found.compared.why_not is None:
        told += f" Not compared: {some(sorted(left))}."
    return told


def _left_out(found: Expectation) -> Iterator[str]:
    if (left := found.compared.left_out) and found.compared.why_not is None:
        yield f"Not compared: {some(sorted(left))}."
    lacking = [c for c, d in zip(found.effects.labels, found.compared.to_city, strict=True) if not math.isfinite(d)]
    if lacking and len(lacking) < len(found.effects):
        yield f"{some(lacking)} {'counts' if len(lacking) == 1 else 'count'} in the unweighted answer alone: context is not known."


def numbers(answer: Pooled | Weighted | None) -> tuple[float, float | None, float | None]:
    """Mean, prediction error and degrees of freedom of an answer; no error where there is none."""
    return (0.0, None, None) if answer is None else (answer.mean, answer.prediction_error, answer.prediction_df)


def details(found: Expectation) -> Mapping[str, Any]:
    """The check's details: what a figure or reader needs."""
    support, index = found.support, found.generalisability
    return {
        "city": found.name,
        "nearest": support.nearest,
        "nearest_distance": support.nearest_distance,
        "limit": support.limit,
        "distances": [
            {"city": c, "distance": _plain(d), "gap": _plain(g)}
            for c, d, g in zip(found.effects.labels, found.compared.to_city, support.gaps, strict=True)
        ],
        "outside": [
            {"column": o.column, "value": o.value, "low": o.low, "high": o.high, "beyond": _plain(o.beyond), "groups": list(o.groups)}
            for o in support.outside
        ],
        "ranges": {c: {"value": v, "low": low, "high": high} for c, (v, low, high) in support.ranges.items()},
        "hull_distance": support.hull_distance,
        "hull_note": support.hull_note,
        "generalisability": None if index is None else {
            "index": index.index, "band": index.band, "pilots": index.pilots, "others": index.others, "by_lot": index.by_lot,
            "by_lot_low": index.by_lot_low, "of": index.of, "why_not": index.why_not,
        },
        "compared": list(found.compared.columns),
        "left_out": dict(found.compared.left_out or {}),
    }  # fmt: skip


def _plain(value: float | None) -> float | None:
    return None if value is None or not np.isfinite(value) else float(value)
