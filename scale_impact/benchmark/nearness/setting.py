"""The setting of a search: who is compared with whom, and by which distance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from scale_impact.benchmark.cities import Context, Floats, Ints
from scale_impact.benchmark.nearness import variables as prepared
from scale_impact.benchmark.nearness.gower import gower
from scale_impact.benchmark.nearness.mahalanobis import straight
from scale_impact.benchmark.nearness.propensity import CALIPER, DEALINGS, LEAST, Propensity, propensity
from scale_impact.benchmark.nearness.recipe import Recipe
from scale_impact.benchmark.nearness.search import Distance, usual
from scale_impact.benchmark.nearness.variables import Bools, Variables
from scale_impact.core.words import counted, some
from scale_impact.errors import DesignError


@dataclass(frozen=True)
class Setting:
    """Cities in the order of their labels ("places"), ready to be compared.

    Attributes
    ----------
    recipe:
        The options.
    variables:
        What the cities are compared on.
    usable:
        Which cities are compared [N]: not those that lack context.
    member:
        Who belongs to the group for which peers are sought [N]; None where they are sought for all.
    lacking:
        Why a city is not compared, by label.
    distance:
        How far cities are from each other.
    caliper:
        The distance up to which a city is a fair peer.
    notes:
        What was done to the context.
    """

    recipe: Recipe
    variables: Variables
    usable: Bools
    member: Bools | None
    lacking: Mapping[str, str]
    distance: Distance
    caliper: float
    notes: tuple[str, ...]

    @property
    def places(self) -> Ints:
        """Place of each row of the context [N]."""
        places = np.empty_like(self.variables.rows)
        places[self.variables.rows] = np.arange(len(places))
        return places

    def sides(self) -> Iterator[tuple[Ints, Ints]]:
        """Cities that seek peers, and those among which they seek them, by what must be equal."""
        same, member = self.variables.same, self.member
        for code in np.unique(same[self.usable]):
            inside = self.usable & (same == code)
            rows = np.flatnonzero(inside if member is None else inside & member)
            others = np.flatnonzero(inside if member is None else inside & ~member)
            if len(rows):
                yield rows, others

    def again(self, variables: Variables, counts: Floats, seed: int) -> Distance:
        """The distance in some of the variables, from cities that count so often [N]."""
        recipe = replace(self.recipe, seed=self.recipe.seed + seed)
        return _measure(variables, counts, recipe, self.member, dealings=1)

    def shares(self, place: int, others: Ints) -> Floats:
        """Share of each variable in the (squared) distance [n, K]; 0 where there is none."""
        parts = self.distance.parts(place, others)
        total = parts.sum(axis=1, keepdims=True)
        return np.asarray(parts / np.where(total > 0, total, 1.0), dtype=float)


def setting(context: Context, recipe: Recipe) -> Setting:
    """Compare what can be compared.

    Raises
    ------
    DesignError
        No context tells cities apart, or too few cities have it.
    """
    made, notes = prepared.prepare(context, recipe.same, recipe.log, recipe.weights, recipe.scale)
    if not made.names:
        raise DesignError(["No context is left that tells cities apart. Name other context columns.", *notes])
    lacking = prepared.lacking(made, context, recipe.same, recipe.least)
    usable = np.array([label not in lacking for label in made.labels])
    member = None if recipe.group is None else np.isin(np.array(made.labels, dtype=object), list(recipe.group))
    if problems := [*_too_few(context, usable, member, recipe)]:
        raise DesignError([*problems, *notes])
    distance = _measure(made, usable.astype(float), recipe, member)
    caliper = _caliper(distance, np.flatnonzero(usable), recipe)
    return Setting(recipe, made, usable, member, lacking, distance, caliper, tuple(notes))


def _measure(
    variables: Variables, counts: Floats, recipe: Recipe, member: Bools | None, dealings: int = DEALINGS
) -> Distance:
    shared = recipe.overlap == "shared"
    if recipe.method == "propensity" and member is not None:
        return propensity(variables, member, counts, recipe.seed, dealings)
    if recipe.method == "gower":
        return gower(variables, counts, shared=shared, least=recipe.known)
    return straight(variables, counts, shared=shared)


def _caliper(distance: Distance, rows: Ints, recipe: Recipe) -> float:
    if recipe.caliper is not None:
        return recipe.caliper
    if isinstance(distance, Propensity):
        return CALIPER * distance.sd
    return usual(distance, rows, recipe.pairs, np.random.default_rng(recipe.seed))


def _too_few(context: Context, usable: Bools, member: Bools | None, recipe: Recipe) -> Iterator[str]:
    """Why there are not enough cities whose context is known."""
    n = int(usable.sum())
    if n < 3:
        other = ", or use gower, which takes what is known of both" if recipe.method != "gower" else ""
        yield (
            f"{counted(n, 'city', 'cities')} of {len(usable):,} {'has' if n == 1 else 'have'} the context that {recipe.method} needs: "
            f"{some(context.gaps())}. Leave out the column that is missing most{other}."
        )
    elif recipe.method == "propensity" and member is not None:
        inside, outside = int((usable & member).sum()), int((usable & ~member).sum())
        if min(inside, outside) < LEAST:
            yield (
                f"group: {counted(inside, 'city', 'cities')} in it and {outside:,} outside have all context; a model of who belongs to it needs "
                f"{LEAST} of either. Use mahalanobis, which takes a group of any size."
            )
