"""The options with which peers are sought, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from scale_impact.benchmark.cities import Context
from scale_impact.benchmark.nearness.variables import Scale, wrong_names
from scale_impact.core.words import counted, nearest

Method = Literal["mahalanobis", "gower", "propensity"]
Overlap = Literal["shared", "counted"]


@dataclass(frozen=True)
class Recipe:
    """Options of ``peers.find_peers``, see there."""

    method: Method
    number: int
    caliper: float | None
    pairs: float
    same: tuple[str, ...]
    log: tuple[str, ...]
    weights: Mapping[str, float]
    scale: Scale
    overlap: Overlap
    known: float
    group: tuple[str, ...] | None
    seed: int

    @property
    def least(self) -> float | None:
        """Share of the context that must be known; None: all of it."""
        return self.known if self.method == "gower" else None


def wrong_options(context: Context, recipe: Recipe) -> Iterator[str]:
    """What does not fit the context, in sentences."""
    yield from _wrong_numbers(len(context.labels), recipe)
    yield from wrong_names(context, recipe.same, recipe.log, recipe.weights)
    yield from _wrong_group(context, recipe)


def _wrong_numbers(n: int, recipe: Recipe) -> Iterator[str]:
    if recipe.number < 1:
        yield f"number: {recipe.number} peers were asked for. Ask for one or more."
    elif 1 < n <= recipe.number:
        others = counted(n - 1, "other city", "other cities")
        yield f"number: {recipe.number} peers were asked for, and there {'is' if n == 2 else 'are'} {others}. Ask for fewer."
    if recipe.caliper is not None and not recipe.caliper > 0:
        yield f"caliper: {recipe.caliper!r} lets no city be a peer. Write a distance above 0, or leave it out."
    for name, share in (("pairs", recipe.pairs), ("known", recipe.known)):
        if not 0 < share <= 1:
            yield f"{name}: {share!r} is no share. Write a number above 0 and up to 1."


def _wrong_group(context: Context, recipe: Recipe) -> Iterator[str]:
    if recipe.method == "propensity" and recipe.group is None:
        yield (
            "method: propensity needs a group, whose members' probability is modelled: one city has none. Name the cities that adopted the "
            "measure (group), or use mahalanobis."
        )
    known = set(context.labels)
    for label in recipe.group or ():
        if label not in known:
            yield f"group: there is no city {label!r}. {nearest(label, known)}"
    if recipe.group is not None and not recipe.group:
        yield "group: it names no city. Name those for which peers are sought, or leave it out."
    elif recipe.group and known <= set(recipe.group):
        yield "group: it holds all cities, so none is left to be a peer. Name those that have something in common."


def wrong_context(context: Context) -> Iterator[str]:
    """Context that no peers can be chosen on, whatever the options."""
    if not context.columns:
        yield "The context has no columns: peers are chosen on context alone. Name what cities cannot choose, such as size, density and region."
    n = len(context.labels)
    if n < 3:
        yield (
            f"The context has {counted(n, 'city', 'cities')}. What is near is measured by the distances of the others: add cities, so that "
            "there are three or more."
        )
