"""Profile: one measure, one design, many outcomes in all dimensions, on one scale.

A measure may reach what it was made for and harm elsewhere. A profile shows every outcome of a study with what is better as
positive, an index for each dimension, what is left once all of them are counted, and the dimensions that nobody looked at.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from scale_impact.core.catalogue.indicator import DIMENSIONS, Indicator
from scale_impact.core.effect import Effect, Estimate, Sample
from scale_impact.core.profile.common_scale import PerCent, Spread
from scale_impact.core.profile.multiple_testing import Adjusted

if TYPE_CHECKING:
    import pandas as pd

JUDGED = tuple(d for d in DIMENSIONS if d != "context")
"""Dimensions in which a measure is judged."""

UNIT = "standard deviations of untreated units"
"""Unit of the common scale."""

Side = Literal["gain", "harm", "changed", "open", "context", "unknown"]
"""What is said of an outcome: better, worse, another value that nobody judges, not told apart from no effect, none of the outcomes
that are counted, no number."""

Kind = Literal["anderson", "kling_liebman_katz"]

INDEX_NAMES: dict[Kind, str] = {
    "anderson": "inverse-covariance weighted (Anderson)",
    "kling_liebman_katz": "equally weighted (Kling, Liebman and Katz)",
}

LABELS: dict[Kind, str] = {"anderson": "index", "kling_liebman_katz": "equal_index"}
"""What stands before the dimension in the column ``outcome`` of a result."""


@dataclass(frozen=True, eq=False)
class Line:
    """One outcome of a profile.

    Attributes
    ----------
    outcome:
        Column of the source.
    indicator:
        What it measures, with dimension and direction.
    unit:
        Of ``estimate``.
    estimate:
        Effect of the study's primary estimator, in the outcome's unit.
    judged:
        What is judged, in the outcome's unit: the same, or for a target the effect on the distance to it.
    size:
        ``judged`` in standard deviations of untreated units; where a direction is known, positive is better.
    spread:
        Those units, and their standard deviation.
    per_cent:
        ``estimate`` in per cent of what would have been.
    effect:
        What ``judged`` belongs to; None where there is none.
    adjusted:
        Its p-value among those of all outcomes that are counted; None where it has none, and of context.
    why_not:
        Why there is no estimate, or none that can be judged; the others go on.
    """

    outcome: str
    indicator: Indicator
    unit: str
    estimate: Estimate
    judged: Estimate
    size: Estimate
    spread: Spread
    per_cent: PerCent
    effect: Effect | None = None
    adjusted: Adjusted | None = None
    why_not: str | None = None

    @property
    def dimension(self) -> str:
        """Where it belongs."""
        return self.indicator.dimension

    @property
    def context(self) -> bool:
        """Whether it describes a city: never scored, and none of the outcomes that are counted."""
        return "context" in (self.indicator.direction, self.dimension)

    @property
    def p_value(self) -> float | None:
        """By itself."""
        return self.judged.p_value if self.adjusted is None else self.adjusted.p_value

    @property
    def sample(self) -> Sample | None:
        """What the effect rests on."""
        return None if self.effect is None else self.effect.sample

    def side(self, alpha: float) -> Side:
        """Gain, harm or neither, after the adjustment for all outcomes."""
        value = self.size.value if self.size.value is not None else self.judged.value
        if value is not None and self.context:
            return "context"
        if value is None or self.adjusted is None:
            return "unknown"
        if self.adjusted.stepdown > alpha:
            return "open"
        return "changed" if not self.indicator.judged else _side(self.better())

    def better(self) -> float:
        """A number with the sign of better (positive) or worse."""
        if self.size.value is not None:
            return self.size.value
        return float((1 if self.indicator.direction == "+" else -1) * (self.judged.value or 0.0))


def _side(better: float) -> Side:
    return "gain" if better > 0 else "harm"


@dataclass(frozen=True, eq=False)
class IndexLine:
    """A summary index of a dimension.

    Attributes
    ----------
    kind:
        ``anderson`` or ``kling_liebman_katz``.
    dimension:
        Of its outcomes.
    weights:
        Of each outcome (by column), which add up to 1; empty where there is no index.
    estimate:
        Effect of the study's primary estimator on the index, in standard deviations; positive is better. Anderson's rests on
        rows in which all its outcomes are observed.
    effect:
        What it belongs to; None where there is none.
    adjusted:
        Its p-value among those of all dimensions' indices of this kind.
    notes:
        Outcomes that are not part of it; rows in which some of its outcomes are missing.
    every_row:
        Anderson's by the paper's rule, also on rows that have some of the outcomes only; None where all rows have all.
    cautions:
        Where the two differ much, and where the index lies outside of its outcomes' effects.
    """

    kind: Kind
    dimension: str
    weights: dict[str, float]
    estimate: Estimate
    effect: Effect | None = None
    adjusted: Adjusted | None = None
    notes: tuple[str, ...] = ()
    every_row: Estimate | None = None
    cautions: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Its outcome in results, such as ``index(environment)``."""
        return f"{LABELS[self.kind]}({self.dimension})"

    def side(self, alpha: float) -> Side:
        """Gain, harm or neither, after the adjustment for all dimensions."""
        if self.estimate.value is None or self.adjusted is None:
            return "unknown"
        return "open" if self.adjusted.stepdown > alpha else _side(self.estimate.value)


@dataclass(frozen=True, eq=False)
class Profile:
    """All outcomes of a study and the indices of their dimensions.

    Attributes
    ----------
    lines:
        One an outcome, in the study's order; the first is the primary one.
    indices:
        Anderson's and Kling, Liebman and Katz's for each dimension with an outcome that is judged.
    level, alpha:
        Of intervals; of the verdicts after adjustment.
    words:
        How outcomes were adjusted, and how the indices of each kind were.
    """

    lines: tuple[Line, ...]
    indices: tuple[IndexLine, ...]
    level: float
    alpha: float
    words: str
    index_words: dict[Kind, str]

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Dimensions that the study looks at, in their usual order; an author's own ones after them."""
        present = dict.fromkeys(line.dimension for line in self.lines)
        return (*(d for d in DIMENSIONS if d in present), *(d for d in present if d not in DIMENSIONS))

    @property
    def missing(self) -> tuple[str, ...]:
        """Dimensions in which a measure is judged and that the study does not look at."""
        return tuple(d for d in JUDGED if d not in self.dimensions)

    @property
    def answered(self) -> tuple[str, ...]:
        """Outcomes that have an estimate, by their columns."""
        return tuple(line.outcome for line in self.lines if line.estimate.value is not None)

    def line(self, outcome: str) -> Line:
        """The line of an outcome, by its column."""
        return next(line for line in self.lines if line.outcome == outcome)

    def name(self, line: Line) -> tuple[str, str]:
        """An outcome's indicator; and its column in brackets where several outcomes measure that, else nothing."""
        several = sum(other.indicator.indicator == line.indicator.indicator for other in self.lines) > 1
        return line.indicator.name, f" ({line.outcome})" if several else ""

    def of(self, dimension: str) -> tuple[Line, ...]:
        """The outcomes of a dimension."""
        return tuple(line for line in self.lines if line.dimension == dimension)

    def index(self, dimension: str, kind: Kind = "anderson") -> IndexLine | None:
        """The index of a dimension; None where none of its outcomes is judged."""
        return next((i for i in self.indices if (i.dimension, i.kind) == (dimension, kind)), None)

    def to_frame(self) -> pd.DataFrame:
        """One row an outcome, dimension by dimension."""
        import pandas as pd

        rows = [_row(line, self.level, self.alpha) for d in self.dimensions for line in self.of(d)]
        return pd.DataFrame(rows).set_index("outcome")

    def indices_frame(self) -> pd.DataFrame:
        """One row an index, dimension by dimension."""
        import pandas as pd

        rows = [
            _index_row(i, self.level, self.alpha) for d in self.dimensions for i in self.indices if i.dimension == d
        ]
        columns = list(rows[0]) if rows else ["index"]
        return pd.DataFrame(rows, columns=columns).set_index("index")


def with_tests(lines: Sequence[Any], adjusted: Sequence[Adjusted | None]) -> tuple[Any, ...]:
    """Lines of a family with what multiple testing says of each."""
    return tuple(replace(line, adjusted=a) for line, a in zip(lines, adjusted, strict=True))


def _row(line: Line, level: float, alpha: float) -> dict[str, Any]:
    sample = line.sample
    return {
        "outcome": line.outcome,
        "indicator": line.indicator.name,
        "dimension": line.dimension,
        "direction": line.indicator.direction,
        "estimate": line.estimate.value,
        "unit": line.unit,
        **_numbers(line.size, level),
        "per_cent": line.per_cent.value,
        "per_cent_low": line.per_cent.low,
        "per_cent_high": line.per_cent.high,
        "no_per_cent": line.per_cent.reason,
        "untreated_sd": line.spread.sd,
        "untreated": line.spread.words,
        **_tests(line.adjusted),
        "p_value": line.p_value,
        "verdict": line.side(alpha),
        "n_units": None if sample is None else sample.n_units,
        "n_treated": None if sample is None else sample.n_treated,
        "n_periods": None if sample is None else sample.n_periods,
        "n_obs": None if sample is None else sample.n_obs,
        "why_not": line.why_not or line.size.reason,
    }


def _index_row(line: IndexLine, level: float, alpha: float) -> dict[str, Any]:
    effect = line.effect
    return {
        "index": line.name,
        "kind": INDEX_NAMES[line.kind],
        "dimension": line.dimension,
        **_numbers(line.estimate, level),
        **_tests(line.adjusted),
        "verdict": line.side(alpha),
        "weights": "; ".join(f"{name} {weight:.2f}" for name, weight in line.weights.items()),
        "n_units": None if effect is None else effect.sample.n_units,
        "size_every_row": None if line.every_row is None else line.every_row.value,
        "notes": " ".join((*line.notes, *line.cautions)),
        "why_not": line.estimate.reason,
    }


def _numbers(estimate: Estimate, level: float) -> dict[str, float | None]:
    low, high = (e if math.isfinite(e) else None for e in estimate.interval(level) or (math.nan, math.nan))
    return {"size": estimate.value, "std_error": estimate.std_error, "ci_low": low, "ci_high": high}


def _tests(found: Adjusted | None) -> dict[str, float | None]:
    names = ("p_value", "stepdown", "q_value", "sharpened")
    return {name: None if found is None else getattr(found, name) for name in names}
