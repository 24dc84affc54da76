"""Which weights are drawn: what a study says about them, made into regions and words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, TypedDict

import numpy as np

from scale_impact.benchmark.cities import Floats, Ints
from scale_impact.benchmark.scoring.tree import dimension_scores, members
from scale_impact.benchmark.trying.acceptability import Drawn, collapsed
from scale_impact.benchmark.trying.values import drawn_scores
from scale_impact.benchmark.trying.weights import Region
from scale_impact.core.words import counted, nearest, number, some
from scale_impact.errors import DesignError, UsageError

if TYPE_CHECKING:
    from scale_impact.benchmark.scores import Scores

Of = Literal["dimensions", "indicators", "both"]
"""Whose weights are drawn."""


class Said(TypedDict):
    """What a study says about weights, by its options."""

    weights: Literal["free", "near"]
    of: Of
    spread: float
    bounds: Mapping[str, list[float]] | None
    order: list[str] | None
    joint: bool


@dataclass(frozen=True)
class Wish:
    """What a study says about weights: near the given ones or not, how near, within which bounds, in which order."""

    near: bool
    spread: float
    bounds: Mapping[str, Sequence[float]]
    order: Sequence[str]

    def region(self, names: Sequence[str], given: Floats) -> Region:
        """The weights that it allows among some names that sum to 1."""
        low, high = np.zeros(len(names)), np.ones(len(names))
        if self.near and len(names) > 1:
            low, high = given * (1 - self.spread), np.minimum(given * (1 + self.spread), 1.0)
        for k, name in enumerate(names):
            if name in self.bounds:
                low[k], high[k] = max(low[k], self.bounds[name][0]), min(high[k], self.bounds[name][1])
        return Region(tuple(names), low, high, tuple(list(names).index(o) for o in self.order if o in names))


def drawn_weights(
    scores: Scores,
    ranked: Ints,
    *,
    draws: int,
    weights: Literal["free", "near"],
    of: Of,
    spread: float,
    bounds: Mapping[str, list[float]] | None,
    order: list[str] | None,
    joint: bool,
    seed: int,
) -> Drawn:
    """Draw weights for the cities that have a rank.

    Raises
    ------
    UsageError
        Names in bounds or order that are not weighed; bounds that are not two numbers.
    DesignError
        One thing to weigh; nothing satisfies bounds and order.
    """
    wish = Wish(weights == "near", spread, bounds or {}, order or ())
    groups = _groups(scores, of)
    if problems := [*_name_problems(wish, groups, of), *_order_problems(wish, groups)]:
        raise UsageError(problems)
    if all(len(names) < 2 for names, _, _ in groups):
        raise DesignError(_nothing(scores, of))
    regions = [(wish.region(names, given), at) for names, given, at in groups]
    if bad := [p for region, _ in regions for p in region.problems()]:
        raise DesignError(bad)
    rng = np.random.default_rng([seed, 1])
    dimensions, indicators = _drawn(scores, of, regions, draws, rng)
    rows = replace(scores, normalised=scores.normalised[ranked], dimension_scores=scores.dimension_scores[ranked])
    base = collapsed(rows) if of == "dimensions" else rows
    return Drawn(scores, ranked, base, indicators, dimensions, _values(scores, ranked, base) if joint else None)


def _values(scores: Scores, ranked: Ints, base: Scores) -> Floats:
    """What the base of the draws is made of, drawn again [B, n, K or D]."""
    values = drawn_scores(scores.cities.take(ranked), scores.recipe)
    if base.tree is scores.tree:
        return values
    return dimension_scores(values, scores.weights, scores.tree, scores.recipe.aggregation)


Groups = list[tuple[list[str], Floats, Ints | None]]
"""Names whose weights sum to 1, the given weights, and their positions among the indicators; None for dimensions."""


def _groups(scores: Scores, of: Of) -> Groups:
    groups: Groups = []
    if of in ("dimensions", "both"):
        groups.append((list(scores.dimensions), np.asarray(scores.dimension_weights, dtype=float), None))
    if of in ("indicators", "both"):
        for at in members(scores.tree):
            groups.append(([scores.cities.criteria[k].column for k in at], scores.weights[at], at))
    return groups


def _drawn(
    scores: Scores, of: Of, regions: list[tuple[Region, Ints | None]], draws: int, rng: np.random.Generator
) -> tuple[Floats | None, Floats | None]:
    dimensions = None
    indicators = None if of == "dimensions" else np.empty((draws, len(scores.cities.criteria)))
    for region, at in regions:
        drawn = region.draw(draws, rng)
        if at is None:
            dimensions = drawn
        elif indicators is not None:
            indicators[:, at] = drawn
    return dimensions, indicators


# ---- what is wrong, and words -------------------------------------------------------------------------------


def _name_problems(wish: Wish, groups: Groups, of: Of) -> list[str]:
    known = [name for names, _, _ in groups for name in names]
    named = [("bounds", n) for n in wish.bounds] + [("order", n) for n in wish.order]
    problems = [f"{key}: {name!r} is none of the {_what(of)} whose weights are drawn. {nearest(name, known)}"
                for key, name in named if name not in known]  # fmt: skip
    problems += [
        f"order: {n} stands here twice. Leave one out." for k, n in enumerate(wish.order) if n in wish.order[:k]
    ]
    return problems + [f"bounds of {n}: give two numbers, the least and the largest weight; seen: {list(b)}."
                       for n, b in wish.bounds.items() if len(b) != 2]  # fmt: skip


def _order_problems(wish: Wish, groups: Groups) -> list[str]:
    """An order is one among names whose weights sum to 1 together."""
    if len(wish.order) == 1:
        return [f"order: {wish.order[0]} alone is no order. Name two or more, the most important first."]
    holding = [names for names, _, _ in groups if set(names) & set(wish.order)]
    if len(holding) > 1 and of_several(wish.order, holding):
        return [
            f"order: {some(wish.order)} do not share one sum of weights. Order dimensions, or indicators of one dimension."
        ]
    return []


def of_several(order: Sequence[str], holding: Sequence[Sequence[str]]) -> bool:
    """Whether no single group holds all names of an order."""
    return not any(set(order) <= set(names) for names in holding)


def _what(of: Of) -> str:
    return "dimensions and indicators" if of == "both" else of


def _nothing(scores: Scores, of: Of) -> str:
    """Why there are no weights to draw."""
    if of == "dimensions":
        advice = " Write of: indicators to draw the weights within it." if len(scores.cities.criteria) > 1 else ""
        return (
            f"There is one dimension ({scores.dimensions[0]}): its weight is 1, whatever anybody thinks of it.{advice}"
        )
    return "Each dimension has one indicator, whose weight within it is 1. Write of: dimensions to draw theirs."


def words_of(
    scores: Scores,
    *,
    weights: Literal["free", "near"],
    of: Of,
    spread: float,
    bounds: Mapping[str, list[float]] | None,
    order: list[str] | None,
    joint: bool,
) -> str:
    """The drawn weights as they stand in a sentence: ``under any weights of the 3 dimensions``."""
    dimensions = counted(len(scores.dimensions), "dimension")
    indicators = counted(len(scores.cities.criteria), "indicator")
    what = {"dimensions": f"the {dimensions}", "indicators": f"the {indicators} within their dimensions",
            "both": f"the {dimensions} and the {indicators} within them"}[of]  # fmt: skip
    kind = f"within {number(100 * spread)} % of those given" if weights == "near" else ""
    limits = "; ".join(f"{name} from {number(b[0])} to {number(b[1])}" for name, b in (bounds or {}).items())
    ordered = f"with {', then '.join(order)} in this order of importance" if order else ""
    parts = [f"under any weights of {what}", kind, f"with {limits}" if limits else "", ordered]
    said = ", ".join(p for p in parts if p)
    return f"{said}, and with the values' own errors" if joint else said
