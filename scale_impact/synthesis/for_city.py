"""For your city: what a city that has not tried a measure may expect from those that have.

Two answers stand side by side. The *unweighted* one is the mean of all pilots with the prediction interval for a new city: right where
cities differ in ways that nobody measured. The *weighted* one lets pilots count by how alike they are in context: right where context
tells effects apart. Each comes with the probability of harm and of reaching a target, what each pilot contributes, and whether the
city is like the pilots at all. Where it is far outside what they cover there is no weighted answer, and the unweighted one stands with
a warning: intervals are about cities like the pilots.

Source: see ``nearing/``: Hartung and Knapp (2001) and Higgins, Thompson and Spiegelhalter (2009) (``pooling``); Fan and Gijbels (1996)
(kernel weights); Tipton (2014) (index of generalisability); King and Zeng (2006) (extrapolation).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.check import Check
from scale_impact.core.city_effects import CityEffects
from scale_impact.core.keys import Count, Seed, Share, checked
from scale_impact.core.words import counted, some
from scale_impact.errors import UsageError
from scale_impact.synthesis.nearing import words
from scale_impact.synthesis.nearing.chances import Chances, TargetIn, chances, target_of, wrong_target
from scale_impact.synthesis.nearing.compared import Compared, Method, Recipe, compare
from scale_impact.synthesis.nearing.contributions import MANY, contributions
from scale_impact.synthesis.nearing.generality import Generality, index
from scale_impact.synthesis.nearing.local import Kernel
from scale_impact.synthesis.nearing.support import Outside, Support, judge
from scale_impact.synthesis.nearing.weighted import Weighted, weigh
from scale_impact.synthesis.pooling import Clusters, Inference, Pooled, Prediction, Tau2, pool

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]


@dataclass(frozen=True, repr=False, eq=False)
class Expectation:
    """What a city may expect.

    Attributes
    ----------
    name, city:
        The city, and what is known of it.
    effects:
        What the pilots got.
    unweighted:
        The mean of all pilots with the prediction interval for a new city.
    weighted:
        The mean by similarity with its own, see ``Weighted``; None where there is none (``why_not``).
    contributions:
        One row a pilot: ``city``, ``effect``, ``std_error``, ``distance``, ``kernel`` (what it counts by similarity, 1 at most),
        ``weight_unweighted``, ``weight_weighted`` (shares that sum to 1), ``unweighted_without``, ``weighted_without`` (either answer
        had it not been there).
    support:
        Whether the city is like the pilots, and why.
    generalisability:
        Tipton's index of pilots and population; None where no population was given.
    compared:
        How far city and pilots are apart.
    chances, chances_weighted:
        Probabilities by either answer.
    target:
        In the unit of the effect; None without one.
    level:
        Of the intervals.
    why_not:
        Why there is no weighted answer.
    notes:
        What was done and left out.
    """

    name: str
    city: Mapping[str, Any]
    effects: CityEffects
    unweighted: Pooled
    weighted: Weighted | None
    contributions: pd.DataFrame
    support: Support
    generalisability: Generality | None
    compared: Compared
    chances: Chances
    chances_weighted: Chances
    target: float | None = None
    level: float = 0.95
    why_not: str | None = None
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Expectation({self.name}: {self.unweighted.mean:.4g} from {counted(len(self.effects), 'pilot')}; support {self.support.verdict})"

    @property
    def supported(self) -> bool:
        """Whether the city is like the pilots; False too where it is at the edge, or where that cannot be told."""
        return self.support.verdict == "pass"

    @property
    def outside(self) -> tuple[Outside, ...]:
        """Variables in which the city lies outside what any pilot had."""
        return self.support.outside

    @property
    def nearest(self) -> str | None:
        """The most similar pilot; None where no distance is known."""
        return self.support.nearest

    @property
    def nearest_distance(self) -> float | None:
        """How far it is."""
        return self.support.nearest_distance

    @property
    def harm(self) -> float | None:
        """Probability that the effect is in the bad direction, by the unweighted answer; None where neither direction is bad."""
        return self.chances.harm

    @property
    def reaches(self) -> float | None:
        """Probability that the effect reaches the target, by the unweighted answer; None without a target."""
        return self.chances.reaches

    def check(self) -> Check:
        """Whether the city is like the pilots, as the check ``support``."""
        found = self.support
        return Check(
            "support", found.verdict, words.of_support(self), found.nearest_distance, found.p_value, words.details(self)
        )

    def in_words(self, *, unit: str = "") -> list[str]:
        """The answer in sentences for officials; ``unit`` in place of that of the effects."""
        return words.in_words(self, unit=unit or self.effects.unit)


@checked
def expect(
    effects: CityEffects,
    city: Any,
    *,
    population: Any = None,
    target: float | None = None,
    target_in: TargetIn = "unit",
    columns: list[str] | None = None,
    log: list[str] | None = None,
    method: Method = "mahalanobis",
    scale: Literal["values", "ranks"] = "values",
    overlap: Literal["shared", "counted"] = "shared",
    known: float = 0.5,
    kernel: Kernel = "gaussian",
    bandwidth: float | Literal["leave_one_out", "median"] = "leave_one_out",
    peers: Count | None = None,
    draws: int = 100,
    name: str | None = None,
    tau2: Tau2 = "reml",
    inference: Inference = "hartung_knapp",
    prediction: Prediction = "k-1",
    clusters: Clusters = "auto",
    level: Share = 0.95,
    seed: Seed = 20251122,
) -> Expectation:
    """What a city may expect of a measure: ``effects`` of pilots with their context, ``city`` what is known of it by column.

    Parameters
    ----------
    population, peers, draws, seed:
        Frame, one row a city to which the measure may come, with the same columns: its spread is the scale, rows named as pilots are
        these. The index of generalisability is about so many nearest (None: all), beside random samples.
    target, target_in:
        An effect to be reached, in the unit of the effects, or in ``per_cent`` where they are differences of logarithms.
    columns, log, method, scale, overlap, known:
        Context to compare on (None: all that is known of both), and how, as of ``benchmark.peers.find_peers``.
    kernel, bandwidth:
        How pilots count less with distance; how fast: a number, ``leave_one_out`` or ``median`` (``nearing.bandwidth``).
    tau2, inference, prediction, clusters, level:
        As of ``pooling.pool``.

    Raises
    ------
    UsageError, DesignError
        Targets, columns or values that cannot be; logarithms of what is not positive, groups that are names of cities.
    """
    recipe = Recipe(None if columns is None else tuple(columns), tuple(log or ()), method, scale, overlap, known)
    own = _mapping(city)
    if problems := [
        *wrong_target(target, target_in, effects.unit, effects.direction),
        *_wrong(bandwidth, known, draws, population),
    ]:
        raise UsageError(problems)
    again = partial(pool, tau2=tau2, inference=inference, prediction=prediction, clusters=clusters, level=level)
    compared = compare(effects.context, own, population, recipe, len(effects))
    index_of = partial(_generality, effects, compared, population, peers, draws, seed)
    near = partial(weigh, kernel=kernel, bandwidth=bandwidth, level=level)
    return _put_together(
        effects, own, _name(name, city), compared, again, near, index_of, target_of(target, target_in), level
    )


def _put_together(
    effects: CityEffects, city: dict[str, Any], name: str, compared: Compared, again: Callable[[CityEffects], Pooled],
    weigh_by: Callable[..., Weighted | str], index_of: Callable[[], Generality | None], target: float | None, level: float,
) -> Expectation:  # fmt: skip
    """Both answers with what goes with them."""
    everyone, support = again(effects), judge(compared, effects.labels, effects.context, city)
    near = weigh_by(effects, everyone, compared, support)
    weighted, why_not = (None, near) if isinstance(near, str) else (near, None)
    return Expectation(
        name, city, effects, everyone, weighted, contributions(effects, everyone, weighted, compared, again), support, index_of(), compared,
        _chances(everyone, effects, target), _chances(weighted, effects, target), target, level, why_not,
        tuple(_notes(effects, compared, name)),
    )  # fmt: skip


def _mapping(city: Any) -> dict[str, Any]:
    """What is known of a city, by column."""
    if not (isinstance(city, Mapping) or hasattr(city, "to_dict")):
        raise UsageError(
            f"city: it is a {type(city).__name__}. Give what is known of the city by column, such as {{'population': 120000, 'region': 'north'}}."
        )
    items = dict(city) if isinstance(city, Mapping) else city.to_dict()
    return {str(k): v for k, v in items.items()}


def _name(name: str | None, city: Any) -> str:
    given = name if name is not None else getattr(city, "name", None)
    return "your city" if given is None else str(given)


def _wrong(bandwidth: float | str, known: float, draws: int, population: Any) -> Iterator[str]:
    """What is wrong with options whatever the data."""
    if not isinstance(bandwidth, str) and not bandwidth > 0:
        yield f"bandwidth: {bandwidth!r} lets no pilot count. Write a distance above 0, leave_one_out or median."
    if not 0 < known <= 1:
        yield f"known: {known!r} is no share. Write a number above 0 and up to 1."
    if draws < 0:
        yield f"draws: {draws} samples cannot be drawn. Write 0 or more."
    if population is not None and not hasattr(population, "columns"):
        yield f"population: it is a {type(population).__name__}. Give a table of pandas with one row a city."


def _chances(answer: Pooled | Weighted | None, effects: CityEffects, target: float | None) -> Chances:
    return chances(*words.numbers(answer), effects.direction, target)


def _generality(
    effects: CityEffects, compared: Compared, population: Any, peers: int | None, draws: int, seed: int
) -> Generality | None:
    """Tipton's index of the pilots and the cities that are none; None without a population."""
    if population is None or effects.context is None or compared.why_not is not None:
        return None
    labels = set(effects.labels)
    rows = np.flatnonzero([str(i) not in labels for i in population.index])
    of = "the population"
    if peers is not None:
        near = compared.to_population[rows]
        rows = rows[np.argsort(np.where(np.isfinite(near), near, np.inf), kind="stable")[:peers]]
        of = f"the {counted(len(rows), 'city', 'cities')} most like this one"
    pilots, others = (_as_compared(t, compared) for t in (effects.context, population.iloc[rows]))
    return index(pilots, others, draws=draws, seed=seed, of=of)


def _as_compared(table: pd.DataFrame, compared: Compared) -> pd.DataFrame:
    """The columns of a table on the scale on which cities were compared."""
    found = {c: np.log(table[c].astype(float)) if c in compared.log else table[c] for c in compared.columns}
    return table[[]].assign(**found)


def _notes(effects: CityEffects, compared: Compared, name: str) -> Iterator[str]:
    yield from compared.notes
    lacking = [c for c, d in zip(effects.labels, compared.to_city, strict=True) if not np.isfinite(d)]
    if lacking and compared.why_not is None:
        yield f"{some(lacking)}: context is not known, so {'it counts' if len(lacking) == 1 else 'they count'} in the unweighted answer alone."
    if name in effects.labels:
        yield f"{name} is one of the pilots: its own effect is part of what it may expect."
    if len(effects) > MANY:
        yield f"Of {len(effects):,} pilots, what the answer would be without one holds the variance between cities."
