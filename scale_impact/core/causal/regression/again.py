"""The exposure's coefficient of many versions of the data at once.

What controls leave of a version's exposure, outcome and one more covariate is orthogonal to the controls, and stays the same
regression: with weights too, as long as the controls are taken out once more under the weights. That takes for each version
the controls' weighted sums of products, which for all versions together are one matrix product.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from scale_impact.core.causal.regression.model import EXPLAINED, Floats, Levels, Model
from scale_impact.core.causal.retrials import Retrials

CELLS = 1 << 22
"""Numbers of one array that are held at once, which bounds memory."""

SINGULAR = 1e-10
"""Directions of the controls with less than this share of weight are not there in a version."""


def coefficients(model: Model, trials: Retrials) -> Floats:
    """The coefficient in each version, [B]; NaN where the controls explain the exposure.

    Versions whose covariates are others (``trials.covariates``) are not for here: see ``one_by_one``.
    """
    wide = len(model) * (4 if trials.counts is None else 4 + len(model.kept))
    size = max(CELLS // wide, 1)
    parts = [_some(model, trials.take(slice(b, b + size))) for b in range(0, len(trials), size)]
    return np.concatenate(parts)


def _some(model: Model, trials: Retrials) -> Floats:
    given = (trials.exposure, trials.extra, trials.outcome)
    own = (model.rest_exposure, None, model.rest_outcome)
    found = [o if v is None else model.rest(v) for v, o in zip(given, own, strict=True)]
    columns = [np.atleast_2d(v) for v in found if v is not None]
    sizes = np.broadcast_to(_size(model, trials), len(trials))
    grams = _plain(columns) if trials.counts is None else _weighted(model, columns, trials.counts)
    return _solved(np.broadcast_to(grams, (len(trials), *grams.shape[1:])), sizes)


def _size(model: Model, trials: Retrials) -> Floats:
    """Sum of squares of each version's exposure about its mean, as a measure of what is nothing."""
    exposure = np.atleast_2d(model.exposure if trials.exposure is None else trials.exposure)
    squares = (exposure - exposure.mean(axis=1, keepdims=True)) ** 2
    return np.asarray(squares.sum(axis=1) if trials.counts is None else (squares * trials.counts).sum(axis=1))


def _plain(columns: list[Floats]) -> Floats:
    """Sums of products of the columns, [B or 1, m, m]."""
    wide = np.broadcast_arrays(*columns)
    return np.stack([np.stack([np.einsum("bn,bn->b", v, w) for w in wide], axis=-1) for v in wide], axis=-2)


def _weighted(model: Model, columns: list[Floats], counts: Floats) -> Floats:
    """The same under weights, with controls, constant and levels taken out once more, [B, m, m]."""
    if model.levels is None:
        return _taken_out(np.column_stack([np.ones(len(model)), model.basis]), columns, counts)
    return _taken_out(model.basis, columns, counts, model.levels)


def _taken_out(basis: Floats, columns: list[Floats], counts: Floats, levels: Levels | None = None) -> Floats:
    own = _plain_weighted(columns, counts)
    cross = np.stack([(counts * v) @ basis for v in columns], axis=1)
    square = _squares(basis, counts)
    if levels is not None:
        weight = levels.sums(counts)
        scale = np.where(weight > 0, 1 / np.sqrt(np.where(weight > 0, weight, 1.0)), 0.0)
        v = np.stack([levels.sums(counts * v) * scale for v in columns], axis=1)
        u = np.stack([levels.sums(counts * b) * scale for b in basis.T], axis=1) if basis.shape[1] else v[:, :0]
        own = own - v @ v.transpose(0, 2, 1)
        cross = cross - v @ u.transpose(0, 2, 1)
        square = square - u @ u.transpose(0, 2, 1)
    if not basis.shape[1]:
        return own
    return np.asarray(own - cross @ np.linalg.pinv(square, rcond=SINGULAR, hermitian=True) @ cross.transpose(0, 2, 1))


def _plain_weighted(columns: list[Floats], counts: Floats) -> Floats:
    """Weighted sums of products of the columns, [B, m, m]."""
    root = np.sqrt(counts)
    return _plain([v * root for v in columns])


def _squares(basis: Floats, counts: Floats) -> Floats:
    """Weighted sums of products of the basis, [B, R, R]; its pairs of columns are made for some rows at a time."""
    r = basis.shape[1]
    i, j = np.triu_indices(r)
    size = max(CELLS // max(len(i), 1), 1)
    upper = np.zeros((len(counts), len(i)))
    for start in range(0, len(basis), size):
        rows = slice(start, start + size)
        upper += counts[:, rows] @ (basis[rows][:, i] * basis[rows][:, j])
    full = np.empty((len(counts), r, r))
    full[:, i, j] = upper
    full[:, j, i] = upper
    return full


def _solved(grams: Floats, sizes: Floats) -> Floats:
    """The first column's coefficient in a regression of the last on the others, from sums of products [B, m, m]."""
    own, y = grams[:, 0, 0].copy(), grams[:, 0, -1].copy()
    if grams.shape[1] == 3:
        both, extra = grams[:, 0, 1], grams[:, 1, 1]
        slope = both / np.where(extra > 0, extra, np.inf)
        own, y = own - slope * both, y - slope * grams[:, 1, 2]
    there = own > EXPLAINED**2 * 1e4 * sizes
    return np.where(there, y / np.where(there, own, 1.0), np.nan)


# ---- versions with other covariates, or with slopes by exposure --------------------------------------------------


@dataclass(frozen=True)
class Slopes:
    """Whether covariates have slopes of their own among the exposed, and whose means the effect is for.

    ``after`` [n], where covariates have slopes of their own after the start too: 1 for rows after it. Their products with it are
    then the last of a model's controls.
    """

    by_exposure: bool = False
    of_treated: bool = False
    after: Floats | None = field(default=None, compare=False)

    def trends(self, covariates: Floats) -> Floats:
        """Covariates [n, K] after the start, zero before; nothing where they have one slope for all periods."""
        return covariates[:, :0] if self.after is None else covariates * self.after[:, None]


def one_by_one(model: Model, n_covariates: int, trials: Retrials, slopes: Slopes = Slopes()) -> Floats:
    """The coefficient in each version, [B], by least squares of its own: covariates may differ, or have slopes by exposure.

    The first ``n_covariates`` of the model's controls are those that ``trials.covariates`` [B, n, K] stand for.
    """
    return np.array([_one(model, n_covariates, trials, b, slopes) for b in range(len(trials))])


def _one(model: Model, n_covariates: int, trials: Retrials, b: int, slopes: Slopes) -> float:
    exposure = model.exposure if trials.exposure is None else trials.exposure[b]
    outcome = model.outcome if trials.outcome is None else trials.outcome[b]
    counts = None if trials.counts is None else trials.counts[b]
    controls = model.controls
    if trials.covariates is not None:
        given = trials.covariates[b]
        rest = controls[:, n_covariates : controls.shape[1] - slopes.trends(given).shape[1]]
        controls = np.column_stack([given, rest, slopes.trends(given)])
    if trials.extra is not None:
        controls = np.column_stack([controls, trials.extra[b]])
    if slopes.by_exposure:
        controls = with_slopes(controls, exposure, slopes, counts)
    if counts is None:
        made = Model(outcome, exposure, controls, model.levels)
        return np.nan if made.explained else made.coefficient
    return _by_weights(Model(outcome, exposure, controls, model.levels), counts)


def _by_weights(model: Model, counts: Floats) -> float:
    """Weighted least squares: rows and the constant (or levels) scaled by the root of the weights."""
    seen = counts > 0
    root = np.sqrt(counts[seen])
    columns = np.column_stack([model.exposure, model.outcome, model.controls])[seen]
    if model.levels is None:
        columns = columns - (counts[seen] @ columns) / counts.sum()
    else:
        inside = Levels(np.unique(model.levels.codes[seen], return_inverse=True)[1].astype(np.int64))
        columns = inside.without(columns.T, counts[seen]).T
    columns = columns * root[:, None]
    rest = columns[:, :2] - columns[:, 2:] @ np.linalg.lstsq(columns[:, 2:], columns[:, :2], rcond=SINGULAR)[0]
    own = float(rest[:, 0] @ rest[:, 0])
    spread = (model.exposure[seen] - model.exposure[seen].mean()) * root
    size = float(spread @ spread)
    return float(rest[:, 0] @ rest[:, 1] / own) if own > EXPLAINED**2 * 1e4 * size else np.nan


def with_slopes(controls: Floats, exposure: Floats, slopes: Slopes, counts: Floats | None = None) -> Floats:
    """Controls [n, P], and their products with the exposure, centred so that its coefficient is the mean effect.

    Source: Lin (2013), section 4; Imbens and Wooldridge (2009), section 5.3, for the effect on the treated.
    """
    weight = np.ones(len(exposure)) if counts is None else counts
    weight = weight * (exposure > 0) if slopes.of_treated else weight
    centre = weight @ controls / max(float(weight.sum()), 1e-300)
    return np.column_stack([controls, exposure[:, None] * (controls - centre)])
