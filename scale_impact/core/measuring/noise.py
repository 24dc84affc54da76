"""Noise: how cities err, learnt from those that are untreated, and the covariance that it gives to effects of single cities.

The own variation of a single treated city cannot be seen: it is taken from untreated cities, whose paths vary around their
common mean path with covariance Sigma. As effects are weights on paths, their covariance is the sum over cities j of
W_i[j] Sigma W_k[j]'.

Source: Conley and Taber (2011), Review of Economics and Statistics 93; Ferman and Pinto (2019), same journal 101.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.measuring.comparisons import Bools, Comparisons, Floats, Ints, Table
from scale_impact.core.words import counted, number, plain, some
from scale_impact.errors import DesignError

ENOUGH = 5
"""From so many cities that are untreated all the time, these alone show how cities err."""


NOT_BOTH = "Beside clusters `size` is not taken into account: errors are the same for small cities and large ones."


@dataclass(frozen=True, eq=False)
class Noise:
    """How cities err.

    Attributes
    ----------
    own:
        Covariance over periods of what a city does by itself, [T, T].
    cluster:
        Covariance of what the cities of a cluster do together, [T, T]; None without clusters.
    scale:
        By how much each unit's standard deviation differs from the common one, [M].
    df:
        Degrees of freedom behind the variance of each effect, [k].
    words:
        From whom it was learnt.
    """

    own: Floats
    cluster: Floats | None
    scale: Floats
    df: Floats
    words: tuple[str, ...]


def noise_of(
    table: Table, found: Comparisons, sources: Bools, clusters: Ints | None, size: Floats | None, periods: NDArray[Any],
    names: Sequence[str],
) -> Noise:  # fmt: skip
    """How the cities err that are untreated (``sources`` [M]: which of them may be asked); ``names`` of the treated in question.

    Raises
    ------
    DesignError
        Fewer than two cities, or clusters, are untreated over the periods that count.
    """
    used = found.used
    known = table.untreated & table.seen & sources[:, None]
    complete = np.flatnonzero(known[:, used].all(axis=1))
    waiting = int((known[:, used].sum(axis=1) >= 2).sum())
    if len(complete) < min(ENOUGH, waiting) or len(complete) < 2:
        return _by_pairs(table, found, known, waiting, clusters, size, periods)
    paths = _spread_of(table.y[np.ix_(complete, used)])
    if clusters is not None:
        made = _clustered(paths, found, clusters[complete], len(table.units), table.y.shape[1])
        return made if size is None else replace(made, words=(*made.words, NOT_BOTH))
    scale, words = np.ones(len(table.units)), tuple[str, ...]()
    if size is not None:
        scale, words = _scale_of(paths, found.own[:, used], size, complete)
        words += _beyond(size, complete, found.rows, names)
    inner = paths / scale[complete][:, None]
    sigma = _spanned(inner.T @ inner / (len(complete) - 1), used, table.y.shape[1])
    df = np.full(len(found.rows), len(complete) - 1.0)
    return Noise(sigma, None, scale, df, (_learnt(len(complete)), *words))


def _learnt(n: int) -> str:
    few = f" With fewer than {ENOUGH}, it is hardly known." if n < ENOUGH else ""
    return f"Sampling errors are learnt from {counted(n, 'city', 'cities')} untreated in all periods that count.{few}"


def _spread_of(y: Floats) -> Floats:
    """Paths less each unit's mean and less the common path of all, which contrasts over time cannot tell from levels."""
    y = y - y.mean(axis=1, keepdims=True)
    return np.asarray(y - y.mean(axis=0))


def _spanned(inner: Floats, used: Ints, t: int) -> Floats:
    found = np.zeros((t, t))
    found[np.ix_(used, used)] = inner
    return found


# ---- where hardly anybody is untreated all the time ---------------------------------------------------


def _by_pairs(
    table: Table, found: Comparisons, known: Bools, waiting: int, clusters: Ints | None, size: Floats | None,
    periods: NDArray[Any],
) -> Noise:  # fmt: skip
    """Covariance of changes from one period to the next, each from the cities untreated in both; made positive."""
    if clusters is not None or size is not None:
        what = "cluster" if clusters is not None else "size"
        raise DesignError(
            f"`{what}` needs two or more cities that are untreated in all periods that count, and there are too few. Leave `{what}` out, or "
            "add never-treated cities."
        )
    used = found.used
    there = known[:, used[1:]] & known[:, used[:-1]]
    if (thin := np.flatnonzero(there.sum(axis=0) < 2)).size:
        raise DesignError(_too_few([plain(periods[used[k + 1]]) for k in thin]))
    changes = np.where(there, np.diff(table.y[:, used], axis=1), 0.0)
    changes = np.where(there, changes - changes.sum(axis=0) / there.sum(axis=0), 0.0)
    joint = (there.T.astype(float)) @ there
    omega = np.where(joint > 1, changes.T @ changes / np.maximum(joint - 1, 1), 0.0)
    values, vectors = np.linalg.eigh(omega)
    omega = (vectors * np.maximum(values, 0)) @ vectors.T
    sums = np.vstack([np.zeros(len(used) - 1), np.tril(np.ones((len(used) - 1,) * 2))])
    df = np.array([known[:, own != 0].all(axis=1).sum() - 1.0 for own in found.own])
    words = (
        f"Sampling errors are learnt from {counted(waiting, 'city', 'cities')} while untreated, two periods at a time: few are untreated all "
        "the time, and read them as rough.",
    )
    sigma = _spanned(sums @ omega @ sums.T, used, table.y.shape[1])
    return Noise(sigma, None, np.ones(len(table.units)), np.maximum(df, 1.0), words)


def _too_few(periods: list[str]) -> str:
    return (
        f"Fewer than two cities are untreated in {some(periods)} and in the period that counts before: how cities vary there cannot be seen. "
        "Add untreated cities, say `control: not_yet`, or end the data earlier (`sample: {last_period: ...}`)."
    )


# ---- clusters above the city ---------------------------------------------------------------------------


def _clustered(paths: Floats, found: Comparisons, codes: Ints, m: int, t: int) -> Noise:
    """What cities of a cluster share, and what is their own: components of variance by analysis of variance.

    Source: Searle, Casella and McCulloch (1992), Variance Components, section 3.6 (unbalanced groups).
    """
    _, at, sizes = np.unique(codes, return_inverse=True, return_counts=True)
    n, c = len(at), len(sizes)
    if c < 2:
        raise DesignError(
            "All untreated cities lie in one cluster: what clusters share cannot be seen. Leave `cluster` out of the design."
        )
    means = np.zeros((c, paths.shape[1]))
    np.add.at(means, at, paths)
    means /= sizes[:, None]
    between = (means * sizes[:, None]).T @ means / (c - 1)
    rest = paths - means[at]
    words = [f"Sampling errors are learnt from {counted(n, 'untreated city', 'untreated cities')} in {c} clusters."]
    if n == c:  # nothing tells the two apart: cities of a cluster count as moving together
        own, shared = np.zeros_like(between), between
        words.append("No cluster holds two of them: treated cities of one cluster count as erring together.")
    else:
        own = rest.T @ rest / (n - c)
        shared = _positive((between - own) / ((n - (sizes**2).sum() / n) / (c - 1)))
    df = np.full(len(found.rows), c - 1.0)
    spanned = [_spanned(part, found.used, t) for part in (own, shared)]
    return Noise(spanned[0], spanned[1], np.ones(m), df, tuple(words))


def _positive(matrix: Floats) -> Floats:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.maximum(values, 0)) @ vectors.T)


# ---- sizes ---------------------------------------------------------------------------------------------


def _scale_of(paths: Floats, own: Floats, size: Floats, complete: Ints) -> tuple[Floats, tuple[str, ...]]:
    """Standard deviations relative to a common one, where variance is a + b / size, neither below zero.

    Source: Ferman and Pinto (2019), section 3: squares of the controls' contrasts, regressed on the inverse of their size.
    """
    squares = ((np.unique(own, axis=0) @ paths.T) ** 2).T
    squares = (squares / np.maximum(squares.mean(axis=0), 1e-300)).mean(axis=1)
    inverse = 1 / size[complete]
    slope = np.cov(squares, inverse, bias=True)[0, 1] / max(float(inverse.var()), 1e-300)
    base = float(squares.mean() - slope * inverse.mean())
    if slope < 0:
        base, slope = float(squares.mean()), 0.0
    elif base < 0:
        base, slope = 0.0, float((squares * inverse).sum() / (inverse**2).sum())
    share = slope * float(inverse.mean()) / (base + slope * float(inverse.mean()))
    words = f"Errors vary with size: {share:.0%} of a control's variance falls as its size grows (Ferman and Pinto)."
    if slope == 0:
        words = "No variation with size was seen: small controls did not vary more than large ones, so `size` changes nothing."
    return np.asarray(np.sqrt(base + slope / size)), (words,)


def _beyond(size: Floats, complete: Ints, rows: Ints, names: Sequence[str]) -> tuple[str, ...]:
    """Which treated cities are smaller, or larger, than all controls that the errors are learnt from."""
    low, high = float(size[complete].min()), float(size[complete].max())
    out = [f"{name} ({number(s)})" for name, s in zip(names, size[rows].tolist(), strict=True) if not low <= s <= high]
    if not out:
        return ()
    return (
        f"The size of {some(out)} lies outside that of the controls ({number(low)} to {number(high)}): how such cities err is drawn on from these, not "
        "seen.",
    )


# ---- covariance of effects ------------------------------------------------------------------------------


def covariance_of(found: Comparisons, noise: Noise, clusters: Ints | None) -> Floats:
    """Covariance of the effects, [k, k]: sum over cities, and over clusters, of W Sigma W'."""
    m = found.others.shape[1]
    parts = _products(found, noise.own, np.arange(m), noise.scale)
    if noise.cluster is not None and clusters is not None:
        parts = parts + _products(found, noise.cluster, np.unique(clusters, return_inverse=True)[1], noise.scale)
    return np.asarray((parts + parts.T) / 2)


def _products(found: Comparisons, sigma: Floats, group: Ints, scale: Floats) -> Floats:
    """Sum over groups of units of products of what effects put on them; ``group`` and ``scale`` are [M]."""
    used = found.used
    inner = sigma[np.ix_(used, used)]
    own = found.own[:, used] * scale[found.rows][:, None]
    others = found.others[:, :, used] * scale[:, None]
    if group.max() + 1 < len(group):
        members = np.equal.outer(np.arange(group.max() + 1), group).astype(float)
        others = np.einsum("gm,kmt->kgt", members, others, optimize=True)
    pulled, mine = others @ inner, group[found.rows]
    shared = np.tensordot(pulled, others, axes=([1, 2], [1, 2]))[np.ix_(found.kind, found.kind)]
    crossed = np.einsum("it,kit->ik", own, pulled[:, mine], optimize=True)[:, found.kind]
    same = (own @ inner @ own.T) * (mine[:, None] == mine)
    return np.asarray(shared + crossed + crossed.T + same)
