"""Weak instruments: how strong they are, and tests of the effect that hold however weak they are.

The effective F statistic measures strength where errors are not alike (robust, by clusters); its critical value bounds the
bias of two-stage least squares. The Anderson-Rubin test of an effect b asks whether instruments explain the outcome less b
times the exposure; all b that it does not reject are a confidence set, which can be bounded, empty, two rays or everything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from scale_impact.core.causal.instruments.estimation import Case, Floats, Joint
from scale_impact.core.words import number

Segment = tuple[float, float]

BIASES = (0.05, 0.1, 0.2, 0.3)
"""Shares of the worst-case bias for which critical values are told."""

SIZE = 0.05
"""Of the test that instruments are weak."""

GRID = 400
"""Directions searched for the worst bias."""


# ---- strength ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Strength:
    """How strongly the instruments move the exposure.

    Attributes
    ----------
    partial_f:
        Of the first stage under equal variances; ``robust_f`` with its covariance (Wald over L); ``df`` the denominators'.
    effective_f:
        Montiel Olea and Pflueger's.
    critical:
        By share of the worst-case bias of two-stage least squares: the value that ``effective_f`` has to exceed (size 5 %).
    simplified:
        The same without knowledge of the errors' covariance: larger.
    partial_r2:
        Share of the exposure (without controls) that instruments explain.
    """

    partial_f: float
    robust_f: float | None
    effective_f: float
    critical: Mapping[float, float]
    simplified: Mapping[float, float]
    partial_r2: float
    df: float

    @property
    def needed(self) -> float:
        """Critical value for a bias of 10 % of the worst case, the simplified one: where two instruments have errors alike, the
        other says that there is no bias to fear, and tests have the wrong size all the same."""
        return self.simplified[0.1]

    @property
    def weak(self) -> bool:
        """Whether weakness (a bias of over 10 %) is not rejected."""
        return not self.effective_f > self.needed


def strength(case: Case, both: Joint) -> Strength:
    """F statistics of the first stage, and what the effective one has to exceed.

    Source: Montiel Olea and Pflueger (2013), equations 10 and 12 and theorem 1; Pflueger and Wang (2015) for small samples.
    """
    _, _, w2 = both.parts
    first, rest = both.first, both.residuals[:, 1]
    k = case.n_instruments
    spare = case.n - k - case.basis.shape[1] - case.n_effects
    explained, left = float(first @ first), float(rest @ rest)
    trace = float(np.trace(w2))
    bias = worst_bias(*both.parts) if trace > 0 else 1.0
    return Strength(
        partial_f=_over(explained / k, left / spare),
        robust_f=_robust(first, w2),
        effective_f=_over(explained, trace),
        critical={tau: critical(w2, bias / tau) for tau in BIASES},
        simplified={tau: critical(w2, 1 / tau) for tau in BIASES},
        partial_r2=explained / (explained + left),
        df=both.df,
    )


def _over(a: float, b: float) -> float:
    return a / b if b > 0 else float("inf")


def _robust(first: Floats, covariance: Floats) -> float | None:
    """Wald statistic of the first stage over L; None where the covariance is singular (fewer clusters than instruments)."""
    if np.linalg.matrix_rank(covariance, hermitian=True) < len(first):
        return None
    return float(first @ np.linalg.solve(covariance, first)) / len(first)


def critical(w2: Floats, x: float, size: float = SIZE) -> float:
    """Value that the effective F has to exceed where the concentration may be up to ``x``.

    A noncentral chi-squared with K degrees of freedom and noncentrality K x, over K (Patnaik 1949).
    """
    from scipy import stats

    roots = np.linalg.eigvalsh(w2)
    total = float(roots.sum())
    if total <= 0:
        return 0.0
    k = total**2 * (1 + 2 * x) / (float(roots @ roots) + 2 * x * total * float(roots[-1]))
    return float(stats.ncx2.ppf(1 - size, k, k * x) / k) if x > 0 else float(stats.chi2.ppf(1 - size, k) / k)


def worst_bias(w1: Floats, w12: Floats, w2: Floats) -> float:
    """Largest (Nagar) bias of two-stage least squares over its benchmark, for any effect and any first stage."""
    from scipy.optimize import minimize_scalar

    scale = np.sqrt(np.trace(w1) / np.trace(w2)) or 1.0

    def at(angle: Floats) -> Floats:
        """Bias for effects of scale times the tangent of angles; the last angle is an effect without bounds."""
        s, c = np.sin(angle)[:, None, None] * scale, np.cos(angle)[:, None, None]
        s12 = c * (w12 + w12.T) / 2 - s * w2
        s1 = c**2 * w1 - c * s * (w12 + w12.T) + s**2 * w2
        roots = np.linalg.eigvalsh(s12)
        trace = roots.sum(axis=1)
        far = np.maximum(np.abs(trace - 2 * roots[:, 0]), np.abs(trace - 2 * roots[:, -1]))
        below = np.sqrt(np.maximum(np.trace(s1, axis1=1, axis2=2), 0.0) * np.trace(w2))
        return np.asarray(far / np.where(below > 0, below, np.inf))

    angles = np.linspace(-np.pi / 2, np.pi / 2, GRID + 1)
    values = at(angles)
    best = float(angles[int(values.argmax())])
    step = np.pi / GRID
    found = minimize_scalar(lambda a: -float(at(np.array([a]))[0]), bounds=(best - step, best + step), method="bounded")
    return min(1.0, max(float(values.max()), -float(found.fun)))


# ---- tests of an effect --------------------------------------------------------------------------------


class Tested(Protocol):
    """A test of an effect that holds with weak instruments."""

    def p_value(self, effect: float) -> float:
        """p-value of an effect."""

    def region(self, level: float) -> tuple[Segment, ...]:
        """All effects that are not rejected, as segments in order; ends may be infinite; none: the set is empty."""


@dataclass(frozen=True, eq=False)
class AndersonRubin:
    """The Anderson-Rubin test by an F distribution with L and ``df`` degrees of freedom.

    Attributes
    ----------
    reduced, first, covariance:
        As in ``Joint``: [L], [L], [2 L, 2 L].
    df:
        Of the denominator: G - 1 with clusters.

    Source: Anderson and Rubin (1949); by clusters as in Andrews, Stock and Sun (2019), section 5.
    """

    reduced: Floats
    first: Floats
    covariance: Floats
    df: float

    def statistic(self, effect: float) -> float:
        """F statistic of an effect."""
        k = len(self.first)
        both = np.concatenate([np.eye(k), -effect * np.eye(k)], axis=1)
        gap = self.reduced - effect * self.first
        return _wald(gap, both @ self.covariance @ both.T) / k

    def p_value(self, effect: float) -> float:
        """p-value of an effect."""
        from scipy import special

        return float(special.fdtrc(len(self.first), self.df, self.statistic(effect)))

    def region(self, level: float) -> tuple[Segment, ...]:
        """All effects that are not rejected, exactly.

        With A(b) the covariance and g(b) the coefficients of the outcome less b times the exposure, b is in the set where
        c A(b) - g(b) g(b)' has no negative root: its ends are real roots of a quadratic eigenvalue problem.
        """
        from scipy import special

        c = len(self.first) * float(special.fdtri(len(self.first), self.df, level))
        centre, scale = self._scales()
        ends = centre + scale * _roots(*self._quadratic(c, centre, scale))
        return _between(ends, lambda b: self.statistic(b) * len(self.first) <= c, centre, scale)

    def _scales(self) -> tuple[float, float]:
        """A middle and a width in which numbers are of order one."""
        k = len(self.first)
        top, low = np.trace(self.covariance[:k, :k]), np.trace(self.covariance[k:, k:])
        width = float(np.sqrt(top / low)) if top > 0 and low > 0 else 1.0
        norm = float(self.first @ self.first)
        return (float(self.first @ self.reduced) / norm if norm > 0 else 0.0), width

    def _quadratic(self, c: float, centre: float, scale: float) -> tuple[Floats, Floats, Floats]:
        """c A - g g' as a quadratic in (b - centre) / scale: its three matrices, [L, L] each."""
        k = len(self.first)
        move = np.block([[np.eye(k), -centre * np.eye(k)], [np.zeros((k, k)), scale * np.eye(k)]])
        v = move @ self.covariance @ move.T
        y, d = self.reduced - centre * self.first, scale * self.first
        size = float(np.trace(v[:k, :k])) or 1.0
        cross = v[:k, k:] + v[k:, :k]
        zero = c * v[:k, :k] - np.outer(y, y)
        one = np.outer(y, d) + np.outer(d, y) - c * cross
        two = c * v[k:, k:] - np.outer(d, d)
        return zero / size, one / size, two / size


def _wald(gap: Floats, covariance: Floats) -> float:
    """gap' covariance^-1 gap; infinite where a gap has no error at all, as where instruments give the outcome exactly."""
    try:
        return float(gap @ np.linalg.solve(covariance, gap))
    except np.linalg.LinAlgError:
        return float("inf") if np.any(gap) else 0.0


def _roots(zero: Floats, one: Floats, two: Floats) -> Floats:
    """Real t at which zero + t one + t^2 two is singular, in order."""
    from scipy.linalg import eigvals

    k = len(zero)
    eye, none = np.eye(k), np.zeros((k, k))
    found = eigvals(np.block([[none, eye], [-zero, -one]]), np.block([[eye, none], [none, two]]))
    found = found[np.isfinite(found)]
    return np.sort(found[np.abs(found.imag) <= 1e-6 * (1 + np.abs(found))].real)


def _between(ends: Floats, inside: Callable[[float], bool], centre: float, scale: float) -> tuple[Segment, ...]:
    """Segments between ends that lie inside; neighbours are joined."""
    if not len(ends):
        return ((-np.inf, np.inf),) if inside(centre) else ()
    edges = [-np.inf, *(float(e) for e in ends), np.inf]
    middles = [ends[0] - scale, *((ends[:-1] + ends[1:]) / 2), ends[-1] + scale]
    parts = [(a, b) for a, b, m in zip(edges, edges[1:], middles, strict=False) if inside(float(m))]
    return _joined(parts)


def _joined(parts: list[Segment]) -> tuple[Segment, ...]:
    found: list[Segment] = []
    for low, high in parts:
        if found and found[-1][1] == low:
            found[-1] = (found[-1][0], high)
        else:
            found.append((low, high))
    return tuple(found)


# ---- in words ------------------------------------------------------------------------------------------


def hull(region: tuple[Segment, ...]) -> Segment | None:
    """The smallest interval around a set; None where it is empty."""
    return (region[0][0], region[-1][1]) if region else None


def shape(region: tuple[Segment, ...]) -> str:
    """``empty``, ``everything``, ``bounded``, ``ray`` or ``rays`` (with a gap between)."""
    if not region:
        return "empty"
    low, high = region[0][0], region[-1][1]
    if len(region) == 1 and np.isinf(low) and np.isinf(high):
        return "everything"
    if len(region) > 1:
        return "rays" if np.isinf(low) and np.isinf(high) else "several"
    return "ray" if np.isinf(low) or np.isinf(high) else "bounded"


def said(region: tuple[Segment, ...]) -> str:
    """A confidence set in words."""
    kind = shape(region)
    if kind == "empty":
        return "empty: no effect at all agrees with all instruments, so that one of them is not valid"
    if kind == "everything":
        return "everything: the instruments say nothing about the effect"
    return " or ".join(_segment(low, high) for low, high in region)


def _segment(low: float, high: float) -> str:
    if np.isinf(low):
        return f"{number(high)} or less"
    return f"{number(low)} or more" if np.isinf(high) else f"{number(low)} to {number(high)}"
