"""Convergence in plain words."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from scale_impact.benchmark.changing.slopes import Slope
from scale_impact.core.words import counted, number, p_words

if TYPE_CHECKING:
    from scale_impact.benchmark.changing.convergence import Convergence


def told(found: Convergence) -> Iterator[str]:
    """What was found, in plain words."""
    yield _spread_words(found)
    yield _slope_words(found)
    spread, falls = found.spread, found.corrected.high < 0
    if spread is not None and spread.high < 1 and falls and (speed := found.speed) is not None:
        fastest = f"{number(round(100 * speed[2], 1))} %" if math.isfinite(speed[2]) else "all of it"
        yield f"At that slope {number(round(100 * speed[0], 1))} % of a gap closes in a year (between {number(round(100 * speed[1], 1))} % and {fastest})."
    elif falls:
        yield (
            "Cities that started low gained on the others, and yet cities are not shown to lie closer together: they change places, as they also do by chance. "
            f"Held against the final index the slope of growth is {number(round(found.on_end.value, 2))}."
        )
    if not found.instrumented.why_not:
        yield f"Slope of the last step with the earlier level as instrument: {_slope(found.instrumented, found.level)}."
    if found.at_bounds:
        yield (
            f"{counted(found.at_bounds, 'city stands', 'cities stand')} at an end of the scale (0 or 100) and can move one way only, which looks "
            "like convergence."
        )


def _spread_words(found: Convergence) -> str:
    spread = found.spread
    if spread is None:
        return found.why_not
    then, now = (number(round(v, 1)) for v in (spread.then, spread.now))
    seen = f"Standard deviation across {counted(found.cities, 'city', 'cities')}: {then} points then, {now} now."
    if spread.why_not:
        verdict = "told apart" if spread.seen_p < 1 - found.level else "not told apart"
        as_seen = f"{seen} As seen, errors and all, the two are {verdict} ({p_words(spread.seen_p)})."
        return as_seen if spread.why_not == found.corrected.why_not else f"{as_seen} {spread.why_not}"
    ratio, low, high = (number(round(v, 2)) for v in (spread.ratio, spread.low, spread.high))
    ends = f"{ratio} times as wide, {100 * found.level:g} % interval {low} to {high}, {p_words(spread.p_value)}"
    verdict = (
        "cities came closer together"
        if spread.high < 1
        else "cities moved apart"
        if spread.low > 1
        else "no change of the spread can be told"
    )
    without = (
        "" if (spread.then, spread.now) == (spread.true_then, spread.true_now) else " without the errors of the values"
    )
    return f"{seen} The spread{without} is {ends}: {verdict}."


def _slope_words(found: Convergence) -> str:
    seen = f"Growth on the initial index: slope {_slope(found.as_seen, found.level)}"
    if found.corrected.why_not:
        return f"{seen}, which chance alone can make negative. {found.corrected.why_not}"
    if found.reliability == 1:
        return (
            f"{seen}; no errors of the values are known, and errors make this slope negative without any convergence."
        )
    share = f"{100 * (1 - found.reliability):.0f} % of their variance"
    return f"{seen}; corrected for errors of the initial values ({share}): {_slope(found.corrected, found.level)}."


def _slope(found: Slope, level: float) -> str:
    value, low, high = (number(round(v, 2)) for v in (found.value, found.low, found.high))
    return f"{value} ({100 * level:g} % interval {low} to {high})"
