"""A judgement that is a standard error: what bootstrap, jackknife and the spread of placebos come to."""

from __future__ import annotations

from dataclasses import dataclass, field

from scale_impact.core.effect import Estimate


@dataclass(frozen=True)
class WithError:
    """An estimate with a standard error of a method's own.

    Attributes
    ----------
    value, std_error:
        The estimate and its standard error.
    df:
        Degrees of freedom of its t distribution; None for the normal distribution.
    words:
        The method, as it stands in results.
    each:
        The estimates whose spread the error is: without each cluster, in each draw, of each placebo.
    """

    value: float
    std_error: float
    df: float | None
    words: str
    each: tuple[float, ...] = field(repr=False)

    @property
    def p_value(self) -> float | None:
        """Two-sided p-value of no effect."""
        return Estimate(self.value, self.std_error, self.df).p_value

    def interval(self, level: float) -> tuple[float, float] | None:
        """Interval with t or normal quantiles."""
        return Estimate(self.value, self.std_error, self.df).interval(level)
