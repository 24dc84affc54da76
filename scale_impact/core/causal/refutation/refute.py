"""Refutation: the estimate asked again of data in which something was changed at random, hundreds of times.

What is drawn follows the design. Rows that share a cluster were not exposed independently, so that whole clusters change
places, stay or go; rows are exchanged with rows of their group. The meaning of each refuter is DoWhy's; what DoWhy repeats
one fit at a time is asked of ``Adjusted.again`` at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
from annotated_types import Ge
from numpy.typing import NDArray

from scale_impact.core.causal.adjusted import Adjusted
from scale_impact.core.causal.cross_section import CrossSection
from scale_impact.core.causal.regression.model import levels_of
from scale_impact.core.causal.retrials import Retrials
from scale_impact.core.effect import Effect

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Draws = Annotated[int, Ge(20)]
"""How often a refuter draws: with fewer there is no distribution."""

Kind = Literal["permute", "random"]

CELLS = 1 << 23
"""Numbers drawn at once, which bounds memory; part of what a seed means for data with more rows than this."""

SEED = 20251122


# ---- asking ----------------------------------------------------------------------------------------------


def asked(adjusted: Adjusted, draw: Callable[[int], Retrials], draws: int) -> Floats:
    """The estimate in ``draws`` versions of the data, [draws]; ``draw(b)`` makes the next b of them."""
    assert adjusted.again is not None
    size = max(CELLS // max(len(adjusted.rows), 1), 1)
    parts = [min(size, draws - done) for done in range(0, draws, size)]
    return np.concatenate([adjusted.again(draw(b)) for b in parts])


def unanswerable(effect: Effect) -> str | None:
    """Why an effect cannot be asked again of changed data; None where it can."""
    if effect.adjusted is not None and effect.adjusted.again is not None:
        return None
    return (
        f"{effect.estimator} does not say what it finds in changed data. Make backdoor_regression, propensity_weighting or "
        "doubly_robust the study's first estimator; for difference in differences there are placebo_dates and placebo_units."
    )


def rank_p(value: float, draws: Floats) -> float:
    """Two-sided p-value of a value in the distribution of draws, by their percentiles; ties count half.

    Source: DoWhy's bootstrap test, after Rousselet, Pernet and Wilcox (2021).
    """
    above = float(np.mean((draws > value) + 0.5 * (draws == value)))
    return 2 * min(above, 1 - above)


def summary(estimate: float, draws: Floats) -> dict[str, Any]:
    """What checks say of draws: mean and spread, their quantiles, and the draws without an estimate."""
    known = draws[np.isfinite(draws)]
    return {
        "estimate": estimate,
        "new_effect": float(known.mean()),
        "std_dev": float(known.std()),
        "quantiles": {str(q): float(np.quantile(known, q)) for q in (0.025, 0.25, 0.5, 0.75, 0.975)},
        "failed": len(draws) - len(known),
        "estimates": known.tolist(),
    }


def too_many_failed(draws: Floats) -> str | None:
    """Why draws say nothing: most have no estimate; None where they do."""
    failed = int((~np.isfinite(draws)).sum())
    if failed <= len(draws) / 10:
        return None
    return (
        f"In {failed} of {len(draws)} versions of the data the estimator has no answer (nobody exposed is left, or covariates tell "
        "who is): the data are too thin for this check. Use fewer covariates or coarser ones."
    )


# ---- who changes places -----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Exchange:
    """How exposures change places at random.

    Attributes
    ----------
    strata:
        Index arrays, each [M, L]: M blocks of L items that may change places with each other.
    codes:
        [n], the item of each row, where items are clusters that are exposed as one; None: rows are the items.
    words:
        What changes places, for a sentence.
    """

    strata: tuple[Ints, ...]
    codes: Ints | None
    words: str

    def permuted(self, values: Floats, rng: np.random.Generator, b: int) -> Floats:
        """Values [n] with blocks in another order, b times; [b, n]."""
        own = self._items(values)
        found = np.tile(own, (b, 1))
        for blocks in self.strata:
            order = rng.permuted(np.tile(np.arange(len(blocks)), (b, 1)), axis=1)
            found[:, blocks] = own[blocks][order]
        return found if self.codes is None else np.asarray(found[:, self.codes])

    def drawn(self, draw: Callable[[tuple[int, int]], NDArray[Any]], b: int, n: int) -> Floats:
        """One draw an item, b times; [b, n]."""
        if self.codes is None:
            return np.asarray(draw((b, n)), dtype=np.float64)
        return np.asarray(draw((b, int(self.codes.max()) + 1)), dtype=np.float64)[:, self.codes]

    @property
    def n_blocks(self) -> int:
        """Blocks that have another one to change places with."""
        return sum(len(s) for s in self.strata if len(s) > 1)

    def _items(self, values: Floats) -> Floats:
        if self.codes is None:
            return values
        own = np.zeros(int(self.codes.max()) + 1)
        own[self.codes] = values
        return own


def exchange(rows: CrossSection) -> Exchange:
    """What changes places: rows within their group; whole clusters where rows share them.

    Exposures that are the same throughout a cluster move as one value; paths over time move as paths, among clusters that are
    seen in the same groups. Changes of an adoption design are rows of whole units, which move within their cohort's comparison.
    """
    clusters = levels_of(rows.clusters).codes
    if rows.changes or len(np.unique(clusters)) == len(rows):
        return _within_groups(rows, clusters)
    if _constant(rows.exposure, clusters):
        return Exchange(_as_values(rows.groups, clusters), clusters, "whole clusters")
    return _as_paths(rows, clusters)


def _constant(values: Floats, codes: Ints) -> bool:
    """Whether values are the same within each code."""
    first = np.zeros(int(codes.max()) + 1)
    first[codes] = values
    return bool((first[codes] == values).all())


def _within_groups(rows: CrossSection, clusters: Ints) -> Exchange:
    """Rows of a group, or its clusters where they hold several rows and are exposed as one."""
    pairs = levels_of(rows.groups * (clusters.max() + 1) + clusters).codes
    if pairs.max() + 1 < len(rows) and _constant(rows.exposure, pairs):
        return Exchange(_as_values(rows.groups, pairs), pairs, "clusters within their comparison")
    return _rows_of_groups(rows.groups)


def _rows_of_groups(groups: Ints, because: str = "") -> Exchange:
    strata = tuple(np.flatnonzero(groups == g)[:, None] for g in np.unique(groups))
    return Exchange(strata, None, ("rows within their group" if len(strata) > 1 else "rows") + because)


def _as_values(groups: Ints, codes: Ints) -> tuple[Ints, ...]:
    return tuple(members[:, None] for members in _patterns(groups, codes, sizes=False))


def _as_paths(rows: CrossSection, clusters: Ints) -> Exchange:
    """Clusters with the rows that they have in each group, as blocks."""
    order = np.lexsort((rows.groups, clusters))
    where = np.split(order, np.flatnonzero(np.diff(clusters[order])) + 1)
    strata = tuple(np.array([where[c] for c in members]) for members in _patterns(rows.groups, clusters, sizes=True))
    if sum(len(s) for s in strata if len(s) > 1) < 0.5 * len(where):
        return _rows_of_groups(
            rows.groups, " (clusters are not seen in the same groups, so that they cannot change places)"
        )
    return Exchange(strata, None, "whole clusters with their paths")


def _patterns(groups: Ints, codes: Ints, *, sizes: bool) -> list[Ints]:
    """Clusters that are seen in the same groups (with ``sizes``: as often)."""
    order = np.lexsort((groups, codes))
    parts = np.split(groups[order], np.flatnonzero(np.diff(codes[order])) + 1)
    keys: dict[bytes, list[int]] = {}
    for c, part in enumerate(parts):
        keys.setdefault((part if sizes else np.unique(part)).tobytes(), []).append(c)
    return [np.array(members) for members in keys.values()]


# ---- who stays --------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Blocks:
    """What stays or goes as a whole: clusters where rows share them, else rows."""

    codes: Ints
    n: int
    words: str

    def subset(self, share: float, rng: np.random.Generator, b: int) -> Floats:
        """Random subsets of a share of the blocks, as counts [b, n] of 0 and 1."""
        kept = np.zeros((b, self.n))
        kept[:, : self.kept(share)] = 1.0
        return np.asarray(rng.permuted(kept, axis=1)[:, self.codes])

    def kept(self, share: float) -> int:
        """Blocks of a subset."""
        return round(share * self.n)

    def resampled(self, rng: np.random.Generator, b: int) -> Floats:
        """Bootstrap samples of blocks, as counts [b, n]."""
        return np.asarray(rng.multinomial(self.n, np.full(self.n, 1 / self.n), size=b)[:, self.codes], dtype=np.float64)


def blocks(rows: CrossSection) -> Blocks:
    """Clusters, or rows where none is shared."""
    found = levels_of(rows.clusters)
    shared = len(found) < len(rows)
    return Blocks(found.codes, len(found), "clusters" if shared else "rows")
