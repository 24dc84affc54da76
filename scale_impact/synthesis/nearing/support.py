"""Is one city like the pilots? Its distance to the nearest of them, the range of each variable, and their hull.

A city is within support where its nearest pilot is no farther than pilots' nearest other pilots are: the largest such gap, but no more
than twice the usual one, as one pilot far from all others makes no city near; and a quarter of the median distance between pilots is
near in any case, as twins among them make no other city far. With a population a fair peer of the benchmark is near too. The city is
far outside where the nearest pilot is more than twice as far: a weighted answer would be an extrapolation and is not given. In between
the answer is given with the warning.

Ranges and hull say where the difference lies. With many variables nearly each city lies outside the hull of a few pilots, and beyond
some pilot in some variable: they do not decide, unless the city is beyond the range by more than its width.

Source: King and Zeng (2006), The Dangers of Extreme Counterfactuals (hull and distance); Vovk, Gammerman and Shafer (2005) for the
p-value of a new case among those known; Wolfe (1976) for the nearest point of a hull.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scale_impact.benchmark.nearness.words import shown
from scale_impact.core.check import Verdict
from scale_impact.core.words import number, some
from scale_impact.synthesis.nearing.compared import Compared

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]

FAR = 2.0
"""A nearest pilot that is farther than so many times the usual is too far for a fair answer."""

USUAL = 2.0
"""Times the median gap between pilots up to which a gap is usual."""

PART = 0.25
"""Share of the median distance between pilots that is near whatever the gaps are."""

BEYOND = 1.0
"""A city beyond the pilots' range of a variable by more than this share of its width has no pilot to compare with in it."""

INSIDE = 1e-7
"""A distance to the hull, in standard deviations, that is rounding."""


@dataclass(frozen=True)
class Outside:
    """A variable in which a city lies outside what the pilots had.

    Attributes
    ----------
    column:
        The variable.
    value:
        The city's.
    low, high:
        The pilots' range; None of groups.
    beyond:
        How far outside, as a share of the width of that range; infinite where all pilots have one value, None of groups.
    groups:
        The pilots' groups; empty of numbers.
    """

    column: str
    value: float | str
    low: float | None = None
    high: float | None = None
    beyond: float | None = None
    groups: tuple[str, ...] = ()

    def in_words(self) -> str:
        """``population 3,500,000 (pilots 12,000 to 410,000)``."""
        if self.low is None or self.high is None:
            return f"{self.column} {self.value} (pilots {some(self.groups)})"
        ends = f"all {shown(self.low)}" if self.low == self.high else f"{shown(self.low)} to {shown(self.high)}"
        return f"{self.column} {shown(self.value)} (pilots {ends})"


@dataclass(frozen=True)
class Support:
    """Whether a city is like the pilots.

    Attributes
    ----------
    verdict:
        ``pass`` within, ``fail`` far outside, ``inconclusive`` in between; ``inapplicable`` where nothing can be compared.
    reason:
        Why, in a sentence or two.
    nearest, nearest_distance:
        The nearest pilot and how far it is; None where no distance is known.
    limit:
        The distance up to which a nearest pilot is near.
    gaps:
        Distance of each pilot to its nearest other pilot, by pilot; NaN where not known [k].
    p_value:
        Share of pilots and city whose nearest neighbour is at least as far as the city's: small where the city stands apart.
    outside:
        Variables in which the city lies outside the pilots' range.
    ranges:
        Each number's value of the city and range of the pilots, by column.
    hull_distance:
        Distance to the pilots' hull in the numbers, in pilots' standard deviations: 0 within; None where it cannot be told.
    hull_note:
        Why there is none.
    """

    verdict: Verdict
    reason: str
    nearest: str | None
    nearest_distance: float | None
    limit: float | None
    gaps: Floats
    p_value: float | None
    outside: tuple[Outside, ...]
    ranges: Mapping[str, tuple[float, float, float]]
    hull_distance: float | None
    hull_note: str = ""


def judge(
    compared: Compared, labels: Sequence[str], context: pd.DataFrame | None, city: Mapping[str, object]
) -> Support:
    """Whether a city is within the support of k pilots."""
    gaps = _gaps(compared.among)
    if compared.why_not is not None or context is None:
        reason = f"Whether the city is like the pilots cannot be told. {compared.why_not or ''}".strip()
        return Support("inapplicable", reason, None, None, None, gaps, None, (), {}, None)
    ranges, outside = _ranges(compared, context, city)
    hull, hull_note = _hull(compared, context, city)
    if not np.isfinite(compared.to_city).any():
        reason = "Whether the city is like the pilots cannot be told: no pilot's context is known in full."
        return Support("inapplicable", reason, None, None, None, gaps, None, outside, ranges, hull, hull_note)
    at = _nearest(compared.to_city, labels)
    distance, limit = float(compared.to_city[at]), _limit(compared.among, gaps, compared.fair)
    verdict = _verdict(distance, limit, outside, compared.unmeasured)
    reason = " ".join(_reasons(verdict, labels[at], distance, limit, outside, hull))
    return Support(
        verdict, reason, labels[at], distance, limit, gaps, _p_value(compared), outside, ranges, hull, hull_note
    )


def _gaps(among: Floats) -> Floats:
    """Distance of each pilot to its nearest other; NaN where there is none."""
    apart = among.copy()
    np.fill_diagonal(apart, np.nan)
    known = np.isfinite(apart)
    return np.where(known.any(axis=1), np.where(known, apart, np.inf).min(axis=1, initial=np.inf), np.nan)


def _nearest(distances: Floats, labels: Sequence[str]) -> int:
    """The nearest pilot; of those as near the first by name."""
    known = [k for k in range(len(labels)) if math.isfinite(distances[k])]
    return min(known, key=lambda k: (round(float(distances[k]), 11), labels[k]))


def _limit(among: Floats, gaps: Floats, fair: float | None) -> float | None:
    """What counts as near: see above; None where neither gaps nor a population tell."""
    known = gaps[np.isfinite(gaps)]
    apart = among[np.triu_indices(len(among), 1)]
    limits = [fair] if fair is not None else []
    if len(known):
        usual = min(float(known.max()), USUAL * float(np.median(known)))
        limits.append(max(usual, PART * float(np.nanmedian(apart))))
    return max(limits) if limits else None


def _p_value(compared: Compared) -> float | None:
    """Rank of the city's distance to its nearest among those of all, each in the company of all others."""
    there = np.flatnonzero(np.isfinite(compared.to_city))
    if len(there) < 2:
        return None
    to_city = compared.to_city[there]
    own = float(to_city.min())
    others = np.fmin(_gaps(compared.among[np.ix_(there, there)]), to_city)
    return float((1 + (others >= own * (1 - 1e-9)).sum()) / (len(there) + 1))


def _verdict(distance: float, limit: float | None, outside: Sequence[Outside], unmeasured: Sequence[str]) -> Verdict:
    if limit is None:
        return "inconclusive"
    if distance > FAR * limit * (1 + 1e-9) and distance > 0:
        return "fail"
    far = any(o.beyond is not None and o.beyond > BEYOND for o in outside)
    blind = any(o.column in unmeasured for o in outside)
    return "inconclusive" if distance > limit * (1 + 1e-9) or far or blind else "pass"


def _reasons(
    verdict: Verdict, nearest: str, distance: float, limit: float | None, outside: Sequence[Outside], hull: float | None
) -> Iterator[str]:
    apart = f"the most similar pilot, {nearest}, is {_far(distance)} away"
    if limit is None:
        yield f"One pilot does not tell what is usual between pilots: {apart}."
    elif verdict == "fail":
        yield f"The city is far outside what the pilots cover: {apart}, and up to {_far(limit)} is near. Pilots say little about it."
    elif distance > limit * (1 + 1e-9):
        yield f"The city is at the edge of what the pilots cover: {apart}, and up to {_far(limit)} is near."
    elif verdict == "inconclusive":
        yield f"The city is near the pilots as a whole ({apart}; up to {_far(limit)} is near), but not in all that is compared."
    else:
        yield f"The city is like the pilots: {apart}; up to {_far(limit)} is near."
    if outside:
        yield f"Outside what any pilot had: {some([o.in_words() for o in outside], 4)}."
    elif hull is not None and hull > 0:
        yield "No single variable is outside what pilots had, but their combination is."


def _far(distance: float) -> str:
    return number(float(f"{distance:.3g}"))


def _ranges(
    compared: Compared, context: pd.DataFrame, city: Mapping[str, object]
) -> tuple[dict[str, tuple[float, float, float]], tuple[Outside, ...]]:
    """Each number's value and range, and the variables outside, the farthest first."""
    ranges, found = {}, []
    for name in sorted({*compared.columns, *compared.unmeasured}):
        known = context[name].dropna()
        if name in compared.groups:
            groups = tuple(sorted(set(map(str, known))))
            if str(city[name]) not in groups:
                found.append(Outside(name, str(city[name]), groups=groups))
            continue
        value, low, high = float(str(city[name])), float(known.min()), float(known.max())
        ranges[name] = (value, low, high)
        if max(low - value, value - high) > 1e-12 * max(abs(low), abs(high)):
            found.append(Outside(name, value, low, high, _beyond(value, low, high, log=name in compared.log)))
    return ranges, tuple(sorted(found, key=lambda o: -(math.inf if o.beyond is None else o.beyond)))


def _beyond(value: float, low: float, high: float, *, log: bool) -> float:
    """How far a value lies outside a range, as a share of its width on the scale on which cities are compared."""
    if log:
        value, low, high = math.log(value), math.log(low), math.log(high)
    return max(low - value, value - high) / (high - low) if high > low else math.inf


def _hull(compared: Compared, context: pd.DataFrame, city: Mapping[str, object]) -> tuple[float | None, str]:
    """Distance of the city to the pilots' hull in the numbers, in standard deviations of the pilots."""
    from scale_impact.core.simplex import nearest_point

    numbers = [c for c in compared.columns if c not in compared.groups and c not in compared.unmeasured]
    points = context[numbers].dropna().to_numpy(float, copy=True) if numbers else np.empty((0, 0))
    own = np.array([float(str(city[n])) for n in numbers])
    for j in [numbers.index(n) for n in numbers if n in compared.log]:
        points[:, j], own[j] = np.log(points[:, j]), math.log(own[j])
    if not numbers:
        return None, "No numbers are compared, so there is no hull."
    if len(points) <= len(numbers) + 1:
        return None, f"{len(points)} pilots have no hull in {len(numbers)} variables that a city could be within."
    spread = points.std(axis=0, ddof=1)
    if not (spread > 0).all():
        return None, "The pilots are the same in a variable, so their hull is flat."
    p = ((points - own) / spread).T
    longest = float(np.sqrt((p * p).sum(axis=0)).max())
    weights, _ = nearest_point(p / longest) if longest > 0 else (np.full(len(points), 1 / len(points)), 0.0)
    distance = float(np.linalg.norm(p @ weights))
    return (0.0 if distance <= INSIDE * max(1.0, longest) else distance), ""
