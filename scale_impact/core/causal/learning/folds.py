"""Folds for cross-fitting: no cluster in two of them, both arms in each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scale_impact.core.causal.cross_section import CrossSection, Ints
from scale_impact.core.words import counted
from scale_impact.errors import DesignError


@dataclass(frozen=True, eq=False)
class _Clusters:
    """Clusters of rows: code of each row [n], rows of each, how exposed it is (0 never, 2 always, 1 both), its first group."""

    codes: Ints
    sizes: Ints
    kinds: Ints
    groups: Ints


def make_folds(rows: CrossSection, folds: int, rng: np.random.Generator, key: str) -> Ints:
    """The fold of each row [n]: 0 to ``folds`` - 1.

    Clusters are dealt out at random, the never exposed and the exposed each for themselves and group by group, always to the fold
    that has fewest of their kind, so that folds are alike.

    Parameters
    ----------
    rows:
        What is compared.
    folds:
        How many, 2 or more.
    rng:
        Whose draws decide.
    key:
        Estimator that asks, for messages.

    Raises
    ------
    DesignError
        More folds than clusters; an arm that a fold, or what is left without it, would lack.
    """
    if problems := _too_few(rows, folds, key):
        raise DesignError(problems)
    return _dealt(_clusters(rows), folds, rng)


def splits(folds: Ints) -> list[tuple[Ints, Ints]]:
    """Row numbers outside and inside each fold, as scikit-learn wants them."""
    return [(np.flatnonzero(folds != k), np.flatnonzero(folds == k)) for k in np.unique(folds)]


def _clusters(rows: CrossSection) -> _Clusters:
    _, first, codes = np.unique(rows.clusters, return_index=True, return_inverse=True)
    sizes = np.bincount(codes)
    exposed = np.bincount(codes, weights=rows.treated)
    kinds = np.where(exposed == 0, 0, np.where(exposed == sizes, 2, 1)) if rows.binary else np.zeros(len(sizes))
    return _Clusters(codes.ravel(), sizes, kinds.astype(np.int64), rows.groups[first])


def _dealt(clusters: _Clusters, folds: int, rng: np.random.Generator) -> Ints:
    order = np.lexsort((rng.random(len(clusters.sizes)), clusters.groups, clusters.kinds))
    of_kind, all_rows = np.zeros((3, folds)), np.zeros(folds)
    dealt = np.empty(len(order), dtype=np.int64)
    for c in order:
        k = int(np.lexsort((all_rows, of_kind[clusters.kinds[c]]))[0])
        dealt[c] = k
        of_kind[clusters.kinds[c], k] += clusters.sizes[c]
        all_rows[k] += clusters.sizes[c]
    return np.asarray(dealt[clusters.codes])


def _too_few(rows: CrossSection, folds: int, key: str) -> list[str]:
    """Why so many folds cannot be made, in sentences."""
    clusters = _clusters(rows)
    if not rows.binary:
        return [_sentence(key, folds, len(clusters.sizes), "cluster")] if len(clusters.sizes) < folds else []
    having = {"treated": int((clusters.kinds > 0).sum()), "control": int((clusters.kinds < 2).sum())}
    problems = [_sentence(key, folds, n, f"{arm} cluster") for arm, n in having.items() if n < folds]
    if not problems and (mixed := int((clusters.kinds == 1).sum())) < folds <= len(clusters.sizes):
        problems = _lacking(_dealt(clusters, folds, np.random.default_rng(0)), rows, mixed, key)
    return problems


def _lacking(dealt: Ints, rows: CrossSection, mixed: int, key: str) -> list[str]:
    """Folds without one of the arms, however clusters with both of them are dealt."""
    exposed = [rows.exposure[dealt == k] for k in np.unique(dealt)]
    return [
        f"{key}: folds too small: treatment is constant in fold {k + 1} of {len(exposed)} (all {'treated' if e[0] else 'control'}; "
        f"{counted(mixed, 'cluster has', 'clusters have')} both arms). Ask for fewer `folds`."
        for k, e in enumerate(exposed)
        if not np.ptp(e)
    ]


def _sentence(key: str, folds: int, having: int, what: str) -> str:
    some = f"`folds: {having}` would do" if having > 1 else "there are too few for any"
    return (
        f"{key}: folds too small: {counted(having, what)} cannot be in each of {folds} folds, and treatment would be constant "
        f"in a fold. Ask for fewer `folds` ({some}), or use backdoor_regression, which needs none."
    )
