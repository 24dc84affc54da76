"""How estimates of an experiment are judged: by the dealings that it could have made; not an estimator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from scale_impact.core.cohorts import Floats
from scale_impact.core.effect import Estimate
from scale_impact.core.experiment.dealing import Dealings
from scale_impact.core.experiment.rollout_regression import Regression, Solved
from scale_impact.core.words import counted
from scale_impact.errors import EstimationError
from scale_impact.inference._inversion import inverted, kept
from scale_impact.inference.randomisation import TIES, Randomised

Statistic = Literal["studentised", "estimate"]
Vcov = Literal["CR1", "iid"]

OUTCOME, ASSIGNED, RECEIVED = 0, 1, 2
"""Columns of the outcomes of a regression."""


@dataclass(frozen=True, eq=False)
class Deck:
    """A regression, the dealing that was made, and all others, which are worked out when somebody asks.

    Attributes
    ----------
    regression, made:
        As in ``core.experiment.rollout_regression``.
    dealings:
        Makes the dealings.
    statistic:
        ``studentised``: over the root of the sum of squared cluster scores; ``estimate``: as it is.
    """

    regression: Regression
    made: Solved
    dealings: Callable[[], Dealings]
    statistic: Statistic

    @cached_property
    def dealt(self) -> Dealings:
        """The dealings."""
        return self.dealings()

    @cached_property
    def table(self) -> tuple[Floats, Floats, int]:
        """Values [B, M] and spreads [B, M, M] of dealings that have an answer, and how many have none."""
        values, spreads = self.regression.through(self.dealt)
        good = np.isfinite(values).all(axis=1)
        if not good.any():
            raise EstimationError("randomised_rollout: no dealing of the roll-out has an estimate.")
        return values[good], spreads[good], int((~good).sum())

    @property
    def words(self) -> str:
        """The method in words."""
        lost = self.table[2]
        without = f"; {counted(lost, 'dealing')} without an estimate left out" if lost else ""
        how = "studentised by cluster" if self._studentised(OUTCOME) else "the estimate"
        return f"interval and p-value by randomisation inference: {self.dealt.words}{without}; statistic: {how}"

    def _studentised(self, column: int) -> bool:
        """Whether clusters show a spread to divide by."""
        scale = abs(float(self.made.values[0, column])) or 1.0
        return self.statistic == "studentised" and float(self.made.spreads[0, column, column]) > (1e-12 * scale) ** 2

    def effect_of(self, column: int) -> Randomised:
        """The judgement of the effect on one of the outcomes, for a constant effect on all that are treated."""
        values, spreads, _ = self.table
        own, words = float(self.made.values[0, column]), f"{self.words}; interval by inversion for a constant effect"
        up, slope = values[:, column], values[:, ASSIGNED]
        if not self._studentised(column):
            return Randomised(own, 1.0, up, slope, None, None, None, self.dealt.every, words)
        level, middle, top = spreads[:, column, column], spreads[:, column, ASSIGNED], spreads[:, ASSIGNED, ASSIGNED]
        return Randomised(
            own, float(self.made.spreads[0, column, column]), up, slope, level, middle, top, self.dealt.every, words
        )


@dataclass(frozen=True, eq=False)
class Dealt:
    """The judgement of the effect on one of a deck's outcomes, worked out when somebody asks."""

    deck: Deck = field(repr=False)
    column: int = OUTCOME
    std_error: float | None = None
    df: float | None = None

    @cached_property
    def found(self) -> Randomised:
        """The distribution."""
        return self.deck.effect_of(self.column)

    @property
    def words(self) -> str:
        """The method in words."""
        return self.found.words

    @property
    def p_value(self) -> float | None:
        """Two-sided p-value of no effect on anybody."""
        return self.found.p_value

    def p_of(self, null: float) -> float:
        """Two-sided p-value of an effect of ``null`` in each treated row."""
        return self.found.p_of(null)

    def interval(self, level: float) -> tuple[float, float] | None:
        """Effects that are not rejected."""
        return self.found.interval(level)


@dataclass(frozen=True, eq=False)
class Compliers:
    """The judgement of an effect per treatment received: values for which assignment does nothing to outcome less value times received.

    Source: Imbens and Rosenbaum (2005), section 3: the exact test of Anderson and Rubin's kind, by dealings.
    """

    deck: Deck = field(repr=False)
    std_error: float | None = None
    df: float | None = None

    @property
    def value(self) -> float:
        """The ratio of the two effects of assignment."""
        made = self.deck.made.values[0]
        return float(made[OUTCOME] / made[RECEIVED])

    @property
    def words(self) -> str:
        """The method in words."""
        return f"{self.deck.words}; interval by inversion for a constant effect per treatment received, which holds however few change"

    @property
    def p_value(self) -> float | None:
        """Two-sided p-value of no effect on anybody: that of assignment."""
        return self.p_of(0.0)

    def p_of(self, null: float) -> float:
        """Two-sided p-value of an effect of ``null`` per treatment received."""
        return self._p(np.array([1.0, 0.0, -null]))

    @property
    def p_of_received(self) -> float:
        """Two-sided p-value of no effect of assignment on what is received: of infinite effects."""
        return self._p(np.array([0.0, 0.0, 1.0]))

    def _p(self, mix: Floats) -> float:
        """The share of dealings that move a mix of the outcomes as much as the one that was made."""
        values, spreads, _ = self.deck.table
        own, all_of = float(self.deck.made.values[0] @ mix), values @ mix
        spread = float(mix @ self.deck.made.spreads[0] @ mix)
        if self.deck.statistic == "estimate" or not spread > 0:
            return self.deck.dealt.share(np.abs(all_of) >= abs(own) * (1 - TIES))
        others = np.maximum(np.einsum("i,bij,j->b", mix, spreads, mix), 0.0)
        return self.deck.dealt.share(all_of**2 * spread >= own**2 * others * (1 - TIES))

    def interval(self, level: float) -> tuple[float, float] | None:
        """From the least to the largest value that is not rejected; the whole line where infinite ones are not."""
        if kept(self.p_of_received, 1 - level):
            return -np.inf, np.inf
        return inverted(self.p_of, self.value, self.std_error or abs(self.value), level)


# ---- standard errors ---------------------------------------------------------------------------------------


def errors_of(deck: Deck, vcov: Vcov, mix: Floats) -> tuple[float, float]:
    """Standard error and degrees of freedom of a mix [M] of the outcomes' effects.

    Source: CR1 as fixest's (effects nested in clusters do not count); iid: least squares.
    """
    regression, made = deck.regression, deck.made
    c, n = regression.n_clusters, regression.n
    nested = regression.n_coefficients + (1 if regression.absorbed else 0)
    if vcov == "CR1":
        factor = (n - 1) / (n - nested) * c / (c - 1) if n > nested and c > 1 else np.nan
        return float(np.sqrt(factor * (mix @ made.spreads[0] @ mix))), float(c - 1)
    df = n - regression.n_coefficients - regression.absorbed
    inverse = np.linalg.inv(made.inner[0])
    explained = made.coefficients[0].T @ made.inner[0] @ made.coefficients[0]
    rest = float(mix @ (regression.total - explained) @ mix)
    variance = rest / df * float(regression.contrast @ inverse @ regression.contrast) if df > 0 else np.nan
    return float(np.sqrt(variance)), float(df)


def estimate_of(
    value: float, error: float, df: float, why: str = "no standard error: as many coefficients as rows, or one cluster"
) -> Estimate:
    """An estimate with its standard error, or without where there is none."""
    known = np.isfinite(error) and error > 0
    return Estimate(value, float(error) if known else None, df if known else None, None if known else why)
