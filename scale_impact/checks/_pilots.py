"""What the checks of one pilot city share: the study's question, asked again in other words.

A pilot's effect knows what would have been (``effect.counterfactual``) and answers many questions of that kind at once
(``again``): other cities in the place of the treated, earlier dates, fewer donors. Checks ask there, and know no estimator.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from scale_impact.core.check import Check, Verdict
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.panel import Panel
from scale_impact.core.synthetic.counterfactual import Counterfactual
from scale_impact.core.synthetic.placebos import (
    Deal,
    Gaps,
    Placebos,
    ask,
    dealt,
    in_space,
    placebo_worlds,
    unit_names,
)
from scale_impact.core.synthetic.worlds import Again, Floats, Worlds
from scale_impact.core.words import number, plain
from scale_impact.errors import EstimationError

Refit = Callable[[Panel, Design], Effect]

HAS_WEIGHT = 1e-6
"""Donors with less weight than this have none."""

APART = 3.0
"""Times the median placebo from which on an effect stands out: 95 % of normal gaps lie within 2.9 times their median size."""

ALPHA = 0.05
"""Level of the estimator's own test, where there are no placebos."""


@dataclass(frozen=True, eq=False)
class Pilot:
    """An effect that can be asked again.

    Attributes
    ----------
    effect, found, worlds, again:
        The effect, its counterfactual, its question (a row a treated unit) and what answers such questions.
    names:
        Names of the N units of the worlds.
    """

    panel: Panel
    effect: Effect
    found: Counterfactual
    worlds: Worlds
    again: Again
    names: tuple[str, ...]
    design: Design
    refit: Refit

    @property
    def sizes(self) -> Floats:
        """How many units each treated row is, [U]."""
        return np.asarray(self.found.sizes, dtype=float)

    @property
    def donors(self) -> list[int]:
        """Positions of all units that are a donor of some treated unit."""
        return [int(k) for k in np.flatnonzero(self.worlds.donors.any(axis=0))]

    def ask(self, variants: Sequence[Worlds]) -> Floats:
        """Gaps of variants of the study's question, [V, U, T]."""
        gaps = ask(self.again, stacked(variants))
        return gaps.reshape(len(variants), len(self.worlds), -1)

    def effects(self, variants: Sequence[Worlds]) -> Floats:
        """The overall effect of each variant, each treated unit and period counting once, [V]; NaN where there is none."""
        return self.average(self.ask(variants))

    @property
    def cells(self) -> Floats:
        """How much each treated unit and period counts in the overall effect, [U, T]; nothing where it was not observed."""
        return np.asarray(self.worlds.after * np.isfinite(self.found.gaps) * self.sizes[:, None])

    def average(self, gaps: Floats) -> Floats:
        """The overall effect of gaps [V, U, T], [V]."""
        cells = self.cells
        return np.asarray((cells * np.where(cells > 0, gaps, 0.0)).sum(axis=(1, 2)) / cells.sum())

    @property
    def pre_rmspe(self) -> Floats:
        """Root mean squared gap of each treated unit before the measure, where it was observed, [U]."""
        return np.array([_root(g[f]) for g, f in zip(self.found.gaps, self.worlds.fit, strict=True)])

    @cached_property
    def others(self) -> Placebos | None:
        """Donors in the place of the treated, those that intervals and other checks look at; None where nobody can play."""
        try:
            return in_space(self.effect, self.panel, self.design, self.refit)
        except EstimationError:
            return None

    @cached_property
    def noise(self) -> float:
        """Mean gap after the measure that is usual where nothing happened: smaller changes of an effect say nothing.

        That is the median of placebos, and more by as much as the treated are followed worse than the median placebo. Gaps that
        donors were fitted to would be too small for this. Without placebos it is the estimate's standard error, or else the RMSPE
        before.
        """
        if self.others is not None:
            drawn, mine = self.others.drawn, float(self.others.real.pre_rmspe[0])
            usual = float(np.median(drawn.pre_rmspe))
            worse = max(mine / usual, 1.0) if usual > 0 and np.isfinite(mine) else 1.0
            return float(np.median(np.abs(drawn.effect))) * worse
        periods = self.worlds.fit.sum(axis=1) * self.sizes
        before = float(np.sqrt((periods * self.pre_rmspe**2).sum() / periods.sum()))
        return self.effect.overall.std_error or before

    @property
    def stands_out(self) -> bool:
        """Whether the effect is more than nothing at all would show.

        The median of placebos is asked, not their largest: a donor on which the effect hangs has the widest gap of all itself.
        """
        p = self._own_p
        if p is not None:
            return p <= ALPHA
        return abs(float(self.average(self.found.gaps[None])[0])) > APART * self.noise

    @property
    def _own_p(self) -> float | None:
        """P-value of the estimator itself, where there are no placebos."""
        return None if self.others is not None else self.effect.overall.p_value

    @property
    def small(self) -> str:
        """Why changes of an effect that does not stand out say little."""
        p = self._own_p
        if p is not None:
            return f"It is not told apart from zero (p = {p:.3f}), so that such changes say little."
        what = "placebo's mean gap after the measure" if self.others is not None else "gap before the measure"
        return f"It is no more than {APART:g} times the usual {what}, {number(self.noise)}, so that such changes say little."

    def without(self, units: Sequence[int]) -> Worlds:
        """The question without some donors."""
        donors = self.worlds.donors.copy()
        donors[:, list(units)] = False
        return replace(self.worlds, donors=donors)

    def label(self, position: int) -> str:
        """Name of a period."""
        return plain(self.found.periods[position])

    @property
    def unit(self) -> str:
        """What a donor is, such as ``city``."""
        return self.panel.unit or "unit"

    def weights(self) -> dict[str, float]:
        """Donors' shares of the counterfactual by name, the largest first; empty where there are no weights."""
        frame = self.found.donors
        if frame is None:
            return {}
        share = self.sizes / self.sizes.sum()
        total = frame.to_numpy(dtype=float) @ share
        order = np.argsort(-np.abs(total), kind="stable")
        return {str(frame.index[k]): float(total[k]) for k in order if abs(total[k]) > HAS_WEIGHT}


def pilot(name: str, panel: Panel, design: Design, refit: Refit, instead: str) -> Pilot | Check:
    """The study's effect as one that can be asked again; where it cannot, the check that says why and what would do."""
    effect = refit(panel, design)
    found = effect.counterfactual
    if found is None:
        return Check.inapplicable(
            name,
            f"{effect.estimator} does not say what each treated {panel.unit or 'unit'} would have been: {instead}, or take an "
            "estimator such as synthetic_control.",
        )
    if found.worlds is None or found.again is None:
        return Check.inapplicable(name, f"{effect.estimator} has no donors whose part could be asked again.")
    names = _names(found, panel, design)
    return Pilot(panel, effect, found, found.worlds, found.again, names, design, refit)


def _names(found: Counterfactual, panel: Panel, design: Design) -> tuple[str, ...]:
    """Names of the units of the worlds, those of the treated too where each is one."""
    assert found.worlds is not None
    names = unit_names(found, panel, design)
    for row, name in zip(found.worlds.treated, found.names, strict=True):
        units = np.flatnonzero(row)
        if len(units) == 1:
            names[int(units[0])] = name
    return tuple(names)


def placebos_of(
    name: str,
    effect: Effect,
    panel: Panel,
    design: Design,
    refit: Refit,
    many: tuple[int, int],
    seed: int,
    instead: str,
) -> Placebos | Check:
    """Donors in the place of the treated; the check that says why there are none.

    ``many``: assignments drawn, and how many where each has to be estimated anew.
    """
    found = effect.counterfactual
    if found is None:
        return Check.inapplicable(
            name, f"{effect.estimator} does not say what each treated unit would have been. {instead}"
        )
    try:
        return in_space(effect, panel, design, refit, draws=many[0] if found.again else many[1], seed=seed)
    except EstimationError as error:
        return Check.inapplicable(name, " ".join(error.problems))


def stacked(parts: Sequence[Worlds]) -> Worlds:
    """Questions one after another; all of them about the same outcomes."""
    first = parts[0]
    if len(parts) == 1:
        return first
    return replace(
        first,
        treated=np.concatenate([p.treated for p in parts]),
        donors=np.concatenate([p.donors for p in parts]),
        fit=np.concatenate([p.fit for p in parts]),
        after=np.concatenate([p.after for p in parts]),
        shift=None,
    )


def playing(worlds: Worlds, draws: int, seed: int) -> Deal | None:
    """Who plays treated in placebo worlds; None where no donor would be left to compare with."""
    pool = int(worlds.donors.all(axis=0).sum())
    return dealt(worlds, draws, seed) if pool > int((worlds.treated > 0).sum()) else None


def placebo_gaps(case: Pilot, worlds: Worlds, deal: Deal, sizes: Floats) -> Gaps:
    """Gaps of placebo units in the place of the treated of some worlds."""
    gaps = ask(case.again, placebo_worlds(worlds, deal))
    return Gaps(gaps.reshape(len(deal.picks), len(worlds), -1), worlds.fit, worlds.after, sizes)


def _root(gaps: Floats) -> float:
    known = gaps[np.isfinite(gaps)]
    return float(np.sqrt(np.mean(known**2))) if len(known) else float("nan")


def movement(worlds: Worlds) -> Floats:
    """How much the outcome moves before the measure (standard deviation over time): within a unit, all units pooled, or within
    the treated itself where that is more, [U].

    Counts of a city beside small places: theirs move little, and a gap that is large for them is small for the city.
    """
    found = []
    for fit, treated, donors, path in zip(worlds.fit, worlds.treated, worlds.donors, worlds.targets, strict=True):
        y = worlds.outcomes[(treated > 0) | donors][:, fit]
        y = y[np.isfinite(y).any(axis=1)]
        pooled = float(np.sqrt(np.nanmean((y - np.nanmean(y, axis=1, keepdims=True)) ** 2)))
        found.append(np.fmax(pooled, float(np.nanstd(path[fit])) if np.isfinite(path[fit]).any() else pooled))
    return np.array(found, dtype=float)


def verdict_of(case: Pilot, full: float, change: float, tolerance: float, *, turned: bool) -> Verdict:
    """Whether a change of the effect is more than ``tolerance`` of it, or of the noise where that is larger.

    An effect that does not stand out changes easily, its sign too: that is inconclusive.
    """
    if change > tolerance * max(abs(full), case.noise):
        return "fail" if case.stands_out else "inconclusive"
    return "inconclusive" if turned else "pass"


def share(part: float, whole: float) -> float:
    """One number over another; infinite (or nothing) over zero."""
    return part / whole if whole > 0 else float(np.inf if part > 0 else 0.0)


def or_none(value: Any) -> float | None:
    """A number as JSON knows it: None for what is not finite."""
    return float(value) if np.isfinite(value) else None
