"""What is not known: imputed, with the uncertainty of it carried along, or left out of the means; never zero.

``impute`` draws several possible values of each missing one from a model of all indicators and the context
(``normal_imputation``). The single fills (mean, median, mean of a group, as COINr's ``i_mean``, ``i_median`` and
``i_mean_grp``) pretend to know: their uncertainty is not in the draws, and the notes say so. ``available`` lets the
other indicators of the dimension share the weight, which takes the city to be as good there as on what is known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from scale_impact.benchmark.cities import Cities, Floats, Ints
from scale_impact.benchmark.scoring.recipe import Recipe
from scale_impact.core.words import counted, nearest, some


@dataclass(frozen=True)
class Imputation:
    """What stands where values are missing.

    Attributes
    ----------
    rows, columns:
        Places of the missing values [m].
    drawn:
        Their values [M, m], one row an imputation; M is 1 where one value is taken for sure, 0 where none is.
    words:
        What was done, of each [m].
    """

    rows: Ints
    columns: Ints
    drawn: Floats
    words: tuple[str, ...]

    def filled(self, values: Floats, which: int | None = None) -> Floats:
        """Values [N, K] with one imputation in their gaps, or with the mean of all."""
        found = values.copy()
        if len(self.drawn):
            found[self.rows, self.columns] = self.drawn.mean(axis=0) if which is None else self.drawn[which]
        return found


def imputed(cities: Cities, recipe: Recipe) -> Imputation:
    """What the recipe puts in the gaps of the cities' values."""
    rows, columns = np.nonzero(np.isnan(cities.values))
    if recipe.missing == "available" or not len(rows):
        return Imputation(rows[:0], columns[:0], np.empty((0, 0)), ())
    if recipe.missing == "impute":
        from scale_impact.benchmark.scoring.normal_imputation import draws

        drawn = draws(cities, rows, columns, recipe)
        return Imputation(rows, columns, drawn, (f"imputed, mean of {len(drawn)} draws",) * len(rows))
    return _single(cities, recipe, rows, columns)


def _single(cities: Cities, recipe: Recipe, rows: Ints, columns: Ints) -> Imputation:
    """The mean or median of the column, or of the city's group within it."""
    middle = np.nanmedian if recipe.missing == "median" else np.nanmean
    overall = middle(cities.values, axis=0)
    values, words = overall[columns], [f"{recipe.missing} of all cities"] * len(rows)
    if recipe.missing == "group mean" and recipe.groups is not None:
        groups = cities.context.frame[recipe.groups].to_numpy()
        for m, (row, column) in enumerate(zip(rows, columns, strict=True)):
            mates = cities.values[groups == groups[row], column]
            if (~np.isnan(mates)).any():
                values[m], words[m] = np.nanmean(mates), f"mean of {recipe.groups} {groups[row]}"
            else:
                words[m] = f"mean of all cities: none of {recipe.groups} {groups[row]} has a value"
    return Imputation(rows, columns, values[None, :], tuple(words))


def missing_problems(cities: Cities, recipe: Recipe) -> Iterator[str]:
    """Missing values where none may be, and groups that are not there."""
    gaps = np.isnan(cities.values)
    if recipe.missing == "refuse" and gaps.any():
        for k in np.flatnonzero(gaps.any(axis=0)):
            without = [cities.labels[int(r)] for r in np.flatnonzero(gaps[:, k])]
            yield (
                f"{cities.criteria[k].column}: {counted(len(without), 'city has', 'cities have')} no value ({some(without, 3)}). "
                "Find the values, or say what shall stand there: missing: impute."
            )
    if recipe.missing == "group mean" and recipe.groups is None:
        yield f"missing: group mean needs the context column of the groups: groups: one of {some(cities.context.groups, 9) or 'none there'}."
    if recipe.groups is not None and recipe.groups not in cities.context.groups:
        yield f"groups: {recipe.groups!r} is no context column of groups. {nearest(recipe.groups, cities.context.groups)}"
