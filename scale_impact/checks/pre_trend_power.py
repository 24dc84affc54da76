"""What would the test of trends before treatment have missed? Roth (2022).

A test that finds nothing may have had little power. The check asks for the linear difference of
trends that the usual test (no single effect before treatment is significant) would miss half of
the time, and what this difference does to the effects after treatment: as it stands, and among
the samples that pass the test, in which the bias can be larger.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.checks._long_path import LongPath, Target, long_path
from scale_impact.core.check import Check, Verdict
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Estimate
from scale_impact.core.keys import Share
from scale_impact.core.panel import Panel
from scale_impact.core.pretest import Pretest
from scale_impact.core.words import counted, number, plain, some

NAME = "pre_trend_power"

Floats = NDArray[np.float64]

SHOWN = (0.5, 0.8)
"""Powers that are always shown: a trend that is missed half of the time, and one that is hard to miss."""


def run(
    panel: Panel,
    design: Design,
    refit: Callable[[Panel, Design], Effect],
    *,
    power: Share = 0.5,
    alpha: Share = 0.05,
    target: Target = "overall",
    window: Sequence[float] | None = None,
    level: Share = 0.95,
) -> Check:
    """The trend that the pre-test finds with a probability, and the bias that it causes.

    Parameters
    ----------
    panel, design, refit:
        The data, the design, and the estimator of the path (estimated again with a universal base period).
    power:
        With what probability the trend is found: 0.5, or 0.8 for a trend that is hard to miss.
    alpha:
        Size of the test of each effect before treatment.
    target:
        ``overall`` (the mean over event times from 0 on), ``first``, or an event time.
    window:
        First and last event time to use; None: all.
    level:
        Level of the interval that decides whether an effect is told apart from zero.

    Returns
    -------
    Check whose statistic is the slope, a period. It fails where the effect, less the mean bias among samples that pass
    the test, is no longer told apart from zero; it is inconclusive where it is not told apart from zero as it is.
    ``details.rows`` has slope and bias by power; ``details.path`` the trend by event time, in the effect's direction.

    Raises
    ------
    UsageError
        A target that is not there.

    Source: Roth (2022).
    """
    path = long_path(NAME, panel, design, refit, window)
    if isinstance(path, Check):
        return path
    test = Pretest(path.times - path.reference, path.covariance, _critical(alpha, path.df))
    slopes = {p: s for p in sorted({power, *SHOWN}) if (s := test.slope(p)) is not None}
    if power not in slopes:
        return Check.inapplicable(NAME, _too_many(path, test, power))
    asked = {"target": path.named(target), "level": level, "alpha": alpha, "power": power}
    return _checked(path, test, path.weights(target), slopes, asked)


def _checked(
    path: LongPath, test: Pretest, weights: Floats, slopes: Mapping[float, float], asked: dict[str, Any]
) -> Check:
    power, sign = asked["power"], -1.0 if weights @ path.values < 0 else 1.0
    trends = {p: sign * slope * test.times for p, slope in slopes.items()}
    passed = {p: test.mean_if_passed(trend) for p, trend in trends.items()}
    rows = {p: _row(weights, p, sign * slopes[p], trends[p], passed[p]) for p in slopes}
    estimate = Estimate(float(weights @ path.values), float(np.sqrt(weights @ path.covariance @ weights)), path.df)
    found = _details(path, test, estimate, trends[power], passed[power])
    verdict, reason = _judged(path, test, estimate, rows[power], asked["level"])
    details = {**asked, "rows": list(rows.values()), **found}
    return Check(NAME, verdict, reason + path.words(), slopes[power], None, details)


def _details(path: LongPath, test: Pretest, estimate: Estimate, trend: Floats, passed: Floats) -> dict[str, Any]:
    """What the trend does, by event time, and how likely the effects before treatment are under it."""
    return {
        "estimate": estimate.value,
        "std_error": estimate.std_error,
        "size": test.power(0 * test.times),
        "path": _by_time(path, trend, passed),
        "reference": plain(path.reference),
        "significant_before": [plain(t) for t in _significant(path, test)],
        "bayes_factor": test.bayes_factor(trend),
        "likelihood_ratio": test.likelihood_ratio(trend, path.values),
    }


def _critical(alpha: float, df: float | None) -> float:
    """The |t| from which an effect is significant in the path's own intervals."""
    from scipy import special

    return float(special.ndtri(1 - alpha / 2) if df is None else special.stdtrit(df, 1 - alpha / 2))


def _row(weights: Floats, power: float, slope: float, trend: Floats, passed: Floats) -> dict[str, Any]:
    """The trend that is found with this power and the bias of the effect of interest."""
    biases = {"bias": float(weights @ trend), "bias_if_passed": float(weights @ passed)}
    return {"power": power, "slope": slope, **biases}


def _by_time(path: LongPath, trend: Floats, passed: Floats) -> list[dict[str, Any]]:
    return [
        {"event_time": plain(t), "estimate": float(b), "trend": float(d), "mean_if_passed": float(m)}
        for t, b, d, m in zip(path.times, path.values, trend, passed, strict=True)
    ]


def _significant(path: LongPath, test: Pretest) -> list[float]:
    """Event times before treatment whose effect does not pass the test."""
    return [float(t) for t in path.times[test.before][np.abs(path.values[test.before]) > test.reach]]


def _too_many(path: LongPath, test: Pretest, power: float) -> str:
    return (
        f"With no trend at all, one of {counted(path.n_before, 'effect')} before treatment is significant with probability "
        f"{test.power(0 * test.times):.2f}, so no trend is found with probability {power:g}. Ask for a higher power or a shorter window."
    )


def _judged(
    path: LongPath, test: Pretest, estimate: Estimate, row: dict[str, Any], level: float
) -> tuple[Verdict, str]:
    """Does the effect, less the bias that the trend causes where the test is passed, stay apart from zero?"""
    ends = estimate.interval(level)
    assert ends is not None
    assert estimate.value is not None
    low, high = ends
    bias = row["bias_if_passed"]
    said = (
        f"The test of {counted(path.n_before, 'effect')} before treatment finds a trend of {number(row['slope'])} a period with "
        f"probability {row['power']:g}. Where it is missed, the estimate ({number(estimate.value)}) is off by {number(bias)} on average"
    )
    passed = _said_of_test(path, test)
    if low <= 0 <= high:
        return "inconclusive", f"{said}; it is not told apart from zero as it is.{passed}"
    if low - bias <= 0 <= high - bias:
        return (
            "fail",
            f"{said}: without that it is not told apart from zero, so passing the test says too little.{passed}",
        )
    return "pass", f"{said}: without that it is still told apart from zero.{passed}"


def _said_of_test(path: LongPath, test: Pretest) -> str:
    found = _significant(path, test)
    return f" Here the test is not passed: event time {some(found)} is significant." if found else ""
