"""Placebo worlds: the measure's cohorts given at random to units that it did not reach.

The pool is the never-treated units over all periods, with the study's own dates. Where they are
too few, it is all units over the periods before anybody was treated, with the dates moved
earlier. Units are drawn the way the study treats them: whole clusters where each of its clusters
is treated as one, single units otherwise.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.design import Design
from scale_impact.core.panel import Panel
from scale_impact.core.placebo import NEVER, Part, part, suppose
from scale_impact.core.words import counted, plain, some

Codes = NDArray[np.int64]

FEW = 100
"""Below so many different assignments shares of them say little."""

MOST = 5_000
"""At most so many units (clusters) in a placebo world."""

ENOUGH = 10**9
"""From here on assignments are not counted."""


@dataclass(frozen=True, eq=False)
class Pool:
    """Where placebo treatment is given.

    Attributes
    ----------
    panel, design:
        Untreated observations, and the study's design on them with one placebo assignment.
    blocks:
        What is assigned together: block of each unit of the panel.
    sizes:
        Blocks of each placebo cohort in each stratum, [S, G]; blocks are exchanged within a stratum.
    strata:
        Blocks of each stratum.
    real:
        Blocks of each of these cohorts in the study.
    assignments:
        How many different assignments there are, at most ``ENOUGH``.
    words:
        What the pool is, in a sentence.
    whole:
        Whether it has all periods of the study.
    """

    panel: Panel
    design: Design
    blocks: Codes
    sizes: Codes
    strata: tuple[Codes, ...]
    real: Codes
    assignments: int
    words: str
    whole: bool

    @property
    def alike(self) -> bool:
        """Whether placebo estimates vary as the study's does: cohorts as large, over the same periods."""
        return self.full_size and self.whole

    @property
    def full_size(self) -> bool:
        """Whether the placebo cohorts are as large as the study's."""
        return bool((self.sizes.sum(axis=0) == self.real).all())

    def codes(self, most: int, seed: int) -> Iterator[Codes]:
        """Cohort of each unit in each world: every assignment once where they are at most ``most``, else random ones."""
        every = self.assignments <= most and len(self.strata) == 1
        drawn = _every(self) if every else _drawn(self, most, np.random.default_rng(seed))
        return (labels[self.blocks] for labels in drawn)

    def world(self, codes: Codes) -> Design:
        """The design of one world."""
        return replace(self.design, cohort_codes=codes)

    def count(self, most: int) -> int:
        """How many worlds ``codes`` gives."""
        return self.assignments if self.assignments <= most and len(self.strata) == 1 else most

    def cohorts(self) -> list[dict[str, object]]:
        """Size of each cohort in the study and here, and its placebo date."""
        columns = zip(self.design.first_treated[:-1], self.real, self.sizes.sum(axis=0), strict=True)
        return [{"from": plain(label), "study": int(n), "placebo": int(k)} for label, n, k in columns]

    @property
    def clustered(self) -> bool:
        """Whether whole clusters are assigned."""
        return len(np.unique(self.blocks)) < len(self.blocks)

    @property
    def things(self) -> str:
        """What is assigned, in the plural."""
        if self.clustered:
            return f"clusters ({self.design.cluster})"
        return "units" if self.panel.followed else "observations"


def pool(panel: Panel, design: Design, enough: int = FEW) -> Pool | str:
    """The pool of a study: never-treated units where they allow ``enough`` assignments; where there is none, why."""
    if design.reversals is not None:
        return design.reversals
    found = [p for p in (_never_treated(panel, design), _before(panel, design)) if p is not None]
    if not found:
        return (
            "There are no untreated observations to give placebo treatment to: that takes three never-treated units, or "
            "two periods before anybody is treated and three units."
        )
    return next((p for p in found if p.assignments >= enough), found[0])


def _never_treated(panel: Panel, design: Design) -> Pool | None:
    if design.never_treated is None:
        return None
    cohorts = _cohorts(design)
    return _pool(
        panel, design, design.cohort_codes == design.never_treated, panel.n_periods, cohorts, design.starts[cohorts]
    )


def _before(panel: Panel, design: Design) -> Pool | None:
    """All units before the first (anticipated) treatment; dates keep their distance, the first its place in time."""
    cohorts = _cohorts(design)
    if design.never_treated is None:
        cohorts = cohorts[:-1]
    starts = design.starts[cohorts]
    until = int(design.starts[design.adopting[0]]) - design.anticipation
    if until < 2 + design.anticipation or not len(cohorts):
        return None
    first = min(max(round(until * starts[0] / panel.n_periods), 1 + design.anticipation), until - 1)
    moved = first + starts - starts[0]
    inside = moved < until
    kept = (design.cohort_codes >= 0) & (design.starts[design.cohort_codes] > 0)
    return _pool(panel, design, kept, until, cohorts[inside], moved[inside])


def _cohorts(design: Design) -> Codes:
    """Treated cohorts that have a unit."""
    return np.asarray(np.intersect1d(design.adopting, design.cohort_codes))


def _pool(
    panel: Panel, design: Design, units: NDArray[np.bool_], until: int, cohorts: Codes, starts: Codes
) -> Pool | None:
    """The pool of some units before a period; None where they are too few for the cohorts."""
    owners = _blocks(design)
    chosen = part(panel, _some(units, owners), until)
    dates = chosen.positions(starts.astype(float))
    if not len(chosen.units) or (dates == NEVER).any() or (dates < 1).any() or len(np.unique(dates)) < len(dates):
        return None
    blocks = np.unique(owners[chosen.units], return_inverse=True)[1]
    strata = _strata(chosen.panel, blocks)
    real = _real(panel, design, owners, cohorts, chosen if len(strata) > 1 else None)
    sizes = np.array([_sizes(n, len(s)) for n, s in zip(real, strata, strict=True)])
    if any(row.sum() > len(s) - 2 for row, s in zip(sizes, strata, strict=True)):
        return None
    template = suppose(design, chosen, np.append(dates, NEVER)[_first(sizes, strata)[blocks]])
    real = real[:, :-1].sum(axis=0)
    words = _words(panel, chosen, until, int(units.sum()))
    return Pool(
        chosen.panel,
        template,
        blocks,
        sizes,
        strata,
        real,
        _assignments(sizes, strata),
        words,
        until == panel.n_periods,
    )


def _blocks(design: Design) -> Codes:
    """What is treated together: the cluster where each holds one cohort only, else the unit."""
    units = np.arange(len(design.cohort_codes))
    if design.cluster_codes is None:
        return units
    kept = design.cohort_codes >= 0
    pairs = np.unique(np.stack([design.cluster_codes[kept], design.cohort_codes[kept]]), axis=1)
    return design.cluster_codes if len(np.unique(pairs[0])) == pairs.shape[1] else units


def _some(units: NDArray[np.bool_], owners: Codes) -> NDArray[np.bool_]:
    """The units of at most ``MOST`` blocks, evenly spaced: a world need not be as large as the data."""
    blocks = np.unique(owners[units])
    if len(blocks) <= MOST:
        return units
    return units & np.isin(owners, blocks[np.linspace(0, len(blocks) - 1, MOST).astype(int)])


def _strata(panel: Panel, blocks: Codes) -> tuple[Codes, ...]:
    """Blocks that may be exchanged: all; where no unit is followed, those of one period."""
    if panel.followed or len(np.unique(blocks)) < len(blocks):
        return (np.unique(blocks),)
    return tuple(np.flatnonzero(panel.period_codes == t) for t in range(panel.n_periods))


def _real(panel: Panel, design: Design, owners: Codes, cohorts: Codes, by_period: Part | None) -> Codes:
    """Blocks of each cohort, and of all that serve as controls, in the study; [S, G + 1]."""
    codes = design.cohort_codes
    rest = np.setdiff1d(np.flatnonzero(design.starts > 0), cohorts)
    groups = [*(codes == g for g in cohorts), np.isin(codes, rest)]
    if by_period is None:
        return np.array([[len(np.unique(owners[member])) for member in groups]])
    return np.array([[int((panel.period_codes[m] == t).sum()) for m in groups] for t in by_period.periods])


def _sizes(real: Codes, blocks: int) -> Codes:
    """Placebo cohorts: the study's sizes where as many controls remain as are treated, else in the study's shares."""
    treated, controls = real[:-1], int(real[-1])
    total = int(treated.sum())
    if blocks - total >= min(total, controls):
        return np.asarray(treated)
    scaled = np.rint(treated * blocks / (total + controls)).astype(np.int64)
    return np.asarray(np.where(treated > 0, np.maximum(scaled, 1), 0))


def _labels(sizes: Codes, blocks: int) -> Codes:
    """Cohorts of the blocks of a stratum, in order; the rest is never treated."""
    return np.asarray(np.repeat(np.arange(len(sizes) + 1), [*sizes, blocks - sizes.sum()]))


def _first(sizes: Codes, strata: tuple[Codes, ...]) -> Codes:
    labels = np.zeros(sum(map(len, strata)), dtype=np.int64)
    for row, members in zip(sizes, strata, strict=True):
        labels[members] = _labels(row, len(members))
    return labels


def _drawn(found: Pool, worlds: int, rng: np.random.Generator) -> Iterator[Codes]:
    start = _first(found.sizes, found.strata)
    for _ in range(worlds):
        labels = start.copy()
        for members in found.strata:
            labels[members] = rng.permutation(start[members])
        yield labels


def _every(found: Pool) -> Iterator[Codes]:
    """Each assignment once."""
    n, sizes = len(found.strata[0]), found.sizes[0]
    labels = np.full(n, len(sizes), dtype=np.int64)

    def fill(g: int, free: tuple[int, ...]) -> Iterator[Codes]:
        if g == len(sizes):
            yield labels.copy()
            return
        for taken in itertools.combinations(free, int(sizes[g])):
            labels[list(taken)] = g
            yield from fill(g + 1, tuple(b for b in free if b not in taken))
            labels[list(taken)] = len(sizes)

    return fill(0, tuple(range(n)))


def _assignments(sizes: Codes, strata: tuple[Codes, ...]) -> int:
    """How many different assignments there are."""
    count = 1
    for row, members in zip(sizes, strata, strict=True):
        free = len(members)
        for n in row:
            many = free - int(n), int(n)
            count = min(count * (math.comb(free, int(n)) if min(many) < 40 else ENOUGH), ENOUGH)
            free -= int(n)
    return count


def _words(panel: Panel, chosen: Part, until: int, of: int) -> str:
    thing = panel.unit or "observation"
    cut = f"{len(chosen.units):,} of " if len(chosen.units) < of else ""
    if until == panel.n_periods:
        return f"{cut}the {counted(of, 'never-treated unit')} ({thing}) over all {until} periods"
    dates = some([plain(p) for p in chosen.panel.periods])
    return (
        f"{cut}all {counted(of, 'unit')} ({thing}) in the {counted(until, 'period')} before anybody is treated "
        f"({dates}), with the dates moved earlier"
    )
