"""A comparison of periods in plain words: one city, all cities, and what a reader has to know."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from scale_impact.benchmark.cities import Floats
from scale_impact.core.words import counted, number, some, within_sentence

if TYPE_CHECKING:
    from scale_impact.benchmark.change import Changes
    from scale_impact.benchmark.scores import Scores


NOTHING = 1e-9
"""Points below which a difference is one of the computer's arithmetic."""


def points(value: float) -> str:
    """Points of a scale from 0 to 100 for reading: one decimal, two below one point."""
    return number(round(float(value), 1 if abs(value) >= 1 else 2) + 0.0).replace("-", "\N{MINUS SIGN}")


def signed(value: float) -> str:
    """The same with its sign, which is never rounded away."""
    if NOTHING < abs(value) < 0.005:
        return f"{'+' if value > 0 else ''}{value:.1g}".replace("-", "\N{MINUS SIGN}")
    return f"{'+' if round(value, 2) > 0 else ''}{points(value)}"


@dataclass(frozen=True)
class Pair:
    """Two numbers as they are shown, and the difference of what is shown: whoever subtracts finds the same."""

    then: float
    now: float
    decimals: int

    @property
    def difference(self) -> float:
        """The second less the first."""
        return round(self.now - self.then, self.decimals) + 0.0

    def text(self, value: float) -> str:
        """A number with the decimals of the pair, no zeros at its end."""
        told = f"{value:,.{self.decimals}f}"
        return told.rstrip("0").rstrip(".").replace("-", "\N{MINUS SIGN}")


def pair(then: float, now: float) -> Pair:
    """Two numbers with one decimal, or with so many that they are told apart where they differ; three at most."""
    for decimals in (1, 2, 3):
        shown = round(float(then), decimals) + 0.0, round(float(now), decimals) + 0.0
        if shown[0] != shown[1] or abs(then - now) < NOTHING:
            break
    return Pair(*shown, decimals)


def city_words(found: Changes, row: int) -> Iterator[str]:
    """What is known of one city's change."""
    label = found.labels[row]
    if label in found.why_not:
        yield f"{label}: no change can be told. {found.why_not[label]}"
        return
    shown = pair(*(found.path[row, found.periods.index(p)] for p in (found.start, found.end)))
    size = shown.difference
    moved = f"{'up' if size > 0 else 'down'} by {shown.text(abs(size))} points" if size else "unchanged"
    had = f"{label} had {shown.text(shown.then)}{_of(found)} points in {found.start} and has {shown.text(shown.now)} in {found.end}"
    yield f"{_without(found)}{had}: {moved}{_sure(found, row)}."
    yield f"The middle city changed by {signed(found.typical)} points in the same time; {_share(found, row)}."
    pushed = sorted(zip(found.dimensions, found.by_dimension[row], strict=True), key=lambda d: -abs(d[1]))
    if len(pushed) > 1 and size:
        yield f"By dimension: {', '.join(f'{name} {signed(float(part))}' for name, part in pushed[:6])} points of the index."


def _of(found: Changes) -> str:
    """``of 100`` where the scale ends there."""
    return " of 100" if found.scores[found.end].recipe.scale is None else ""


def _without(found: Changes) -> str:
    """Which indicators the two numbers leave out, before they are named."""
    names = list(dict.fromkeys(within_sentence(b.name) for b in found.breaks if b.left_out))
    if not names:
        return ""
    whose = "whose series breaks in between" if len(names) == 1 else "whose series break in between"
    return f"Without the {some(names)} ({whose}, as the study says): "


def _sure(found: Changes, row: int) -> str:
    if found.std_errors[row] == 0:
        return " (how sure that is, is not known: the values have no standard errors)"
    low, high = float(found.low[row]), float(found.high[row])
    if found.errors == "from the change":
        return (
            f" ({100 * found.level:g} % interval {signed(low)} to {signed(high)}, from errors that were made of such changes: "
            "no test of whether it is more than chance)"
        )
    verdict = "more than chance" if low > 0 or high < 0 else "not told apart from no change"
    if verdict == "more than chance" and found.p_all[row] > 1 - found.level:
        verdict = f"more than chance by itself, not among the {int((~np.isnan(found.p_all)).sum()):,} cities that are looked at"
    return f" ({100 * found.level:g} % interval {signed(low)} to {signed(high)}: {verdict})"


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
