"""Leave-one-cluster-out jackknife: what the estimate moves by when each cluster is left out.

The standard error CV3 (close to CR3), with a t distribution of clusters - 1 degrees of freedom.
Right for any estimator, linear or not, with some clusters on both sides; a little too wide rather
than too narrow. Without an answer where the effect does not exist without some cluster, such as the
only treated one; with few treated clusters it is not reliable.

Moments are subtracted, so that leaving out takes no new pass over the data.

For synthetic difference-in-differences weights are kept: those of donors sum to one again without the one left out, and the
distribution is normal, as in its source. With one treated unit it is refused (other packages print a number there).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.blocks import cluster_parts
from scale_impact.core.cohorts import Floats, leave_out
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.panel import Panel
from scale_impact.core.synthetic.counterfactual import Counterfactual
from scale_impact.core.synthetic.parts import cells_of
from scale_impact.core.synthetic.placebos import Gaps, real_gaps
from scale_impact.core.synthetic.worlds import Bools
from scale_impact.core.targets import Target, family_at
from scale_impact.core.words import some
from scale_impact.errors import EstimationError, ScaleImpactError
from scale_impact.inference._members import keeps_weights, members, without
from scale_impact.inference._with_error import WithError

Refit = Callable[[Panel, Design], Effect]
Centre = Literal["estimate", "mean"]


def judge(
    panel: Panel,
    design: Design,
    refit: Refit,
    effect: Effect,
    targets: Sequence[Target],
    *,
    seed: int = 20251122,
    centre: Centre = "estimate",
) -> list[WithError | None]:
    """Judge estimates by leaving out each cluster.

    Parameters
    ----------
    panel, design, refit, effect:
        The data, the design, the estimator and what it found.
    targets:
        The estimates to judge, ``overall`` first (``core.targets.targets_of``).
    seed:
        Not used: nothing is random here.
    centre:
        Distances are measured from the ``estimate`` (CV3) or from the ``mean`` of those that
        leave one out (CV3J).

    Returns
    -------
    One judgement a target; None for those that do not exist without some cluster.

    Raises
    ------
    EstimationError
        The effect does not exist without one of the clusters.
    DesignError
        Each observation stands for itself.

    Source: Tukey (1958); MacKinnon, Nielsen and Webb (2023), CV3 and CV3J; Arkhangelsky et al. (2021), algorithm 3, for
    synthetic difference-in-differences (``centre: mean`` is their R package's).
    """
    parts = cluster_parts(panel, design)
    found = effect.counterfactual
    who = members(panel, design, found) if found is not None and keeps_weights(found) else None
    if found is not None and who is not None:
        return _with_weights(panel, design, effect, found, who, targets, centre)
    again = [_without(panel, design, refit, m) for _, m in parts]
    values = np.array([[same_estimate(effect, part, t) for t in targets] for part in again], dtype=float)
    if targets[0].place == "overall" and not np.isfinite(values[:, 0]).all():
        lost = [name for (name, _), row in zip(parts, values, strict=True) if not np.isfinite(row[0])]
        why = next((f" ({a.rstrip('.')})" for a in again if isinstance(a, str) and a), "")
        raise EstimationError(
            f"jackknife: without {design.cluster or panel.unit} {some(lost)} there is no estimate{why}. Use "
            f"`inference: {'placebo`.' if found is not None else 'randomisation` or `conley_taber`.'}"
        )
    return [_judged(t, values[:, k], centre) for k, t in enumerate(targets)]


def _with_weights(
    panel: Panel,
    design: Design,
    effect: Effect,
    found: Counterfactual,
    who: NDArray[np.int64],
    targets: Sequence[Target],
    centre: Centre,
) -> list[WithError | None]:
    """Leave out clusters with weights kept; those without a treated unit or a donor have no part."""
    _refuse_alone(panel, design, found)
    parts = [(name, np.isin(who, m)) for name, m in cluster_parts(panel, design)]
    parts = [(name, out) for name, out in parts if out.any()]
    cells, real = [cells_of(effect, found, t, panel) for t in targets], real_gaps(found)
    values = np.full((len(parts), len(targets)), np.nan)
    for row, (_, out) in zip(values, parts, strict=True):
        gaps, sizes = without(found, ~out)
        left = replace(real, values=gaps[None], sizes=sizes)
        row[:] = [np.nan if c is None or not _complete(left, c) else left.mean(c)[0] for c in cells]
    if lost := [name for (name, _), row in zip(parts, values, strict=True) if not np.isfinite(row[0])]:
        raise EstimationError(
            f"jackknife: without {design.cluster or panel.unit} {some(lost)} no treated unit of a date or no donor with weight is "
            "left. Use `inference: placebo`."
        )
    return [_judged(t, values[:, k], centre, kept=True) for k, t in enumerate(targets)]


def _complete(gaps: Gaps, cells: Bools) -> bool:
    """Whether each date that a number rests on still has a gap."""
    return bool(np.isfinite(gaps.values[0][cells]).all())


def _refuse_alone(panel: Panel, design: Design, found: Counterfactual) -> None:
    """Refuse dates with one treated unit: without it there is no effect to compare."""
    alone = [name for name, size in zip(found.names, found.sizes, strict=True) if size < 2]
    if alone:
        raise EstimationError(
            f"jackknife: {some(alone)} {'starts' if len(alone) == 1 else 'start'} the measure alone, so that nothing tells how the "
            "treated vary; the number that some packages print here has no meaning. Use `inference: placebo`."
        )


def _without(panel: Panel, design: Design, refit: Refit, members: NDArray[np.int64]) -> Effect | str:
    """The effect without a cluster, or why there is none; empty where nobody is left to be treated, or to compare with."""
    left = np.setdiff1d(np.flatnonzero(design.cohort_codes >= 0), members)
    if len(np.unique(design.starts[design.cohort_codes[left]])) < 2:
        return ""
    try:
        return refit(panel, leave_out(panel, design, members))
    except ScaleImpactError as error:
        return " ".join(error.problems)


def same_estimate(whole: Effect, part: Effect | str | None, target: Target) -> float:
    """The same estimate of an effect that leaves out a cluster; NaN where it has none."""
    if part is None or isinstance(part, str):
        return np.nan
    if target.place == "overall":
        return np.nan if part.overall.value is None else part.overall.value
    family, other = family_at(whole, target.place), family_at(part, target.place)
    if family is None or other is None:
        return np.nan
    wanted = family.labels(target.k)
    found = [k for k in range(len(other)) if other.labels(k) == wanted]
    return float(other.values[found[0]]) if found else np.nan


def _judged(target: Target, values: Floats, centre: Centre, *, kept: bool = False) -> WithError | None:
    """Source: MacKinnon, Nielsen and Webb (2023), CV3J (mean) and CV3 (estimate); normal where weights are kept."""
    n = len(values)
    if n < 2 or not np.isfinite(values).all():
        return None
    middle = target.value if centre == "estimate" else float(values.mean())
    variance = (n - 1) / n * float(((values - middle) ** 2).sum())
    if not variance > 0:
        return None
    name = "CV3" if centre == "estimate" else "CV3J"
    how = "weights kept, normal" if kept else f"t({n - 1})"
    words = (
        f"standard error, interval and p-value by the jackknife that leaves out each of {n} clusters ({name}), {how}"
    )
    df = None if kept else float(n - 1)
    return WithError(target.value, float(np.sqrt(variance)), df, words, tuple(map(float, values)))
