"""Randomisation inference: what would have been found had other cities been the treated ones?

The adoption dates are dealt again to the units (whole clusters, where the design names them), as
many to each date as there are, and the estimate is made for each dealing. If nothing distinguishes
the treated but chance, the p-value is exact with any number of units, one treated unit included;
also where errors are correlated over time or far from normal. It is not protected against treated
units that vary more than others; studentising (the default) helps where each cohort has several.

The interval holds the effects, the same in each treated cell, that the test does not reject when
they are taken away from the outcomes (Fisher's interval). For linear estimators the statistic is
linear in the effect, so that nothing is estimated again. For effects by event time, cohort or
period, the other effects are taken away as estimated.

Where the dates were dealt within strata (regions, halves of a city) they are dealt again within them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.assignments import (
    Positions,
    cohort_sums,
    count_assignments,
    every_assignment,
    random_assignments,
)
from scale_impact.core.blocks import Blocks, blocks_of, cluster_parts
from scale_impact.core.cohorts import Floats
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Judgement
from scale_impact.core.experiment.dealing import Codes
from scale_impact.core.experiment.dealing import deal as deal_within
from scale_impact.core.keys import Column, Count
from scale_impact.core.panel import Panel
from scale_impact.core.targets import Target, effect_patterns, levels_matter
from scale_impact.core.words import counted, plain, some
from scale_impact.errors import DesignError, EstimationError, ScaleImpactError
from scale_impact.inference._inversion import inverted

Refit = Callable[[Panel, Design], Effect]
Statistic = Literal["studentised", "estimate"]

TIES = 1e-9
"""Statistics that differ by less than this share are equal."""

TOGETHER = 25
"""Targets handled at once."""


def judge(
    panel: Panel,
    design: Design,
    refit: Refit,
    effect: Effect,
    targets: Sequence[Target],
    *,
    seed: int = 20251122,
    draws: Count = 9_999,
    statistic: Statistic = "studentised",
    refits: Count = 499,
    strata: Sequence[Column] = (),
) -> list[Judgement | None]:
    """Judge estimates by dealing the adoption dates again.

    Parameters
    ----------
    panel, design, refit, effect:
        The data, the design, the estimator and what it found.
    targets:
        The estimates to judge, ``overall`` first (``core.targets.targets_of``).
    seed:
        Of the draws.
    draws:
        Assignments drawn; all of them where they are no more than these.
    statistic:
        ``studentised``: the estimate over its standard error by cohort (linear estimators);
        ``estimate``: the estimate itself.
    refits:
        As ``draws``, where each assignment has to be estimated anew: estimators that are not
        linear, clusters of unequal size.
    strata:
        Columns within whose combinations the dates were dealt; constant within a cluster.

    Returns
    -------
    One judgement a target, all from the same assignments, or None; one that its estimator has judged by dealings stays so.

    Raises
    ------
    DesignError
        Clusters hold units of different dates, or lie in several strata; treatment switches off; there are no clusters.
    EstimationError
        No assignment but the one observed has an estimate.

    Source: Fisher (1935); Rosenbaum (2002); Young (2019); Roth and Sant'Anna (2023)
    for staggered adoption.
    """
    if effect.judged_by == "analytic" and effect.overall.judged is not None:
        return [effect.overall.judged, *(None for _ in targets[1:])]
    design.needs_absorbing()
    reason = _why_not_linear(panel, design, targets)
    if reason is None:
        linear = [t for t in targets if t.loadings is not None]
        found = iter(_linear(panel, design, effect, linear, _Deal(seed, draws, statistic, tuple(strata))))
        return [None if t.loadings is None else next(found) for t in targets]
    if targets[0].place != "overall":
        raise EstimationError(f"randomisation: {reason}, and then only the overall effect is judged.")
    overall = _by_refits(panel, design, refit, targets[0], _Deal(seed, refits, "estimate", tuple(strata)), reason)
    return [overall, *(None for _ in targets[1:])]


@dataclass(frozen=True)
class _Deal:
    """How assignments are dealt."""

    seed: int
    draws: int
    statistic: Statistic
    strata: tuple[str, ...] = ()

    def orders(self, panel: Panel, design: Design, own: Codes, kinds: Codes) -> tuple[Positions, bool]:
        """Assignments of the cohorts ``kinds`` to clusters (``own``: the cohort of each, in order), and whether they are all."""
        if self.strata:
            dealt = deal_within(own, _strata_of(panel, design, self.strata), draws=self.draws, seed=self.seed)
            place = np.argsort(kinds)[np.searchsorted(np.sort(kinds), dealt.arms)]
            return np.argsort(place, axis=1, kind="stable"), dealt.every
        sizes = [int((own == g).sum()) for g in kinds]
        every = count_assignments(sizes) <= self.draws
        return (every_assignment(sizes) if every else random_assignments(sum(sizes), self.draws, self.seed)), every

    def words(self, every: bool, count: int, thing: str, statistic: str) -> str:
        """The method in words."""
        many = f"all {count:,}" if every else f"{count:,} random"
        seed = "" if every else f", seed {self.seed}"
        within = f" within {some(list(self.strata))}" if self.strata else ""
        return (
            f"interval and p-value by randomisation inference: {many} assignments of the adoption dates to {thing}{within}{seed}; "
            f"{statistic}; interval by inversion for a constant effect"
        )


@dataclass(frozen=True, eq=False)
class Randomised:
    """A randomisation distribution, for any null value tau.

    Of each of B assignments: the estimate is ``up - tau slope``, its variance ``level - 2 tau
    middle + tau^2 top`` (None: not studentised); the same of the data is in ``value`` and ``spread``.
    """

    value: float
    spread: float
    up: Floats
    slope: Floats | None
    level: Floats | None
    middle: Floats | None
    top: Floats | None
    every: bool
    words: str
    std_error: float | None = None
    df: float | None = None

    @property
    def p_value(self) -> float | None:
        """Two-sided p-value of no effect on anybody."""
        return self.p_of(0.0)

    def p_of(self, null: float) -> float:
        """Two-sided p-value of an effect of ``null`` in each treated cell."""
        found = self.up if self.slope is None or null == 0 else self.up - null * self.slope
        gap = self.value - null
        ahead = found * found * self.spread >= gap * gap * self._variance(null) * (1 - TIES)
        count, total = int(np.count_nonzero(ahead)), len(ahead)
        return count / total if self.every else (count + 1) / (total + 1)

    def _variance(self, null: float) -> Floats | float:
        if self.level is None or self.middle is None or self.top is None:
            return 1.0
        return np.maximum(self.level - null * (2 * self.middle - null * self.top), 0.0)

    def interval(self, level: float) -> tuple[float, float] | None:
        """Effects that are not rejected; an end is infinite where there are too few assignments to reject any."""
        if self.slope is None:
            return None
        return inverted(self.p_of, self.value, float(np.std(self.up)), level)


def _strata_of(panel: Panel, design: Design, strata: Sequence[str]) -> Codes:
    """The stratum of each cluster that enters."""
    columns = [panel.unit_column(c) if panel.followed else panel.column(c) for c in strata]
    labels = np.array([", ".join(plain(v) for v in row) for row in zip(*columns, strict=True)])
    parts = cluster_parts(panel, design)
    split = [name for name, members in parts if len(np.unique(labels[members])) > 1]
    if split:
        raise DesignError(
            f"strata: {some(list(strata))} differ within {counted(len(split), 'cluster')} ({some(split, 3)}). A cluster lies in one stratum."
        )
    return np.unique([labels[members[0]] for _, members in parts], return_inverse=True)[1]


# ---- linear estimators: sums over cohorts -----------------------------------------------------------


def _why_not_linear(panel: Panel, design: Design, targets: Sequence[Target]) -> str | None:
    if targets[0].loadings is None:
        return "the estimator is not linear"
    if design.cross_sections and design.cluster_codes is None:
        raise DesignError(
            "randomisation needs units or clusters that can change places; here each observation stands for itself. Name the "
            "cluster that observations share, or use `inference: analytic`."
        )
    blocks = blocks_of(panel, design)
    if (mixed := blocks.mixed()) is not None:
        return mixed
    if np.ptp(blocks.counts) > 0:
        return "clusters are of unequal size"
    return None


def _linear(panel: Panel, design: Design, effect: Effect, targets: Sequence[Target], deal: _Deal) -> list[Randomised]:
    blocks = blocks_of(panel, design, levels=levels_matter(targets))
    cohorts, sizes = np.unique(blocks.cohort, return_counts=True)
    order = np.argsort(sizes, kind="stable")  # the largest cohort last
    cohorts, sizes = cohorts[order], sizes[order]
    orders, every = deal.orders(panel, design, blocks.cohort, cohorts)
    thing = f"clusters ({design.cluster})" if design.cluster not in (None, panel.unit) else f"units ({panel.unit})"
    patterns = effect_patterns(panel, design)
    found = []
    for start in range(0, len(targets), TOGETHER):
        some = [
            _items(blocks, t, _other_effects(effect, t, patterns), cohorts) for t in targets[start : start + TOGETHER]
        ]
        sums = cohort_sums(orders, [int(n) for n in sizes], np.concatenate([i.columns() for i in some], axis=2))
        parts = np.split(sums, np.arange(5, sums.shape[2], 5), axis=2)
        found += [_randomised(i, p, sizes, every, deal, thing) for i, p in zip(some, parts, strict=True)]
    return found


@dataclass(frozen=True, eq=False)
class _Items:
    """What each unit adds where it is in a cohort, of its outcomes and of an effect of 1, [G, N]."""

    value: float
    own: NDArray[np.int64]
    outcome: Floats
    effect: Floats | None

    def columns(self) -> Floats:
        """First and second powers, [G, N, 5]."""
        y = self.outcome
        d = np.zeros_like(y) if self.effect is None else self.effect
        return np.stack([y, y * y, d, d * d, y * d], axis=2)


def _items(blocks: Blocks, target: Target, others: Floats, cohorts: NDArray[np.int64]) -> _Items:
    assert target.loadings is not None
    loadings = target.loadings[cohorts]
    common = np.average(blocks.paths[blocks.cohort], axis=0, weights=blocks.counts[:, 0])
    shift = blocks.paths - others
    if (
        np.abs((target.loadings * blocks.cells).sum(axis=0)).max()
        <= 1e-9 * np.abs(target.loadings * blocks.cells).sum()
    ):
        shift = shift - common  # what all share cancels
    y = blocks.deviations + blocks.counts * shift[blocks.cohort]
    own = np.searchsorted(np.sort(cohorts), blocks.cohort)
    at = np.argsort(cohorts, kind="stable")[own]
    pattern = None if target.cells is None else blocks.counts * target.cells[blocks.cohort]
    whole = pattern is not None and abs(float((target.loadings[blocks.cohort] * pattern).sum()) - 1) < 1e-6
    return _Items(target.value, at, loadings @ y.T, loadings @ pattern.T if pattern is not None and whole else None)


def _other_effects(effect: Effect, target: Target, patterns: tuple[Floats, NDArray[np.bool_]]) -> Floats:
    """Effects at event times from 0 on as estimated, in the cells where the target's own does not act, [G, T]."""
    assert target.loadings is not None
    found = np.zeros(target.loadings.shape)
    if effect.path is None or target.place == "overall" or target.cells is None:
        return found
    values = dict(zip(effect.path.event_times, effect.path.values, strict=True))
    for time, pattern in zip(*patterns, strict=True):
        cells = pattern & ~target.cells
        if np.isfinite(values.get(time, np.nan)) and not (target.loadings * cells).any():
            found += values[time] * cells
    return found


def _randomised(
    items: _Items, sums: Floats, sizes: NDArray[np.int64], every: bool, deal: _Deal, thing: str
) -> Randomised:
    """The distribution of one target; cohorts of one unit have no part in the standard error."""
    n = sizes[:, None].astype(float)
    factor = np.where(n > 1, n / np.maximum(n - 1, 1), 0.0)

    def spread(square: int, first: int, second: int) -> Floats:
        inside: Floats = sums[:, :, square] - sums[:, :, first] * sums[:, :, second] / n
        return np.asarray((factor * inside).sum(axis=0))

    slope = sums[:, :, 2].sum(axis=0) if items.effect is not None else None
    observed = _observed_spread(items, sizes, factor[:, 0])
    up = sums[:, :, 0].sum(axis=0)
    if deal.statistic == "estimate" or not observed > 0:
        words = deal.words(every, len(up), thing, "statistic: the estimate")
        return Randomised(items.value, 1.0, up, slope, None, None, None, every, words)
    words = deal.words(every, len(up), thing, "statistic: studentised")
    level, middle, top = spread(1, 0, 0), spread(4, 0, 2), spread(3, 2, 2)
    return Randomised(items.value, observed, up, slope, level, middle, top, every, words)


def _observed_spread(items: _Items, sizes: NDArray[np.int64], factor: Floats) -> float:
    total = 0.0
    for g in np.flatnonzero(sizes > 1):
        inside = items.outcome[g, items.own == g]
        total += factor[g] * float(((inside - inside.mean()) ** 2).sum())
    return total


# ---- any other estimator: estimated again for each assignment -----------------------------------------


def _by_refits(panel: Panel, design: Design, refit: Refit, target: Target, deal: _Deal, why: str) -> Randomised:
    parts = [members for _, members in cluster_parts(panel, design)]
    own = np.array([design.cohort_codes[p[0]] for p in parts])
    _refuse_mixed(design, parts)
    cohorts, counts = np.unique(own, return_counts=True)
    sizes = [int(n) for n in counts]
    orders, every = deal.orders(panel, design, own, cohorts)
    labels = np.repeat(cohorts, sizes)
    unit_effect = _effect_panel(panel, design, target)
    rows = [_again(panel, unit_effect, design, refit, parts, labels, row) for row in orders]
    known = np.array([row for row in rows if row is not None], dtype=float).reshape(-1, 2)
    if len(known) < 2:
        raise EstimationError("randomisation: no other assignment of the adoption dates has an estimate.")
    lost = len(rows) - len(known)
    words = deal.words(
        every, len(known), "clusters" if design.cluster else "units", f"each estimated anew, because {why}"
    )
    words += f"; {counted(lost, 'assignment')} without an estimate left out" if lost else ""
    slope = known[:, 1] if np.isfinite(known[:, 1]).all() else None
    return Randomised(target.value, 1.0, known[:, 0], slope, None, None, None, every, words)


def _refuse_mixed(design: Design, parts: Sequence[NDArray[np.int64]]) -> None:
    mixed = sum(1 for p in parts if len(np.unique(design.cohort_codes[p])) > 1)
    if mixed:
        raise DesignError(
            f"randomisation moves whole clusters, and {mixed} of {len(parts)} clusters ({design.cluster}) hold units of "
            "different adoption dates. Use `inference: wild_bootstrap` or `jackknife`."
        )


def _effect_panel(panel: Panel, design: Design, target: Target) -> Panel | None:
    """A panel whose outcomes are the pattern of the effect: estimates are linear in outcomes."""
    if target.cells is None:
        return None
    codes = design.cohort_codes[panel.unit_codes]
    return replace(panel, values=np.where(codes >= 0, target.cells[codes, panel.period_codes], 0).astype(float))


def _again(
    panel: Panel,
    unit_effect: Panel | None,
    design: Design,
    refit: Refit,
    parts: Sequence[NDArray[np.int64]],
    labels: NDArray[np.int64],
    order: Positions,
) -> tuple[float, float] | None:
    """Estimate under another assignment, of the outcomes and of an effect of 1."""
    codes = design.cohort_codes.copy()
    for part, label in zip(order, labels, strict=True):
        codes[parts[int(part)]] = label
    dealt = replace(design, cohort_codes=codes)
    value = _estimate(panel, dealt, refit)
    if value is None:
        return None
    slope = None if unit_effect is None else _estimate(unit_effect, dealt, refit)
    return value, np.nan if slope is None else slope


def _estimate(panel: Panel, design: Design, refit: Refit) -> float | None:
    try:
        return refit(panel, design).overall.value
    except ScaleImpactError:
        return None
