"""Cities held against a frontier: the three methods on the same footing, in an order of the cities that is not the table's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.benchmark.cities import Context
from scale_impact.benchmark.enveloping import bandwidths, contexts, related, words
from scale_impact.benchmark.enveloping.all_cities import against_all
from scale_impact.benchmark.enveloping.asked import Asked
from scale_impact.benchmark.enveloping.contexts import Reading
from scale_impact.benchmark.enveloping.drawn_cities import (
    cities_drawn,
    distances_of,
    endless,
    from_values,
    held_against_draws,
    ratios,
)
from scale_impact.benchmark.enveloping.likely import Errors
from scale_impact.benchmark.enveloping.programmes import Limits
from scale_impact.benchmark.enveloping.result import FEWEST_ALIKE, OPTIONAL, Held
from scale_impact.core.words import number, some

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def hold(values: Floats, context: Context, asked: Asked, limits: Limits, errors: Errors) -> Held:
    """Hold every city that has all that is needed against the frontier of these; for the others say what is missing."""
    reading = _reading(context, asked) if asked.conditional else None
    gone = _incomplete(values, reading, asked)
    rows = np.array([k for k in range(len(values)) if k not in gone], dtype=np.int64)
    around = None if reading is None else reading.around.take(rows)
    order = contexts.canonical(values[rows], around, [context.labels[k] for k in rows])
    rows = rows[order]
    errors = errors.take(rows)
    if reading is None:
        found, why = _without_context(values[rows], asked, limits, errors)
    else:
        found, why = _within_context(values[rows], reading, rows, asked, limits, errors)
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
    everywhere = ("index", "low", "high", "noise", "weights", "shares", *OPTIONAL)
    placed: dict[str, Any] = {name: spread(part) for name in everywhere if (part := getattr(found, name)) is not None}
    return replace(found, **placed, members=members, parts=parts, why_not=why)


def _without_context(values: Floats, asked: Asked, limits: Limits, errors: Errors) -> tuple[Held, dict[int, str]]:
    if asked.method == "benefit_of_the_doubt":
        return against_all(values, asked, limits, errors), {}
    m, tried = cities_drawn(values, asked, limits)
    distances = distances_of(values, m, asked, limits)
    unsure = from_values(values, m, asked, limits, errors)
    return held_against_draws(values, distances, asked, m, tried, unsure), endless(distances, m, asked)


# ---- within a context --------------------------------------------------------------------------------------


def _within_context(
    values: Floats, reading: Reading, rows: Ints, asked: Asked, limits: Limits, errors: Errors
) -> tuple[Held, dict[int, str]]:
    around = reading.around.take(rows)
    if asked.bandwidths is None:
        widths = bandwidths.cross_validated(values, around, seed=asked.seed)
    else:
        widths = np.array([asked.bandwidths[c] for c in reading.columns])
    chances = bandwidths.chances(around, widths, np.arange(len(rows)))
    m, tried = cities_drawn(values, asked, limits)
    everywhere = distances_of(values, m, asked, limits)
    distances = distances_of(values, m, asked, limits, chances)
    within = held_against_draws(
        values, distances, asked, m, tried, from_values(values, m, asked, limits, errors, chances)
    )
    alike = 1.0 / (chances**2).sum(axis=1)
    why = {**endless(distances, m, asked), **_lonely(alike)}
    ratio, ratio_low, ratio_high = ratios(distances, everywhere, asked)
    p = related.chance(values, around, seed=asked.seed)
    shown = dict(zip(reading.columns, map(float, widths), strict=True))
    out = [c for c, w, most in zip(reading.columns, widths, around.widest, strict=True) if w >= most - 1e-9]
    notes = (
        _surroundings(alike[alike >= FEWEST_ALIKE], len(rows)),
        *([_smoothed(out)] if out and asked.bandwidths is None else []),
        *words.of_context(p, asked.level),
    )
    found = replace(
        within,
        ratio=ratio,
        ratio_low=ratio_low,
        ratio_high=ratio_high,
        context_p=p,
        alike=alike,
        bandwidths=shown,
        notes=(*within.notes, *notes),
    )
    return found, why


def _lonely(alike: Floats) -> dict[int, str]:
    return {
        int(
            k
        ): f"Too few cities are in its situation: as many as {np.floor(10 * alike[k]) / 10:.1f} equally likely ones, itself among them, where "
        f"{FEWEST_ALIKE} are needed. Wider bandwidths or fewer context variables would find more."
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
