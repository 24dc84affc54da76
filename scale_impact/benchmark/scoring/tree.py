"""Tree: indicators make dimensions, dimensions make the index, with as many levels between as a study names.

Weights of dimensions are kept as what each contributes to the index (they sum to 1): a level above weighs as much as
what stands below it, so that one vector says all weights of the tree.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from scale_impact.benchmark.cities import Floats, Ints
from scale_impact.benchmark.scoring.means import combined
from scale_impact.benchmark.scoring.recipe import Mean
from scale_impact.core.words import nearest, some

ROOT = "Index"
"""The top of the tree."""


@dataclass(frozen=True)
class Tree:
    """What stands below what.

    Attributes
    ----------
    dimensions:
        The D dimensions, whose scores are means of indicators.
    belongs:
        Position of each indicator's dimension [K].
    children:
        What each level above is made of, from the lowest level to the index.
    """

    dimensions: tuple[str, ...]
    belongs: Ints
    children: Mapping[str, tuple[str, ...]]

    @property
    def deep(self) -> bool:
        """Whether there are levels between dimensions and index."""
        return len(self.children) > 1

    def leaves(self, node: str) -> list[int]:
        """Positions of the dimensions below a node (of itself, where it is one)."""
        if node in self.dimensions:
            return [self.dimensions.index(node)]
        return [leaf for child in self.children[node] for leaf in self.leaves(child)]


def made(dimensions: Sequence[str], belongs: Sequence[str], hierarchy: Mapping[str, str] | None) -> Tree:
    """The tree of dimensions [D] and of each indicator's dimension [K]; what has no parent is part of the index."""
    parents = dict(hierarchy or {})
    nodes = list(dict.fromkeys([*dimensions, *parents, *parents.values()]))
    above: dict[str, list[str]] = {}
    for node in nodes:
        if node != ROOT:
            above.setdefault(parents.get(node, ROOT), []).append(node)
    order = sorted(above, key=lambda n: -_depth(n, parents))
    position = {d: k for k, d in enumerate(dimensions)}
    found = np.array([position[b] for b in belongs], dtype=np.int64)
    return Tree(tuple(dimensions), found, {n: tuple(above[n]) for n in order})


def _depth(node: str, parents: Mapping[str, str]) -> int:
    return 0 if node == ROOT else 1 + _depth(parents.get(node, ROOT), parents)


def tree_problems(dimensions: Sequence[str], hierarchy: Mapping[str, str] | None) -> Iterator[str]:
    """What is wrong with a hierarchy: names that stand for nothing, and circles."""
    parents = dict(hierarchy or {})
    known = {*dimensions, *parents.values()}
    for child in parents:
        if child not in known:
            yield f"hierarchy: {child!r} is neither a dimension nor above one. {nearest(child, known)}"
    yield from (f"hierarchy: {parents[d]} is above {d}, and a dimension itself. Give it another name." for d in parents
                if parents[d] in dimensions)  # fmt: skip
    if ROOT in dimensions or ROOT in parents:
        yield f"hierarchy: {ROOT} is the top and has nothing above it. Give the dimension or level another name."
    for child in parents:
        path, at = [child], parents.get(child)
        while at is not None and at not in path:
            path.append(at)
            at = parents.get(at)
        if at == child:
            yield f"hierarchy: {' is below '.join([*path, child])}, a circle. Take one of them out."


def dimension_scores(scores: Floats, weights: Floats, tree: Tree, mean: Mean) -> Floats:
    """Scores of dimensions [..., N, D] of scores of indicators [..., N, K] by weights [K]."""
    parts = [combined(scores[..., m], weights[m], mean) for m in members(tree)]
    return np.stack(parts, axis=-1)


def members(tree: Tree) -> list[Ints]:
    """Positions of the indicators of each dimension."""
    return [np.flatnonzero(tree.belongs == d) for d in range(len(tree.dimensions))]


def levels(scores: Floats, weights: Floats, tree: Tree, mean: Mean) -> dict[str, Floats]:
    """Scores [..., N] of each level above the dimensions, the index last, of scores [..., N, D] by weights [D]."""
    known = {d: scores[..., k] for k, d in enumerate(tree.dimensions)}
    found: dict[str, Floats] = {}
    for node, below in tree.children.items():
        share = np.array([weights[tree.leaves(child)].sum() for child in below])
        if share.sum() == 0:  # the level counts nothing; its own score is still said
            share = np.ones(len(below))
        found[node] = combined(np.stack([known[c] for c in below], axis=-1), share, mean)
        known[node] = found[node]
    return found


def index(scores: Floats, weights: Floats, tree: Tree, mean: Mean) -> Floats:
    """The index [..., N] of scores of dimensions [..., N, D] by weights [D]."""
    return levels(scores, weights, tree, mean)[ROOT]


def lost(tree: Tree) -> list[str]:
    """Levels that nothing stands below."""
    return [node for node in tree.children if not tree.leaves(node)]


def below(tree: Tree) -> str:
    """The tree in words: what each level is made of."""
    return "; ".join(f"{node}: {some(children, 20)}" for node, children in tree.children.items())
