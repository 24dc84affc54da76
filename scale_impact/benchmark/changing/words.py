"""A comparison of periods in plain words: one city, all cities, and what a reader has to know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from scale_impact.benchmark.cities import Floats
from scale_impact.core.words import counted, number, some

if TYPE_CHECKING:
    from scale_impact.benchmark.change import Changes
    from scale_impact.benchmark.scores import Scores


def points(value: float) -> str:
    """Points of a scale from 0 to 100 for reading: one decimal, two below one point."""
    return number(round(float(value), 1 if abs(value) >= 1 else 2) + 0.0).replace("-", "\N{MINUS SIGN}")


def signed(value: float) -> str:
    """The same with its sign."""
    return f"{'+' if round(value, 2) > 0 else ''}{points(value)}"


def city_words(found: Changes, row: int) -> Iterator[str]:
    """What is known of one city's change."""
    label = found.labels[row]
    if label in found.why_not:
        yield f"{label}: no change can be told. {found.why_not[label]}"
        return
    ends = [found.path[row, found.periods.index(p)] for p in (found.start, found.end)]
    change = float(found.change[row])
    moved = f"{'up' if change > 0 else 'down'} by {points(abs(change))}" if change else "unchanged"
    yield f"{label} had {points(ends[0])} of 100 points in {found.start} and has {points(ends[1])} in {found.end}: {moved}{_sure(found, row)}."
    yield f"The middle city changed by {signed(found.typical)} points in the same time; {_share(found, row)}."
    pushed = sorted(zip(found.dimensions, found.by_dimension[row], strict=True), key=lambda d: -abs(d[1]))
    if len(pushed) > 1 and change:
        yield f"By dimension: {', '.join(f'{name} {signed(float(part))}' for name, part in pushed[:6])} points of the index."


def _sure(found: Changes, row: int) -> str:
    if found.std_errors[row] == 0:
        return " (how sure that is, is not known: the values have no standard errors)"
    low, high = float(found.low[row]), float(found.high[row])
    verdict = "more than chance" if low > 0 or high < 0 else "not told apart from no change"
    if verdict == "more than chance" and found.p_all[row] > 1 - found.level:
        verdict = f"more than chance by itself, not among the {int((~np.isnan(found.p_all)).sum()):,} cities that are looked at"
    return f" points ({100 * found.level:g} % interval {signed(low)} to {signed(high)}: {verdict})"


def _share(found: Changes, row: int) -> str:
    less = int((found.everyone < found.change[row]).sum())
    return f"{less:,} of {counted(len(found.everyone) - 1, 'other city', 'other cities')} gained less"


def all_words(found: Changes) -> Iterator[str]:
    """How many moved, and how many more than by chance."""
    known = ~np.isnan(found.change)
    n = int(known.sum())
    up, down = int((found.change[known] > 0).sum()), int((found.change[known] < 0).sum())
    moved = f"{up:,} of {counted(n, 'city', 'cities')} went up and {down:,} down"
    yield f"From {found.start} to {found.end} {moved}; the middle city changed by {signed(found.typical)} points."
    if tested := int((~np.isnan(found.p_values)).sum()):
        alone, together = (int((p < 1 - found.level).sum()) for p in (found.p_values, found.p_all))
        yield (
            f"{alone:,} of {counted(tested, 'change')} with a known error {'is' if alone == 1 else 'are'} more than chance each by itself (about "
            f"{tested * (1 - found.level):.0f} would seem so by chance alone), {together:,} counting that {tested:,} are looked at."
        )


def notes(
    scores: Mapping[str, Scores],
    labels: Sequence[str],
    why_not: Mapping[str, str],
    spread: Floats,
    masked: int,
    start: str,
    end: str,
) -> Iterator[str]:
    """What a reader has to know: cities without a change, values without errors, gaps."""
    if why_not:
        yield f"{counted(len(why_not), 'city has', 'cities have')} no change: {some(list(why_not))}. The table says why."
    exact = int((spread == 0).sum())
    if exact:
        who = (
            "All values are"
            if exact == len(labels) - len(why_not)
            else f"The values of {counted(exact, 'city', 'cities')} are"
        )
        yield f"{who} taken as known exactly, because no standard errors are given: whether such a change is more than chance is not known."
    if masked:
        known = f"{counted(masked, 'value')} known in one of {start} and {end} alone"
        yield f"{known} {'does' if masked == 1 else 'do'} not count, so that a city's index rests on the same indicators in both."
    imputed = {p: int(s.records["what"].str.contains("imputed|mean of|median of").sum()) for p, s in scores.items()}
    if any(imputed.values()):
        yield f"Imputed values: {', '.join(f'{n:,} in {p}' for p, n in imputed.items())}. Each period was imputed by itself."
