"""Observations around a threshold, as a panel and its design say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.causal.covariates import Question, as_numbers
from scale_impact.core.causal.discontinuity.choices import Floats
from scale_impact.core.causal.discontinuity.sides import Side, side_of
from scale_impact.core.design import Design
from scale_impact.core.exposure import Running
from scale_impact.core.panel import Panel
from scale_impact.errors import DesignError


@dataclass(frozen=True, eq=False)
class Observations:
    """n observations with their distance from a threshold.

    Attributes
    ----------
    rule:
        Column, threshold and side that is meant to be treated.
    x:
        [n] running variable less the threshold; positive towards treatment.
    eligible:
        [n] who is on the side that is meant to be treated.
    outcome:
        [n].
    exposure:
        [n] where the threshold only shifts who is exposed (fuzzy); None where it decides.
    covariates, names:
        [n, K] and their names.
    clusters:
        [n]; None where observations are independent.
    units:
        [n] position among the panel's units.
    periods:
        [n] position among the panel's periods.
    rows:
        [n] position among the panel's observations.
    notes:
        What was read in a particular way.
    """

    rule: Running
    x: Floats
    eligible: NDArray[np.bool_]
    outcome: Floats
    exposure: Floats | None
    covariates: Floats
    names: tuple[str, ...]
    clusters: NDArray[np.int64] | None
    units: NDArray[np.int64]
    periods: NDArray[np.int64]
    rows: NDArray[np.int64]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.x)

    @property
    def fuzzy(self) -> bool:
        """Whether the threshold only shifts who is exposed."""
        return self.exposure is not None

    @property
    def columns(self) -> Floats:
        """Outcome, exposure (where fuzzy) and covariates, [n, m]."""
        exposure = [] if self.exposure is None else [self.exposure]
        return np.column_stack([self.outcome, *exposure, self.covariates])

    def sides(self) -> tuple[Side, Side]:
        """Those who are not meant to be treated and those who are, each by distance from the threshold."""
        columns = self.columns
        below, above = (side_of(self.x, columns, self.clusters, chosen) for chosen in (~self.eligible, self.eligible))
        return below, above

    def take(self, rows: NDArray[Any]) -> Observations:
        """Some of the observations."""
        cut = {
            name: getattr(self, name)[rows]
            for name in ("x", "eligible", "outcome", "covariates", "units", "periods", "rows")
        }
        maybe: dict[str, Any] = {
            n: None if (v := getattr(self, n)) is None else v[rows] for n in ("exposure", "clusters")
        }
        return replace(self, **cut, **maybe)

    def plain(self, outcome: Floats) -> Observations:
        """The same for another outcome, decided by the threshold alone and without covariates."""
        return replace(self, outcome=outcome, exposure=None, covariates=np.empty((len(self), 0)), names=())

    def moved(self, at: float) -> Observations:
        """The same as if the threshold lay ``at`` a distance from where it is."""
        x = self.x - at
        return replace(self, x=x, eligible=x >= 0)


def observations(
    panel: Panel, design: Design, key: str, covariates: Sequence[str] = (), donut: float = 0.0
) -> Observations:
    """The observations of an exposure design with a threshold.

    Parameters
    ----------
    key:
        Who asks, for messages.
    donut:
        Observations nearer to the threshold than this are left out.

    Raises
    ------
    DesignError
        The design has no threshold; covariates are missing; one side is empty without the donut.
    """
    rule = design.running
    if rule is None or design.exposures is None:
        raise DesignError(
            f"{key} needs a threshold that decides, or helps to decide, who is treated: `treatment: {{running: population, threshold: 5000}}` "
            "(in Python `Design.from_panel(panel, running=..., threshold=...)`). Without one use another estimator, such as backdoor_regression "
            "or callaway_santanna."
        )
    found = _read(panel, design, rule, covariates)
    return _without(found, donut)


def where(rule: Running) -> tuple[str, str]:
    """On which side of the threshold those lie who are not meant to be treated, and those who are."""
    return ("below", "above") if rule.side == "above" else ("above", "below")


def once_a_unit(units: NDArray[np.int64], x: Floats, eligible: NDArray[np.bool_]) -> tuple[Floats, NDArray[np.bool_]]:
    """Values of the running variable and who is eligible, each unit once with each of its values.

    A unit that is seen in many periods with the same census count does not choose its side again each time.
    """
    if (np.diff(units) > 0).all() or len(np.unique(units)) == len(units):
        return x, eligible
    order = np.lexsort((x, units))
    new = np.r_[True, (np.diff(units[order]) != 0) | (np.diff(x[order]) != 0)]
    rows = np.sort(order[new])
    return x[rows], eligible[rows]


def running_values(panel: Panel, rule: Running) -> Floats:
    """The running variable less the threshold, positive towards treatment."""
    x = np.asarray(panel.column(rule.column), dtype=np.float64) - rule.threshold
    return x if rule.side == "above" else -x


def _read(panel: Panel, design: Design, rule: Running, covariates: Sequence[str]) -> Observations:
    assert design.exposures is not None
    eligible = rule.eligible(np.asarray(panel.column(rule.column), dtype=np.float64))
    sharp = bool(np.array_equal(design.exposures, eligible.astype(float)))
    labels = [f"row {i}" for i in range(panel.n_obs)] if covariates else []
    asked = Question(panel.outcome, design.treatment_name, np.asarray(design.exposures, dtype=np.float64))
    numbers = as_numbers({c: panel.column(c) for c in covariates}, labels, asked) if covariates else None
    clusters, said = _clusters(panel, design)
    return Observations(
        rule=rule, x=running_values(panel, rule), eligible=eligible, outcome=np.asarray(panel.values),
        exposure=None if sharp else np.asarray(design.exposures, dtype=np.float64),
        covariates=np.empty((panel.n_obs, 0)) if numbers is None else numbers.values,
        names=() if numbers is None else numbers.names, clusters=clusters,
        units=panel.unit_codes if panel.followed else np.arange(panel.n_obs), periods=panel.period_codes,
        rows=np.arange(panel.n_obs),
        notes=(*said, *(() if numbers is None else numbers.notes)),
    )  # fmt: skip


def _clusters(panel: Panel, design: Design) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    """Who depends on whom: the design's clusters, units seen several times, or nobody."""
    many = panel.n_periods > 1
    said = f"Observations of {panel.n_periods} periods are pooled, each with its outcome as it is."
    pooled = (said,) if many else ()
    if design.cluster_codes is not None:
        codes = design.cluster_codes
        return (codes[panel.unit_codes] if panel.followed else codes), pooled
    if not panel.followed or panel.n_obs == panel.n_units:
        return None, pooled
    return panel.unit_codes, (f"{said} Errors are clustered by {panel.unit}.",)


def _without(found: Observations, donut: float) -> Observations:
    """Leave out who is within the donut."""
    if not donut:
        return found
    kept = np.abs(found.x) >= donut
    left = found.take(kept)
    if not left.eligible.any() or left.eligible.all():
        raise DesignError(
            f"donut is {donut:g}, and nobody on one side of the threshold is farther from it. Take a smaller one."
        )
    gone = int((~kept).sum())
    return replace(
        left, notes=(*left.notes, f"{gone:,} observations nearer to the threshold than {donut:g} are left out (donut).")
    )
