"""The joint test of a specification curve: would the choices give such a curve if nothing had an effect?

The adoption dates are dealt again to the units (to whole clusters, where the design names them), the
same dealing for all specifications, so that what these share is kept; each specification is then
estimated again. A unit that one specification leaves out is dealt its date like any other: who stays
in that specification is the same, who is treated there is not. Where a unit takes part with another
date, or not at all, because periods were cut, the whole record changes places.

Estimates of linear estimators are weights per unit of a cohort times outcomes. The weights depend on
the sizes of the cohorts alone, so that they are made once for each set of sizes that was dealt, and
all dealings follow from a matrix product. Other estimators are fitted again for each dealing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.assignments import Positions, count_assignments, every_assignment, random_assignments
from scale_impact.core.cohorts import Floats
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.panel import Panel
from scale_impact.core.placebo import NEVER, Part, suppose
from scale_impact.core.targets import fixed_weights, overall_target
from scale_impact.core.words import counted, plain, some
from scale_impact.errors import DesignError, EstimationError, ScaleImpactError, StreamedError, UsageError

TIES = 1e-9
"""Statistics that differ by less than this share are equal."""

SAME = 1e-6
"""An estimate that comes out again differs by no larger share: both add up the same products in another order."""

MOST_LOST = 0.1
"""Share of dealings in which a specification may have no estimate."""

OUT = -1.0
"""Start of a unit that does not enter."""

BAND = (0.025, 0.5, 0.975)
"""Shares of the dealings below the lines of the null band."""

Refit = Callable[[Panel, Design], Effect]
LeftOut = Literal["dealt", "kept"]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Trial:
    """What one specification estimates, and who starts when in it.

    Attributes
    ----------
    name:
        Of the specification.
    panel, design, fit:
        Its data, its comparison and its estimator.
    effect:
        What the estimator found.
    begin:
        Position in the panel's periods of each unit's first treated period (inf: never), also of the units that
        this specification leaves out.
    """

    name: str
    panel: Panel
    design: Design
    fit: Refit
    effect: Effect
    begin: Mapping[Hashable, float]

    @cached_property
    def own(self) -> Floats:
        """Starts of the panel's units as they are, [N]."""
        return np.array([self.begin[u] for u in self.panel.units.tolist()], dtype=float)

    @cached_property
    def lost(self) -> Bools:
        """Units that do not enter whatever their start is, because they are not observed in each period, [N]."""
        return np.asarray((self.design.cohort_codes < 0) & (self.entering(self.own) != OUT))

    def entering(self, starts: Floats) -> Floats:
        """Starts as the design reads them: after the last period is never, or out where units may anticipate it."""
        last = self.panel.n_periods
        later = np.isfinite(starts) & (starts >= last)
        soon = later & (starts <= last - 1 + self.design.anticipation)
        return np.where(soon, OUT, np.where(later, NEVER, starts))

    def dealt(self, starts: Floats) -> Design:
        """The design with other starts, [N]."""
        whole = Part(self.panel, np.arange(self.panel.n_units), np.arange(self.panel.n_periods))
        return suppose(self.design, whole, starts)


@dataclass(frozen=True, eq=False)
class Dealing:
    """Which unit gets whose dates: ``source`` [B, N] on ``units``; the first row is the data.

    Attributes
    ----------
    units:
        Labels of all units of the study.
    source:
        Position of the unit whose dates each unit gets.
    every:
        Whether rows from the second on are all dealings that differ (the data among them).
    words:
        What was dealt, in words.
    notes:
        What to know of units that some specifications leave out.
    """

    units: tuple[Hashable, ...]
    source: Positions
    every: bool
    words: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class CurveStatistic:
    """One statistic of the whole curve, with the share of dealings in which it is as large."""

    name: str
    value: float
    p_value: float
    words: str


@dataclass(frozen=True)
class JointTest:
    """Whether the curve as a whole is one that chance gives where nothing has an effect.

    Attributes
    ----------
    statistics:
        ``median``, ``dominant_sign``, ``significant`` and ``average_z``; the test is that of the median, which is
        said before the data are seen.
    dealings:
        How many, without the data where they were drawn.
    every:
        Whether these are all that differ.
    words:
        How dates were dealt.
    alpha:
        Level at which a specification counts as significant.
    p_values:
        Of each specification by itself, from the same dealings; None where it has no estimate.
    band:
        Lower line, middle and upper line (2.5, 50, 97.5 %) of the sorted curves under the null, each with one value a
        specification that has an estimate, from the lowest to the highest.
    notes:
        Units that some specifications leave out; dealings and specifications that could not be estimated.
    """

    statistics: tuple[CurveStatistic, ...]
    dealings: int
    every: bool
    words: str
    alpha: float
    p_values: tuple[float | None, ...]
    band: tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]
    notes: tuple[str, ...] = ()

    @property
    def p_value(self) -> float:
        """P-value of the median, the test's own statistic."""
        return self.statistics[0].p_value

    def statistic(self, name: str) -> CurveStatistic:
        """A statistic by its name."""
        return next(s for s in self.statistics if s.name == name)


def joint_test(
    trials: Sequence[Trial],
    groups: Mapping[Hashable, Hashable] | None = None,
    *,
    draws: int = 500,
    seed: int = 20251122,
    alpha: float = 0.05,
    thing: str = "units",
    left_out: LeftOut = "dealt",
) -> JointTest:
    """Test all specifications together by dealing the adoption dates again.

    Parameters
    ----------
    trials:
        The specifications that have an estimate, in any order.
    groups:
        Cluster of each unit, where whole clusters change places; None: units do.
    draws:
        Dealings drawn; all of them where there are no more than these.
    seed:
        Of the draws.
    alpha:
        A specification is significant where no larger share of the dealings has so large an estimate of its own.
    thing:
        What changes places, for the words.
    left_out:
        Units that some specifications leave out are ``dealt`` dates like all others, or their own are ``kept``. Dealt
        is right where they were chosen whatever their dates; kept also where treated units were chosen because they are
        treated (the influential ones), at the price of fewer units that change places.

    Raises
    ------
    UsageError
        ``draws`` is below 1, or ``alpha`` not between 0 and 1.
    DesignError
        Units are not followed over time, treatment switches off, or a cluster holds units of different dates.
    StreamedError
        The data were streamed, so that there are no single units to deal dates to.
    EstimationError
        No dealing has an estimate, or estimates do not come out again from the dates that units have.

    Source: Simonsohn, Simmons and Nelson (2020), step 3, by shuffling the treatment; significance of a specification
    by its own dealings keeps the test exact where dates could as well have been dealt otherwise. The share with the
    dominant sign is of their working paper (2015).
    """
    _check(draws, alpha, left_out)
    for trial in trials:
        _refuse(trial)
    dealing = deal(trials, groups, draws=draws, seed=seed, thing=thing, left_out=left_out)
    found = np.column_stack([estimates(t, dealing) for t in trials])
    _refuse_other_estimates(trials, found[0])
    _refuse_lost(trials, found)
    return _tested(found, dealing, alpha)


def _check(draws: int, alpha: float, left_out: str) -> None:
    if isinstance(draws, bool) or not isinstance(draws, (int, np.integer)) or draws < 1:
        raise UsageError(f"draws is {draws!r}; it has to be a whole number, 1 or more, such as 500.")
    if not 0 < alpha < 1:
        raise UsageError(f"alpha is {alpha!r}; it has to lie between 0 and 1, such as 0.05.")
    if left_out not in get_args(LeftOut):
        raise UsageError(f"left_out is {left_out!r}; it has to be one of {', '.join(get_args(LeftOut))}.")


def _refuse(trial: Trial) -> None:
    """Refuse what cannot be dealt again."""
    if trial.panel.streamed:
        raise StreamedError(
            "The joint test deals dates to single units, and these data are streamed: only moments are kept."
        )
    if not trial.panel.followed:
        raise DesignError("The joint test deals dates to units, and here no unit is followed over time.")
    trial.design.needs_absorbing()


def _refuse_other_estimates(trials: Sequence[Trial], again: Floats) -> None:
    """Refuse a test of other estimates than those of the curve."""
    own = np.array([t.effect.overall.value for t in trials], dtype=float)
    wrong = [t.name for t, a, b in zip(trials, own, again, strict=True) if not abs(a - b) <= SAME * max(abs(a), abs(b))]
    if wrong:
        raise EstimationError(
            f"The joint test reads dates by unit, and {counted(len(wrong), 'specification')} ({some(wrong, 3)}) come out otherwise "
            "from them. Leave them out of the grid, or read the curve without the test."
        )


def _refuse_lost(trials: Sequence[Trial], found: Floats) -> None:
    """Refuse to hold the curve against curves that lack some of its specifications."""
    shares = np.isnan(found).mean(axis=0)
    lost = [t.name for t, share in zip(trials, shares, strict=True) if share > MOST_LOST]
    if lost:
        raise EstimationError(
            f"{counted(len(lost), 'specification')} ({some(lost, 3)}) cannot be estimated with the dates of others, {shares.max():.0%} of "
            "the time at most: dealings would give curves of other specifications. Leave them out of the grid, or read the curve "
            "without the test."
        )


# ---- who gets whose dates -----------------------------------------------------------------------


def deal(
    trials: Sequence[Trial],
    groups: Mapping[Hashable, Hashable] | None = None,
    *,
    draws: int,
    seed: int,
    thing: str = "units",
    left_out: LeftOut = "dealt",
) -> Dealing:
    """Deal the records of starts (one start a specification) to units, or to whole clusters.

    Only those are dealt that are observed in the periods of every specification and enter at least one; the
    others keep their dates. Parameters and ``DesignError`` are those of ``joint_test``.
    """
    records = _records(trials)
    moving = np.flatnonzero(records.moving(groups, left_out))
    kinds = np.unique(records.starts[moving], axis=0, return_inverse=True)[1].ravel()
    kind_of = dict(zip(moving.tolist(), kinds.tolist(), strict=True))
    blocks = _blocks(records.units, kind_of, groups)
    own = np.array([kind_of[b[0]] for b in blocks], dtype=int)
    order = np.argsort(np.bincount(own), kind="stable")  # the largest kind last
    sizes = [int((own == k).sum()) for k in order]
    if len(sizes) < 2:
        raise DesignError(
            f"The joint test needs dates that can be dealt otherwise; all {thing} that can be dealt one have the same."
        )
    every = count_assignments(sizes) <= draws
    rows = every_assignment(sizes) if every else random_assignments(len(blocks), draws, seed)
    givers = np.concatenate([np.flatnonzero(own == k) for k in order])
    many = f"all {len(rows):,}" if every else f"{len(rows):,} random"
    words = f"{many} dealings of the adoption dates to {len(blocks)} {thing}{'' if every else f', seed {seed}'}"
    source = _sources(len(records.units), blocks, rows, givers)
    return Dealing(records.units, source, every, words, records.notes(left_out))


@dataclass(frozen=True, eq=False)
class _Records:
    """U units in K specifications.

    Attributes
    ----------
    units:
        Their labels.
    starts:
        [U, K], as each specification reads them; NaN: not observed in its periods.
    present:
        [U, K], who is among the units of a specification.
    """

    units: tuple[Hashable, ...]
    starts: Floats
    present: Bools

    @cached_property
    def entering(self) -> Bools:
        """Who enters at least one specification, [U]."""
        return np.asarray((self.present & (self.starts > 0)).any(axis=1))

    @cached_property
    def left_out(self) -> Bools:
        """Who enters one and is left out of another one in spite of its date, [U]."""
        return np.asarray(self.entering & (~self.present & (self.starts > 0)).any(axis=1))

    def moving(self, groups: Mapping[Hashable, Hashable] | None, left_out: LeftOut) -> Bools:
        """Who changes places, [U]; a cluster of which one unit keeps its date keeps it whole."""
        fixed = self.entering & np.isnan(self.starts).any(axis=1)
        if left_out == "kept":
            fixed = fixed | self.left_out
        if groups is not None:
            stay = {groups[u] for u, f in zip(self.units, fixed, strict=True) if f}
            fixed = np.array([u in groups and groups[u] in stay for u in self.units], dtype=bool)
        return np.asarray(self.entering & ~fixed)

    def notes(self, left_out: LeftOut) -> tuple[str, ...]:
        """What to know of units that some specifications leave out."""
        who = [plain(u) for u, gone in zip(self.units, self.left_out, strict=True) if gone]
        treated: Bools = np.asarray(np.isfinite(np.where(self.starts > 0, self.starts, np.inf)).any(axis=1))
        if left_out == "kept" and who:
            return (
                f"{some(who)}, which some specifications leave out, {'keeps its date' if len(who) == 1 else 'keep their dates'}.",
            )
        if not who or not treated[self.left_out].all():
            return ()
        return (
            f"{some(who)}, which some specifications leave out, {'is' if len(who) == 1 else 'are all'} treated, while dealings mostly leave "
            "out untreated ones there: with few treated units the test rejects somewhat too often. `left_out: kept` lets these keep their dates.",
        )


def _records(trials: Sequence[Trial]) -> _Records:
    units = tuple(dict.fromkeys(u for t in trials for u in t.begin))
    starts, present = np.full((len(units), len(trials)), np.nan), np.zeros((len(units), len(trials)), dtype=bool)
    for k, trial in enumerate(trials):
        starts[:, k] = trial.entering(np.array([trial.begin.get(u, np.nan) for u in units]))
        mine = dict(zip(trial.panel.units.tolist(), ~trial.lost, strict=True))
        present[:, k] = [bool(mine.get(u, False)) for u in units]
    return _Records(units, starts, present)


def _blocks(
    units: Sequence[Hashable], kind_of: Mapping[int, int], groups: Mapping[Hashable, Hashable] | None
) -> list[list[int]]:
    """Positions of the units that change places together."""
    if groups is None:
        return [[k] for k in kind_of]
    found: dict[Hashable, list[int]] = {}
    for k in kind_of:
        found.setdefault(groups[units[k]], []).append(k)
    mixed = [name for name, members in found.items() if len({kind_of[m] for m in members}) > 1]
    if mixed:
        raise DesignError(
            f"The joint test moves whole clusters, and {len(mixed)} of {len(found)} ({some(mixed, 3)}) hold units of "
            "different adoption dates. Cluster by what is treated together, or read the curve without the test."
        )
    return list(found.values())


def _sources(n: int, blocks: Sequence[Sequence[int]], rows: Positions, givers: Positions) -> Positions:
    """Whose dates each unit gets, [1 + B, n]; the first row is the data."""
    source = np.tile(np.arange(n), (len(rows) + 1, 1))
    first = np.array([b[0] for b in blocks])
    given = np.empty(rows.shape, dtype=np.int64)
    np.put_along_axis(given, rows.astype(np.int64), np.broadcast_to(first[givers], rows.shape), axis=1)
    for block, column in zip(blocks, given.T, strict=True):
        source[1:, list(block)] = column[:, None]
    return source


# ---- one specification in all dealings ------------------------------------------------------------


def estimates(trial: Trial, dealing: Dealing) -> Floats:
    """Estimates in each dealing, the data's own first, [1 + B]; NaN where a dealing has none."""
    starts = _starts(trial, dealing)
    linear = trial.panel.balanced and fixed_weights(trial.effect, trial.panel, trial.design, trial.fit)
    found = _by_weights(trial, starts) if linear else None
    return _by_refits(trial, starts) if found is None or not _holds(trial, starts, found) else found


def _holds(trial: Trial, starts: Floats, found: Floats) -> bool:
    """Whether fitting again gives the same for a dealing whose weights come from another one."""
    effect = _refitted(trial, starts[-1])[1]
    again = np.nan if effect is None or effect.overall.value is None else effect.overall.value
    size = np.nanmax(np.abs(found), initial=0.0)
    return bool(np.isnan(again) and np.isnan(found[-1])) or bool(abs(again - found[-1]) <= SAME * size)


def _starts(trial: Trial, dealing: Dealing) -> Floats:
    """Start of each unit of a specification in each dealing, [1 + B, N]."""
    at = {u: k for k, u in enumerate(dealing.units)}
    mine = np.array([at[u] for u in trial.panel.units.tolist()])
    begin = np.array([trial.begin.get(u, np.nan) for u in dealing.units])
    return np.where(trial.lost, OUT, trial.entering(begin)[dealing.source[:, mine]])


def _by_weights(trial: Trial, starts: Floats) -> Floats | None:
    """Estimates from one set of weights for each set of cohort sizes; None where some are not linear after all."""
    values, kinds = np.unique(starts, return_inverse=True)
    kinds = kinds.reshape(starts.shape)
    counts = np.stack([(kinds == k).sum(axis=1) for k in range(len(values))], axis=1)
    _, first, sizes = np.unique(counts, axis=0, return_index=True, return_inverse=True)
    found = np.full(len(starts), np.nan)
    for k, row in enumerate(first):
        chosen = np.flatnonzero(sizes.ravel() == k)
        design, effect = _refitted(trial, starts[row])
        if effect is None or effect.overall.value is None:
            continue
        target = overall_target(effect, trial.panel, design, linear=True)
        if target.loadings is None:
            return None
        weights = _by_start(target.loadings, design, values)
        found[chosen] = _weighted(trial.panel.matrix, weights, kinds[chosen], counts[row])
    return found


def _by_start(loadings: Floats, design: Design, values: Floats) -> Floats:
    """Weights per unit [G, T] by the starts that were dealt, [len(values), T]; zero for who does not enter."""
    where = np.where(values >= design.n_periods, design.n_periods, values)
    at = {int(s): g for g, s in enumerate(design.starts)}
    rows = [loadings[at[int(w)]] if w >= 0 and int(w) in at else np.zeros(loadings.shape[1]) for w in where]
    return np.array(rows)


def _weighted(outcomes: Floats, weights: Floats, kinds: Positions, sizes: Positions) -> Floats:
    """Weighted sums of the outcomes under dealings [B, N]; what cancels is taken out before, however large it is."""
    scale = np.abs(weights).max()
    y = outcomes
    if np.abs(weights.sum(axis=1)).max() <= TIES * scale:
        y = y - y[:, :1]
    if np.abs(sizes @ weights).max() <= TIES * scale * sizes.sum():
        y = y - y.mean(axis=0)
    each = y @ weights.T
    return np.asarray(each[np.arange(len(y)), kinds].sum(axis=1))


def _by_refits(trial: Trial, starts: Floats) -> Floats:
    """Estimates fitted again, once for each dealing that differs in this specification."""
    rows, at = np.unique(starts, axis=0, return_inverse=True)
    effects = [_refitted(trial, row)[1] for row in rows]
    values = [np.nan if e is None or e.overall.value is None else e.overall.value for e in effects]
    return np.array(values, dtype=float)[at.ravel()]


def _refitted(trial: Trial, starts: Floats) -> tuple[Design, Effect | None]:
    """The design of a dealing and its effect; None where it has none, such as nobody treated in the units that stay."""
    design = trial.dealt(starts)
    entering = (design.starts > 0) & (design.starts < design.n_periods)
    if not entering.any() or len(design.starts[design.starts > 0]) < 2:
        return design, None
    try:
        return design, trial.fit(trial.panel, design)
    except ScaleImpactError:
        return design, None


# ---- statistics of the curve ------------------------------------------------------------------------


def _tested(found: Floats, dealing: Dealing, alpha: float) -> JointTest:
    """The test from estimates [1 + B, K], the data's own in the first row."""
    kept: Bools = np.asarray(np.isfinite(found).any(axis=1))
    kept[0] = True
    pool = found[kept][1:] if dealing.every else found[kept]
    if len(found[kept]) < 2:
        raise EstimationError("The joint test has no dealing of the dates with an estimate.")
    ranks = _p_values(found[kept], pool)
    columns = _statistics(found[kept], pool, ranks, alpha)
    statistics = tuple(_statistic(name, column, dealing.every) for name, column in columns.items())
    own = tuple(float(p) if np.isfinite(p) else None for p in ranks[0])
    count = int(kept[1:].sum())
    notes = _lost(len(found) - 1 - count, np.asarray(np.isnan(found[1:]).any(axis=0)), found.shape[1])
    return JointTest(
        statistics, count, dealing.every, dealing.words, alpha, own, _band(found[kept]), (*dealing.notes, *notes)
    )


def _p_values(found: Floats, pool: Floats) -> Floats:
    """Share of the pool in which each specification's estimate is at least as large, [rows, K]."""
    out = np.full(found.shape, np.nan)
    for k in range(found.shape[1]):
        sizes = np.sort(np.abs(pool[np.isfinite(pool[:, k]), k]))
        known = np.isfinite(found[:, k])
        below = np.searchsorted(sizes, np.abs(found[known, k]) * (1 - TIES), side="left")
        out[known, k] = (len(sizes) - below) / max(len(sizes), 1)
    return out


def _statistics(found: Floats, pool: Floats, ranks: Floats, alpha: float) -> dict[str, tuple[Floats, str]]:
    """Statistics of each curve, [rows], with what they are in words; the median first."""
    count = np.maximum(np.isfinite(found).sum(axis=1), 1)
    spread = np.sqrt(np.nanmean(pool**2, axis=0))
    z = found / np.where(spread > 0, spread, np.nan)
    up, down = (found > 0).sum(axis=1), (found < 0).sum(axis=1)
    sure = ranks <= alpha * (1 + TIES)
    towards = [(sure & (found > 0)).sum(axis=1), (sure & (found < 0)).sum(axis=1)]
    return {
        "median": (np.nanmedian(found, axis=1), "median estimate of all specifications"),
        "dominant_sign": (np.maximum(up, down) / count, "share of specifications with the more frequent sign"),
        "significant": (
            np.where(up >= down, *towards) / count,
            f"share of specifications with that sign and a p-value of their own of at most {alpha:g}",
        ),
        "average_z": (_mean(z), "mean of the estimates, each over its spread in the dealings"),
    }


def _mean(z: Floats) -> Floats:
    known = np.isfinite(z)
    return np.asarray(np.where(known, z, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1))


def _statistic(name: str, column: tuple[Floats, str], every: bool) -> CurveStatistic:
    """A statistic of the data and the share of dealings (the data among them) in which its size is as large."""
    values, words = column
    pool = values[1:] if every else values
    share = float(np.mean(np.abs(pool) >= abs(values[0]) * (1 - TIES)))
    return CurveStatistic(name, float(values[0]), share, words)


def _band(found: Floats) -> tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]:
    """Lines of the sorted curves under the null; curves with fewer estimates are read at the same shares."""
    at = np.linspace(0, 1, int(np.isfinite(found[0]).sum()))
    curves = np.array([np.quantile(row[np.isfinite(row)], at) for row in found[1:]])
    low, middle, high = (tuple(map(float, line)) for line in np.quantile(curves, BAND, axis=0))
    return low, middle, high


def _lost(dealings: int, partial: Bools, total: int) -> tuple[str, ...]:
    """What could not be estimated, in sentences."""
    said = [f"{counted(dealings, 'dealing')} without any estimate left out."] if dealings else []
    if partial.any():
        n = int(partial.sum())
        said.append(
            f"{n:,} of {total:,} specifications have no estimate in some dealings, and their curves are judged by the others."
        )
    return tuple(said)
