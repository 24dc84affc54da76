"""Robustness: how much of a rank is the city, and how much the choices of whoever made the index.

Three questions. Under which share of all weights does a city have which rank (SMAA)? How much of what ranks do over all
combinations of choices goes back to each of them (Sobol shares)? Whom does it move when a city leaves, or a copy of it
comes in (rank reversal)?

Source: Lahdelma, Hokkanen, Salminen (1998); Lahdelma and Salminen (2001); Saisana, Saltelli, Tarantola (2005).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from annotated_types import Ge

from scale_impact.benchmark.cities import Floats, Ints, cities_shown
from scale_impact.benchmark.trying import verdicts
from scale_impact.benchmark.trying.acceptability import Acceptability, Drawn, acceptability, confidence, winning
from scale_impact.benchmark.trying.drawing import Of, Said, drawn_weights, words_of
from scale_impact.benchmark.trying.influence import ChoiceShares, choice_shares
from scale_impact.benchmark.trying.ranking import ranks_of_one
from scale_impact.benchmark.trying.reversal import Reversal, reversal
from scale_impact.benchmark.trying.values import anything_varies
from scale_impact.core.check import Check
from scale_impact.core.keys import Count, Seed, Share, checked
from scale_impact.core.one_thread import one_thread
from scale_impact.core.words import nearest
from scale_impact.errors import DesignError, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from scale_impact.benchmark.scores import Scores

LEAST_DRAWS = 100
"""Fewer weight sets say nothing about the ends of a band."""


@dataclass(frozen=True, repr=False)
class Robustness:
    """How much the choices decide. Arrays of [N] cities are NaN where a city has no rank.

    Attributes
    ----------
    scores:
        What was examined.
    ranked:
        Positions of the n cities that have a rank.
    rank:
        Rank under the choices of the study [N]; 1 is the best.
    expected:
        Mean rank over the drawn weights [N].
    low, high:
        Rank band over the drawn weights [N]: ``band`` of the draws lie within.
    band:
        The share of the draws that the bands hold.
    acceptability:
        How often each of the ranked cities has each rank, and the weights that make it first.
    confidence:
        Probability that a city is first under its own central weights [N]; NaN where no weights make it first.
    weighting:
        Which weights were drawn, in words.
    drawn:
        The weights.
    shares:
        What each choice explains; None where it was not asked.
    reversal:
        Who moves when a city leaves; None where it was not asked.
    why_not:
        Why a city has no rank.
    notes:
        What was left out, and why.
    """

    scores: Scores
    ranked: Ints
    rank: Floats
    expected: Floats
    low: Floats
    high: Floats
    band: float
    acceptability: Acceptability
    confidence: Floats
    weighting: str
    drawn: Drawn
    shares: ChoiceShares | None
    reversal: Reversal | None
    why_not: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        cities = cities_shown(len(self.rank), self.why_not, "a rank")
        return f"Robustness({cities}; {self.acceptability.draws:,} weight sets)"

    @property
    def labels(self) -> tuple[str, ...]:
        """The cities that have a rank, as the rows of ``acceptability``."""
        return tuple(self.scores.cities.labels[int(k)] for k in self.ranked)

    def table(self) -> pd.DataFrame:
        """One row a city, in the order given: rank, expected rank, band, how often first; with the reason where it has none."""
        import pandas as pd

        first = np.full(len(self.rank), np.nan)
        first[self.ranked] = self.acceptability.counts[:, 0] / self.acceptability.draws
        names = self.scores.cities.labels
        whole = {c: pd.array(getattr(self, c), dtype="Int64") for c in ("rank", "low", "high")}
        columns = {
            "city": list(names),
            **whole,
            "expected": self.expected,
            "first": first,
            "confidence": self.confidence,
        }
        return pd.DataFrame({**columns, "reason": [self.why_not.get(n, "") for n in names]})

    def central_weights(self) -> pd.DataFrame:
        """The mean of the weights that make a city first, a row a city that any make first."""
        import pandas as pd

        able = np.flatnonzero(~np.isnan(self.acceptability.central).any(axis=1))
        criteria = [c.column for c in self.scores.cities.criteria]
        names = [*(self.scores.dimensions if self.drawn.dimensions is not None else ()),
                 *(criteria if self.drawn.indicators is not None else ())]  # fmt: skip
        return pd.DataFrame(self.acceptability.central[able], [self.labels[int(k)] for k in able], names)

    def wins(self, labels: Sequence[str]) -> pd.DataFrame:
        """Share of the draws in which the row's city is better than the column's.

        Raises
        ------
        UsageError
            A city that is not known, or that has no rank.
        """
        import pandas as pd

        at = np.array([self.place(label) for label in labels], dtype=np.int64)
        with one_thread(small=True):
            return pd.DataFrame(winning(self.drawn, at), list(labels), list(labels))

    def place(self, label: str) -> int:
        """Row of a city among those that have a rank.

        Raises
        ------
        UsageError
            A city that is not known, or that has no rank.
        """
        if label in self.why_not:
            raise UsageError(f"{label} has no rank. {self.why_not[label]}")
        if label not in self.labels:
            raise UsageError(f"There is no city {label!r}. {nearest(label, self.scores.cities.labels)}")
        return self.labels.index(label)

    def sentences(self, label: str | None = None) -> tuple[str, ...]:
        """What was found in plain words: of all cities, or of one."""
        return verdicts.of_all(self) if label is None else verdicts.of_one(self, label)

    def checks(self) -> tuple[Check, ...]:
        """``weight_robustness``, ``choice_shares`` and ``rank_reversal``: verdicts, with their thresholds in the details."""
        return verdicts.checks(self)


@checked
def examine(
    scores: Scores,
    *,
    draws: Count = 10_000,
    weights: Literal["free", "near"] = "free",
    of: Of = "dimensions",
    spread: Share = 0.25,
    bounds: Mapping[str, list[float]] | None = None,
    order: list[str] | None = None,
    joint: bool = False,
    band: Share = 0.9,
    choices: list[str] | None = None,
    alternatives: Mapping[str, list[str]] | None = None,
    design: Count = 1_024,
    resamples: Annotated[int, Ge(2)] = 200,
    leavers: int = 400,
    level: Share = 0.95,
    seed: Seed = 20251122,
) -> Robustness:
    """Ask how much the choices decide.

    Parameters
    ----------
    draws, weights, of, spread, bounds, order:
        Weight sets that are drawn: all there are, or each within ``spread`` (a share) of the one given; of dimensions, of
        indicators within each, or both; least and largest weight by name; names in order of importance.
    joint, band:
        Whether sampling errors and imputations are drawn too; the share of the draws that rank bands hold.
    choices, alternatives, design, resamples, level:
        Whose shares are asked (None: weights, normaliser, missing, outliers, aggregation; [] for none) and what is tried of
        each beside the study's own; the base size of the design, a power of 2, which takes so many times (choices + 2)
        evaluations; the bootstrap samples (2 or more) behind the intervals of the shares, and their level.
    leavers:
        So many cities at most leave in turn (drawn at random where there are more); 0 leaves rank reversal out.

    Raises
    ------
    UsageError
        Options that are not known or too small; errors asked for where nothing varies.
    DesignError
        Fewer than two cities with a score; one thing to weigh; weights that nothing satisfies; alternatives that do not combine.
    """
    _refuse(scores, draws, design, leavers, joint)
    ranked, why_not = _ranked(scores)
    said: Said = {"weights": weights, "of": of, "spread": spread, "bounds": bounds, "order": order, "joint": joint}
    with one_thread(small=True):
        drawn = drawn_weights(scores, ranked, **said, draws=draws, seed=seed)
        shares = None
        if choices is None or choices:
            given = alternatives or {}
            shares = choice_shares(drawn, choices, given, base=design, resamples=resamples, level=level, seed=seed)
        moved = reversal(scores, leavers=leavers, seed=seed) if leavers else None
        return _gathered(drawn, band, words_of(scores, **said), shares, moved, why_not)


def _gathered(
    drawn: Drawn,
    band: float,
    weighting: str,
    shares: ChoiceShares | None,
    moved: Reversal | None,
    why_not: Mapping[str, str],
) -> Robustness:
    """Ranks over the drawn weights, beside what else was asked."""
    found, scores = acceptability(drawn), drawn.scores
    by_city = (found.expected(), *found.band(band), confidence(drawn, found))
    expected, low, high, sure = (_spread(v, drawn.cities, len(scores.index)) for v in by_city)
    notes = () if shares is None else shares.left_out
    return Robustness(
        scores, drawn.cities, ranks_of_one(scores.index), expected, low, high, band, found, sure, weighting, drawn,
        shares, moved, why_not, notes,
    )  # fmt: skip


def _refuse(scores: Scores, draws: int, design: int, leavers: int, joint: bool) -> None:
    problems = []
    if draws < LEAST_DRAWS:
        problems.append(
            f"draws is {draws}: fewer than {LEAST_DRAWS} weight sets say little about a rank band. Ask for 10000."
        )
    if design < 2 or design & (design - 1):
        problems.append(f"design is {design}: it should be a power of 2, such as {1 << max(4, design.bit_length())}.")
    if leavers < 0:
        problems.append(f"leavers is {leavers}: it should be 0 or more.")
    if joint and not anything_varies(scores.cities, scores.recipe):
        problems.append(
            "joint is true, and nothing varies: no standard errors are given and no value is drawn. Leave it out."
        )
    if problems:
        raise UsageError(problems)


def _ranked(scores: Scores) -> tuple[Ints, dict[str, str]]:
    """Positions of the cities with a score, and why others have none."""
    ranked = np.flatnonzero(~np.isnan(scores.index))
    labels = scores.cities.labels
    if len(ranked) < 2:
        raise DesignError(
            f"{len(ranked)} of {len(labels)} cities have a score: ranks need two. See why_not of the scores."
        )
    missing = [labels[int(k)] for k in np.flatnonzero(np.isnan(scores.index))]
    return ranked, {label: scores.why_not.get(label, "It has no score.") for label in missing}


def _spread(values: Floats, rows: Ints, n: int) -> Floats:
    """Values of some cities among all [n]; NaN for the others."""
    found = np.full(n, np.nan)
    found[rows] = values
    return found
