"""What an adjustment finds: outcomes of cities, raw and for their context."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from scale_impact.benchmark.adjusting.shrinkage import Shrinkage
from scale_impact.benchmark.cities import Context, Floats, cities_shown
from scale_impact.core.words import counted

if TYPE_CHECKING:
    import pandas as pd

Verdict = Literal["better", "worse", "as expected", ""]


@dataclass(frozen=True, eq=False, repr=False)
class ContextAdjustment:
    """Outcomes of N cities, raw and for their context. More is better throughout.

    Attributes
    ----------
    context:
        The context, whose labels are the cities.
    outcome:
        As given [N].
    expected:
        What is expected of a city in this context, by models that have not seen its outcome [N].
    adjusted:
        Outcome less expected, plus the mean outcome [N].
    shrunk:
        The same with the part of the distance taken away that chance explains [N]; equal to ``adjusted`` where nothing says what
        chance is (``shrinkage`` is None).
    low, high:
        Interval in which the outcome of a city in this context is expected to lie [N]; infinite where cities are too few.
    q_value:
        Smallest share of false findings at which a city is called unlike what is expected, with normal errors [N].
    supported:
        Whether other cities have such a context [N].
    unsupported:
        Why not, by city.
    why_not:
        Cities without an expected value, each with the reason; their numbers are NaN.
    explained, explained_low, explained_high:
        Share of the differences that context explains for cities not seen, and its interval; below 0 where it misleads.
    shares:
        Of it, by context variable; ``shares_are`` says of which kind.
    shares_are:
        ``mean over all orders`` (they sum to ``explained``) or ``lost without it``.
    guarantee:
        Share of cities that an interval of one dealing of folds holds in theory at least.
    shrinkage:
        How much is kept of each distance, of the cities with an expected value in the order of their labels; None where nothing is
        known of chance.
    posterior_sd:
        Standard deviation of ``shrunk`` [N]; NaN where there is no shrinkage.
    method, level:
        As asked.
    notes:
        What else is to be said.
    """

    context: Context
    outcome: Floats
    expected: Floats
    adjusted: Floats
    shrunk: Floats
    low: Floats
    high: Floats
    q_value: Floats
    supported: np.ndarray
    unsupported: Mapping[str, str]
    why_not: Mapping[str, str]
    explained: float
    explained_low: float
    explained_high: float
    shares: Mapping[str, float]
    shares_are: str
    guarantee: float
    shrinkage: Shrinkage | None
    posterior_sd: Floats
    method: str
    level: float
    notes: tuple[str, ...]

    def __repr__(self) -> str:
        cities = cities_shown(len(self.outcome), self.why_not, "an expected value")
        of = counted(len(self.context.columns), "context variable")
        return f"ContextAdjustment({cities}, {of}; {self.method}, explained {self.explained:.2f})"

    @property
    def labels(self) -> tuple[str, ...]:
        """The cities [N]."""
        return self.context.labels

    @property
    def residual(self) -> Floats:
        """Outcome less expected [N]."""
        return np.asarray(self.outcome - self.expected)

    @property
    def adjusted_mean(self) -> float:
        """Where a city lies that does as expected: the mean outcome of cities that have an expected value."""
        return float(np.mean(self.outcome[~np.isnan(self.expected)]))

    @property
    def raw_ranks(self) -> Floats:
        """Ranks by the outcome, 1 is best, among cities that have both; ties share the better rank [N]."""
        return _ranks(np.where(np.isnan(self.expected), np.nan, self.outcome))

    @property
    def adjusted_ranks(self) -> Floats:
        """Ranks by the adjusted outcome [N]."""
        return _ranks(self.adjusted)

    @property
    def moves(self) -> Floats:
        """Places that a city gains by the adjustment; negative where it loses [N]."""
        return np.asarray(self.raw_ranks - self.adjusted_ranks)

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Whether each city lies above or below its interval; empty without one [N]."""
        ends = zip(self.outcome, self.low, self.high, strict=True)
        return tuple(_verdict(float(y), float(a), float(b)) for y, a, b in ends)

    def table(self) -> pd.DataFrame:
        """One row a city, in the order given: raw and adjusted side by side."""
        import pandas as pd

        reasons = [self.why_not.get(c) or self.unsupported.get(c, "") for c in self.labels]
        columns = {
            "city": self.labels, "outcome": self.outcome, "expected": self.expected, "low": self.low, "high": self.high,
            "verdict": self.verdicts, "adjusted": self.adjusted, "shrunk": self.shrunk, "posterior_sd": self.posterior_sd,
            "rank": self.raw_ranks, "adjusted_rank": self.adjusted_ranks, "move": self.moves, "q_value": self.q_value,
            "supported": self.supported, "reason": reasons,
        }  # fmt: skip
        return pd.DataFrame(columns)

    def explain(self, label: str) -> str:
        """What the adjustment says of one city, in sentences.

        Raises
        ------
        UsageError
            There is no such city.
        """
        from scale_impact.benchmark.adjusting.sentences import of_city

        return of_city(self, label)


def _ranks(values: Floats) -> Floats:
    from scipy.stats import rankdata

    found = np.full(len(values), np.nan)
    known = ~np.isnan(values)
    found[known] = rankdata(-values[known], method="min")
    return found


def _verdict(value: float, low: float, high: float) -> Verdict:
    if np.isnan(value) or np.isnan(low):
        return ""
    return "better" if value > high else "worse" if value < low else "as expected"
