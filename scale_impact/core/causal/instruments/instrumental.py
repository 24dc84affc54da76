"""Instrumental: what an estimate by instruments rests on, for checks, figures and readers."""

from __future__ import annotations

from dataclasses import dataclass

from scale_impact.core.causal.instruments.estimation import (
    Case,
    Coefficients,
    Fitted,
    Test,
    each_alone,
    endogeneity,
    joint,
    least_squares,
    of_instruments,
    overidentified,
)
from scale_impact.core.causal.instruments.weak import AndersonRubin, Segment, Strength, Tested, hull, strength


@dataclass(frozen=True, eq=False)
class Instrumental:
    """First stage, reduced form and the tests that go with them.

    Attributes
    ----------
    names:
        The instruments.
    exposure, outcome:
        What is instrumented, and what it changes, in words.
    first_stage, reduced_form:
        Coefficients of the exposure and of the outcome on the instruments.
    strength:
        F statistics and critical values.
    anderson_rubin:
        The test of any effect that holds with weak instruments.
    endogeneity, overidentification:
        Whether least squares differs; whether the instruments agree.
    alone:
        The estimate by each instrument.
    least_squares:
        Without instruments.
    fitted:
        The estimate with its own standard error.
    method:
        ``2sls``, ``liml`` or ``gmm``.
    """

    names: tuple[str, ...]
    exposure: str
    outcome: str
    first_stage: Coefficients
    reduced_form: Coefficients
    strength: Strength
    anderson_rubin: AndersonRubin
    endogeneity: Test
    overidentification: Test
    alone: tuple[tuple[str, Fitted], ...]
    least_squares: Fitted
    fitted: Fitted
    method: str
    df: float


def instrumental(case: Case, found: Fitted, exposure: str, outcome: str, method: str) -> Instrumental:
    """All that is told beside an estimate."""
    both = joint(case)
    y, _, d = both.parts
    return Instrumental(
        names=case.names,
        exposure=exposure,
        outcome=outcome,
        first_stage=of_instruments(case, both.first, d),
        reduced_form=of_instruments(case, both.reduced, y),
        strength=strength(case, both),
        anderson_rubin=AndersonRubin(both.reduced, both.first, both.covariance, both.df),
        endogeneity=endogeneity(case, both),
        overidentification=overidentified(case),
        alone=tuple(each_alone(case)),
        least_squares=least_squares(case),
        fitted=found,
        method=method,
        df=both.df,
    )


@dataclass(frozen=True, eq=False)
class Inverted:
    """A judgement: all effects that a test does not reject.

    Attributes
    ----------
    test:
        Anderson-Rubin, by its distribution or by a bootstrap.
    words:
        The method, as it stands in results.
    """

    test: Tested
    words: str
    std_error: None = None
    df: None = None

    @property
    def p_value(self) -> float:
        """Two-sided p-value of no effect."""
        return self.test.p_value(0.0)

    def interval(self, level: float) -> Segment | None:
        """The smallest interval around the set; None where it is empty."""
        return hull(self.test.region(level))
