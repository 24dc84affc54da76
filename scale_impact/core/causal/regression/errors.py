"""Standard errors of an exposure's coefficient in least squares, by name, with their degrees of freedom.

With U the orthonormal columns of all regressors the hat matrix is U U', and the coefficient is k'U'y for a vector k that
has one entry, the exposure's. A cluster's correction (I - U_c U_c')^(-1/2) of its residuals e_c then needs the small matrix
F_c = U_c'U_c alone: U_c'(I - U_c U_c')^(-1/2) e_c = (I - F_c)^(-1/2) U_c'e_c. Levels of units lie within a cluster and add
nothing to that (Pustejovsky and Tipton 2018, theorem 2).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from scale_impact.core.causal.regression.model import Floats, Ints, Levels, Model, levels_of

Vcov = Literal["auto", "iid", "HC1", "HC2", "HC3", "CR1", "CR2"]
"""Errors by name. ``auto``: CR2 where rows share clusters, HC2 elsewhere."""

WHOLE = 1e-9
"""A direction with less than this left after a row's or a cluster's own fit rests on it alone."""

CELLS = 1 << 20
"""Elements of small matrices that are decomposed at once."""


@dataclass(frozen=True)
class Error:
    """A standard error, its degrees of freedom, how it was made, and why there is none."""

    value: float | None
    df: float
    words: str
    reason: str | None = None


def standard_error(model: Model, clusters: Ints, vcov: Vcov = "auto", shift: Floats | None = None) -> Error:
    """The error of the exposure's coefficient.

    Parameters
    ----------
    model:
        The regression; its exposure is not explained by its controls.
    clusters:
        [n], rows that depend on each other.
    vcov:
        By name. HC2 is Neyman's variance of a difference in means where there are no controls, and its CR2 for clusters keeps
        its size where clusters are few.
    shift:
        [n], what each row adds to the estimate beside the regression (where it averages over estimated means).

    Source: White (1980); MacKinnon and White (1985); Bell and McCaffrey (2002); Pustejovsky and Tipton (2018).
    """
    shared = levels_of(clusters)
    name = ("HC2" if len(shared) == len(model) else "CR2") if vcov == "auto" else vcov
    added = np.zeros(len(model)) if shift is None else shift
    if name in ("CR1", "CR2"):
        return _clustered(model, shared, name, added)
    return _iid(model) if name == "iid" else _robust(model, name, added)


def classical(model: Model) -> float:
    """The textbook's standard error, under equal variances."""
    variance = model.residuals @ model.residuals / model.df / (model.rest_exposure @ model.rest_exposure)
    return float(np.sqrt(variance))


def _iid(model: Model) -> Error:
    return Error(classical(model), model.df, "errors of equal variance, t distribution with n - k degrees of freedom")


def _loadings(model: Model) -> Floats:
    """What a residual adds to the coefficient, [n]."""
    return np.asarray(model.rest_exposure / (model.rest_exposure @ model.rest_exposure))


def _columns(model: Model) -> Floats:
    """U without constant and levels, [n, R + 1]; the exposure's direction is last."""
    direction = model.rest_exposure / np.linalg.norm(model.rest_exposure)
    return np.column_stack([model.basis, direction])


def leverages(model: Model) -> Floats:
    """Diagonal of the hat matrix, [n]."""
    own = (_columns(model) ** 2).sum(axis=1)
    return np.asarray(own + (1 / len(model) if model.levels is None else (1 / model.levels.sizes)[model.levels.codes]))


def _robust(model: Model, name: str, added: Floats) -> Error:
    left = 1 - leverages(model)
    alone = left < WHOLE
    power = {"HC1": 0.0, "HC2": 0.5, "HC3": 1.0}[name]
    scale = np.where(alone, 0.0, np.where(alone, 1.0, left) ** -power)
    scores = _loadings(model) * model.residuals * scale + added
    factor = len(model) / model.df if name == "HC1" else 1.0
    held = float((_loadings(model)[alone] ** 2).sum()) > WHOLE * float((_loadings(model) ** 2).sum())
    reason = f"no standard error: without one of the rows it cannot be estimated, so {name} has nothing to correct with"
    words = f"robust to unequal variances, {name}, t distribution with n - k degrees of freedom"
    value = float(np.sqrt(factor * scores @ scores))
    return Error(None if held else value, model.df, words, reason if held else None)


def _clustered(model: Model, shared: Levels, name: str, added: Floats) -> Error:
    g = len(shared)
    if name == "CR1":
        counted = model.n_coefficients - (0 if model.levels is None else len(model.levels) - 1)
        factor = g / (g - 1) * (len(model) - 1) / (len(model) - counted)
        scores = shared.sums(_loadings(model) * model.residuals + added)
        words = f"clustered ({g:,} clusters), CR1 (Stata's and fixest's correction), t distribution with G - 1 degrees of freedom"
        return Error(float(np.sqrt(factor * scores @ scores)), g - 1, words)
    scores, df, alone = _corrected(model, shared)
    scores = scores + shared.sums(added)
    words = f"clustered ({g:,} clusters), CR2 with Satterthwaite's degrees of freedom"
    reason = "no standard error: without one of the clusters it cannot be estimated, so CR2 has nothing to correct with"
    value = float(np.sqrt(scores @ scores))
    return Error(None if alone else value, df, words, reason if alone else None)


def _corrected(model: Model, shared: Levels) -> tuple[Floats, float, bool]:
    """CR2 scores of the clusters, Satterthwaite's degrees of freedom, and whether one cluster alone holds the coefficient.

    Source: Bell and McCaffrey (2002); Pustejovsky and Tipton (2018), equations 6 and 11.
    """
    columns = _columns(model)
    if model.levels is None:
        columns = np.column_stack([np.full(len(model), len(model) ** -0.5), columns])
    k = columns.shape[1]
    products = shared.sums((columns * model.residuals[:, None]).T).T
    size = max(CELLS // k**2, 1)
    found = [
        _of_clusters(columns, shared, products, slice(c, min(c + size, len(shared))))
        for c in range(0, len(shared), size)
    ]
    scores, a, j = (np.concatenate(part) for part in list(zip(*found, strict=True))[:3])
    trace = a.sum() - (j**2).sum()
    square = (a**2 - 2 * a * (j**2).sum(axis=1)).sum() + ((j.T @ j) ** 2).sum()
    df = float(trace**2 / square) if square > 0 else float(len(shared) - 1)
    return scores / np.linalg.norm(model.rest_exposure), df, any(bool(f[3].any()) for f in found)


def _of_clusters(
    columns: Floats, shared: Levels, products: Floats, part: slice
) -> tuple[Floats, Floats, Floats, Floats]:
    """Scores [C], a [C] and J [C, K] of some clusters, and which hold the coefficient alone."""
    small = _grams(columns, shared, part)
    values, vectors = np.linalg.eigh(small)
    values = np.clip(values, 0.0, 1.0)
    whole = 1 - values < WHOLE
    power = np.where(whole, 0.0, np.where(whole, 1.0, 1 - values) ** -0.5)
    own = vectors[:, -1, :]
    scores = np.einsum("cl,cl->c", own * power, np.einsum("ckl,ck->cl", vectors, products[part]))
    a = (own**2 * values * power**2).sum(axis=1)
    j = np.einsum("ckl,cl->ck", vectors, own * values * power)
    return scores, a, j, (own**2 * whole).sum(axis=1) > 1e-8


def _grams(columns: Floats, shared: Levels, part: slice) -> Floats:
    """U_c'U_c of some clusters, [C, K, K]."""
    k = columns.shape[1]
    ends = np.append(shared.starts, len(columns))
    rows = shared.order[ends[part.start] : ends[part.stop]]
    starts = shared.starts[part] - shared.starts[part.start]
    small = np.empty((len(starts), k, k))
    for i in range(k):
        small[:, i, :] = np.add.reduceat(columns[rows, i, None] * columns[rows], starts, axis=0)
    return small
