"""metafor 3.8 solves the same equations as the package and stops earlier; with its stopping rules its digits come out."""

import numpy as np

ROOT_TOLERANCE = np.finfo(float).eps ** 0.25
"""What metafor passes to R's uniroot for Paule and Mandel and for the Q profile, in the unit of tau2."""

STEP = 1e-5
"""A step of Fisher scoring smaller than this is metafor's last (REML, ML)."""


def uniroot(f, low, high, tolerance=ROOT_TOLERANCE):
    """Brent's zero as R's uniroot finds it (Brent 1973, chapter 4), stopping at the tolerance."""
    a, b = low, high
    fa, fb = f(a), f(b)
    c, fc = a, fa
    while True:
        last = b - a
        if abs(fc) < abs(fb):
            a, b, c = b, c, b
            fa, fb, fc = fb, fc, fb
        near = 2 * np.finfo(float).eps * abs(b) + tolerance / 2
        step = (c - b) / 2
        if abs(step) <= near or fb == 0:
            return b
        if abs(last) >= near and abs(fa) > abs(fb):
            p, q = _interpolated(a, b, c, fa, fb, fc)
            if p < 0.75 * (c - b) * q - abs(near * q) / 2 and p < abs(last * q / 2):
                step = p / q
        step = step if abs(step) >= near else near * (1 if step > 0 else -1)
        a, fa = b, fb
        b += step
        fb = f(b)
        if (fb > 0) == (fc > 0):
            c, fc = a, fa


def _interpolated(a, b, c, fa, fb, fc):
    if a == c:
        p, q = (c - b) * fb / fa, 1 - fb / fa
    else:
        q, r, s = fa / fc, fb / fc, fb / fa
        p, q = s * ((c - b) * q * (q - r) - (b - a) * (r - 1)), (q - 1) * (r - 1) * (s - 1)
    return (p, -q) if p > 0 else (-p, q)


def projection(v, x, t):
    """P of generalised least squares with variances v + t, dense."""
    w = np.diag(1 / (v + t))
    return w - w @ x @ np.linalg.solve(x.T @ w @ x, x.T @ w)


def fisher_scoring(y, v, x, step=STEP):
    """REML by Fisher scoring from Hedges' estimator, stopping at a small step."""
    flat = projection(np.ones_like(v), x, 0.0)
    t = max((y @ flat @ y - np.trace(flat @ np.diag(v))) / (len(y) - x.shape[1]), 0.0)
    while True:
        p = projection(v, x, t)
        change = (y @ p @ p @ y - np.trace(p)) / np.trace(p @ p)
        t = max(t + change, 0.0)
        if abs(change) <= step:
            return t
