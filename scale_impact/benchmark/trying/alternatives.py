"""Alternatives: the index under every combination of choices, each combination scored once, weights changed by products."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import TYPE_CHECKING, Any, cast, get_args

import numpy as np
from numpy.typing import NDArray

from scale_impact.benchmark.cities import Cities, Floats, Ints
from scale_impact.benchmark.scoring.recipe import FIXED, Mean, Missing, Normaliser, Outliers, Recipe
from scale_impact.benchmark.trying.acceptability import CELLS, Drawn, collapsed, under
from scale_impact.benchmark.trying.ranking import ranks_of
from scale_impact.benchmark.trying.values import as_scored, completed
from scale_impact.core.words import nearest
from scale_impact.errors import DesignError, ScaleImpactError, UsageError

if TYPE_CHECKING:
    from scale_impact.benchmark.scores import Scores

WEIGHTS = "weights"
"""The choice that is drawn, not picked."""

USUAL: Mapping[str, tuple[str, ...]] = {
    "normaliser": ("minmax", "percentile", "zscore"),
    "missing": ("impute", "mean", "available"),
    "outliers": ("none", "winsorise"),
    "aggregation": ("arithmetic", "geometric"),
}
"""What is tried beside a study's own choice, where the study does not say."""

KNOWN: Mapping[str, tuple[str, ...]] = {
    "normaliser": get_args(Normaliser), "missing": get_args(Missing), "outliers": get_args(Outliers), "aggregation": get_args(Mean)
}  # fmt: skip
"""What there is to choose from."""

ABOVE_ZERO = (1.0, 100.0)
"""The scale on which all means can be taken; an arithmetic mean ranks as it does from 0 to 100."""


@dataclass(frozen=True)
class Alternatives:
    """What is chosen from.

    Attributes
    ----------
    options:
        Options of ``score`` by choice, the study's own first; weights are not among them.
    scored:
        The scores of each combination, by its alternatives.
    left_out:
        Why a choice or an alternative is not tried, in sentences.
    """

    options: Mapping[str, tuple[str, ...]]
    scored: Mapping[tuple[str, ...], Scores]
    left_out: tuple[str, ...]


def alternatives(drawn: Drawn, choices: Sequence[str], given: Mapping[str, Sequence[str]]) -> Alternatives:
    """Score all combinations of the choices; usual alternatives that cannot be combined are left out, with the reason.

    Raises
    ------
    UsageError
        A choice that is not known.
    DesignError
        Alternatives that the study asks for and that cannot be combined.
    """
    if problems := list(_problems(choices, given)):
        raise UsageError(problems)
    scores, left_out = drawn.scores, list[str]()
    options = {c: _options(scores, c, given.get(c), left_out) for c in choices if c != WEIGHTS}
    options = {c: o for c, o in options.items() if len(o) > 1}
    ranked = scores.cities.take(drawn.cities)
    filled = {
        m: completed(ranked, replace(scores.recipe, missing=cast(Missing, m)))
        for m in options.get("missing", ())
        if m != scores.recipe.missing
    }
    filled[scores.recipe.missing] = as_scored(scores, drawn.cities)
    while True:
        combined, failed = _score_all(scores.recipe, filled, options)
        if not failed:
            return Alternatives(options, combined, tuple(left_out))
        choice, option = _worst(options, failed, given)
        reason = next(r for at, r in failed.items() if option in at)
        left_out.append(
            f"{choice}: {option} is not tried, because it does not go with all alternatives of the other choices. {reason}"
        )
        options = {c: tuple(x for x in o if (c, x) != (choice, option)) for c, o in options.items()}
        options = {c: o for c, o in options.items() if len(o) > 1}


def _problems(choices: Sequence[str], given: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Choices and alternatives that are not known, and alternatives to what is drawn or not asked."""
    for choice in dict.fromkeys((*choices, *given)):
        if choice not in (WEIGHTS, *USUAL):
            yield f"choices: {choice!r} is none. {nearest(choice, [WEIGHTS, *USUAL])}"
    for choice, options in given.items():
        if choice == WEIGHTS:
            yield "alternatives: weights are drawn, not picked. Say which by weights, of, bounds and order."
        elif choice in USUAL and choice not in choices:
            yield f"alternatives: {choice} has alternatives and is not among the choices. Add it there, or leave them out."
        yield from (f"alternatives: {choice}: {o!r} is none. {nearest(o, KNOWN[choice])}" for o in options
                    if choice in USUAL and o not in KNOWN[choice])  # fmt: skip


def _options(scores: Scores, choice: str, given: Sequence[str] | None, left_out: list[str]) -> tuple[str, ...]:
    """The study's own choice, then the others."""
    own = str(getattr(scores.recipe, choice))
    if choice == "missing" and not np.isnan(scores.cities.values).any():
        left_out.append("missing: no value is missing, so there is nothing to choose.")
        return (own,)
    return tuple(dict.fromkeys((own, *(USUAL[choice] if given is None else given))))


def _score_all(
    recipe: Recipe, filled: Mapping[str, Cities], options: Mapping[str, tuple[str, ...]]
) -> tuple[dict[tuple[str, ...], Scores], dict[tuple[str, ...], str]]:
    """Scores of each combination, and why others cannot be scored; gaps are filled once for all of them."""
    from scale_impact.benchmark.scores import scored

    found, failed = {}, {}
    for combination in product(*options.values()):
        tried = _recipe(recipe, options, dict(zip(options, combination, strict=True)))
        try:
            found[combination] = scored(filled[tried.missing], replace(tried, missing="available"))
        except ScaleImpactError as error:
            failed[combination] = error.problems[0]
    return found, failed


def _recipe(recipe: Recipe, options: Mapping[str, tuple[str, ...]], changed: Mapping[str, Any]) -> Recipe:
    """The study's recipe with other choices; where means differ, all are taken on a scale above 0."""
    tried = replace(recipe, **changed, draws=0, coverage=0.0, coverage_in_dimension=0.0)
    means = {recipe.aggregation, recipe.upper, *options.get("aggregation", ())}
    if means & {"geometric", "harmonic"} and tried.scale is None and tried.normaliser not in OWN_SCALE:
        tried = replace(tried, scale=ABOVE_ZERO)
    if tried.normaliser in FIXED and tried.outliers != recipe.outliers:
        tried = replace(tried, beyond="clip")
    return tried


OWN_SCALE = ("zscore", "rank", "borda", "fraction_of_best")
"""Normalisers whose scale cannot be set."""


def _worst(
    options: Mapping[str, tuple[str, ...]], failed: Mapping[tuple[str, ...], str], given: Mapping[str, Sequence[str]]
) -> tuple[str, str]:
    """The alternative that stands in most combinations that fail; never the study's own, never one that it asks for."""
    may_go = [(c, x) for c, o in options.items() if c not in given for x in o[1:]]
    counts = {(c, x): sum(x == at[list(options).index(c)] for at in failed) for c, x in may_go}
    if not counts or max(counts.values()) == 0:
        raise DesignError(
            [f"choices: {', '.join(at) or 'the recipe'} cannot be scored. {why}" for at, why in failed.items()]
        )
    # a share of the combinations that hold it: a choice of two is in half of all, one of three in a third
    return max(counts, key=lambda at: (counts[at] * len(options[at[0]]), at))


def ranks_over(
    found: Alternatives, picks: Mapping[str, Ints], weights: tuple[Floats | None, Floats | None], evaluations: int
) -> NDArray[np.int32]:
    """Ranks of the cities [E, n]: ``picks`` is which alternative of each choice [E], ``weights`` of indicators and dimensions [E, .]."""
    n = len(next(iter(found.scored.values())).index)
    ranks = np.empty((evaluations, n), dtype=np.int32)
    places = product(*(range(len(o)) for o in found.options.values()))
    step = max(1, CELLS // n)
    for place, scores in zip(places, found.scored.values(), strict=True):
        chosen = [picks[c] == k for c, k in zip(found.options, place, strict=True)]
        rows = np.flatnonzero(np.logical_and.reduce([np.ones(evaluations, dtype=bool), *chosen]))
        for at in range(0, len(rows), step):
            ranks[rows[at : at + step]] = ranks_of(_indices(scores, weights, rows[at : at + step]))
    return ranks


def _indices(scores: Scores, weights: tuple[Floats | None, Floats | None], rows: Ints) -> Floats:
    """The index under the weights of some evaluations; as scored where none are drawn."""
    indicators, dimensions = (None if w is None else w[rows] for w in weights)
    if indicators is None and dimensions is None:
        return np.tile(scores.index, (len(rows), 1))
    base = collapsed(scores) if indicators is None else scores
    return under(base, base.normalised, indicators, dimensions)
