"""Leave-one-cluster-out jackknife: what the estimate moves by when each cluster is left out.

The standard error CV3 (close to CR3), with a t distribution of clusters - 1 degrees of freedom.
Right for any estimator, linear or not, with some clusters on both sides; a little too wide rather
than too narrow. Without an answer where the effect does not exist without some cluster, such as the
only treated one; with few treated clusters it is not reliable.

Moments are subtracted, so that leaving out takes no new pass over the data.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.blocks import cluster_parts
from scale_impact.core.cohorts import Floats, leave_out
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Estimate
from scale_impact.core.panel import Panel
from scale_impact.core.targets import Target
from scale_impact.core.words import some
from scale_impact.errors import EstimationError, ScaleImpactError

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
) -> list[Jackknife | None]:
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

    Source: Tukey (1958); MacKinnon, Nielsen and Webb (2023), CV3 and CV3J.
    """
    parts = cluster_parts(panel, design)
    again = [_without(panel, design, refit, members) for _, members in parts]
    values = np.array([[_same(effect, found, t) for t in targets] for found in again], dtype=float)
    if targets[0].place == "overall" and not np.isfinite(values[:, 0]).all():
        lost = [name for (name, _), row in zip(parts, values, strict=True) if not np.isfinite(row[0])]
        raise EstimationError(
            f"jackknife: without {design.cluster or panel.unit} {some(lost)} there is no estimate. Use "
            "`inference: randomisation` or `conley_taber`."
        )
    return [_judged(t, values[:, k], centre) for k, t in enumerate(targets)]


def _without(panel: Panel, design: Design, refit: Refit, members: NDArray[np.int64]) -> Effect | None:
    left = np.setdiff1d(np.flatnonzero(design.cohort_codes >= 0), members)
    if len(np.unique(design.starts[design.cohort_codes[left]])) < 2:
        return None  # nobody is left to be treated, or to compare with
    try:
        return refit(panel, leave_out(panel, design, members))
    except ScaleImpactError:
        return None


def _same(whole: Effect, part: Effect | None, target: Target) -> float:
    """The same estimate of an effect that leaves out a cluster; NaN where it has none."""
    if part is None:
        return np.nan
    if target.place == "overall":
        return np.nan if part.overall.value is None else part.overall.value
    family, other = getattr(whole, target.place), getattr(part, target.place)
    if other is None:
        return np.nan
    wanted = family.labels(target.k)
    found = [k for k in range(len(other)) if other.labels(k) == wanted]
    return float(other.values[found[0]]) if found else np.nan


def _judged(target: Target, values: Floats, centre: Centre) -> Jackknife | None:
    """Source: MacKinnon, Nielsen and Webb (2023), CV3J (mean) and CV3 (estimate)."""
    n = len(values)
    if n < 2 or not np.isfinite(values).all():
        return None
    middle = target.value if centre == "estimate" else float(values.mean())
    variance = (n - 1) / n * float(((values - middle) ** 2).sum())
    if not variance > 0:
        return None
    name = "CV3" if centre == "estimate" else "CV3J"
    words = f"standard error, interval and p-value by the jackknife that leaves out each of {n} clusters ({name}), t({n - 1})"
    return Jackknife(target.value, float(np.sqrt(variance)), float(n - 1), tuple(map(float, values)), words)


@dataclass(frozen=True)
class Jackknife:
    """A jackknife standard error.

    Attributes
    ----------
    value:
        The estimate.
    std_error, df:
        Of the t distribution.
    left_out:
        The estimate without each cluster.
    words:
        The method, as it stands in results.
    """

    value: float
    std_error: float
    df: float
    left_out: tuple[float, ...]
    words: str

    @property
    def p_value(self) -> float | None:
        """Two-sided p-value of no effect."""
        return Estimate(self.value, self.std_error, self.df).p_value

    def interval(self, level: float) -> tuple[float, float] | None:
        """Interval with t quantiles."""
        return Estimate(self.value, self.std_error, self.df).interval(level)
