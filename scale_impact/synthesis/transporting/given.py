"""What a transport is given: the target in its three forms, and the method that fits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from scale_impact.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

Way = Literal["auto", "post_stratification", "inverse_odds", "balance", "doubly_robust"]


def target_of(population: Any) -> pd.DataFrame:
    """The target as a frame: groups, units, or one row of means."""
    import pandas as pd

    if isinstance(population, Mapping):
        return pd.DataFrame([dict(population)])
    if isinstance(population, pd.Series):
        return population.to_frame().T.infer_objects()
    if isinstance(population, pd.DataFrame) and len(population):
        return population
    raise UsageError(
        f"population: it is {'empty' if hasattr(population, 'columns') else f'a {type(population).__name__}'}. Give a frame with label and share, "
        "one row a unit with the contexts, or their means by context."
    )


def way_of(method: Way, found: Any, target: pd.DataFrame) -> Way:
    """The method asked for, or the one that fits what is given."""
    shares = "label" in target and ("share" in target or "count" in target)
    table, means = hasattr(found, "columns"), len(target) == 1
    if not table and not hasattr(getattr(found, "heterogeneity", None) or found, "scores"):
        raise UsageError(
            f"found: a {type(found).__name__} has no effects by context. Give rows of estimates.jsonl, or an effect's heterogeneity."
        )
    if method != "auto":
        if wrong := _lacks(method, shares=shares, table=table, means=means):
            raise UsageError(f"method: {method} needs {wrong}.")
        return method
    if shares:
        if not table:
            raise UsageError(
                "population: shares of groups go with rows of subgroups. Give one row a unit with the contexts, or their means."
            )
        return "post_stratification"
    return "balance" if means else "inverse_odds" if table else "doubly_robust"


def _lacks(method: Way, *, shares: bool, table: bool, means: bool) -> str:
    """What a method needs that is not given; empty where nothing is missing."""
    if method == "post_stratification":
        return "" if shares and table else "rows of subgroups, and a population with the columns label and share"
    if method == "inverse_odds":
        return "a population of several rows with the contexts" if means or shares else ""
    if method == "balance":
        return "a population with the contexts" if shares else ""
    return (
        "the heterogeneity of an effect (its scores), and a population of several rows"
        if table or means or shares
        else ""
    )
