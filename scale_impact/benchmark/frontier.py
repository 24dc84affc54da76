"""Frontier: how far a city is from the best that is reached, by the weights that favour it most.

``benefit_of_the_doubt`` holds a city against the best of all cities, ``order_m`` against the best of m drawn at random (one
outlier moves it little), ``conditional_order_m`` against the best of m drawn among cities in its situation. The index is 1
on the frontier and 0 for nothing at all; order-m indices can exceed 1.

Right where nobody can say what a dimension is worth and all dimensions are scores of which more is better, from 0 on. With
many dimensions and few cities nearly all reach 1: bound the shares.

Source: Cherchye, Moesen, Rogge and Van Puyenbroeck (2007); Cazals, Florens and Simar (2002); Daraio and Simar (2005);
Verschelde and Rogge (2012), European Journal of Operational Research 223, for conditional benefit of the doubt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scale_impact.benchmark.cities import Context, cities_shown
from scale_impact.benchmark.enveloping import doubt, words
from scale_impact.benchmark.enveloping.asked import Against, Asked, Average, Bounds, Hull, Method, option_problems
from scale_impact.benchmark.enveloping.bandwidths import Kernel
from scale_impact.benchmark.enveloping.held import hold
from scale_impact.benchmark.enveloping.likely import Errors
from scale_impact.core.keys import Seed, checked
from scale_impact.core.one_thread import one_thread
from scale_impact.core.words import counted, nearest
from scale_impact.errors import DataError, DesignError, UsageError

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, repr=False)
class Frontier:
    """N cities and the best that they are held against.

    Attributes
    ----------
    labels, names:
        The cities [N] and the dimensions [D].
    method:
        As asked for.
    values:
        The dimensions' values [N, D].
    index:
        [N]; NaN where ``why_not`` says why.
    low, high:
        Interval of the index at ``level`` [N]; NaN where there is none, for the reason in ``why_not`` or ``notes``. Of benefit of
        the doubt: of the index that the true values of these cities would give, or of that against the best possible (``against``).
    noise:
        Part of the index's error that comes from the finite number of draws [N]; 0 where nothing is drawn.
    weights, shares:
        Most favourable weights and each dimension's share of the index [N, D], means over draws for order-m; NaN under free
        disposal, which has no weights. On the frontier a city has many such weights, of which these are one set.
    targets:
        The values at which a city would reach 1 with its own mix of dimensions [N, D].
    members, parts:
        Cities that define each city's target, the most important first, as rows, and their parts of it [N, R], which sum to
        1 over all; part 0 where there are fewer.
    corrected:
        The index that the true values would give, in the middle [N]; None where no errors of the values are given. The best of
        many measured with errors look better than they are, so that it can lie off ``index``.
    ratio, ratio_low, ratio_high:
        Conditional over unconditional index [N] and its interval, under ``conditional_order_m`` only. Above 1: cities in the same
        situation reach less than cities do elsewhere, so that the context is unfavourable.
    context_p:
        Chance of contexts that tell as much about what cities reach although they were dealt out by lot (permutation test).
    alike:
        As how many equally likely cities those are that a city is compared with [N], under ``conditional_order_m`` only.
    m, tried:
        Cities drawn, and the share of cities above 1 by each m that was tried to choose it.
    bandwidths:
        By context variable, in its unit (its logarithm where ``log`` says so); infinite where it says nothing and is left out.
    level, against:
        Of the intervals.
    why_not:
        Why a city has no index.
    notes:
        What a reader has to know.
    """

    labels: tuple[str, ...]
    names: tuple[str, ...]
    method: Method
    values: Floats
    index: Floats
    low: Floats
    high: Floats
    noise: Floats
    weights: Floats
    shares: Floats
    targets: Floats
    members: Ints
    parts: Floats
    corrected: Floats | None = None
    ratio: Floats | None = None
    ratio_low: Floats | None = None
    ratio_high: Floats | None = None
    context_p: float | None = None
    alike: Floats | None = None
    m: int | None = None
    tried: Mapping[int, float] = field(default_factory=dict)
    bandwidths: Mapping[str, float] = field(default_factory=dict)
    level: float = 0.95
    against: Against = "these"
    why_not: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        cities = cities_shown(len(self.labels), self.why_not, "an index")
        return f"Frontier({cities}, {counted(len(self.names), 'dimension')}; {self.method})"

    def row(self, label: str) -> int:
        """Where a city stands.

        Raises
        ------
        UsageError
            There is no such city.
        """
        if label not in self.labels:
            raise UsageError(f"There is no city {label!r}. {nearest(label, self.labels)}")
        return self.labels.index(label)

    def table(self) -> pd.DataFrame:
        """One row a city, in the order of the data: index, interval, ratio, shares, references, why there is no index."""
        return words.table(self)

    def references(self, label: str) -> pd.DataFrame:
        """The cities that define a city's target: their part of it and their values, the most important first."""
        return words.references(self, self.row(label))

    def in_words(self, label: str) -> list[str]:
        """A city's result in sentences."""
        return words.sentences(self, self.row(label))


@checked
def envelop(
    values: Floats,
    context: Context,
    names: list[str],
    value_draws: Floats | None = None,
    filled_draws: Floats | None = None,
    *,
    method: Method = "benefit_of_the_doubt",
    lower: float | Mapping[str, float] = 0.0,
    upper: float | Mapping[str, float] | None = None,
    bounds: Bounds = "shares",
    m: int | None = None,
    hull: Hull = "convex",
    average: Average = "distance",
    given: list[str] | None = None,
    log: list[str] | None = None,
    kernel: Kernel = "epanechnikov",
    bandwidths: Mapping[str, float] | None = None,
    against: Against = "these",
    draws: int = 200,
    level: float = 0.95,
    seed: Seed = 20251122,
) -> Frontier:
    """Hold each city against the best that is reached.

    Parameters
    ----------
    values:
        Scores by dimension, not negative, more is better [N, D]; a city with a missing one is left out, and said.
    context, names:
        The cities' names and context; names of the dimensions [D].
    value_draws, filled_draws:
        Values drawn anew by their errors of measurement, and by what was filled in or shrunk before (None: no such) [B, N, D].
    method, m:
        Against all cities, against m drawn ones, or against m drawn among those in a like context; None: the smallest m of 10,
        20, 40, ... of which twice as many bring less than 5 % of the cities below 1.
    lower, upper, bounds:
        Bounds of each dimension's share of a city's index (0 to 1) or of its weight, one number for all or one by name.
    hull, average:
        Order-m by weights (``convex``) or by single cities (``free_disposal``, in closed form); whether the draws' distances
        (1 / index) are averaged, or their indices, which have no mean where a dimension is 0 in some cities.
    given, log, kernel, bandwidths:
        Context variables that count (None: all), those compared by their logarithm, and how likeness falls with the
        difference; bandwidths are cross-validated where none are given.
    against:
        Intervals of benefit of the doubt: against ``these`` cities, by errors of the values; or against the best that is
        ``possible``, which hold only if cities are as frequent close to it as farther away.
    draws, level, seed:
        Draws of order-m, and of values and subsamples for intervals of benefit of the doubt (0: none); level of intervals.

    Raises
    ------
    UsageError, DataError, DesignError
        Options that do not fit; values that are negative or never complete; bounds that no weights can keep.
    """
    asked = Asked(
        tuple(names), method, lower, upper, bounds, m, hull, average, given, log or [], kernel, bandwidths, against, draws, level, seed
    )  # fmt: skip
    return _enveloped(np.asarray(values, dtype=float), context, asked, Errors(value_draws, filled_draws))


def _enveloped(values: Floats, context: Context, asked: Asked, errors: Errors) -> Frontier:
    if problems := list(option_problems(asked, values, context, errors)):
        raise UsageError(problems)
    known = values[~np.isnan(values).any(axis=1)]
    if not len(known):
        raise DataError("No city has a value in every dimension. Impute what is missing, or leave a dimension out.")
    if problems := list(doubt.value_problems(known, asked.names)):
        raise DataError(problems)
    limits = asked.limits()
    if problems := list(doubt.limit_problems(known, limits, asked.names)):
        raise DesignError(problems)
    with one_thread(True):  # sums in one order: equal input gives equal bytes, whatever the number of threads
        held = hold(values, context, asked, limits, errors)
    with np.errstate(divide="ignore", invalid="ignore"):
        targets = np.where(held.index[:, None] > 0, values / held.index[:, None], np.nan)
    notes = (*words.notes(values, held.index, asked, limits, held.m, held.tried), *held.notes)
    return Frontier(
        context.labels, asked.names, asked.method, values, held.index, held.low, held.high, held.noise, held.weights, held.shares, targets,
        held.members, held.parts, held.corrected, held.ratio, held.ratio_low, held.ratio_high, held.context_p, held.alike, held.m, held.tried,
        held.bandwidths, asked.level, asked.against, held.why_not, notes,
    )  # fmt: skip
