"""Effects in coordinates in which no two errors are related: there all that depends on tau2 is a sum over k numbers.

With V = U diag(v) U' the rotated effects U'y have the variances v + t, whatever covariance V the errors share, so that one
decomposition serves every t. ``g`` generalises this to v + t g, for which t is the variance of something that coordinates share.

Source: Harville (1977), Maximum likelihood approaches to variance component estimation, JASA 72; Viechtbauer (2005).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scale_impact.errors import EstimationError

Floats = NDArray[np.float64]
Score = Callable[["Sums"], Floats]


@dataclass(frozen=True)
class Line:
    """k independent coordinates.

    Attributes
    ----------
    y, x:
        Effects [k] and regressors [k, p], rotated.
    v, g:
        The variance of a coordinate is v + t g [k]; g is 1 where t is what every effect has of its own.
    constant:
        What log|V + t G| has beside the sum of log(v + t g).
    """

    y: Floats
    x: Floats
    v: Floats
    g: Floats
    constant: float = 0.0

    @property
    def left(self) -> int:
        """k - p: coordinates that the regressors leave over."""
        return int(len(self.y) - self.x.shape[1])

    @property
    def regular(self) -> bool:
        """Whether the errors alone (t = 0) have a covariance that can be inverted."""
        return bool(self.v.min() > 0)

    @property
    def size(self) -> float:
        """The order of t: mean variance of errors and mean square of effects."""
        return float(np.mean(self.v) + np.mean(self.y**2)) or 1.0

    @property
    def least(self) -> float:
        """The smallest t at which the covariance has an inverse: 0, or what is next to nothing where the errors alone have none."""
        return 0.0 if self.regular else 1e-9 * self.size


@dataclass(frozen=True)
class Sums:
    """What T values of t give at once.

    Attributes
    ----------
    t, weights:
        [T] and 1 / (v + t g) [T, k].
    information, beta:
        X'WX [T, p, p] and the generalised least squares estimate [T, p].
    residuals, rss:
        [T, k] and their weighted sum of squares [T], Cochran's Q at t.
    quadratic, trace_w, trace_p:
        y'PGPy, tr(WG) and tr(PG), each [T].
    log_likelihood, restricted:
        Of ML and of REML, without constants in pi, [T].
    """

    t: Floats
    weights: Floats
    information: Floats
    beta: Floats
    residuals: Floats
    rss: Floats
    quadratic: Floats
    trace_w: Floats
    trace_p: Floats
    log_likelihood: Floats
    restricted: Floats

    @property
    def score_ml(self) -> Floats:
        """Twice the derivative of the log likelihood with respect to t [T]."""
        return self.quadratic - self.trace_w

    @property
    def score_reml(self) -> Floats:
        """Twice the derivative of the restricted log likelihood with respect to t [T]."""
        return self.quadratic - self.trace_p


def at(line: Line, t: float | Floats) -> Sums:
    """Everything at one or more values of t."""
    ts = np.atleast_1d(np.asarray(t, float))
    variances = line.v + ts[:, None] * line.g
    w = 1 / variances
    xw = line.x.T[None] * w[:, None, :]
    information = xw @ line.x
    beta = np.asarray(np.linalg.solve(information, (xw @ line.y)[..., None])[..., 0], dtype=np.float64)
    residuals = line.y - beta @ line.x.T
    of_t = w * line.g
    rss, quadratic = (w * residuals**2).sum(axis=1), (of_t * w * residuals**2).sum(axis=1)
    trace_w = of_t.sum(axis=1)
    hat = np.linalg.solve(information, (xw * of_t[:, None, :]) @ line.x)
    trace_p: Floats = trace_w - np.trace(hat, axis1=1, axis2=2)
    ml = -0.5 * (np.log(variances).sum(axis=1) + line.constant + rss)
    reml = ml - 0.5 * np.linalg.slogdet(information)[1]
    return Sums(ts, w, information, beta, residuals, rss, quadratic, trace_w, trace_p, ml, reml)


def trace(line: Line, sums: Sums, d: Floats, e: Floats) -> float:
    """tr(P D P E) for two diagonal matrices [k], at the first t of ``sums``."""
    w, x = sums.weights[0], line.x
    inverse = np.linalg.inv(sums.information[0])
    both, of_d, of_e = ((x.T * a) @ x for a in (w**3 * d * e, w**2 * d, w**2 * e))
    first = float((w**2 * d * e).sum())
    found = first - 2 * float(np.trace(inverse @ both)) + float(np.trace(inverse @ of_d @ inverse @ of_e))
    return found if found > 1e-6 * first else _trace_plainly(w, x, d, e)


def _trace_plainly(w: Floats, x: Floats, d: Floats, e: Floats) -> float:
    """The same where one effect has all the weight, so that its own terms would cancel: P as W^1/2 N N' W^1/2."""
    root = np.sqrt(w)
    rest = np.linalg.qr(root[:, None] * x, mode="complete")[0][:, x.shape[1] :] * root[:, None]
    return float(np.sum((rest.T @ (d[:, None] * rest)) * (rest.T @ (e[:, None] * rest)).T))


def upper(line: Line, falls: Callable[[float], bool]) -> float:
    """A t at which a decreasing function has become negative: doubled from the size of the numbers."""
    t = line.size
    while not falls(t):
        t *= 2
        if not np.isfinite(t):
            raise EstimationError(
                "tau2 cannot be estimated: no regressor leaves anything of the differences that it is about."
            )
    return t


def highest(line: Line, *, restricted: bool = True) -> float:
    """The t at which the (restricted) likelihood is highest, 0 included.

    Every change of sign of its derivative on a grid over all sizes is followed by bracketing, so that it cannot fail to converge;
    where there is more than one peak the highest counts.
    """
    from scipy.optimize import brentq

    def score(s: Sums) -> Floats:
        return s.score_reml if restricted else s.score_ml

    def at_t(t: float) -> float:
        return float(score(at(line, t))[0])

    top = upper(line, lambda t: at_t(t) < 0)
    grid = np.r_[line.least, np.geomspace(max(top * 1e-9, 2 * line.least), top, 31)]
    signs = score(at(line, grid))
    peaks = [
        brentq(at_t, grid[i], grid[i + 1], xtol=1e-16 * top, rtol=1e-14)
        for i in np.flatnonzero((signs[:-1] > 0) & (signs[1:] <= 0))
    ]
    tried = np.array([line.least, *peaks])
    found = at(line, tried)
    likelihood = found.restricted if restricted else found.log_likelihood
    return float(tried[int(np.argmax(likelihood))])
