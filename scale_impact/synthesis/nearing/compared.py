"""A city and the pilots on one scale of context: how far they are apart, and what could not be compared.

Distances are those of the benchmark (``benchmark/nearness``). What counts as far is measured on all cities, the population
and the pilots: the spread of a few pilots says little of what cities differ by. Without a population the pilots have to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.benchmark.cities import Context, ContextColumn
from scale_impact.benchmark.nearness.gower import gower
from scale_impact.benchmark.nearness.mahalanobis import straight
from scale_impact.benchmark.nearness.moments import one_thread
from scale_impact.benchmark.nearness.search import Distance, usual
from scale_impact.benchmark.nearness.variables import Scale, Variables, prepare, wrong_names, wrong_values
from scale_impact.core.words import counted, some
from scale_impact.errors import DesignError, UsageError
from scale_impact.synthesis.nearing.columns import columns_of

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

Method = Literal["mahalanobis", "gower"]

PAIRS = 0.1
"""Two cities are fair peers where so large a share of all pairs is as near: the rule of the benchmark."""

SEED = 20251122
"""Of the pairs that are drawn where the population is large."""


@dataclass(frozen=True)
class Recipe:
    """How cities are compared: options of ``for_city.expect``, see there."""

    columns: tuple[str, ...] | None = None
    log: tuple[str, ...] = ()
    method: Method = "mahalanobis"
    scale: Scale = "values"
    overlap: Literal["shared", "counted"] = "shared"
    known: float = 0.5


@dataclass(frozen=True)
class Compared:
    """k pilots and one city on a scale of context.

    Attributes
    ----------
    columns:
        What they were compared on.
    to_city:
        Distance of each pilot to the city [k]; NaN where the pilot's context is not known.
    among:
        Distances between pilots [k, k]; NaN where not known.
    to_population:
        Distance of each city of the population to the city [N], in the order of its rows; empty without a population.
    fair:
        Distance within which two cities of the population are fair peers; None without one.
    groups:
        Those of ``columns`` of which only equality counts.
    log:
        Those compared as logarithms.
    left_out:
        Why a column is no part of the comparison.
    unmeasured:
        Columns that are the same in all cities the scale comes from, so that no distance can be told in them.
    notes:
        What was done, in sentences.
    why_not:
        Why nothing can be compared; None where it can.
    """

    columns: tuple[str, ...]
    to_city: Floats
    among: Floats
    to_population: Floats
    fair: float | None
    groups: tuple[str, ...] = ()
    log: tuple[str, ...] = ()
    left_out: Mapping[str, str] | None = None
    unmeasured: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    why_not: str | None = None


def compare(
    context: pd.DataFrame | None, city: Mapping[str, object], population: pd.DataFrame | None, recipe: Recipe, k: int
) -> Compared:
    """Distances of a city to the k pilots.

    Parameters
    ----------
    context:
        One row a pilot; None where nothing is known of them.
    city:
        What is known of the city, by column; a column that is missing or has no value is left out of the comparison.
    population:
        One row a city, those to which the measure may come.

    Raises
    ------
    UsageError
        Columns that nobody has, numbers that are texts, options that do not fit.
    DesignError
        Logarithms of what is not positive, groups that are names of cities.
    """
    if context is None or not len(context.columns):
        return _nothing(k, "Nothing is known of the cities that tried the measure.")
    names, left_out = columns_of(context, city, population, recipe.columns)
    if not names:
        told = " ".join(left_out.values())
        return _nothing(k, f"Nothing is known of both the city and the pilots. {told}".strip(), left_out)
    logs = tuple(
        c for c in recipe.log if c in names or c not in context.columns
    )  # what is not compared needs no logarithm
    made = _table(context, city, population, names, recipe.method)
    if made.base.sum() < 2:
        return _nothing(
            k,
            f"{_whose(population)} with all context: {int(made.base.sum())}. No scale can be told from so few.",
            left_out,
        )
    with one_thread():
        return _measured(made, k, replace(recipe, log=logs), left_out)


def _nothing(k: int, reason: str, left_out: Mapping[str, str] | None = None) -> Compared:
    none = np.full(k, np.nan)
    return Compared((), none, np.full((k, k), np.nan), np.empty(0), None, left_out=left_out, why_not=reason)


def _whose(population: pd.DataFrame | None) -> str:
    return "Pilots" if population is None else "Cities of the population"


# ---- one table -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Table:
    """The city, k pilots and the population in one context, in this order.

    ``base``: whose spread is the scale; ``order``: the row of the population that stands at each place; None without one; ``shown``: what
    each is called.
    """

    context: Context
    base: Bools
    order: Ints | None
    shown: tuple[str, ...]


def _table(
    context: pd.DataFrame, city: Mapping[str, object], population: pd.DataFrame | None, names: list[str], method: Method
) -> _Table:
    """City, pilots and population in one table, and whose spread is the scale.

    The population is sorted by its values: no digit of an answer depends on the order of its rows or on its labels.
    """
    import pandas as pd

    parts, labels, order = [pd.DataFrame([{n: city[n] for n in names}]), context[names]], ["", *_places(context)], None
    counted_once, shown = [True] * len(context), ["the city that asks", *map(str, context.index)]
    if population is not None:
        others = population[names].reset_index(drop=True).sort_values(names, kind="stable")
        order = others.index.to_numpy(dtype=np.int64)
        parts, labels = [*parts, others], [*labels, *(f"2 {j:09d}" for j in range(len(others)))]
        shown += [str(population.index[j]) for j in order]
        there = set(map(str, population.index))
        counted_once = [str(i) not in there for i in context.index]
    frame = pd.concat([p.astype(_forms(context, names)) for p in parts], ignore_index=True)
    frame = frame.where(frame.notna(), np.nan)
    columns = tuple(ContextColumn(n, kind="number" if frame[n].dtype == float else "group") for n in names)
    base = np.array([False, *counted_once, *[True] * (0 if population is None else len(population))])
    if method == "mahalanobis":
        base &= frame.notna().all(axis=1).to_numpy()
    return _Table(Context(tuple(labels), columns, frame), base, order, tuple(shown))


def _places(context: pd.DataFrame) -> list[str]:
    """Pilots by their names."""
    return [f"1 {i}" for i in context.index]


def _forms(context: pd.DataFrame, names: list[str]) -> dict[str, Any]:
    from pandas.api.types import is_numeric_dtype

    return {n: float if is_numeric_dtype(context[n]) else object for n in names}


def _measured(made: _Table, k: int, recipe: Recipe, left_out: Mapping[str, str]) -> Compared:
    table, base = made.context, made.base
    if problems := list(wrong_names(table, (), recipe.log, {})):
        raise UsageError(problems)
    if problems := list(wrong_values(table, (), recipe.log, made.shown)):
        raise DesignError(problems)
    variables, said = prepare(table, (), recipe.log, {}, recipe.scale)
    if not variables.names:
        return _nothing(
            k, " ".join(["No context tells the city from the pilots, or pilots from each other.", *said]), left_out
        )
    places = np.empty_like(variables.rows)
    places[variables.rows] = np.arange(len(places))
    counts = base[variables.rows].astype(float)
    distance = _distance(variables, counts, recipe)
    pilots, others = places[1 : 1 + k], places[1 + k :]
    unmeasured = tuple(_unmeasured(variables, counts > 0))
    to_population = np.empty(len(others))
    if made.order is not None:
        to_population[made.order] = _known_distances(distance, places[:1], others)[0]
    fair = None if made.order is None else usual(distance, np.flatnonzero(counts), PAIRS, np.random.default_rng(SEED))
    return Compared(
        tuple(variables.names), _known_distances(distance, places[:1], pilots)[0], _known_distances(distance, pilots, pilots),
        to_population, fair, variables.groups, recipe.log, left_out, unmeasured,
        tuple(_notes(said, left_out, unmeasured, made.order is not None, int(base.sum()))),
    )  # fmt: skip


def _distance(variables: Variables, counts: Floats, recipe: Recipe) -> Distance:
    shared = recipe.overlap == "shared"
    if recipe.method == "gower":
        return gower(variables, counts, shared=shared, least=recipe.known)
    return straight(variables, counts, shared=shared)


def _known_distances(distance: Distance, rows: Ints, others: Ints) -> Floats:
    """[b, n], NaN where too little is known of both."""
    if not len(others):
        return np.empty((len(rows), 0))
    found = distance.exact(rows, np.tile(others, (len(rows), 1)))
    return np.asarray(np.where(np.isfinite(found), found, np.nan), dtype=float)


def _unmeasured(variables: Variables, base: Bools) -> Iterator[str]:
    """Variables that do not vary where the scale comes from."""
    for j, name in enumerate(variables.numbers):
        values = variables.x[base, j]
        values = values[~np.isnan(values)]
        if not len(values) or np.ptp(values) <= 1e-12 * np.abs(values).max():
            yield name
    for j, name in enumerate(variables.groups):
        codes = variables.codes[base, j]
        if len(np.unique(codes[codes >= 0])) < 2:
            yield name


def _notes(
    said: list[str], left_out: Mapping[str, str], unmeasured: Sequence[str], of_population: bool, n: int
) -> Iterator[str]:
    yield from left_out.values()
    yield from said
    if unmeasured:
        whose = "the cities" if of_population else "the pilots"
        yield (
            f"{some(unmeasured)} {'is' if len(unmeasured) == 1 else 'are'} the same in all of {whose}: no distance can be told in "
            f"{'it' if len(unmeasured) == 1 else 'them'}, though the city differs."
        )
    if of_population:
        yield f"Distances are measured on the spread of {counted(n, 'city', 'cities')}, population and pilots."
    else:
        yield (
            f"Distances are measured on the spread of {counted(n, 'pilot')} alone, which says little of how far cities differ: "
            "give the population of cities."
        )
