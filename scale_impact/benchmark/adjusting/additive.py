"""A generalised additive model: each number bends as far as data support it, groups and slopes are shrunk."""

from __future__ import annotations

import numpy as np

from scale_impact.benchmark.adjusting.design import Design
from scale_impact.benchmark.adjusting.moments import Fits, Moments
from scale_impact.benchmark.cities import Floats, Ints

KNOTS = 8
"""Inner knots of a curve at most; one for each five different values."""

ROUNDS = 60
BOUND = 1e7
"""The penalty for each city lies between this and its inverse."""


def spread_out(design: Design) -> tuple[Floats, Ints, Ints]:
    """Columns [N, P], the block that shares a penalty [P] and the variable [P] of each.

    Block 0 holds straight lines and groups, as in a ridge regression. Each number that has at least five values adds a block
    of its own: what a cubic spline has beyond a straight line. Large penalties on these blocks give the ridge regression.
    """
    parts, blocks, of = [design.columns], [np.zeros(len(design.of), dtype=np.int64)], [design.of]
    for k in sorted({int(v) for v in design.of if v < design.numbers.shape[1]}):
        curve = _beyond_line(design.numbers[:, k])
        if curve.shape[1]:
            parts.append(curve)
            blocks.append(np.full(curve.shape[1], len(blocks)))
            of.append(np.full(curve.shape[1], k))
    return np.hstack(parts), np.concatenate(blocks), np.concatenate(of)


def _beyond_line(values: Floats) -> Floats:
    """Columns of a penalised cubic spline without its straight line, each scaled so that the penalty is the sum of squares [N, ...].

    Cubic B-splines at quantiles, the penalty is the integral of the squared second derivative (O'Sullivan splines).

    Source: Wand and Ormerod (2008), section 4; Demmler and Reinsch (1975).
    """
    from scipy.interpolate import BSpline

    seen = np.unique(values)
    inner = min(KNOTS, len(seen) // 5)
    if inner < 1:
        return np.empty((len(values), 0))
    scaled = (values - seen[0]) / (seen[-1] - seen[0])
    cuts = np.unique(np.quantile((seen - seen[0]) / (seen[-1] - seen[0]), np.linspace(0, 1, inner + 2)))
    knots = np.concatenate([np.zeros(3), cuts, np.ones(3)])
    basis = BSpline.design_matrix(scaled, knots, 3).toarray()
    weights, vectors = np.linalg.eigh(_bending(knots))
    bent = weights > 1e-10 * weights.max()  # the others are the line, which costs nothing
    columns = basis @ (vectors[:, bent] / np.sqrt(weights[bent]))
    line = np.column_stack([np.ones(len(values)), scaled - scaled.mean()])
    columns -= line @ np.linalg.lstsq(line, columns, rcond=None)[0]
    return np.asarray(columns / np.sqrt((columns**2).sum(axis=1).mean()))


def _bending(knots: Floats) -> Floats:
    """Integrals of products of the second derivatives of cubic B-splines: exact, as these are straight between knots."""
    from scipy.interpolate import BSpline

    cuts = np.unique(knots)
    middle = (cuts[1:] + cuts[:-1]) / 2
    width = np.diff(cuts)
    second = BSpline(knots, np.eye(len(knots) - 4), 3).derivative(2)
    # just inside of each piece: at a knot the derivative belongs to the piece on the right
    at = [cuts[:-1], middle, cuts[1:] - 1e-9 * width]
    simpson = zip(at, (1 / 6, 4 / 6, 1 / 6), strict=True)
    return np.asarray(sum((second(x).T * (share * width)) @ second(x) for x, share in simpson))


def additive(m: Moments, blocks: Ints) -> Fits:
    """Regressions whose blocks of columns have a penalty each, by restricted maximum likelihood.

    Source: Schall (1991); Wood and Fasiolo (2017), equation 6, for penalties that are sums of squares of a block.
    """
    found = [_one(m, k, blocks) for k in range(len(m.n))]
    slopes, spread, df = (np.stack([f[j] for f in found]) for j in range(3))
    return Fits(m.y_mean - (slopes * m.x_mean).sum(axis=1), slopes, m.n, m.x_mean, spread, df)


def _one(m: Moments, k: int, blocks: Ints) -> tuple[Floats, Floats, Floats]:
    """Slopes [P], their covariance where errors have variance 1 [P, P], and the effective number of parameters of a model."""
    gram, cross, n = m.gram[k], m.cross[k], float(m.n[k])
    sizes = np.bincount(blocks).astype(float)
    penalty = np.full(len(sizes), n * 0.1)
    for _ in range(ROUNDS):
        inverse = np.linalg.inv(gram + np.diag(penalty[blocks]))
        slopes = inverse @ cross
        used = sizes - penalty * np.bincount(blocks, np.diag(inverse))
        missed = max(float(m.square[k] - 2 * slopes @ cross + slopes @ gram @ slopes), 0.0)
        variance = missed / max(n - 1 - used.sum(), 1.0)
        length = np.maximum(np.bincount(blocks, slopes**2), np.finfo(float).tiny)
        wanted = np.clip(variance * np.maximum(used, 0.0) / length, n / BOUND, n * BOUND)
        # a step in logs moves little where a block is all but gone: what counts is how many parameters it still has
        settled = np.abs(np.log(wanted / penalty)) * np.maximum(used, 0) < 1e-5
        penalty = wanted
        if settled.all():
            break
    return _solved(gram, cross, penalty[blocks])


def _solved(gram: Floats, cross: Floats, penalty: Floats) -> tuple[Floats, Floats, Floats]:
    inverse = np.linalg.inv(gram + np.diag(penalty))
    return inverse @ cross, inverse @ gram @ inverse, np.asarray(1 + np.trace(inverse @ gram))
