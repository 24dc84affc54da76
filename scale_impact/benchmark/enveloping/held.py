"""Cities held against a frontier: the three methods on the same footing, in an order of the cities that is not the table's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from scale_impact.benchmark.cities import Context
from scale_impact.benchmark.enveloping import bandwidths, contexts, order_m, subsamples
from scale_impact.benchmark.enveloping.asked import Asked
from scale_impact.benchmark.enveloping.contexts import Reading
from scale_impact.benchmark.enveloping.doubt import best_weights
from scale_impact.benchmark.enveloping.order_m import Distances
from scale_impact.benchmark.enveloping.programmes import Limits, solve
from scale_impact.core.words import number, some

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_REFERENCES = 20
"""Cities kept of those that define a city's target."""

FEWEST_ALIKE = 5
"""Equally likely cities, itself among them, with which a city has to be compared."""


@dataclass(frozen=True)
class Held:
    """What a method finds of cities, as ``frontier.Frontier`` explains it."""

    index: Floats
    low: Floats
    high: Floats
    noise: Floats
    weights: Floats
    shares: Floats
    members: Ints
    parts: Floats
    ratio: Floats | None = None
    alike: Floats | None = None
    m: int | None = None
    tried: Mapping[int, float] = field(default_factory=dict)
    bandwidths: Mapping[str, float] = field(default_factory=dict)
    why_not: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def hold(values: Floats, context: Context, asked: Asked, limits: Limits) -> Held:
    """Hold every city that has all that is needed against the frontier of these; for the others say what is missing."""
    reading = _reading(context, asked) if asked.conditional else None
    gone = _incomplete(values, reading, asked)
    rows = np.array([k for k in range(len(values)) if k not in gone], dtype=np.int64)
    around = None if reading is None else reading.around.take(rows)
    order = contexts.canonical(values[rows], around, [context.labels[k] for k in rows])
    rows = rows[order]
    if reading is None:
        found, why = _without_context(values[rows], asked, limits)
    else:
        found, why = _within_context(values[rows], reading, rows, asked, limits)
    said = {
        context.labels[k]: reason for k, reason in sorted({**gone, **{int(rows[k]): r for k, r in why.items()}}.items())
    }
    return _in_place(found, rows, len(values), list(why), said)


def _reading(context: Context, asked: Asked) -> Reading:
    given = [c.column for c in context.columns] if asked.given is None else asked.given
    return contexts.read(context, given, asked.log, asked.kernel)


def _incomplete(values: Floats, reading: Reading | None, asked: Asked) -> dict[int, str]:
    """Why cities cannot be held against anything, by row."""
    gone = (
        {}
        if reading is None
        else {k: f"{some(v)} is not known of it, so its context is not." for k, v in reading.missing.items()}
    )
    for k in np.flatnonzero(np.isnan(values).any(axis=1)):
        empty = [asked.names[d] for d in np.flatnonzero(np.isnan(values[k]))]
        gone[int(k)] = f"It has no value in {some(empty)}; the frontier needs all dimensions."
    return gone


def _in_place(found: Held, rows: Ints, n: int, without: list[int], why: Mapping[str, str]) -> Held:
    """Back in the order of the table, NaN where a city has no index."""

    def spread(part: Floats) -> Floats:
        whole = np.full((n, *part.shape[1:]), np.nan)
        kept = part.astype(float).copy()
        kept[without] = np.nan
        whole[rows] = kept
        return whole

    parts = np.nan_to_num(spread(found.parts))
    members = np.zeros(parts.shape, dtype=np.int64)
    members[rows] = rows[found.members]
    return replace(
        found,
        index=spread(found.index),
        low=spread(found.low),
        high=spread(found.high),
        noise=spread(found.noise),
        weights=spread(found.weights),
        shares=spread(found.shares),
        members=members,
        parts=parts,
        ratio=None if found.ratio is None else spread(found.ratio),
        alike=None if found.alike is None else spread(found.alike),
        why_not=why,
    )


# ---- benefit of the doubt and order-m --------------------------------------------------------------------


def _without_context(values: Floats, asked: Asked, limits: Limits) -> tuple[Held, dict[int, str]]:
    if asked.method == "benefit_of_the_doubt":
        return _against_all(values, asked, limits), {}
    m, tried = _m(values, asked, limits)
    distances = _distances(values, m, asked, limits)
    return _held(values, distances, asked, m, tried), _endless(distances, m, asked)


def _against_all(values: Floats, asked: Asked, limits: Limits) -> Held:
    n, dim = values.shape
    found = best_weights(values, limits)
    with np.errstate(invalid="ignore", divide="ignore"):
        shares = np.where(found.index[:, None] > 0, found.weights * values / found.index[:, None], np.nan)
        prices = np.nan_to_num(found.prices / found.prices.sum(axis=1, keepdims=True))
    notes: tuple[str, ...] = ()
    low = np.full(n, np.nan)
    if n == 1:
        notes = ("One city alone defines its own frontier: it reaches 1 whatever it does, and has no interval.",)
    elif dim > subsamples.MOST_DIMENSIONS:
        notes = (
            f"No intervals: with {dim} dimensions what is seen nears the true frontier as n^({-2 / (dim + 1):.2g}), so an interval would say nothing.",
        )
    elif asked.draws:
        low = subsamples.lower_ends(values, limits, found.index, draws=asked.draws, level=asked.level, seed=asked.seed)
    else:
        notes = ("No intervals: none were asked for (draws: 0).",)
    members, parts = _merged(found.members, prices, values)
    high = np.where(np.isnan(low), np.nan, found.index)
    return Held(found.index, low, high, np.zeros(n), found.weights, shares, members, parts, notes=notes)


def _merged(members: Ints, prices: Floats, values: Floats) -> tuple[Ints, Floats]:
    """Each member once, the most important first; cities with the same values share a part evenly."""
    _, kind, alike = np.unique(values, axis=0, return_inverse=True, return_counts=True)
    kind = kind.reshape(-1)
    twins = {int(k): np.flatnonzero(kind == k) for k in np.flatnonzero(alike > 1)}
    width = min(len(values), MOST_REFERENCES)
    found = np.zeros((len(members), width), dtype=np.int64), np.zeros((len(members), width))
    for k, (row, price) in enumerate(zip(members, prices, strict=True)):
        total: dict[int, float] = {}
        for member, part in zip(row[price > 0], price[price > 0], strict=True):
            same = twins.get(int(kind[member]), [member])
            for one in same:
                total[int(one)] = total.get(int(one), 0.0) + float(part) / len(same)
        best = sorted(total.items(), key=lambda item: (-round(item[1], 12), item[0]))[:width]
        found[0][k, : len(best)] = [b[0] for b in best]
        found[1][k, : len(best)] = [b[1] for b in best]
    return found


def _m(values: Floats, asked: Asked, limits: Limits) -> tuple[int, Mapping[int, float]]:
    """The number of cities to draw, and what was tried to choose it."""
    if asked.m is not None:
        return asked.m, {}
    n = len(values)
    rows = np.unique(np.linspace(0, n - 1, 300).astype(np.int64))

    def above(m: int) -> float:
        if asked.hull == "free_disposal":
            mean = order_m.free_disposal(values, m, rows=rows).mean
        else:
            numbers = order_m.uniforms(100, m, asked.seed)
            pools = (np.unique(drawn) for drawn in order_m.drawn_alike(numbers, n))
            mean = np.mean([1.0 / solve(values[rows], values[pool], limits).index for pool in pools], axis=0)
        return float((mean < 1 - 1e-9).mean())

    with np.errstate(divide="ignore"):
        return order_m.choose_m(n, above)


def _distances(values: Floats, m: int, asked: Asked, limits: Limits, chances: Floats | None = None) -> Distances:
    if asked.hull == "free_disposal":
        return order_m.free_disposal(values, m, chances)
    numbers = order_m.uniforms(asked.draws, m, asked.seed)
    return order_m.convex(values, limits, numbers, chances, of_index=asked.average == "index")


def _endless(distances: Distances, m: int, asked: Asked) -> dict[int, str]:
    """Cities whose index has no value: nobody drawn has anything where they have something."""
    lost = ~np.isfinite(distances.mean) & (distances.endless > 0) if asked.average == "index" else distances.mean == 0
    return {
        int(
            k
        ): f"In {100 * distances.endless[k]:.3g} % of the draws none of the {m} cities drawn has anything in some dimension in which it has "
        "something, so that its index is without bound. Draw more (m), or bound the shares from above."
        for k in np.flatnonzero(lost)
    }


def _held(values: Floats, found: Distances, asked: Asked, m: int, tried: Mapping[int, float]) -> Held:
    """Indices and intervals of distances, on the logarithmic scale; an index of 0 is certain."""
    sign = 1.0 if asked.average == "index" and asked.hull == "convex" else -1.0
    z = NormalDist().inv_cdf((1 + asked.level) / 2)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        index = found.mean**sign
        spread = np.where(index > 0, z * found.std_error / found.mean, 0.0)
        low, high = (np.where(index > 0, index * np.exp(s * spread), 0.0) for s in (-1, 1))
        noise = np.where(index > 0, index * found.noise / found.mean, 0.0)
    width = min(len(values), MOST_REFERENCES)
    members = np.argsort(-np.round(np.nan_to_num(found.parts), 12), axis=1, kind="stable")[:, :width]
    parts = np.nan_to_num(np.take_along_axis(found.parts, members, axis=1))
    return Held(index, low, high, noise, found.weights, found.shares, members, parts, m=m, tried=tried)


# ---- within a context --------------------------------------------------------------------------------------


def _within_context(
    values: Floats, reading: Reading, rows: Ints, asked: Asked, limits: Limits
) -> tuple[Held, dict[int, str]]:
    around = reading.around.take(rows)
    if asked.bandwidths is None:
        widths = bandwidths.cross_validated(values, around, seed=asked.seed)
    else:
        widths = np.array([asked.bandwidths[c] for c in reading.columns])
    chances = bandwidths.chances(around, widths, np.arange(len(rows)))
    m, tried = _m(values, asked, limits)
    elsewhere = _held(values, _distances(values, m, asked, limits), asked, m, tried)
    distances = _distances(values, m, asked, limits, chances)
    within = _held(values, distances, asked, m, tried)
    alike = 1.0 / (chances**2).sum(axis=1)
    why = {**_endless(distances, m, asked), **_lonely(alike)}
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(elsewhere.index > 0, within.index / elsewhere.index, np.nan)
    shown = dict(zip(reading.columns, map(float, widths), strict=True))
    out = [c for c, w, most in zip(reading.columns, widths, around.widest, strict=True) if w >= most - 1e-9]
    notes = (
        _surroundings(alike[alike >= FEWEST_ALIKE], len(rows)),
        *([_smoothed(out)] if out and asked.bandwidths is None else []),
    )
    found = replace(within, ratio=ratio, alike=alike, bandwidths=shown, notes=notes)
    return found, why


def _lonely(alike: Floats) -> dict[int, str]:
    return {
        int(
            k
        ): f"In its context it is compared as with {number(float(alike[k]))} equally likely cities, itself among them; {FEWEST_ALIKE} are needed. "
        "Widen the bandwidths, or condition on less."
        for k in np.flatnonzero(alike < FEWEST_ALIKE)
    }


def _surroundings(alike: Floats, n: int) -> str:
    if not len(alike):
        return f"No city is compared with as many as {FEWEST_ALIKE} equally likely others: the context is too fine for {n:,} cities."
    return (
        f"A city is compared as with {number(float(np.median(alike)))} equally likely cities of {n:,} at the median, and with "
        f"{number(float(alike.min()))} at the least."
    )


def _smoothed(columns: list[str]) -> str:
    does, is_ = ("tells", "is") if len(columns) == 1 else ("tell", "are")
    return f"By cross-validation {some(columns)} {does} nothing about what cities reach, and {is_} left out."
