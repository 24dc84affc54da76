"""Scores: how good each city is, by indicator, by dimension and as an index, and how sure that is.

Right for indicators whose good direction is agreed and whose weights somebody answers for. An index never says why:
read the dimensions first. On fixed goalposts a score means the same in every year and with every set of cities; on
scales made of the cities (min-max, z-scores, ranks) it moves when another city joins.

Source: OECD and JRC (2008), Handbook on constructing composite indicators; Becker et al. (2022), COINr.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from scale_impact.benchmark.cities import Cities, Floats, Ints, cities_shown
from scale_impact.benchmark.scoring import tree as trees
from scale_impact.benchmark.scoring.recipe import DimensionWeights, Mean, Missing, Normaliser, Outliers, Recipe, Weights
from scale_impact.benchmark.scoring.reweighting import reweighted
from scale_impact.benchmark.scoring.tree import Tree
from scale_impact.core.keys import Seed, checked
from scale_impact.core.one_thread import one_thread
from scale_impact.core.words import counted, number
from scale_impact.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class Scores:
    """N cities by K indicators, D dimensions and the index; more is better in all scores.

    Attributes
    ----------
    cities, recipe:
        What was scored, and every choice that was made.
    treated:
        Values after imputation (the mean of the draws) and the treatment of outliers [N, K].
    normalised:
        Scores of the indicators [N, K].
    dimensions, dimension_scores:
        Names [D], and scores [N, D].
    index:
        [N]; NaN where a city has no score.
    why_not:
        The reason, by label, of a city without a score. All its scores are NaN.
    weights, dimension_weights:
        Of indicators [K], 1 in each dimension; of dimensions in the index [D], 1 together. With benefit of the doubt
        the mean over the cities.
    draws:
        The index drawn again, sampling errors and imputations together [B, N]; None where nothing varies.
    records:
        Each value that was imputed, cut, transformed or clipped: city, column, what, before, after.
    notes:
        What a reader has to know.
    tree:
        Which indicator belongs to which dimension, and what the index is made of.
    levels:
        Scores [N] by name of the levels above the dimensions, the index last.
    experts:
        Sets of weights by expert, (weights [K], weights of dimensions [D]).
    own_weights:
        Each city's best weights [N, D] with benefit of the doubt; None otherwise.
    """

    cities: Cities
    recipe: Recipe
    treated: Floats
    normalised: Floats
    dimensions: tuple[str, ...]
    dimension_scores: Floats
    index: Floats
    why_not: Mapping[str, str]
    weights: Floats
    dimension_weights: Floats
    draws: Floats | None
    records: pd.DataFrame
    notes: tuple[str, ...]
    tree: Tree
    levels: Mapping[str, Floats]
    experts: Mapping[str, tuple[Floats, Floats]] = field(default_factory=dict)
    own_weights: Floats | None = None

    def __repr__(self) -> str:
        cities = cities_shown(len(self.cities.labels), self.why_not, "a score")
        parts = f"{counted(len(self.cities.criteria), 'indicator')}, {counted(len(self.dimensions), 'dimension')}"
        return f"Scores({cities}, {parts}; {self.recipe.normaliser})"

    @property
    def std_errors(self) -> Floats:
        """Standard deviation of the index over the draws [N]; 0 where nothing varies, NaN where there is no score."""
        if self.draws is None:
            return np.where(np.isnan(self.index), np.nan, 0.0)
        return np.asarray(self.draws.std(axis=0, ddof=1))

    @property
    def ranks(self) -> Floats:
        """1 for the best; equal ones share the better rank; NaN without a score [N]."""
        from scipy.stats import rankdata

        return np.asarray(rankdata(-self.index, method="min", nan_policy="omit"), dtype=float)

    @property
    def effective_weights(self) -> Floats:
        """What a point on each indicator's scale adds to the index [K]; they sum to 1."""
        return np.asarray(self.weights * self.dimension_weights[self.tree.belongs])

    @property
    def alphas(self) -> dict[str, float]:
        """Cronbach's alpha by dimension: whether its indicators go together; NaN where there is one."""
        from scale_impact.benchmark.scoring.diagnostics import alphas

        return alphas(self.normalised, self.tree)

    @property
    def influence(self) -> Floats:
        """How much each indicator decides [K]: its squared correlation with the index, whatever its weight."""
        from scale_impact.benchmark.scoring.diagnostics import influence

        return influence(self.normalised, self.index)

    @property
    def doubles(self) -> pd.DataFrame:
        """Pairs of indicators that count one thing twice, or go against each other in a dimension."""
        from scale_impact.benchmark.scoring.diagnostics import doubles

        return doubles(self.normalised, [c.column for c in self.cities.criteria], self.tree)

    @property
    def by_expert(self) -> pd.DataFrame:
        """The index by each expert's weights [N rows, a column an expert]."""
        import pandas as pd

        sets = {e: self.again(w[None], d[None])[0] for e, (w, d) in self.experts.items()}
        return pd.DataFrame(sets, index=list(self.cities.labels))

    def again(self, weights: Floats | None = None, dimension_weights: Floats | None = None) -> Floats:
        """The index [W, N] under other weights, all at once.

        Parameters
        ----------
        weights:
            Of indicators [W, K], relative within each dimension; None: as they are.
        dimension_weights:
            What each dimension contributes to the index [W, D], relative; None: as they are.

        Raises
        ------
        UsageError
            Weights of another shape, below 0, or of which all of a dimension are 0.
        """
        from scale_impact.benchmark.scoring.weighting import within_one

        own = [self.weights[None] if weights is None else np.asarray(weights, dtype=float)]
        own += [
            self.dimension_weights[None] if dimension_weights is None else np.asarray(dimension_weights, dtype=float)
        ]
        if problems := list(_again_problems(own[0], own[1], self.tree)):
            raise UsageError(problems)
        within, above = within_one(own[0], self.tree), own[1] / own[1].sum(axis=1, keepdims=True)
        with one_thread(True):
            return reweighted(self.normalised, self.tree, self.recipe.aggregation, self.recipe.upper, within, above)

    def table(self) -> pd.DataFrame:
        """One row a city: rank, index, its standard error, levels, dimensions, and why it has no score."""
        import pandas as pd

        found = pd.DataFrame(
            {"city": self.cities.labels, "rank": self.ranks, "index": self.index, "std_error": self.std_errors}
        )
        for name, values in self.levels.items():
            if name != trees.ROOT:
                found[name] = values
        for k, name in enumerate(self.dimensions):
            found[name] = self.dimension_scores[:, k]
        found["why_not"] = [self.why_not.get(label, "") for label in self.cities.labels]
        return found


def _again_problems(weights: Floats, dimension_weights: Floats, tree: Tree) -> Iterator[str]:
    wanted = {"weights": (weights, len(tree.belongs)), "dimension_weights": (dimension_weights, len(tree.dimensions))}
    for name, (given, n) in wanted.items():
        if given.ndim != 2 or given.shape[1] != n:
            yield f"{name} has the shape {given.shape}; it has to be one row a set of weights, of {counted(n, 'weight')}."
        elif not np.isfinite(given).all() or (given < 0).any():
            yield f"{name}: a weight is {number(float(given[~(given >= 0)][0]))}. Weights are 0 or more."
    lengths = {len(weights), len(dimension_weights)} - {1}
    if len(lengths) > 1:
        yield f"weights has {len(weights)} rows and dimension_weights {len(dimension_weights)}. Give as many of both, or one."
    if weights.ndim == 2 and weights.shape[1] == len(tree.belongs):
        for d, m in zip(tree.dimensions, trees.members(tree), strict=True):
            if (weights[:, m].sum(axis=1) == 0).any():
                yield f"weights: all indicators of {d} weigh nothing in {counted(int((weights[:, m].sum(axis=1) == 0).sum()), 'row')}. Weigh one."
    if dimension_weights.ndim == 2 and (dimension_weights.sum(axis=1) == 0).any():
        yield "dimension_weights: all dimensions weigh nothing in a row. Weigh one."


@checked
def score(
    cities: Cities,
    *,
    normaliser: Normaliser = "goalposts",
    scale: list[float] | None = None,
    beyond: Literal["refuse", "clip"] = "refuse",
    outliers: Outliers = "none",
    winsorise_most: int = 5,
    skewness: float = 2.0,
    kurtosis: float = 3.5,
    percentiles: list[float] | None = None,
    missing: Missing = "impute",
    groups: str | None = None,
    imputations: int | None = None,
    coverage: float = 0.65,
    coverage_in_dimension: float = 0.5,
    weights: Weights | Mapping[str, float] = "original",
    dimension_weights: DimensionWeights | Mapping[str, float] = "equal",
    experts: Mapping[str, Mapping[str, float]] | None = None,
    least_weight: float = 0.0,
    most_weight: float = 1.0,
    rescale: bool = False,
    hierarchy: Mapping[str, str] | None = None,
    aggregation: Mean = "arithmetic",
    across: Mean | None = None,
    draws: int = 500,
    seed: Seed = 20251122,
) -> Scores:
    """Scores of cities by indicator, dimension and index, with draws of the index; whatever the order of the rows.

    Parameters
    ----------
    normaliser, scale, beyond:
        The common scale (see ``normalising``), the scores of its worst and best (0 and 100), and whether values beyond
        a goalpost are refused or clipped and recorded.
    outliers, winsorise_most, skewness, kurtosis, percentiles:
        What is done about values far from the others (see ``outliers``).
    missing, groups, imputations, coverage, coverage_in_dimension:
        What stands where values are missing (see ``imputation``), the context column of ``group mean``, how many possible
        values are drawn of each; the least shares of indicators known, without which a city has no score.
    weights, dimension_weights, experts, least_weight, most_weight, rescale:
        See ``weighting``. Experts' sets are averaged and kept; bounds are those of benefit of the doubt.
    hierarchy, aggregation, across:
        Parent by dimension or level; how indicators become dimensions, and dimensions the index (None: likewise).
    draws, seed:
        How many times the index is drawn again; 0 for none.

    Raises
    ------
    UsageError, DesignError
        Options that are none; cities and options that do not fit together; all problems at once, each with what to do.
    """
    recipe = Recipe(
        normaliser, None if scale is None else _pair("scale", scale), beyond, outliers, winsorise_most, skewness, kurtosis,
        (2.5, 97.5) if percentiles is None else _pair("percentiles", percentiles), missing, groups, imputations, coverage,
        coverage_in_dimension, weights, dimension_weights, experts, least_weight, most_weight, rescale, hierarchy, aggregation,
        across, draws, seed,
    )  # fmt: skip
    return scored(cities, recipe)


def _pair(name: str, given: list[float]) -> tuple[float, float]:
    if len(given) != 2:
        raise UsageError(f"{name} is {given!r}; it has to be two numbers, such as [1, 100].")
    return float(given[0]), float(given[1])


def scored(cities: Cities, recipe: Recipe) -> Scores:
    """Scores of cities by a recipe; ``score`` with its options as one value."""
    from scale_impact.benchmark.scoring.steps import made

    order = np.argsort(np.array(cities.labels), kind="stable")
    with one_thread(True):  # several threads sum in another order, and differ in the last bits
        found = made(cities.take(order), recipe)
    return _in_order(found, cities, np.argsort(order))


def _in_order(found: Scores, cities: Cities, back: Ints) -> Scores:
    """Scores of sorted cities, in the order of the cities given: sums and draws are made in one order, whatever that of the rows."""
    place = {label: k for k, label in enumerate(cities.labels)}
    records = found.records.iloc[np.argsort([place[c] for c in found.records["city"]], kind="stable")]
    return replace(
        found,
        cities=cities,
        treated=found.treated[back],
        normalised=found.normalised[back],
        dimension_scores=found.dimension_scores[back],
        index=found.index[back],
        why_not={label: found.why_not[label] for label in cities.labels if label in found.why_not},
        draws=None if found.draws is None else np.ascontiguousarray(found.draws[:, back]),
        records=records.reset_index(drop=True),
        levels={name: values[back] for name, values in found.levels.items()},
        own_weights=None if found.own_weights is None else found.own_weights[back],
    )
