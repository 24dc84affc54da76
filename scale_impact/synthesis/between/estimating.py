"""Estimators of tau2, the variance of true effects between cities, and their standard errors.

Source: Viechtbauer (2005), Journal of Educational and Behavioral Statistics 30, who compares all of them; Paule and Mandel (1982);
DerSimonian and Laird (1986); Hedges (1983); Sidik and Jonkman (2005); Hunter and Schmidt (1990); Morris (1983), whose empirical
Bayes estimator solves the equation of Paule and Mandel.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from scale_impact.errors import DesignError
from scale_impact.synthesis.between.line import Floats, Line, Sums, at, highest, trace, upper

Tau2 = Literal[
    "reml",
    "paule_mandel",
    "dersimonian_laird",
    "ml",
    "hedges",
    "sidik_jonkman",
    "hunter_schmidt",
    "empirical_bayes",
    "common",
]
"""Estimators by name; ``common``: no difference between cities, tau2 = 0 by assumption."""

NEED_WEIGHTS = ("dersimonian_laird", "hunter_schmidt", "common")
"""Those that weigh by the errors alone, and need them to have an inverse."""


SINGULAR = "the errors of some effects determine each other (their covariance has no inverse), and Q weighs by it"


KNOWN = (
    "The errors of some effects determine each other (their covariance has no inverse), and cities do not differ by more than their errors: "
    "the mean would be known exactly, which no data tell. Give each effect an error of its own, or pool fewer cities."
)


@dataclass(frozen=True)
class Between:
    """tau2 with its standard error, and what the equation gave before it was cut off at 0."""

    tau2: float
    std_error: float | None
    uncut: float


def estimate(line: Line, method: Tau2, spread: float) -> Between:
    """tau2 by one method.

    Parameters
    ----------
    line, method:
        The effects; which estimator.
    spread:
        Variance of the effects as they came, with k in the denominator: where Sidik and Jonkman begin.

    Raises
    ------
    DesignError
        Errors without an inverse: a method that weighs by them alone, or a tau2 of 0 beside them.
    """
    if method in NEED_WEIGHTS and not line.regular:
        raise DesignError(f"tau2: {method} cannot be used: {SINGULAR}. Take reml or paule_mandel.")
    found = _estimated(line, method, spread)
    if found.tau2 <= line.least and not line.regular:
        raise DesignError(KNOWN)
    return found


def _estimated(line: Line, method: Tau2, spread: float) -> Between:
    if method == "common":
        return Between(0.0, None, 0.0)
    if method in ("reml", "ml"):
        return _likeliest(line, restricted=method == "reml")
    if method in ("paule_mandel", "empirical_bayes"):
        return _paule_mandel(line)
    if method == "sidik_jonkman":
        return _sidik_jonkman(line, spread)
    return _by_moments(line, method)


def _likeliest(line: Line, *, restricted: bool) -> Between:
    tau2 = highest(line, restricted=restricted)
    if tau2 <= line.least and not line.regular:
        return Between(0.0, None, 0.0)
    found = at(line, tau2)
    information = trace(line, found, line.g, line.g) if restricted else float((found.weights[0] ** 2).sum())
    return Between(tau2, float(np.sqrt(2 / information)), tau2)


def _paule_mandel(line: Line) -> Between:
    """The tau2 at which the weighted sum of squares is what it is expected to be, k - p."""
    tau2 = crossing(line, float(line.left))
    if tau2 == 0 and not line.regular:
        return Between(0.0, None, 0.0)
    total = float(at(line, tau2).weights.sum())
    k = len(line.y)
    return Between(tau2, float(np.sqrt(2 * k**2 / line.left)) / total, tau2)


def crossing(line: Line, level: float) -> float:
    """Where Q(t), which falls in t, comes down to a level; 0 where it never was above it."""
    from scipy.optimize import brentq

    def above(t: float) -> float:
        return float(at(line, t).rss[0]) - level

    low = line.least
    if above(low) <= 0:
        return 0.0
    top = max(upper(line, lambda t: above(t) < 0), low)
    return float(brentq(above, low, top, xtol=1e-16 * top, rtol=1e-14))


def _sidik_jonkman(line: Line, spread: float) -> Between:
    if spread == 0:
        return Between(0.0, 0.0, 0.0)
    found = at(line, spread)
    tau2 = spread * float(found.rss[0]) / line.left
    return Between(tau2, spread / line.left * _error(line, found, tau2), tau2)


def _by_moments(line: Line, method: Tau2) -> Between:
    """Q at weights that do not depend on tau2, set to what it is expected to be."""
    if method == "hedges":
        flat = Line(line.y, line.x, np.ones(len(line.y)), line.g)
        found = at(flat, 0.0)
        expected = float((line.v * (1 - (line.x * np.linalg.solve(line.x.T @ line.x, line.x.T).T).sum(axis=1))).sum())
        uncut = (float(found.rss[0]) - expected) / line.left
        tau2 = max(uncut, 0.0)
        return Between(tau2, _error(flat, found, tau2, line.v) / line.left, uncut)
    found = at(line, 0.0)
    rss, p_trace, total = float(found.rss[0]), float(found.trace_p[0]), float(found.trace_w[0])
    if method == "hunter_schmidt":
        uncut, divisor = (rss - len(line.y)) / total, total
    else:
        uncut, divisor = (rss - line.left) / p_trace, p_trace
    tau2 = max(uncut, 0.0)
    return Between(tau2, _error(line, found, tau2) / divisor, uncut)


def _error(line: Line, found: Sums, tau2: float, v: Floats | None = None) -> float:
    """Standard deviation of y'Py where y has the variances v + tau2."""
    of = (line.v if v is None else v) + tau2
    return float(np.sqrt(2 * trace(line, found, of, of)))
