"""What all estimators share: the cohorts that enter, and how scores become estimates with reasons."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scale_impact.core.cohorts import Cohorts, Floats, Scores, cohort_moments
from scale_impact.core.design import Design
from scale_impact.core.effect import Estimate, Sample
from scale_impact.core.influence import Influence, spread
from scale_impact.core.panel import Panel
from scale_impact.core.words import counted, plain, some
from scale_impact.errors import DesignError

MANY_CLUSTERS, MANY_TREATED = 40, 10
"""From so many clusters, and treated clusters, on an interval is not called rough."""

ROUGH = "with so few, intervals are rough and usually too narrow"
"""Said of analytic intervals where clusters are few; inference for few clusters takes it back."""

REFERENCE = "the reference period: 0 by construction"
NO_VARIATION = "no standard error: the outcomes show no variation"
COHORTS_ARE_CLUSTERS = "no standard error: each cohort lies in one cluster, whose own variation cannot be seen"
PAIRWISE = (
    "`balance: pairwise` is for callaway_santanna, and units are not observed in each period. Use callaway_santanna, or say "
    "`balance: drop` to leave these units out or `balance: repeated_cross_sections` to use each observation as it is."
)
ONE_CLUSTER = (
    "All units that can be compared lie in one cluster of {!r}; a standard error needs at least two. Leave `cluster` out of "
    "the design, or name a column with smaller clusters."
)
NOTHING_LEFT = "no standard error: as many coefficients as observations, or one cluster"


@dataclass(frozen=True, eq=False)
class Analysis:
    """What an estimator works with.

    Attributes
    ----------
    panel, design:
        As given.
    moments:
        Of the cohorts that enter: those with a unit and, unless asked for, not those treated
        from the first period on.
    positions:
        Their positions among the design's cohorts.
    """

    panel: Panel
    design: Design
    moments: Cohorts
    positions: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        panel: Panel,
        design: Design,
        *,
        always_treated: bool = False,
        reversals: bool = False,
        incomplete: bool = False,
    ) -> Analysis:
        """The analysis of a panel under a design.

        Parameters
        ----------
        panel, design:
            The data, and who is compared with whom.
        always_treated:
            Keep units that are treated from the first period on.
        reversals:
            The estimator can answer treatment that switches off; otherwise that is refused.
        incomplete:
            The estimator picks the units that it can compare where some are not observed in each
            period (``balance: pairwise``); otherwise that is refused.

        Raises
        ------
        DesignError
            Treatment switches off, or units are not observed in each period, and the estimator
            cannot answer that; nobody is compared (``control: none``); all that enters is one cluster.
        """
        if not reversals:
            design.needs_absorbing()
        if design.incomplete and not incomplete:
            raise DesignError(PAIRWISE)
        design.needs_controls("this estimator")
        moments = cohort_moments(panel, design)
        wanted = (moments.units > 0) & (always_treated | (design.starts > 0))
        positions = np.flatnonzero(wanted)
        entering = moments.keep(positions)
        if design.cluster is not None and entering.n_clusters == 1:
            raise DesignError(ONE_CLUSTER.format(design.cluster))
        return cls(panel, design, entering, positions)

    @cached_property
    def treated(self) -> NDArray[np.bool_]:
        """Which cohorts are treated at some time, [G]."""
        return np.asarray(self.moments.starts < self.moments.n_periods)

    @property
    def labels(self) -> tuple[Any, ...]:
        """First treated period of each cohort."""
        return tuple(self.design.first_treated[int(g)] for g in self.positions)

    @property
    def names(self) -> list[str]:
        """The cohorts in words."""
        return [self.design.cohort_name(int(g)) for g in self.positions]

    @property
    def clustered_by(self) -> str:
        """What the standard errors are clustered by, in words."""
        return str(self.design.cluster or self.panel.unit or "observation")

    def sample(self) -> Sample:
        """Counts of what was used."""
        moments = self.moments
        return Sample(
            n_units=int(moments.units.sum()),
            n_treated=int(moments.units[self.treated].sum()),
            n_periods=moments.n_periods,
            n_obs=int(moments.counts.sum()),
            n_clusters=moments.n_clusters,
        )

    def weight_frame(self, weights: Floats | None) -> pd.DataFrame | None:
        """Weights [G, T] as a frame, cohorts x periods; None stays None."""
        if weights is None:
            return None
        columns = pd.Index(self.panel.periods, name=self.panel.period)
        return pd.DataFrame(weights, index=pd.Index(self.names, name="cohort"), columns=columns)

    def influence(self, scores: Scores, factor: float = 1.0) -> Influence:
        """Influence from scores on these cohorts; ``factor`` is the small-sample factor on the variance."""
        wide = spread(scores, self.positions, len(self.design.starts))
        return Influence(self.panel, self.design, wide, scale=float(np.sqrt(factor)))

    def estimate(self, value: float, variance: float, df: float | None = None, reason: str | None = None) -> Estimate:
        """An estimate with its standard error, or with the reason for having none."""
        reason = reason or self.reasons(np.array([variance]))[0]
        return Estimate(float(value), None if reason else float(np.sqrt(variance)), df, reason)

    def reasons(self, variances: Floats) -> list[str | None]:
        """Why a variance is none: not a number, or no more than rounding; None elsewhere."""
        spread = float(np.abs(self.moments.paths).max(initial=0.0))
        level = float(np.abs(self.moments.means).max(initial=0.0))
        floor = (1e-12 * spread + 1e-15 * level) ** 2
        clusters = self.moments.clusters
        alone = clusters is not None and bool(
            (clusters.n_holding() <= 1).all() and self.moments.units.max(initial=0) > 1
        )
        if alone:  # what is left of a variance then is the distance between cohorts, not sampling
            return [COHORTS_ARE_CLUSTERS] * len(variances)
        return [NOTHING_LEFT if np.isnan(v) else None if v > floor else NO_VARIATION for v in variances]

    def one_unit(self) -> str | None:
        """Why a regression has no standard error: one treated or one untreated unit."""
        units = self.moments.units
        for side, count in (("treated", units[self.treated].sum()), ("untreated", units[~self.treated].sum())):
            if count == 1:
                return f"no standard error: one {side} unit, whose own variation cannot be seen"
        return None

    def notes(self) -> tuple[str, ...]:
        """What the design left out, and where clusters are few."""
        return (*self.design.notes, *self._few_clusters(), *self._one_cluster())

    def _few_clusters(self) -> list[str]:
        """Source: Cameron and Miller (2015), section VI."""
        if self.design.cross_sections and self.moments.clusters is None:
            return []
        total, on_treated = self.moments.n_clusters, self._treated_clusters()
        if total >= MANY_CLUSTERS and on_treated >= MANY_TREATED:
            return []
        return [
            f"{total:,} clusters, {on_treated} of them treated: {ROUGH} "
            f"(trust begins at about {MANY_CLUSTERS} clusters, {MANY_TREATED} treated)."
        ]

    def _treated_clusters(self) -> int:
        clusters = self.moments.clusters
        if clusters is None:
            return int(self.moments.units[self.treated].sum())
        return clusters.n_touching(self.treated)

    def _one_cluster(self) -> list[str]:
        """Cohorts in one cluster: their own variation is not in a clustered standard error."""
        clusters = self.moments.clusters
        if clusters is None or self.design.cross_sections:
            return []
        held = clusters.n_holding()
        return [
            f"Cohort {self.names[g]} lies in one cluster of {self.design.cluster}: standard errors of its own effects leave "
            "out its variation and are too small."
            for g in np.flatnonzero((held == 1) & (self.moments.units > 1))
        ]


def several_dates(design: Design) -> str:
    """The adoption dates in words."""
    dates = [plain(design.first_treated[int(g)]) for g in design.adopting]
    return f"{counted(len(dates), 'adoption date')} ({some(dates)})"
