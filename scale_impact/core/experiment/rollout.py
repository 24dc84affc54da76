"""A randomised roll-out as its analysis sees it: rows, the clusters that were dealt to, and what each arm means.

An arm is what one cluster was dealt: a date from which on it is treated (stepped wedge), a side (parallel groups,
exposure designs). All that other dealings change is which arm a cluster has, so that rows are kept by cluster.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scale_impact.core.cohorts import Floats
from scale_impact.core.design import Design
from scale_impact.core.effect import Sample
from scale_impact.core.experiment.dealing import Codes
from scale_impact.core.panel import Panel
from scale_impact.core.words import counted, plain, some
from scale_impact.errors import DesignError

ONE_STRATUM = "all"


@dataclass(frozen=True, eq=False)
class Rollout:
    """n rows of C clusters in A arms over T periods.

    Attributes
    ----------
    panel, design:
        As given.
    rows:
        [n], position among the panel's observations, in order of cluster, unit and period.
    cluster, unit, period:
        [n], codes: 0 to C - 1, positions in ``panel.units`` and in ``panel.periods``.
    arms, strata:
        [C]: arm of each cluster, and stratum within which arms were dealt.
    starts:
        [A], first treated period of each arm: T where it is never treated, 0 where it is treated throughout.
    cluster_names, stratum_names:
        In words.
    clustered_by:
        What the clusters are: a column, or what single rows are called.
    adoption:
        Whether arms are dates; otherwise arm 1 is exposed and arm 0 is not.
    """

    panel: Panel
    design: Design
    rows: Codes
    cluster: Codes
    unit: Codes
    period: Codes
    arms: Codes
    strata: Codes
    starts: Codes
    cluster_names: tuple[str, ...]
    stratum_names: tuple[str, ...]
    clustered_by: str
    adoption: bool

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def n_clusters(self) -> int:
        """Clusters, C."""
        return len(self.arms)

    @property
    def outcome(self) -> Floats:
        """Outcomes, [n]."""
        return self.panel.values[self.rows]

    @property
    def treated(self) -> NDArray[np.bool_]:
        """Rows that are assigned to treatment, [n]."""
        return self.period >= self.starts[self.arms[self.cluster]]

    @property
    def first_rows(self) -> Codes:
        """Position of each cluster's first row, [C]."""
        return np.unique(self.cluster, return_index=True)[1]

    def column(self, name: str) -> NDArray[Any]:
        """Another column, row by row."""
        return np.asarray(self.panel.column(name)[self.rows])

    def numbers(self, name: str, what: str) -> Floats:
        """A column of finite numbers, row by row, or DesignError."""
        values = self.column(name)
        if not (np.issubdtype(values.dtype, np.number) or values.dtype == bool):
            raise DesignError(f"{what} {name!r} is not numeric ({values.dtype}).")
        found = values.astype(float)
        if not np.isfinite(found).all():
            n = int((~np.isfinite(found)).sum())
            raise DesignError(
                f"{what} {name!r} is missing or infinite in {n:,} of {len(found):,} rows. Fill it or leave them out."
            )
        return found

    def by_cluster(self, values: Floats) -> Floats:
        """Sums over the rows of each cluster: [n, ...] becomes [C, ...]."""
        return np.asarray(np.add.reduceat(values, self.first_rows, axis=0))

    def sample(self) -> Sample:
        """Counts, for an effect."""
        ever = self.starts[self.arms] < self.panel.n_periods
        units = len(np.unique(self.unit))
        treated = len(np.unique(self.unit[ever[self.cluster]]))
        return Sample(units, treated, len(np.unique(self.period)), len(self), self.n_clusters)

    def take(self, kept: NDArray[np.bool_]) -> Rollout:
        """Some of the rows; clusters without any go."""
        clusters, cluster = np.unique(self.cluster[kept], return_inverse=True)
        return Rollout(
            self.panel, self.design, self.rows[kept], cluster, self.unit[kept], self.period[kept], self.arms[clusters],
            self.strata[clusters], self.starts, tuple(self.cluster_names[c] for c in clusters), self.stratum_names,
            self.clustered_by, self.adoption,
        )  # fmt: skip


def rollout_of(panel: Panel, design: Design, *, strata: Sequence[str] = (), always_treated: bool = False) -> Rollout:
    """The roll-out of a panel and its design.

    Parameters
    ----------
    strata:
        Columns within whose combinations arms were dealt; constant within a cluster.
    always_treated:
        Keep clusters that are treated from the first period on.

    Raises
    ------
    DesignError
        Treatment switches off; a threshold decides; exposures are doses; a cluster holds several arms or strata; one cluster
        is all there is of an arm and of its stratum's others. All problems that can be seen at once.
    """
    _refuse_kinds(design)
    kept, starts, arm = (
        _exposure_arms(panel, design) if design.exposed is not None else _date_arms(panel, design, always_treated)
    )
    labels, by = _clusters(panel, design)
    stratum = _stratum_labels(panel, strata)
    if problems := [*_mixed(labels, arm, kept, by), *_several_strata(labels, stratum, kept, by, strata)]:
        raise DesignError(problems)
    return _made(panel, design, kept, starts, arm, labels, stratum, by)


def _refuse_kinds(design: Design) -> None:
    """What no randomised roll-out is."""
    design.needs_absorbing()
    design.needs_controls("randomised_rollout")
    if design.running is not None:
        raise DesignError(
            f"{design.running.words} decides who is treated here, not chance. Use regression_discontinuity."
        )
    if design.anticipation:
        raise DesignError(
            f"anticipation is {design.anticipation}: a roll-out is analysed by what was dealt. Give the period from which clusters could "
            "know as the first treated one, or leave the periods between out of the data."
        )


def _exposure_arms(panel: Panel, design: Design) -> tuple[NDArray[np.bool_], Codes, Codes]:
    """Rows that enter, first treated period by arm, and the arm of each observation, of an exposure design."""
    assert design.exposures is not None
    assert design.exposed is not None
    if not design.exposed.binary:
        seen = some(sorted(set(design.exposures.tolist())), 4)
        raise DesignError(
            f"{design.exposure} has to be 0 or 1 for randomised_rollout; it holds {seen}. Use backdoor_regression for doses."
        )
    return np.ones(panel.n_obs, dtype=bool), np.array([panel.n_periods, 0]), design.exposures.astype(np.int64)


def _date_arms(panel: Panel, design: Design, always: bool) -> tuple[NDArray[np.bool_], Codes, Codes]:
    """The same of an adoption design: its cohorts."""
    arm = design.cohort_codes[panel.unit_codes]
    kept = (arm >= 0) & (always | (design.starts[arm] > 0))
    return kept, design.starts, arm


def _clusters(panel: Panel, design: Design) -> tuple[NDArray[Any], str]:
    """The cluster that each observation belongs to, and what clusters are called."""
    if design.cluster is not None:
        return panel.column(design.cluster), design.cluster
    if panel.followed:
        return panel.units[panel.unit_codes], str(panel.unit)
    return np.arange(panel.n_obs), "observation"


def _stratum_labels(panel: Panel, strata: Sequence[str]) -> NDArray[Any]:
    """The stratum of each observation as text."""
    if not strata:
        return np.full(panel.n_obs, ONE_STRATUM, dtype=object)
    columns = [panel.column(c) for c in strata]
    if missing := [c for c, v in zip(strata, columns, strict=True) if pd.isna(v).any()]:
        raise DesignError(
            [
                f"strata: {c!r} is missing in some rows. Fill it: each cluster was dealt to in a stratum."
                for c in missing
            ]
        )
    return np.array([", ".join(plain(v) for v in row) for row in zip(*columns, strict=True)], dtype=object)


def _mixed(labels: NDArray[Any], arm: Codes, kept: NDArray[np.bool_], by: str) -> list[str]:
    """Clusters with several arms."""
    held = pd.Series(arm[kept]).groupby(labels[kept]).nunique()
    mixed = [plain(c) for c in held.index[held > 1]]
    if not mixed:
        return []
    return [
        f"{counted(len(mixed), 'cluster')} of {len(held)} ({by}: {some(mixed, 3)}) hold rows that were dealt different things, and what is dealt is "
        "dealt to whole clusters. Name the column of what was dealt to (`design: {cluster: ...}`), or leave `cluster` out."
    ]


def _several_strata(
    labels: NDArray[Any], stratum: NDArray[Any], kept: NDArray[np.bool_], by: str, strata: Sequence[str]
) -> list[str]:
    """Clusters that lie in several strata."""
    held = pd.Series(stratum[kept]).groupby(labels[kept]).nunique()
    split = [plain(c) for c in held.index[held > 1]]
    if not split:
        return []
    return [
        f"strata: {some(list(strata))} differ within {counted(len(split), 'cluster')} ({by}: {some(split, 3)}). A cluster lies in one stratum."
    ]


def _made(
    panel: Panel, design: Design, kept: NDArray[np.bool_], starts: Codes, arm: Codes, labels: NDArray[Any],
    stratum: NDArray[Any], by: str,
) -> Rollout:  # fmt: skip
    """Rows in order of cluster, unit and period."""
    codes, names = pd.factorize(labels, sort=True)
    at = np.flatnonzero(kept)
    at = at[np.lexsort((panel.period_codes[at], panel.unit_codes[at], codes[at]))]
    present, cluster = np.unique(codes[at], return_inverse=True)
    first = at[np.unique(cluster, return_index=True)[1]]
    strata, stratum_names = pd.factorize(stratum[first], sort=True)
    return Rollout(
        panel, design, at, cluster, panel.unit_codes[at], panel.period_codes[at], arm[first], np.asarray(strata, dtype=np.int64),
        starts, tuple(plain(names[c]) for c in present), tuple(map(str, stratum_names)), by, design.exposed is None,
    )  # fmt: skip


def informative(rollout: Rollout) -> None:
    """Refuse a roll-out in which nothing can be compared.

    Raises
    ------
    DesignError
        No stratum has clusters of two arms.
    """
    if any(len(np.unique(rollout.arms[rollout.strata == s])) > 1 for s in np.unique(rollout.strata)):
        return
    where = "no stratum holds" if len(rollout.stratum_names) > 1 else "there are no"
    raise DesignError(
        f"{where[0].upper()}{where[1:]} clusters of two arms: all {rollout.n_clusters} ({rollout.clustered_by}) were dealt the same as those that "
        "they are compared with. Use coarser `strata`, or leave them out."
    )
