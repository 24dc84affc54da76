"""Weights: how much each indicator counts in its dimension, and each dimension in the index.

Weights say what a point is worth, not how much an indicator decides: see ``diagnostics.influence`` for that. Weights
made of the data (PCA, entropy) reward what varies together or much, which is no reason to value it: they stand here
because they are used, and ``robustness`` says what they change.

Source: OECD and JRC (2008), section 6; Becker et al. (2022), COINr (``get_PCA``, ``get_eff_weights``); Shannon entropy
weights as in Zeleny (1982), Multiple criteria decision making.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scale_impact.benchmark.cities import Criterion, Floats
from scale_impact.benchmark.scoring.quantities import constant
from scale_impact.benchmark.scoring.recipe import Recipe
from scale_impact.benchmark.scoring.tree import ROOT, Tree, members
from scale_impact.core.words import nearest, number, some
from scale_impact.errors import DesignError

CLOSE = 1e-6
"""How far a sum of weights may be from 1: what a few digits leave."""


@dataclass(frozen=True)
class Weighting:
    """Weights of indicators within their dimension [K] and of dimensions in the index [D]."""

    indicators: Floats
    dimensions: Floats


def within_one(weights: Floats, tree: Tree) -> Floats:
    """Relative weights [..., K] as weights that sum to 1 within each dimension."""
    found: Floats = np.array(weights, dtype=float)
    for m in members(tree):
        found[..., m] /= found[..., m].sum(axis=-1, keepdims=True)
    return found


# ---- as written down -----------------------------------------------------------------------------------------


def written(
    weights: Mapping[str, float], criteria: Sequence[Criterion], tree: Tree
) -> tuple[Floats | None, Floats | None]:
    """What a set of weights says of indicators [K] and of dimensions [D]; None of what it says nothing.

    A set names all indicators (they sum to 1 within each dimension, or all together: then their sums are the weights
    of the dimensions), or dimensions and levels above them (those with one parent sum to 1; parents that are not named
    share equally), or both.
    """
    columns = [c.column for c in criteria]
    indicators = np.array([weights[c] for c in columns], dtype=float) if set(columns) <= set(weights) else None
    named = {n: w for n, w in weights.items() if n not in columns}
    dimensions = _contributions(named, tree) if named else None
    if indicators is not None and dimensions is None and not _sum_to_one_within(indicators, tree):
        dimensions = np.array([indicators[m].sum() for m in members(tree)])
        dimensions = dimensions / dimensions.sum()
    return None if indicators is None else within_one(indicators, tree), dimensions


def _sum_to_one_within(indicators: Floats, tree: Tree) -> bool:
    return all(_is_whole(float(indicators[m].sum())) for m in members(tree))


def _is_whole(total: float) -> bool:
    return bool(abs(total - 1) <= CLOSE or abs(total - 100) <= 100 * CLOSE)


def _contributions(named: Mapping[str, float], tree: Tree) -> Floats:
    """What each dimension contributes to the index: the product of the weights on its way up."""
    found = np.ones(len(tree.dimensions))
    for below in tree.children.values():
        given = np.array([named.get(child, 1.0 if not set(below) & set(named) else 0.0) for child in below])
        for child, weight in zip(below, given / given.sum(), strict=True):
            found[tree.leaves(child)] *= weight
    return found


def equal_dimensions(tree: Tree) -> Floats:
    """Each child of a level counts the same [D]."""
    return _contributions({}, tree)


def written_problems(
    where: str, weights: Mapping[str, float], criteria: Sequence[Criterion], tree: Tree, recipe: Recipe
) -> Iterator[str]:
    """What is wrong with a set of weights: names, signs, gaps and sums, all at once."""
    columns = [c.column for c in criteria]
    nodes = [n for below in tree.children.values() for n in below]
    known = [*columns, *nodes]
    yield from (
        f"{where}: {n!r} is no indicator, dimension or level. {nearest(n, known)}" for n in weights if n not in known
    )
    yield from (f"{where}: {n} has the weight {w}. Give a number of 0 or more." for n, w in weights.items()
                if not np.isfinite(w) or w < 0)  # fmt: skip
    if any(n not in known for n in weights) or any(not np.isfinite(w) or w < 0 for w in weights.values()):
        return
    if not weights:
        yield f"{where}: no weight is given. Name the indicators or the dimensions, or write equal."
    given = [c for c in columns if c in weights]
    if given and len(given) < len(columns):
        yield f"{where}: {_without(columns, given)} no weight. Weigh all indicators, or none."
        return
    if given:
        yield from _indicator_sums(where, np.array([weights[c] for c in columns], dtype=float), tree, recipe)
    yield from _level_sums(where, {n: w for n, w in weights.items() if n in nodes}, tree, recipe)


def _without(names: Sequence[str], given: Sequence[str]) -> str:
    left = [n for n in names if n not in given]
    return f"{some(left)} {'has' if len(left) == 1 else 'have'}"


def _indicator_sums(where: str, indicators: Floats, tree: Tree, recipe: Recipe) -> Iterator[str]:
    sums = {d: float(indicators[m].sum()) for d, m in zip(tree.dimensions, members(tree), strict=True)}
    if empty := [d for d, total in sums.items() if total == 0]:
        yield f"{where}: the indicators of {some(empty)} weigh nothing. Leave them out, or weigh one of them."
    elif not recipe.rescale and not all(map(_is_whole, sums.values())) and not _is_whole(sum(sums.values())):
        by_dimension = ", ".join(f"{d} {number(total)}" for d, total in sums.items())
        yield (
            f"{where}: the weights of the indicators sum to {number(sum(sums.values()))} ({by_dimension}). Let them sum to 1 (or 100) within each "
            "dimension or all together, or write rescale: true."
        )


def _level_sums(where: str, named: Mapping[str, float], tree: Tree, recipe: Recipe) -> Iterator[str]:
    for parent, below in tree.children.items():
        given = [c for c in below if c in named]
        total = sum(named[c] for c in given)
        if given and len(given) < len(below):
            yield f"{where}: {_without(below, given)} no weight. Weigh all of {parent}, or none."
        elif given and total == 0:
            yield f"{where}: {some(given)} of {parent} weigh nothing. Weigh one of them."
        elif given and not recipe.rescale and not _is_whole(total):
            yield f"{where}: {some(given)} of {parent} sum to {number(total)}. Let them sum to 1 (or 100), or write rescale: true."


# ---- made of the data ------------------------------------------------------------------------------------------


def principal(scores: Floats) -> Floats:
    """Loadings [K] of the first principal component of standardised scores [N, K], with a sum above 0, squares summing to 1.

    Cities with a score missing are left out, as COINr's ``get_PCA`` does.
    """
    known = scores[~np.isnan(scores).any(axis=1)]
    z = (known - known.mean(axis=0)) / known.std(axis=0, ddof=1)
    loadings: Floats = np.linalg.eigh(z.T @ z)[1][:, -1]
    return loadings if loadings.sum() >= 0 else -loadings


def explained(scores: Floats) -> Floats:
    """Share of the variance of standardised scores [N, K] that each principal component explains, largest first."""
    known = scores[~np.isnan(scores).any(axis=1)]
    found = np.linalg.eigvalsh(np.corrcoef(known, rowvar=False).reshape(scores.shape[1], -1))[::-1]
    return np.asarray(found / found.sum())


def entropy(scores: Floats) -> Floats:
    """Weights [K] by how unevenly cities share each indicator's total: one less Shannon's entropy over its maximum.

    Scores below 0 are shifted to 0 first; NaN counts for nothing.
    """
    shifted = scores - np.minimum(np.nanmin(scores, axis=0), 0)
    total = np.nansum(shifted, axis=0)
    share = np.divide(np.nan_to_num(shifted), total, out=np.zeros_like(shifted), where=total > 0)
    mixed = -(share * np.log(np.where(share > 0, share, 1.0))).sum(axis=0)
    # an indicator on which all have 0 tells nobody from another: as one that all share equally
    uneven = np.where(total > 0, np.clip(1 - mixed / np.log((~np.isnan(scores)).sum(axis=0)), 0, None), 0.0)
    return np.asarray(uneven / uneven.sum()) if uneven.sum() > 0 else np.full(scores.shape[1], 1 / scores.shape[1])


def of_the_data(method: str, scores: Floats, names: Sequence[str], of: str) -> Floats:
    """Weights [n] of scores [N, n] that sum to 1.

    Raises
    ------
    DesignError
        Principal components of too few cities, of scores that are all the same, or of which one goes against the others
        and would be weighed negatively.
    """
    if scores.shape[1] == 1:
        return np.ones(1)
    if method == "pca":
        _componible(scores, names, of)
    found = entropy(scores) if method == "entropy" else principal(scores)
    if (against := [n for n, w in zip(names, found, strict=True) if w < 0]) and method == "pca":
        raise DesignError(
            f"{of}: the first principal component weighs {some(against)} negatively: they go against {some([n for n in names if n not in against])}. "
            "Check their directions, put them into another dimension, or give weights."
        )
    return np.asarray(found / found.sum())


def _componible(scores: Floats, names: Sequence[str], of: str) -> None:
    known = scores[~np.isnan(scores).any(axis=1)]
    if len(known) < 3:
        raise DesignError(
            f"{of}: {len(known)} cities have all of {some(names)}; principal components need three. Impute, or give weights."
        )
    if same := [n for n, column in zip(names, known.T, strict=True) if constant(column)]:
        raise DesignError(
            f"{of}: all cities score the same on {some(same)}, which has no principal component. Give weights."
        )


def indicator_weights(recipe: Recipe, scores: Floats, criteria: Sequence[Criterion], tree: Tree) -> Floats:
    """Weights [K] within dimensions, by a word of the recipe."""
    if recipe.weights == "equal":
        return within_one(np.ones(len(criteria)), tree)
    if recipe.weights in ("pca", "entropy"):
        found = np.ones(len(criteria))
        for d, m in zip(tree.dimensions, members(tree), strict=True):
            found[m] = of_the_data(recipe.weights, scores[:, m], [criteria[k].column for k in m], f"weights: {d}")
        return found
    return within_one(np.array([c.weight for c in criteria], dtype=float), tree)


def dimension_weights(recipe: Recipe, scores: Floats, tree: Tree) -> Floats:
    """Weights [D] of dimensions in the index, by a word of the recipe; within their parent, where there are levels between."""
    if recipe.dimension_weights not in ("pca", "entropy"):
        return equal_dimensions(tree)
    named: dict[str, float] = {}
    for parent, below in tree.children.items():
        if all(c in tree.dimensions for c in below):
            m = [tree.dimensions.index(c) for c in below]
            found = of_the_data(str(recipe.dimension_weights), scores[:, m], below, f"dimension_weights: {parent}")
            named.update(zip(below, found.tolist(), strict=True))
    return _contributions(named, tree)


def weight_problems(criteria: Sequence[Criterion], tree: Tree, recipe: Recipe) -> Iterator[str]:
    """What is wrong with the weights that a recipe writes down."""
    sets = {"weights": recipe.weights, "dimension_weights": recipe.dimension_weights}
    for where, given in sets.items():
        if isinstance(given, Mapping):
            yield from written_problems(where, given, criteria, tree, recipe)
    columns = {c.column for c in criteria}
    nodes = {n for below in tree.children.values() for n in below}
    if isinstance(recipe.weights, Mapping) and nodes & set(recipe.weights) and recipe.dimension_weights != "equal":
        yield "weights: it names dimensions, and dimension_weights is given too. Keep one of the two."
    if recipe.experts and recipe.dimension_weights != "equal":
        yield "experts: they weigh the dimensions, and dimension_weights is given too. Keep one of the two."
    if isinstance(recipe.dimension_weights, Mapping) and (wrong := sorted(columns & set(recipe.dimension_weights))):
        yield f"dimension_weights: {some(wrong)} {'is an indicator' if len(wrong) == 1 else 'are indicators'}. Weigh indicators under weights."
    for name, given_set in (recipe.experts or {}).items():
        yield from written_problems(f"experts: {name}", given_set, criteria, tree, recipe)
    if recipe.experts is not None and not recipe.experts:
        yield "experts: no set of weights is given. Name the experts with their weights, or leave the option out."
    if any(c.weight < 0 or not np.isfinite(c.weight) for c in criteria):
        yield f"{some([c.column for c in criteria if c.weight < 0 or not np.isfinite(c.weight)])}: a weight is 0 or more. Correct it."
    for d, m in zip(tree.dimensions, members(tree), strict=True):
        if recipe.weights == "original" and sum(criteria[k].weight for k in m) == 0:
            yield f"{d}: its indicators weigh nothing. Weigh one of them, or leave the dimension out."
    yield from _bound_problems(tree, recipe)


def _bound_problems(tree: Tree, recipe: Recipe) -> Iterator[str]:
    """Bounds of benefit of the doubt that no weights can keep."""
    if recipe.dimension_weights != "doubt":
        return
    n, low, high = len(tree.dimensions), recipe.least_weight, recipe.most_weight
    if not 0 <= low <= high <= 1 or n * low > 1 + CLOSE or n * high < 1 - CLOSE:
        yield (
            f"least_weight {number(low)} and most_weight {number(high)}: no weights of {n} dimensions keep them and sum to 1. "
            f"Let the least be at most {number(1 / n)}, and the most at least that."
        )
    if tree.deep:
        yield f"dimension_weights: doubt weighs the dimensions of the {ROOT} at once, and the hierarchy has levels between. Leave one of the two out."
    if recipe.upper != "arithmetic":
        yield f"dimension_weights: doubt is an arithmetic mean with a city's best weights; across is {recipe.upper}. Write across: arithmetic."
