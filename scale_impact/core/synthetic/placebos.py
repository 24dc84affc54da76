"""In-space placebos: donors play the treated units, with their dates, although nothing happened to them.

Inference and checks share this. An assignment names who plays treated; the real treated are never donors in it, and who plays
treated is no donor either. Where there are no more assignments than draws asked for, each is taken once.

Source: Abadie, Diamond and Hainmueller (2010), section 2.4; (2015), section 4; for several treated units and dates Cavallo,
Galiani, Noy and Pantano (2013), section 3, with each treated unit and period counting once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.assignments import count_assignments, every_assignment, random_assignments
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.panel import Panel
from scale_impact.core.placebo import NEVER, Part, part, suppose
from scale_impact.core.synthetic.counterfactual import Counterfactual
from scale_impact.core.synthetic.ranks import over_fit as over_fit
from scale_impact.core.synthetic.worlds import Again, Bools, Floats, Worlds
from scale_impact.core.words import counted
from scale_impact.errors import EstimationError, ScaleImpactError

Refit = Callable[[Panel, Design], Effect]
Positions = NDArray[np.int64]

BATCH = 1 << 24
"""Worlds asked at once, times units squared: what a solver may hold, in numbers."""

TINY = 1e-12
"""Of the outcomes' size: fits that are closer are exact."""


@dataclass(frozen=True, eq=False)
class Gaps:
    """Gaps of B assignments, and what they come to.

    Attributes
    ----------
    values:
        [B, U, T], observed minus expected; NaN where there is none.
    fit, after:
        [U, T], the periods fitted on and those that count as the effect, as for the U treated.
    sizes:
        [U], how many units each of the treated is.
    """

    values: Floats
    fit: Bools
    after: Bools
    sizes: Floats

    def __len__(self) -> int:
        return len(self.values)

    def mean(self, cells: Bools) -> Floats:
        """Mean gap over some cells [U, T], each treated unit and period counting once, [B]."""
        return self._mean(self.values, cells)

    def root(self, cells: Bools) -> Floats:
        """Root mean squared gap over some cells [U, T], [B]."""
        return np.asarray(np.sqrt(self._mean(self.values**2, cells)))

    def _mean(self, numbers: Floats, cells: Bools) -> Floats:
        weights = np.where(np.isfinite(numbers), cells * self.sizes[:, None], 0.0)
        total = weights.sum(axis=(1, 2))
        sums = (weights * np.where(weights > 0, numbers, 0.0)).sum(axis=(1, 2))
        return np.asarray(np.where(total > 0, sums / np.where(total > 0, total, 1.0), np.nan))

    @cached_property
    def effect(self) -> Floats:
        """Average gap after the start, [B]."""
        return self.mean(self.after)

    @cached_property
    def pre_rmspe(self) -> Floats:
        """Root mean squared gap of the periods fitted on, [B]."""
        return self.root(self.fit)

    @cached_property
    def post_rmspe(self) -> Floats:
        """Root mean squared gap after the start, [B]."""
        return self.root(self.after)

    @cached_property
    def ratio(self) -> Floats:
        """Post over pre RMSPE, [B]."""
        return over_fit(self.post_rmspe, self.pre_rmspe)

    def select(self, rows: NDArray[np.bool_] | Positions) -> Gaps:
        """Some of the assignments."""
        return replace(self, values=self.values[rows])


@dataclass(frozen=True, eq=False)
class Placebos:
    """What was found for the treated, and for donors in their place.

    Attributes
    ----------
    real:
        The study's own gaps, one assignment.
    drawn:
        Those of the placebo assignments.
    names:
        Who plays treated in each of them, in the order of the treated.
    possible:
        How many assignments there are.
    every:
        Whether all of them are here (but for those lost).
    lost:
        How many have no estimate.
    why:
        Why the first of these has none; empty where that is not known.
    """

    real: Gaps
    drawn: Gaps
    names: tuple[tuple[str, ...], ...]
    possible: int
    every: bool
    lost: int = 0
    why: str = ""

    @property
    def gone(self) -> str:
        """What is said of those lost, with the first reason."""
        return f"{self.lost} without an estimate{f' (the first: {self.why})' if self.why else ''}"

    def fitting(self, times: float) -> NDArray[np.bool_]:
        """Which assignments have a pre MSPE of no more than so many times the real one, [B].

        Source: Abadie, Diamond and Hainmueller (2010), section 3.4 (20, 5 and 2 times).
        """
        return np.asarray(self.drawn.pre_rmspe**2 <= times * self.real.pre_rmspe[0] ** 2)

    def select(self, rows: NDArray[np.bool_]) -> Placebos:
        """Some of the assignments."""
        names = tuple(n for n, kept in zip(self.names, rows, strict=True) if kept)
        return replace(self, drawn=self.drawn.select(rows), names=names)


def in_space(
    effect: Effect, panel: Panel, design: Design, refit: Refit, *, draws: int = 999, seed: int = 20251122
) -> Placebos:
    """Give the treated units' dates to donors, and ask again.

    Parameters
    ----------
    effect:
        With a counterfactual.
    panel, design, refit:
        What it was estimated from, and how; used where the counterfactual cannot be asked again.
    draws, seed:
        Assignments drawn where there are more than these.

    Raises
    ------
    EstimationError
        No counterfactual, too few donors to play treated, or no assignment with an estimate.
    """
    found = effect.counterfactual
    if found is None:
        raise EstimationError(
            f"placebo cities need an estimator that says what would have been; {effect.estimator} does not. Use "
            "`inference: randomisation`, or an estimator such as synthetic_control."
        )
    if found.worlds is None or found.again is None:
        return _by_refits(found, panel, design, refit, draws, seed)
    worlds = found.worlds
    deal = dealt(worlds, draws, seed)
    known, key = _known.setdefault(found, {}), (0, 0) if deal.every else (draws, seed)
    if key not in known:
        gaps = ask(found.again, placebo_worlds(worlds, deal)).reshape(len(deal.picks), *found.gaps.shape)
        names = unit_names(found, panel, design)
        known[key] = _collected(found, gaps, [tuple(names[k] for k in row) for row in deal.picks], deal)
    return known[key]


_known: WeakKeyDictionary[Counterfactual, dict[tuple[int, int], Placebos]] = WeakKeyDictionary()
"""Placebos of a counterfactual that were asked for: its interval, several checks and a figure look at the same ones."""


def only(found: Counterfactual, u: int) -> Counterfactual:
    """The counterfactual of one treated unit alone, as if the others were not there."""
    return replace(
        found, names=found.names[u : u + 1], sizes=np.asarray(found.sizes)[u : u + 1], starts=found.starts[u : u + 1],
        fitted=found.fitted[u : u + 1], observed=found.observed[u : u + 1], expected=found.expected[u : u + 1],
        worlds=None if found.worlds is None else found.worlds.take([u]), unique=None, modelled=None, expected_se=None,
    )  # fmt: skip


def real_gaps(found: Counterfactual) -> Gaps:
    """The study's own gaps, as one assignment."""
    time = np.arange(found.gaps.shape[1])
    fit, after = time < np.array(found.fitted)[:, None], time >= np.array(found.starts)[:, None]
    return Gaps(found.gaps[None], fit, after, np.asarray(found.sizes, dtype=float))


def _collected(
    found: Counterfactual, gaps: Floats, names: list[tuple[str, ...]], deal: Deal, why: str = ""
) -> Placebos:
    """Placebos without those that have no estimate; rounding errors of an exact fit are zero."""
    real = real_gaps(found)
    exact = TINY * float(np.nanmax(np.abs(found.observed)))
    real = replace(real, values=np.where(np.abs(real.values) <= exact, 0.0, real.values))
    drawn = replace(real, values=np.where(np.abs(gaps) <= exact, 0.0, gaps))
    kept = np.isfinite(drawn.effect) & np.isfinite(drawn.pre_rmspe)
    if not kept.any():
        raise EstimationError(
            "placebo: not one donor in the place of the treated has an estimate. "
            + (f"The first: {why}" if why else "See the check pre_fit.")
        )
    lost = int((~kept).sum())
    return Placebos(real, drawn, tuple(names), deal.possible, deal.every, lost, why).select(kept)


# ---- who plays treated ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Deal:
    """Assignments: ``picks`` [B, M] positions of units, ``rows`` [M] which of the treated each of them plays."""

    picks: Positions
    rows: Positions
    possible: int
    every: bool


def dealt(worlds: Worlds, draws: int, seed: int) -> Deal:
    """Deal the treated units' dates to those who are donors of all of them.

    Raises
    ------
    EstimationError
        No donor is left to compare with.
    """
    keys = [(tuple(f), tuple(a)) for f, a in zip(worlds.fit, worlds.after, strict=True)]
    sizes = [int(n) for n in (worlds.treated > 0).sum(axis=1)]
    return _deal(np.flatnonzero(worlds.donors.all(axis=0)), sizes, keys, draws, seed)


def _deal(pool: Positions, sizes: list[int], keys: Sequence[object], draws: int, seed: int) -> Deal:
    """Units alike in their dates change places without making another assignment."""
    groups: dict[object, list[int]] = {}
    for row, size in enumerate(sizes):
        groups.setdefault(keys[row] if size == 1 else row, []).extend([row] * size)
    rows = np.array([r for members in groups.values() for r in members], dtype=np.int64)
    left = len(pool) - len(rows)
    if left < 1:
        raise EstimationError(
            f"placebo: {counted(len(pool), 'donor')} cannot play {counted(len(rows), 'treated unit')} and leave one to compare "
            "with. Use more donors, or `inference: conformal`, which needs none."
        )
    parts = [*(len(members) for members in groups.values()), left]
    possible = count_assignments(parts)
    every = possible <= draws
    orders = every_assignment(parts) if every else random_assignments(len(pool), draws, seed)
    return Deal(pool[orders[:, : len(rows)].astype(np.int64)], rows, possible, every)


def placebo_worlds(worlds: Worlds, deal: Deal) -> Worlds:
    """The worlds of all assignments, [B times U] rows: the U treated of the first, then of the second, ..."""
    b, (u, n) = len(deal.picks), worlds.donors.shape
    each = np.arange(b)[:, None]
    treated, played = np.zeros((b, u, n)), np.zeros((b, n), dtype=bool)
    treated[each, deal.rows[None], deal.picks] = 1 / np.bincount(deal.rows, minlength=u)[deal.rows]
    played[each, deal.picks] = True
    donors = worlds.donors[None] & ~played[:, None]
    return replace(
        worlds, treated=treated.reshape(-1, n), donors=donors.reshape(-1, n), fit=np.tile(worlds.fit, (b, 1)),
        after=np.tile(worlds.after, (b, 1)), shift=None,
    )  # fmt: skip


def ask(again: Again, worlds: Worlds) -> Floats:
    """Gaps of many worlds, [B, T], some at a time, so that memory stays bounded."""
    found = [again(worlds.take(rows)) for rows in _batches(len(worlds), worlds.outcomes.shape[0])]
    return np.concatenate(found) if found else np.zeros((0, worlds.outcomes.shape[1]))


def _batches(count: int, units: int) -> Iterator[Positions]:
    step = max(BATCH // units**2, 16)
    return (np.arange(k, min(k + step, count)) for k in range(0, count, step))


def unit_names(found: Counterfactual, panel: Panel, design: Design) -> list[str]:
    """Names of the units of the worlds, as far as they are known; treated first, donors after them."""
    assert found.worlds is not None
    donors = np.flatnonzero(found.worlds.donors.any(axis=0))
    never = [] if design.never_treated is None else design.members(design.never_treated)
    known = list(found.donors.index) if found.donors is not None else list(never)
    names = [f"{panel.unit} {k + 1}" for k in range(found.worlds.donors.shape[1])]
    if len(known) == len(donors):
        for k, name in zip(donors, known, strict=True):
            names[k] = str(name)
    return names


# ---- estimators that cannot be asked again: estimated anew ---------------------------------------------------------------


def _by_refits(found: Counterfactual, panel: Panel, design: Design, refit: Refit, draws: int, seed: int) -> Placebos:
    """Placebos by estimating anew on the never treated alone."""
    never = design.never_treated
    pool = np.flatnonzero(design.cohort_codes == never) if never is not None else np.zeros(0, dtype=np.int64)
    deal = _deal(pool, [int(n) for n in found.sizes], list(zip(found.starts, found.fitted, strict=True)), draws, seed)
    some = part(panel, np.isin(np.arange(panel.n_units), pool))
    at = {int(u): k for k, u in enumerate(some.units)}
    starts = np.array(found.starts, dtype=float)[deal.rows]
    gaps, why = np.full((len(deal.picks), *found.gaps.shape), np.nan), ""
    for b, picks in enumerate(deal.picks):
        begins = np.full(len(some.units), NEVER)
        begins[[at[int(u)] for u in picks]] = starts
        again = _again(design, refit, some, begins)
        if isinstance(again, str):
            why = why or again
        elif again.gaps.shape == found.gaps.shape:
            gaps[b] = again.gaps
    names = [tuple(panel.unit_name(int(u)) for u in picks) for picks in deal.picks]
    return _collected(found, gaps, names, deal, why)


def _again(design: Design, refit: Refit, some: Part, begins: Floats) -> Counterfactual | str:
    """What an estimator says where others are treated, or why it says nothing."""
    try:
        supposed = suppose(design, some, begins)
        effect = refit(some.panel, supposed)
    except ScaleImpactError as error:
        return " ".join(error.problems)
    return effect.counterfactual or str(effect.overall.reason or "no counterfactual")


def fewest_for(level: float) -> int:
    """Placebos needed before anything can be rejected at a level: 19 for 95 %."""
    return math.ceil(1 / (1 - level) - 1e-9) - 1
