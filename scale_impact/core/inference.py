"""What all estimators share when they turn scores into estimates with reasons."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scale_impact.core.cohorts import Cohorts, Floats
from scale_impact.core.design import Design
from scale_impact.core.effect import Estimate, Sample
from scale_impact.core.panel import Panel
from scale_impact.core.words import counted, plain, some

MANY_CLUSTERS, MANY_TREATED = 40, 10
"""From so many clusters, and treated clusters, on an interval is not called rough."""

NO_VARIATION = "no standard error: the outcomes show no variation"
NOTHING_LEFT = "no standard error: as many coefficients as observations, or one cluster"


def analysed(moments: Cohorts, design: Design, *, always_treated: bool = False) -> tuple[Cohorts, NDArray[np.int64]]:
    """Moments of the cohorts that enter an estimate, and their positions in the design.

    Cohorts without a unit are left out, and so are, unless asked for, units treated from the
    first period on.
    """
    wanted = moments.units > 0
    if not always_treated:
        wanted &= design.starts > 0
    positions = np.flatnonzero(wanted)
    return moments.keep(positions), positions


def clusters_of(moments: Cohorts) -> Floats:
    """Independent clusters in each cohort, [G]: units unless the design names clusters."""
    if moments.clusters is None:
        return moments.units
    return np.asarray((moments.clusters.counts.sum(axis=2) > 0).sum(axis=0), dtype=float)


def sample_of(moments: Cohorts, treated: NDArray[np.bool_]) -> Sample:
    """Counts of what was used; ``treated`` says which cohorts are."""
    return Sample(
        n_units=int(moments.units.sum()),
        n_treated=int(moments.units[treated].sum()),
        n_periods=moments.n_periods,
        n_obs=int(moments.counts.sum()),
        n_clusters=moments.n_clusters,
    )


def spread(moments: Cohorts) -> float:
    """Size of the outcomes' movements, to tell a zero variance from rounding."""
    paths = moments.paths
    return float(np.abs(paths).max(initial=0.0))


def reasons_for(variances: Floats, moments: Cohorts) -> list[str | None]:
    """A reason where a variance is no more than rounding, None elsewhere."""
    level = float(np.abs(moments.means).max(initial=0.0))
    floor = (1e-12 * spread(moments) + 1e-15 * level) ** 2
    return [NOTHING_LEFT if np.isnan(v) else None if v > floor else NO_VARIATION for v in variances]


def one_unit(moments: Cohorts, treated: NDArray[np.bool_]) -> str | None:
    """Why a standard error cannot be had: one treated or one untreated unit."""
    for side, count in (("treated", moments.units[treated].sum()), ("untreated", moments.units[~treated].sum())):
        if count == 1:
            return f"no standard error: one {side} unit, whose own variation cannot be seen"
    return None


def one_cluster(moments: Cohorts, design: Design, positions: NDArray[np.int64]) -> list[str]:
    """Say which cohorts lie in one cluster: their own variation is not in a clustered standard error."""
    if moments.clusters is None or design.cross_sections:
        return []
    alone = np.flatnonzero((clusters_of(moments) == 1) & (moments.units > 1))
    return [
        f"Cohort {design.cohort_name(int(positions[g]))} lies in one cluster of {design.cluster}: standard errors of its own "
        "effects leave out its variation and are too small."
        for g in alone
    ]


def few_clusters(moments: Cohorts, treated: NDArray[np.bool_]) -> list[str]:
    """Say where an interval rests on few clusters (Cameron and Miller 2015, section VI)."""
    if not moments.followed and moments.clusters is None:
        return []
    total, on_treated = moments.n_clusters, _treated_clusters(moments, treated)
    if total >= MANY_CLUSTERS and on_treated >= MANY_TREATED:
        return []
    return [
        f"{total:,} clusters, {on_treated} of them treated: with so few, intervals are rough and usually too narrow "
        f"(trust begins at about {MANY_CLUSTERS} clusters, {MANY_TREATED} treated)."
    ]


def _treated_clusters(moments: Cohorts, treated: NDArray[np.bool_]) -> int:
    if moments.clusters is None:
        return int(moments.units[treated].sum())
    return int((moments.clusters.counts[:, treated].sum(axis=(1, 2)) > 0).sum())


def estimate_from(value: float, variance: float, reason: str | None, df: float | None = None) -> Estimate:
    """An estimate with a standard error, or with the reason for having none."""
    return Estimate(float(value), None if reason else float(np.sqrt(variance)), df, reason)


def weight_frame(weights: Floats, design: Design, positions: NDArray[np.int64], panel: Panel) -> pd.DataFrame:
    """Weights [G, T] as a frame with cohorts as rows and periods as columns."""
    rows = pd.Index([design.cohort_name(int(g)) for g in positions], name="cohort")
    return pd.DataFrame(weights, index=rows, columns=pd.Index(panel.periods, name=panel.period))


def clustered_by(design: Design, panel: Panel) -> str:
    """Words for what the standard errors are clustered by."""
    return str(design.cluster or panel.unit or "observation")


def several_dates(design: Design) -> str:
    """The adoption dates in words."""
    dates = [plain(design.first_treated[int(g)]) for g in design.adopting]
    return f"{counted(len(dates), 'adoption date')} ({some(dates)})"


def labels_of(design: Design, positions: Any) -> tuple[Any, ...]:
    """First treated periods of some cohorts."""
    return tuple(design.first_treated[int(g)] for g in positions)
