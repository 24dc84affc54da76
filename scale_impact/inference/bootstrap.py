"""Bootstrap over units (or clusters): the estimate again where units are drawn anew, with replacement.

Treated and donors are drawn together, and the weights are found again in each draw. Right for synthetic difference-in-
differences and its family with many treated units, and for any other estimator with many clusters on both sides. With one
treated unit each draw holds that unit's one path, so that nothing tells how the treated vary: the number that other packages
print there has no meaning, and it is refused here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.blocks import cluster_parts
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.keys import Count
from scale_impact.core.panel import Panel
from scale_impact.core.synthetic.counterfactual import Counterfactual
from scale_impact.core.synthetic.parts import cells_of
from scale_impact.core.synthetic.placebos import Gaps, real_gaps
from scale_impact.core.synthetic.worlds import Bools, Floats
from scale_impact.core.targets import Target
from scale_impact.core.words import counted
from scale_impact.errors import DesignError, EstimationError, ScaleImpactError
from scale_impact.inference._members import members
from scale_impact.inference._with_error import WithError
from scale_impact.inference.jackknife import same_estimate

Refit = Callable[[Panel, Design], Effect]
Positions = NDArray[np.int64]

NEEDS_COUNTERFACTUAL = True
"""For effects that say what would have been; others, which have quicker ways, only by name."""

PATIENCE = 100
"""Draws in a row without treated units or without donors before it gives up."""


def judge(
    panel: Panel,
    design: Design,
    refit: Refit,
    effect: Effect,
    targets: Sequence[Target],
    *,
    seed: int = 20251122,
    draws: Count = 499,
) -> list[WithError | None]:
    """Judge estimates by drawing units anew.

    Parameters
    ----------
    panel, design, refit, effect:
        The data, the design, the estimator and what it found.
    targets:
        The estimates to judge, ``overall`` first (``core.targets.targets_of``).
    seed, draws:
        Of the draws, and how many.

    Returns
    -------
    One judgement a target; None for those that rest on one treated unit, or that some draws do not have.

    Raises
    ------
    EstimationError
        One treated unit; no draw with treated units and donors; draws without an estimate of the overall effect.
    DesignError
        Each observation stands for itself.

    Source: Arkhangelsky et al. (2021), algorithm 2 (clustered bootstrap; Efron 1979).
    """
    parts = cluster_parts(panel, design)
    found = effect.counterfactual
    _refuse_one(panel, design, parts, effect.judged_by or "conley_taber")
    who = None if found is None or found.again is None else members(panel, design, found)
    rng = np.random.default_rng(seed)
    if found is not None and who is not None:
        cells = [cells_of(effect, found, t, panel) for t in targets]
        values, why = _by_worlds(found, _inside(parts, who), cells, rng, draws), ""
    else:
        cells = [t.cells for t in targets]
        values, why = _by_refits(panel, design, refit, effect, targets, rng, draws)
    if who is None or cells[0] is not None:  # otherwise the number is no mean gap, and is not judged
        _refuse_lost(targets, values, why)
    sizes = None if found is None or who is None else found.sizes
    said = f"{draws:,} draws of {counted(len(parts), 'cluster')}, seed {seed}"
    return [
        None if _alone(c, sizes, design) else _judged(t, values[:, k], said)
        for k, (t, c) in enumerate(zip(targets, cells, strict=True))
    ]


def _refuse_one(panel: Panel, design: Design, parts: Sequence[tuple[str, Positions]], instead: str) -> None:
    """Refuse where one cluster holds all treated, or all that are never treated."""
    never = design.never_treated
    treated = [bool((design.cohort_codes[m] != never).any()) for _, m in parts]
    others = [bool((design.cohort_codes[m] == never).any()) for _, m in parts]
    what = design.cluster or panel.unit
    if sum(treated) < 2:
        name = parts[treated.index(True)][0]
        raise EstimationError(
            f"bootstrap: one {what} is treated ({name}). Each draw would hold its one path, so that the spread of the draws says "
            "nothing of how the treated vary; the number that some packages print here has no meaning. Use "
            f"`inference: {instead}`."
        )
    if never is not None and sum(others) < 2:
        raise EstimationError(f"bootstrap: one {what} is never treated; it takes two. Use `inference: conformal`.")


def _refuse_lost(targets: Sequence[Target], values: Floats, why: str) -> None:
    """Refuse where some draws have no overall effect: the spread of the others would be that of what can be estimated."""
    lost = int((~np.isfinite(values[:, 0])).sum())
    if targets[0].place == "overall" and lost:
        first = f" (the first: {why.rstrip('.')})" if why else ""
        raise EstimationError(
            f"bootstrap: {lost} of {counted(len(values), 'draw')} have no estimate{first}. Use `inference: placebo` (synthetic control "
            "family), or `jackknife`."
        )


def _alone(cells: Bools | None, sizes: Floats | None, design: Design) -> bool:
    """Whether a number rests on one treated unit."""
    if cells is None:
        return False
    if sizes is None:
        sizes = np.bincount(design.cohort_codes[design.cohort_codes >= 0], minlength=len(design.starts)).astype(float)
    return bool(sizes[cells.any(axis=1)].sum() < 2)


def _judged(target: Target, values: Floats, said: str) -> WithError | None:
    """A standard error from the spread of the draws."""
    if len(values) < 2 or not np.isfinite(values).all():
        return None
    error = float(np.std(values))
    if not error > 0:
        return None
    words = f"standard error, interval and p-value by the bootstrap: {said}; normal interval"
    return WithError(target.value, error, None, words, tuple(map(float, values)))


# ---- effects whose question can be asked again -----------------------------------------------------------------------------


def _inside(parts: Sequence[tuple[str, Positions]], who: Positions) -> list[Positions]:
    """Clusters as positions among the units of the worlds; those without any of them have no part."""
    at = {int(u): k for k, u in enumerate(who)}
    inside = [np.array([at[int(u)] for u in m if int(u) in at], dtype=np.int64) for _, m in parts]
    return [m for m in inside if len(m)]


def _by_worlds(
    found: Counterfactual, parts: list[Positions], cells: list[Bools | None], rng: np.random.Generator, draws: int
) -> Floats:
    """Mean gaps over cells in each draw, [draws, K]."""
    assert found.worlds is not None
    treated, donors = found.worlds.treated > 0, found.worlds.donors
    values = np.full((draws, len(cells)), np.nan)
    for d, drawn in zip(
        range(draws),
        _drawn(parts, lambda k: bool(treated[:, k].any() and donors[:, k].any()), rng),
        strict=False,
    ):
        gaps = _redrawn(found, drawn)
        values[d] = [np.nan if c is None else gaps.mean(c)[0] for c in cells]
    return values


def _drawn(
    parts: list[Positions], usable: Callable[[Positions], bool], rng: np.random.Generator
) -> Iterator[Positions]:
    """Clusters drawn with replacement, those of a draw in their order; draws of which nothing can be estimated are drawn again."""
    failed = 0
    while failed < PATIENCE:
        chosen = np.sort(rng.integers(len(parts), size=len(parts)))
        drawn = np.concatenate([parts[c] for c in chosen])
        if usable(drawn):
            failed = 0
            yield drawn
        else:
            failed += 1
    raise EstimationError(
        f"bootstrap: {PATIENCE} draws in a row hold no treated unit or no donor. Use `inference: placebo`."
    )


def _redrawn(found: Counterfactual, drawn: Positions) -> Gaps:
    """Gaps of the treated in a draw; NaN for those who are not in it."""
    assert found.worlds is not None
    assert found.again is not None
    worlds, real = found.worlds, real_gaps(found)
    copies = (worlds.treated > 0)[:, drawn]
    sizes = copies.sum(axis=1).astype(float)
    there = np.flatnonzero((sizes > 0) & worlds.donors[:, drawn].any(axis=1))
    asked = replace(worlds.take(there), outcomes=worlds.outcomes[drawn], treated=copies[there] / sizes[there, None],
                    donors=worlds.donors[there][:, drawn], units=worlds.units[drawn])  # fmt: skip
    values = np.full(real.values.shape, np.nan)
    values[0, there] = found.again(asked)
    return replace(real, values=values, sizes=sizes)


# ---- others: estimated anew ----------------------------------------------------------------------------------------------------


def _by_refits(
    panel: Panel,
    design: Design,
    refit: Refit,
    effect: Effect,
    targets: Sequence[Target],
    rng: np.random.Generator,
    draws: int,
) -> tuple[Floats, str]:
    """The same estimates in each draw, [draws, K], and why the first of those without any has none."""
    if panel.streamed or not panel.followed or design.incomplete or design.cross_sections:
        raise DesignError("bootstrap draws units followed over time, each as a whole. Use `inference: jackknife`.")
    parts = [m for _, m in cluster_parts(panel, design)]
    codes, never = design.cohort_codes, design.never_treated

    def usable(drawn: Positions) -> bool:
        return len(np.unique(codes[drawn])) > 1 and bool((codes[drawn] != never).any())

    values, why = np.full((draws, len(targets)), np.nan), ""
    for d, drawn in zip(range(draws), _drawn(parts, usable, rng), strict=False):
        other = _again(panel, design, refit, drawn)
        if isinstance(other, str):
            why = why or other
        else:
            values[d] = [same_estimate(effect, other, t) for t in targets]
            why = why or str(other.overall.reason or "") if np.isnan(values[d, 0]) else why
    return values, why


def _again(panel: Panel, design: Design, refit: Refit, drawn: Positions) -> Effect | str:
    """The effect on a draw, or why there is none."""
    try:
        copied = copied_panel(panel, drawn)
        return refit(copied, copied_design(copied, design, drawn))
    except ScaleImpactError as error:
        return " ".join(error.problems)


def copied_panel(panel: Panel, drawn: Positions) -> Panel:
    """The panel of units drawn, each copy a unit of its own."""
    counts = panel.cell_counts()
    firsts = np.cumsum(counts) - counts
    rows = np.concatenate([np.arange(firsts[u], firsts[u] + counts[u]) for u in drawn])
    lying = rows if panel._rows is None else panel._rows[rows]
    codes = np.repeat(np.arange(len(drawn)), counts[drawn])
    return replace(
        panel, frame=panel.frame.iloc[lying].reset_index(drop=True), units=np.arange(len(drawn)), values=panel.values[rows],
        unobserved=None, _rows=None, _unit_codes=codes, _period_codes=panel.period_codes[rows],
    )  # fmt: skip


def copied_design(panel: Panel, design: Design, drawn: Positions) -> Design:
    """The design of units drawn: cohorts without a unit are gone, copies of a cluster are clusters of their own."""
    codes = design.cohort_codes[drawn]
    there = np.unique(codes)
    clusters = None if design.cluster_codes is None else _copies(design.cluster_codes[drawn], drawn)
    return replace(
        design, first_treated=tuple(design.first_treated[g] for g in there), starts=design.starts[there],
        cohort_codes=np.searchsorted(there, codes), cluster_codes=clusters, _panel=panel,
        treatment=None if design.treatment is None else design.treatment[drawn],
        leaving=None if design.leaving is None else design.leaving[there],
        begin=None if design.begin is None else design.begin[drawn],
    )  # fmt: skip


def _copies(clusters: NDArray[np.int64], drawn: Positions) -> NDArray[np.int64]:
    """Codes of clusters, one for each copy: the n-th time that a unit comes, it is in the n-th copy of its cluster."""
    order = np.argsort(drawn, kind="stable")
    firsts = np.r_[True, np.diff(drawn[order]) != 0]
    nth = np.arange(len(drawn)) - np.maximum.accumulate(np.where(firsts, np.arange(len(drawn)), 0))
    copy = np.empty(len(drawn), dtype=np.int64)
    copy[order] = nth
    return np.unique(np.stack([clusters, copy]), axis=1, return_inverse=True)[1].reshape(-1)
