"""Changes of several cohorts: each cohort beside its controls has slopes of its own, where it has rows enough.

Who is treated first and who late may depend on covariates in opposite ways, and what a covariate says of a change depends on which
periods the change is between. One slope for all cohorts is wrong then, however many rows there are. Cohorts that are too small share
slopes with the next larger ones; intercepts are always their own.

Source: Callaway and Sant'Anna (2021), section 4 (models by cohort); Vittinghoff and McCulloch (2007) (five rows of the rarer side a
coefficient will do).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.causal.balancing.logit import Floats, columns_of, independent
from scale_impact.core.causal.cross_section import CrossSection

Ints = NDArray[np.int64]

PER_COLUMN = 5
"""Rows of the smaller side a column (the constant is one) from which on a cohort has slopes of its own."""


def blocks_of(rows: CrossSection) -> Ints:
    """[n], which rows share slopes: each cohort's comparison its own; all rows where they are no changes, or of one cohort."""
    n_groups, k = len(rows.group_names), rows.covariates.shape[1]
    if not rows.changes or n_groups == 1 or not k:
        return np.zeros(len(rows), dtype=np.int64)
    own = np.bincount(rows.groups, rows.treated, n_groups)
    sides = np.column_stack([own, np.bincount(rows.groups, minlength=n_groups) - own])
    return _shared(sides, PER_COLUMN * (1 + k))[rows.groups]


def _shared(sides: Floats, least: int) -> Ints:
    """Block of each group [G], the small put together from the smallest on; ``sides`` [G, 2] are rows of both sides."""
    made: list[list[int]] = [[]]
    for g in np.argsort(sides.min(axis=1), kind="stable"):
        if made[-1] and sides[made[-1]].sum(axis=0).min() >= least:
            made.append([])
        made[-1].append(int(g))
    if len(made) > 1 and sides[made[-1]].sum(axis=0).min() < least:
        made[-2] += made.pop()
    found = np.empty(len(sides), dtype=np.int64)
    for block in made:
        found[block] = min(block)
    return np.unique(found, return_inverse=True)[1].astype(np.int64)


def sharing(rows: CrossSection, blocks: Ints) -> list[str]:
    """Which cohorts have no slopes of their own, in words."""
    several = [np.unique(rows.groups[blocks == b]) for b in range(int(blocks.max(initial=0)) + 1)]
    own = np.bincount(rows.groups, rows.treated, len(rows.group_names)).astype(int)
    named = [
        ", ".join(f"{rows.group_names[g]} ({own[g]:,})" for g in groups)
        for groups in several
        if len(groups) > 1 and rows.changes and rows.covariates.shape[1]
    ]
    return [
        f"Covariates have the same slopes in {names}: too few rows (treated ones in brackets) for slopes of each cohort's own, which "
        f"need {PER_COLUMN * (1 + rows.covariates.shape[1])} of either side."
        for names in named
    ]


def columns_by(covariates: Floats, dummies: Floats, blocks: Ints) -> Floats:
    """A constant, covariates [n, K] standardised within their block and 0 in the others, and dummies; without combinations of others."""
    known = np.unique(blocks)
    if len(known) < 2:
        return columns_of(np.column_stack([covariates, dummies]))[0]
    x = np.column_stack([np.ones(len(blocks)), *(by_block(v, blocks, known) for v in covariates.T), dummies])
    return x[:, independent(x)]


def by_block(values: Floats, blocks: Ints, known: Ints) -> Floats:
    """[n, B], values [n] standardised within each of the blocks, 0 elsewhere."""
    made = np.zeros((len(values), len(known)))
    for j, b in enumerate(known):
        inside = blocks == b
        own = values[inside]
        spread = own.std()
        made[inside, j] = (own - own.mean()) / (spread if spread > 0 else 1.0)
    return made
