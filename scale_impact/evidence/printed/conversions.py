"""Conversions of effects between the forms in which papers print them; pure functions of a value and its standard error.

All take and give ``(value, standard error)``; a standard error that is not known (None) stays so. Standard errors follow by the
delta method: the slope of the conversion times the standard error. Base rates and standard deviations are taken as known exactly.

Sources: Borenstein, Hedges, Higgins and Rothstein (2009), Introduction to Meta-Analysis, chapters 4, 5 and 7; Chinn (2000), A simple
method for converting an odds ratio to effect size for use in meta-analysis, Statistics in Medicine 19; Zhang and Yu (1998), What's the
relative risk?, JAMA 280, and the objection of McNutt, Wu, Xue and Hafner (2003), American Journal of Epidemiology 157.
"""

from __future__ import annotations

import math

Number = tuple[float, float | None]
"""A value and its standard error, None where that is not known."""

CHINN = math.sqrt(3) / math.pi
"""The standard deviation of the logistic distribution is pi / sqrt(3), so that a log odds ratio is that many standard deviations."""


def times(number: Number, factor: float) -> Number:
    """A number in another unit: the value times a factor, the standard error times its size."""
    value, error = number
    return value * factor, None if error is None else error * abs(factor)


def log_of_ratio(ratio: float, std_error: float | None = None) -> Number:
    """The logarithm of a ratio; the standard error given is that of the ratio itself, d log r = dr / r.

    Raises
    ------
    ValueError
        A ratio that is not above 0.
    """
    if not ratio > 0:
        raise ValueError(f"a ratio is above 0, and this is {ratio}")
    return math.log(ratio), None if std_error is None else std_error / ratio


def log_of_per_cent(change: float, std_error: float | None = None) -> Number:
    """Log points of a change in per cent, log(1 + c / 100): -41.9 % are -0.543.

    Raises
    ------
    ValueError
        A fall by 100 % or more.
    """
    return log_of_ratio(1 + change / 100, None if std_error is None else std_error / 100)


def risk_of_odds_ratio(log_odds_ratio: float, base: float) -> float:
    """The share with the measure where the share without it is ``base``: the base odds times the odds ratio."""
    odds = base / (1 - base) * math.exp(log_odds_ratio)
    return odds / (1 + odds)


def difference_of_odds_ratio(log_odds_ratio: float, std_error: float | None, base: float) -> Number:
    """Difference of two shares (0 to 1) of a log odds ratio and the share without the measure.

    d p1 / d log OR = p1 (1 - p1). Exact for an odds ratio without covariates; one that is adjusted holds at given covariates, and the
    difference of averages is then nearer to 0.
    """
    risk = risk_of_odds_ratio(log_odds_ratio, base)
    return risk - base, None if std_error is None else std_error * risk * (1 - risk)


def log_risk_ratio_of_odds_ratio(log_odds_ratio: float, std_error: float | None, base: float) -> Number:
    """Log risk ratio of a log odds ratio: RR = OR / (1 - p0 + p0 OR).

    d log RR / d log OR = 1 - p1. Source: Zhang and Yu (1998). They put the ends of the interval through the same formula; McNutt and
    others (2003) show that this is wrong for adjusted odds ratios, whose risk ratio it puts too far from 1.
    """
    risk = risk_of_odds_ratio(log_odds_ratio, base)
    return math.log(risk / base), None if std_error is None else std_error * (1 - risk)


def difference_of_risk_ratio(log_risk_ratio: float, std_error: float | None, base: float) -> Number:
    """Difference of two shares (0 to 1) of a log risk ratio: p0 (RR - 1), with standard error p0 RR se."""
    risk = base * math.exp(log_risk_ratio)
    return risk - base, None if std_error is None else std_error * risk


def standardised_of_odds_ratio(log_odds_ratio: float, std_error: float | None) -> Number:
    """Standardised difference d of a log odds ratio: d = log OR sqrt(3) / pi.

    For an outcome that was a quantity before it was cut in two, logistic in both groups with one spread. Source: Chinn (2000);
    Borenstein and others (2009), equation 7.1.
    """
    return times((log_odds_ratio, std_error), CHINN)


def small_sample_factor(df: float) -> float:
    """J by which Hedges' g is less than Cohen's d: 1 - 3 / (4 df - 1). Source: Borenstein and others (2009), equation 4.22."""
    return 1 - 3 / (4 * df - 1)


def cohen_of_hedges(g: float, std_error: float | None, df: float) -> Number:
    """Cohen's d of Hedges' g: g / J."""
    return times((g, std_error), 1 / small_sample_factor(df))


def std_error_of_cohen(d: float, treated: float, control: float) -> float:
    """Standard error of Cohen's d of two groups. Source: Borenstein and others (2009), equation 4.20."""
    return math.sqrt((treated + control) / (treated * control) + d * d / (2 * (treated + control)))


def raw_of_standardised(d: float, std_error: float | None, standard_deviation: float) -> Number:
    """A difference in the outcome's unit of Cohen's d: times the standard deviation within groups."""
    return times((d, std_error), standard_deviation)
