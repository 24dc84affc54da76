"""Group-time average treatment effects of Callaway and Sant'Anna (2021), and their averages.

Each cohort's change since its base period is compared with the change of units that are not
treated (never, or not yet). Right for several adoption dates and effects that differ by cohort
and grow over time, where trends would have been parallel without treatment.

Standard errors are analytic (from the influence function, no small-sample correction, normal
reference distribution), clustered by unit or by the design's cluster; those of averages include
that the cohorts' shares are estimated. They equal those of R's ``did`` with ``bstrap = FALSE``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.analysis import REFERENCE, Analysis
from scale_impact.core.cohorts import Cohorts, Floats, Scores
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Estimate, Family
from scale_impact.core.panel import Panel, elapsed
from scale_impact.core.words import counted
from scale_impact.errors import DesignError, UsageError

Aggregation = Literal["simple", "event_time", "cohort", "period"]

FULL_COVARIANCE = 1500
"""Up to so many cohort x period effects their whole covariance is kept."""

ALONE = "no standard error: it rests on one treated or one control unit, whose own variation cannot be seen"


def fit(panel: Panel, design: Design, *, aggregation: Aggregation = "simple") -> Effect:
    """Callaway and Sant'Anna's effects without covariates.

    Parameters
    ----------
    panel, design:
        A balanced panel, or cross-sections. ``control``, ``base_period`` and ``anticipation``
        are the design's.
    aggregation:
        Which average is ``overall``: ``simple`` (over cohort x period cells, by cohort size),
        ``event_time``, ``cohort`` or ``period`` (the mean of those effects after treatment).
        All four are in ``summaries``.

    Returns
    -------
    Effect in the outcome's unit, with path, effects by cohort, by period and by cell.

    Raises
    ------
    DesignError
        No cohort has both a base period and a control.

    Source: Callaway and Sant'Anna (2021), equations 2.4 (never), 2.5 (not yet) and section 3.
    """
    if aggregation not in get_args(Aggregation):
        raise UsageError(f"aggregation is {aggregation!r}; it has to be one of {', '.join(get_args(Aggregation))}.")
    analysis = Analysis.of(panel, design)
    moments = analysis.moments
    cells = _all_cells(moments, design)
    if not cells.post.any():
        raise DesignError(_no_cell(design))
    averages = _averages(cells, moments)
    scores = _average_scores(moments, design, cells, averages)
    families, summaries = _families(analysis, averages, averages.matrix @ cells.values, scores)
    top = averages.names.index(aggregation)
    treated = np.isin(np.arange(len(moments.starts)), cells.cohort)
    return Effect(
        estimator="callaway_santanna",
        overall=summaries[aggregation],
        sample=replace(analysis.sample(), n_treated=int(moments.units[treated].sum())),
        inference=f"analytic, clustered by {analysis.clustered_by}",
        path=families["event_time"],
        by_cohort=families["cohort"],
        by_period=families["period"],
        cells=_cell_family(analysis, cells),
        weights=analysis.weight_frame(scores.loadings[top] * moments.counts),
        summaries=summaries,
        influence=analysis.influence(scores.select(np.array([top]))),
        notes=(*analysis.notes(), *_notes(analysis, cells, averages.matrix[top])),
    )


@dataclass(frozen=True)
class Cells:
    """Cohort x period effects; every array has one entry an effect."""

    cohort: NDArray[np.int64]
    period: NDArray[np.int64]
    base: NDArray[np.int64]
    values: Floats
    event_time: Floats
    post: NDArray[np.bool_]
    alone: NDArray[np.bool_]

    @property
    def reference(self) -> NDArray[np.bool_]:
        """Cells that compare a period with itself."""
        return np.asarray(self.period == self.base)


@dataclass(frozen=True)
class Averages:
    """Weights of averages over cells, and how they move with the cohorts' shares.

    ``matrix`` is [K, cells], ``jacobian`` [K, G] the derivative of each average with respect to
    the cohorts' shares of units; ``names`` are the overall averages, followed by ``kinds``.
    """

    matrix: Floats
    jacobian: Floats
    names: tuple[str, ...]
    kinds: tuple[tuple[str, float], ...]
    alone: NDArray[np.bool_]
    reference: NDArray[np.bool_]

    def of_kind(self, kind: str) -> NDArray[np.int64]:
        """Rows of the averages of one kind."""
        shift = len(self.names)
        return np.array([shift + k for k, (name, _) in enumerate(self.kinds) if name == kind], dtype=int)


# ---- cohort x period effects -------------------------------------------------------------------


def _block(moments: Cohorts, design: Design, g: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """Periods, base periods and control cohorts [cells, G] of one cohort's effects."""
    start, t = int(moments.starts[g]), moments.n_periods
    before = start - 1 - design.anticipation
    universal = design.base_period == "universal"
    period = np.arange(0 if universal else 1, t)
    base = np.where(universal | (period >= start - design.anticipation), before, period - 1)
    control = _controls(moments, design, g, np.maximum(period, base))
    seen = (moments.counts[g, period] > 0) & (moments.counts[g, base] > 0)
    size = np.minimum((control * moments.counts[:, period].T).sum(1), (control * moments.counts[:, base].T).sum(1))
    usable = (base >= 0) & seen & (size > 0)
    return period[usable], base[usable], control[usable]


def _controls(moments: Cohorts, design: Design, g: int, latest: NDArray[np.int64]) -> NDArray[np.bool_]:
    never = moments.starts == moments.n_periods
    if design.control == "never":
        return np.tile(never, (len(latest), 1))
    later = moments.starts[None, :] > latest[:, None] + design.anticipation
    others = np.arange(len(moments.starts)) != g
    return np.asarray((never | later) & others)


def _cell_scores(
    moments: Cohorts, g: int, period: NDArray[np.int64], base: NDArray[np.int64], control: NDArray[np.bool_]
) -> tuple[Floats, Scores]:
    """Values and scores of one cohort's effects."""
    c, cohorts = np.arange(len(period)), np.arange(len(moments.starts))
    paths = moments.paths
    loadings = np.zeros((len(c), *moments.counts.shape))
    offsets = np.zeros_like(loadings)
    values = np.zeros(len(c))
    for when, sign in ((period, 1.0), (base, -1.0)):
        n = moments.counts[:, when].T * control
        total = n.sum(axis=1, keepdims=True)
        level = paths[:, when].T
        middle = (n * level).sum(axis=1, keepdims=True) / total
        values += sign * (level[:, g] - middle[:, 0])
        loadings[c, g, when] += sign / moments.counts[g, when]
        loadings[c[:, None], cohorts, when[:, None]] -= sign * control / total
        offsets[c[:, None], cohorts, when[:, None]] -= sign * control * (level - middle) / total
    return values, Scores(loadings, offsets.sum(axis=2) if moments.followed else offsets)


def _cohorts_with_base(moments: Cohorts, design: Design) -> Iterator[int]:
    """Cohorts with a period before (anticipated) treatment; the last one is but a control where nobody is never treated."""
    last = moments.n_periods if (moments.starts == moments.n_periods).any() else int(moments.starts.max())
    for g in range(len(moments.starts)):
        if design.anticipation < moments.starts[g] < last:
            yield g


def _all_cells(moments: Cohorts, design: Design) -> Cells:
    parts = []
    for g in _cohorts_with_base(moments, design):
        period, base, control = _block(moments, design, g)
        values, _ = _cell_scores(moments, g, period, base, control)
        alone = _one_unit(moments, g, period, control) | _one_unit(moments, g, base, control)
        start = int(moments.starts[g])
        since = elapsed(moments.clock, period, start)
        parts.append((np.full(len(period), g), period, base, values, since, period >= start, alone))
    if not parts:
        raise DesignError(_no_cell(design))
    return Cells(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _one_unit(moments: Cohorts, g: int, when: NDArray[np.int64], control: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Whether an effect compares with one observed unit on a side."""
    return np.asarray((moments.counts[g, when] == 1) | ((control * moments.counts[:, when].T).sum(axis=1) == 1))


def _no_cell(design: Design) -> str:
    if design.anticipation:
        return (
            f"No cohort has a period before treatment and its anticipation of {design.anticipation}. "
            "Shorten the anticipation or use data that begin earlier."
        )
    return "No treated cohort can be compared: no control is observed in the same periods. Use `control: not_yet` or add untreated units."


# ---- averages ----------------------------------------------------------------------------------


def _averages(cells: Cells, moments: Cohorts) -> Averages:
    """Simple, event-time, cohort and period averages; all weights are shares of units.

    Source: Callaway and Sant'Anna (2021), section 3.2 and corollary 2.
    """
    share = moments.units / moments.units.sum()
    families = _family_rows(cells, share)
    kinds = tuple(key for key, _, _ in families)
    w = np.array([row for _, row, _ in families])
    j = np.array([slope for _, _, slope in families])
    simple, simple_slope = _share_average(cells.post, cells, share)
    event = np.array([k for k, (kind, label) in enumerate(kinds) if kind == "event_time" and label >= 0])
    period = np.array([k for k, (kind, _) in enumerate(kinds) if kind == "period"])
    cohort = np.array([k for k, (kind, _) in enumerate(kinds) if kind == "cohort"])
    by_cohort, cohort_slope = _over_cohorts(w[cohort], cells, share, [int(kinds[k][1]) for k in cohort])
    tops = [
        (simple, simple_slope),
        (w[event].mean(0), j[event].mean(0)),
        (by_cohort, cohort_slope),
        (w[period].mean(0), j[period].mean(0)),
    ]
    matrix = np.vstack([*(top for top, _ in tops), w])
    used = (matrix != 0) & ~cells.reference
    return Averages(
        matrix=matrix,
        jacobian=np.vstack([*(slope for _, slope in tops), j]),
        names=("simple", "event_time", "cohort", "period"),
        kinds=kinds,
        alone=~(used & ~cells.alone).any(axis=1),
        reference=~used.any(axis=1),
    )


def _family_rows(cells: Cells, share: Floats) -> list[tuple[tuple[str, float], Floats, Floats]]:
    rows = []
    for e in np.unique(cells.event_time):
        rows.append((("event_time", float(e)), *_share_average(cells.event_time == e, cells, share)))
    for g in np.unique(cells.cohort[cells.post]):
        inside = cells.post & (cells.cohort == g)
        rows.append((("cohort", float(g)), inside / inside.sum(), np.zeros(len(share))))
    for t in np.unique(cells.period[cells.post]):
        rows.append((("period", float(t)), *_share_average(cells.post & (cells.period == t), cells, share)))
    return rows


def _share_average(inside: NDArray[np.bool_], cells: Cells, share: Floats) -> tuple[Floats, Floats]:
    """Average over cells by cohort share, and its derivative with respect to the shares."""
    total = share[cells.cohort[inside]].sum()
    row = np.where(inside, share[cells.cohort], 0.0) / total
    average = row @ cells.values
    slope = np.zeros(len(share))
    np.add.at(slope, cells.cohort[inside], (cells.values[inside] - average) / total)
    return row, slope


def _over_cohorts(rows: Floats, cells: Cells, share: Floats, cohorts: list[int]) -> tuple[Floats, Floats]:
    """Average of the cohorts' effects by share."""
    p = share[cohorts]
    row = (p / p.sum()) @ rows
    slope = np.zeros(len(share))
    slope[cohorts] = (rows @ cells.values - row @ cells.values) / p.sum()
    return row, slope


def _share_scores(moments: Cohorts) -> Scores:
    """Scores of the cohorts' shares of units."""
    n = moments.units.sum()
    g, t = moments.counts.shape
    shares = (np.eye(g) - (moments.units / n)[:, None]) / n
    return Scores(np.zeros((g, g, t)), np.zeros((g, g) if moments.followed else (g, g, t)), shares)


def _average_scores(moments: Cohorts, design: Design, cells: Cells, averages: Averages) -> Scores:
    """Scores of all averages, one cohort's cells at a time."""
    shares = _share_scores(moments).map(averages.jacobian)
    loadings, offsets = shares.loadings.copy(), shares.offsets.copy()
    for g in np.unique(cells.cohort):
        _, block = _cell_scores(moments, int(g), *_block(moments, design, int(g)))
        touched = np.flatnonzero(block.loadings.any(axis=(0, 2)))  # the cohort and its controls
        part = averages.matrix[:, cells.cohort == g]
        loadings[:, touched] += np.tensordot(part, block.loadings[:, touched], 1)
        offsets[:, touched] += np.tensordot(part, block.offsets[:, touched], 1)
    return Scores(loadings, offsets, shares.shares)


# ---- results -----------------------------------------------------------------------------------


def _reasons(
    analysis: Analysis, reference: NDArray[np.bool_], alone: NDArray[np.bool_], variances: Floats
) -> list[str | None]:
    found = zip(reference, alone, analysis.reasons(variances), strict=True)
    return [REFERENCE if r else ALONE if a else other for r, a, other in found]


def _families(
    analysis: Analysis, averages: Averages, values: Floats, scores: Scores
) -> tuple[dict[str, Family], dict[str, Estimate]]:
    """Averages by event time, cohort and period with their covariance, and the overall ones."""
    covariance = analysis.moments.covariance(scores)
    variances = np.diag(covariance)
    reasons = _reasons(analysis, averages.reference, averages.alone, variances)
    weights = scores.loadings * analysis.moments.counts
    families = {}
    for kind in ("event_time", "cohort", "period"):
        rows = averages.of_kind(kind)
        marks = [averages.kinds[k - len(averages.names)][1] for k in rows]
        families[kind] = Family(
            kind=kind,
            values=values[rows],
            variances=variances[rows],
            covariance=covariance[np.ix_(rows, rows)],
            reasons=tuple(reasons[k] for k in rows),
            event_times=tuple(marks) if kind == "event_time" else (),
            cohorts=tuple(analysis.labels[int(m)] for m in marks) if kind == "cohort" else (),
            periods=tuple(analysis.panel.periods[int(m)] for m in marks) if kind == "period" else (),
            weights=weights[rows],
            influence=analysis.influence(scores.select(rows)),
        )
    tops = enumerate(averages.names)
    return families, {name: analysis.estimate(values[k], variances[k], None, reasons[k]) for k, name in tops}


def _cell_family(analysis: Analysis, cells: Cells) -> Family:
    covariance, variances, weights = _cell_moments(analysis, cells)
    return Family(
        kind="cohort_period",
        values=cells.values,
        variances=variances,
        covariance=covariance,
        reasons=tuple(_reasons(analysis, cells.reference, cells.alone, variances)),
        event_times=tuple(cells.event_time),
        cohorts=tuple(analysis.labels[int(g)] for g in cells.cohort),
        periods=tuple(analysis.panel.periods[int(t)] for t in cells.period),
        weights=weights,
    )


def _cell_moments(analysis: Analysis, cells: Cells) -> tuple[Floats | None, Floats, Floats | None]:
    """Covariance, variances and weights of the cells; variances alone where they are very many."""
    moments, design = analysis.moments, analysis.design
    blocks = (_cell_scores(moments, int(g), *_block(moments, design, int(g)))[1] for g in np.unique(cells.cohort))
    if len(cells.values) > FULL_COVARIANCE:
        return None, np.concatenate([moments.variance(block) for block in blocks]), None
    parts = list(blocks)
    every = Scores(np.concatenate([b.loadings for b in parts]), np.concatenate([b.offsets for b in parts]))
    covariance = moments.covariance(every)
    return covariance, np.diag(covariance), every.loadings * moments.counts


def _notes(analysis: Analysis, cells: Cells, row: Floats) -> list[str]:
    """What part of the overall effect rests on one unit, and which cohorts have no effect of their own."""
    notes = []
    alone = float(row[cells.alone].sum())
    if 1e-12 < alone < 1 - 1e-12:
        notes.append(
            f"{alone:.0%} of the overall effect's weight rests on one treated or one control unit, whose own variation "
            "cannot be seen: read its standard error as a lower bound."
        )
    reached = np.unique(cells.cohort[cells.post])
    for g in np.setdiff1d(np.flatnonzero(analysis.treated), reached):
        n = counted(int(analysis.moments.units[g]), "unit")
        notes.append(
            f"Cohort {analysis.names[g]} ({n}) has no effect of its own: no base period or no control is left for it."
        )
    return notes
