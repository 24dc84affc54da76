"""Uniform (sup-t) bands: intervals that hold for all estimates of a family at once.

The critical value is a quantile of the largest |t| over the family, drawn from the estimates'
joint distribution: from N(0, V) where units are many, so that nothing of the size of the data
times the draws is formed; by multipliers on what each cluster adds where they are few.

Source: Callaway and Sant'Anna (2021), algorithm 1; Montiel Olea and Plagborg-Moller (2019).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.cohorts import cohort_moments
from scale_impact.core.withheld import Withheld
from scale_impact.errors import UsageError

if TYPE_CHECKING:
    from scale_impact.core.effect import Family
    from scale_impact.core.influence import Influence

Floats = NDArray[np.float64]
Multipliers = Literal["auto", "gaussian", "mammen", "rademacher"]

MANY_CLUSTERS = 1000
"""From so many clusters on, ``auto`` draws from N(0, V): a sum of so many terms is normal enough."""

CHUNK = 1 << 21
"""Draws times estimates, or draws times clusters, that are held at once."""


@dataclass(frozen=True)
class Draws:
    """How errors are drawn.

    Attributes
    ----------
    count:
        Number of draws.
    multipliers:
        ``gaussian``: from N(0, V); ``mammen`` and ``rademacher``: two-point multipliers on the
        clusters; ``auto``: gaussian from 1,000 clusters on (and where the influence is not
        known), otherwise mammen.
    seed:
        Same seed, same draws.
    """

    count: int = 9999
    multipliers: Multipliers = "auto"
    seed: int = 20251122

    def on(self, n_clusters: int | None) -> Multipliers:
        """The multipliers for so many clusters (None: not known)."""
        if self.multipliers != "auto":
            return self.multipliers
        return "gaussian" if n_clusters is None or n_clusters >= MANY_CLUSTERS else "mammen"


@dataclass(frozen=True, eq=False)
class Band:
    """Simultaneous intervals.

    Attributes
    ----------
    level:
        Probability that all of them hold.
    critical:
        Standard errors to each side of an estimate; None where nothing varies.
    intervals:
        Lower and upper end of each estimate; None for one without a standard error.
    words:
        How the critical value was found.
    """

    level: float
    critical: float | None
    intervals: tuple[tuple[float, float] | None, ...]
    words: str


def band(family: Family, level: float = 0.95, draws: Draws | None = None) -> Band:
    """Simultaneous intervals of a family; never narrower than its pointwise ones."""
    if not 0 < level < 1:
        raise ValueError(f"level is {level!r}; it has to lie between 0 and 1, such as 0.95.")
    draws = draws or Draws()
    sizes = np.array([np.nan if e.std_error is None else e.std_error for e in family])
    known = np.isfinite(sizes)
    why = _without_band(family, known)
    if why is not None:
        return Band(level, None, tuple(None for _ in sizes), why)
    kind = _kind(family, draws)
    largest = np.concatenate([np.abs(e[:, known] / sizes[known]).max(axis=1) for e in _errors(family, draws, kind)])
    if family.df is not None:
        largest *= np.sqrt(family.df / np.random.default_rng([draws.seed, 1]).chisquare(family.df, len(largest)))
    critical = max(float(np.quantile(largest, level, method="inverted_cdf")), _pointwise(level, family.df))
    half = critical * np.nan_to_num(sizes)
    ends = zip(known, family.values - half, family.values + half, strict=True)
    return Band(level, critical, tuple((float(a), float(b)) if k else None for k, a, b in ends), in_words(draws, kind))


def _without_band(family: Family, known: NDArray[np.bool_]) -> str | None:
    """Why a family has no band."""
    if not known.any():
        return "no uniform band: no estimate has a standard error"
    if family.covariance is None and family.influence is None:
        return "no uniform band: how the estimates vary together was not kept"
    return None


def in_words(draws: Draws, kind: Multipliers) -> str:
    """How errors were drawn."""
    names = {
        "gaussian": "draws from N(0, V)",
        "mammen": "draws, Mammen's multipliers",
        "rademacher": "draws, Rademacher's multipliers",
    }
    return f"{draws.count:,} {names[kind]}"


def drawn(families: Sequence[Family], draws: Draws) -> list[Floats]:
    """Errors of the estimates of several families, [draws, K] each; multipliers are the same in all of them."""
    kinds = {_kind(family, draws) for family in families}
    if kinds == {"gaussian"}:
        return [np.concatenate(list(_gaussian(_covariance(f), draws))) for f in families]
    rows = [f.influence.by_cluster for f in families if f.influence is not None]
    ends = np.cumsum([r.shape[1] for r in rows])[:-1]
    return np.split(multiplied(np.hstack(rows), draws, kinds.pop()), ends, axis=1)


def quartile_errors(errors: Floats) -> Floats:
    """Standard errors from the quartiles of drawn errors, as R's ``did`` takes them, [K]."""
    low, high = np.quantile(errors, [0.25, 0.75], axis=0, method="inverted_cdf")
    return np.asarray((high - low) / (2 * 0.6744897501960817))  # quartiles of the normal distribution


def n_clusters(influence: Influence) -> int | None:
    """Clusters (units, or observations) that enter; None where what each adds cannot be had."""
    if isinstance(influence.design.cohort_codes, Withheld):
        return None
    return cohort_moments(influence.panel, influence.design).n_clusters


def _kind(family: Family, draws: Draws) -> Multipliers:
    kind = draws.on(None if family.influence is None else n_clusters(family.influence))
    if kind != "gaussian" and family.influence is None:
        raise UsageError(
            f"{kind} multipliers need what each unit adds to the estimates, which was not kept. Use `multipliers: gaussian`."
        )
    return kind


def _errors(family: Family, draws: Draws, kind: Multipliers) -> Iterator[Floats]:
    """Drawn errors, some draws at a time, [B, K]."""
    if kind == "gaussian":
        return _gaussian(_covariance(family), draws)
    assert family.influence is not None
    return iter([multiplied(family.influence.by_cluster, draws, kind)])


def _covariance(family: Family) -> Floats:
    if family.covariance is not None:
        return family.covariance
    assert family.influence is not None
    return family.influence.covariance()


def _gaussian(covariance: Floats, draws: Draws) -> Iterator[Floats]:
    """Draws from N(0, V), also where V has no full rank."""
    size = np.sqrt(np.diag(covariance))
    unit = np.where(size > 0, size, 1.0)
    values, vectors = np.linalg.eigh(covariance / np.outer(unit, unit))
    root = vectors * np.sqrt(np.maximum(values, 0.0)) * unit[:, None]
    rng, step = np.random.default_rng(draws.seed), max(CHUNK // len(size), 1)
    for start in range(0, draws.count, step):
        yield rng.standard_normal((min(step, draws.count - start), len(size))) @ root.T


def multiplied(rows: Floats, draws: Draws, kind: Multipliers) -> Floats:
    """Sums over clusters of multiplier times what the cluster adds, [draws, K]; ``rows`` is [C, K]."""
    rng, step = np.random.default_rng(draws.seed), max(CHUNK // draws.count, 1)
    found = np.zeros((draws.count, rows.shape[1]))
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        found += _factors(rng, (draws.count, len(part)), kind) @ part
    return found


def _factors(rng: np.random.Generator, shape: tuple[int, int], kind: Multipliers) -> Floats:
    """Independent multipliers of mean 0 and variance 1.

    Source: Mammen (1993): (1 - sqrt 5)/2 with probability (1 + sqrt 5)/(2 sqrt 5), else (1 + sqrt 5)/2.
    """
    if kind == "rademacher":
        return np.asarray(rng.integers(0, 2, shape, dtype=np.int8) * 2.0 - 1.0)
    root = np.sqrt(5)
    low = rng.random(shape, dtype=np.float32) < (root + 1) / (2 * root)
    return np.asarray(np.where(low, (1 - root) / 2, (1 + root) / 2))


def _pointwise(level: float, df: float | None) -> float:
    from scipy import special

    return float(special.ndtri(0.5 + level / 2) if df is None else special.stdtrit(df, 0.5 + level / 2))
