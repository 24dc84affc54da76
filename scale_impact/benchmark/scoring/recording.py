"""What was done to the values, one row each, and what a reader has to know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from scale_impact.benchmark.cities import Cities, Floats
from scale_impact.benchmark.scoring.imputation import Imputation
from scale_impact.benchmark.scoring.normalising import posts
from scale_impact.benchmark.scoring.outliers import Treatment
from scale_impact.benchmark.scoring.recipe import FIXED, Recipe
from scale_impact.core.words import counted, some

if TYPE_CHECKING:
    import pandas as pd


def records(
    cities: Cities, imputation: Imputation, treatment: Treatment, completed: Floats, treated: Floats, recipe: Recipe
) -> pd.DataFrame:
    """Each value that was imputed, treated or clipped."""
    import pandas as pd

    gaps = pd.DataFrame({"row": imputation.rows, "k": imputation.columns, "what": list(imputation.words), "before": np.nan,
                         "after": completed[imputation.rows, imputation.columns]})  # fmt: skip
    rows, columns = np.nonzero(treated != completed)
    known = ~np.isnan(treated[rows, columns])
    rows, columns = rows[known], columns[known]
    changed = pd.DataFrame({"row": rows, "k": columns, "what": [treatment.words[k] for k in columns], "before": completed[rows, columns],
                            "after": treated[rows, columns]})  # fmt: skip
    found = pd.concat([gaps, changed, _clipped(treatment, treated, cities, recipe)], ignore_index=True)
    found = found.sort_values(["row", "k"], kind="stable")
    found.insert(0, "city", [cities.labels[int(r)] for r in found["row"]])
    found.insert(1, "column", [cities.criteria[int(k)].column for k in found["k"]])
    return found.drop(columns=["row", "k"]).astype({"before": float, "after": float}).reset_index(drop=True)


def _clipped(treatment: Treatment, treated: Floats, cities: Cities, recipe: Recipe) -> pd.DataFrame:
    """Values beyond a goalpost, which count as at it."""
    import pandas as pd

    criteria = treatment.criteria(cities.criteria)
    rows, columns, after = np.empty(0, int), np.empty(0, int), np.empty(0)
    if recipe.normaliser == "goalposts":
        worst, best = posts(criteria)
        ends = np.where([c.direction == "target" for c in criteria], 2 * best - worst, best)
        at = np.clip(treated, np.fmin(worst, ends), np.fmax(worst, ends))
        rows, columns = np.nonzero((at != treated) & ~np.isnan(treated))
        after = at[rows, columns]
    return pd.DataFrame(
        {"row": rows, "k": columns, "what": "clipped to the goalpost", "before": treated[rows, columns], "after": after}
    )


def notes(cities: Cities, imputation: Imputation, treatment: Treatment, recipe: Recipe) -> Iterator[str]:
    """What a reader of the scores has to know of gaps, outliers and the scale."""
    if len(imputation.rows):
        share = len(imputation.rows) / cities.values.size
        sure = " The draws take them as known." if len(imputation.drawn) == 1 else ""
        yield f"{counted(len(imputation.rows), 'value is', 'values are')} imputed ({share:.1%} of all; missing: {recipe.missing}).{sure}"
    elif (gaps := int(np.isnan(cities.values).sum())) > 0:
        yield f"{counted(gaps, 'value is', 'values are')} missing; the other indicators of the dimension share the weight."
    if treated := [c.column for c, w in zip(cities.criteria, treatment.words, strict=True) if w]:
        yield f"Treated for outliers: {some(treated)}."
    if recipe.scale is not None and recipe.normaliser in ("zscore", "rank", "borda"):
        yield f"scale has no effect: {recipe.normaliser} has no worst and best score."
    if recipe.normaliser not in FIXED:
        yield f"The scale ({recipe.normaliser}) is made of the cities compared: scores move when another city joins, and do not compare over time."
