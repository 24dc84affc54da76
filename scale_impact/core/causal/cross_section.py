"""Cross-section: the rows that estimators with covariates compare, from either kind of design.

An exposure design compares observations of one period. An adoption design compares changes: of each cohort's units
since the last period before its treatment, with those of its controls. Unit effects drop out of changes, period
effects are common to both sides, and what is left is a cross-section once more (Abadie 2005; Sant'Anna and Zhao 2020).
Repeated cross-sections follow nobody: there the exposure is being in the treated group after the start, and the group
itself stays a control.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.causal.covariates import Columns, Question, as_numbers
from scale_impact.core.design import Design
from scale_impact.core.effect import Sample
from scale_impact.core.panel import Panel
from scale_impact.core.words import counted, plain, some
from scale_impact.errors import DesignError

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Change = Literal["mean", "first"]

ROWWISE = ("outcome", "exposure", "covariates", "groups", "clusters", "units", "observations", "side")


@dataclass(frozen=True, eq=False)
class CrossSection:
    """n rows: an outcome (or its change), an exposure, covariates, and who belongs together.

    Attributes
    ----------
    outcome, exposure:
        [n].
    covariates:
        [n, K] numbers without a constant: texts are dummies, what does not vary is left out.
    names, columns:
        Of the K covariates, and of the data's columns that they come from.
    groups:
        [n], rows that are compared with each other: a period, or a cohort with its controls. Their levels are always
        controlled for.
    group_names:
        What the groups are called.
    clusters:
        [n], rows that depend on each other; a unit may stand in several rows.
    units:
        [n], position in ``panel.units``.
    observations:
        [n], position among the panel's observations: where covariates were read (before treatment, for changes).
    changes:
        Whether outcomes are changes.
    exposure_name, outcome_name:
        In words.
    notes:
        What was left out or read in a particular way.
    side:
        [n], 1 for the treated group, before and after, in repeated cross-sections with a start; None elsewhere.
    """

    outcome: Floats
    exposure: Floats
    covariates: Floats
    names: tuple[str, ...]
    columns: tuple[str, ...]
    groups: Ints
    group_names: tuple[str, ...]
    clusters: Ints
    units: Ints
    observations: Ints
    changes: bool
    exposure_name: str
    outcome_name: str
    notes: tuple[str, ...]
    n_periods: int
    _panel: Panel
    side: Ints | None = None

    def __len__(self) -> int:
        return len(self.outcome)

    @cached_property
    def binary(self) -> bool:
        """Whether the exposure is 0 or 1."""
        return bool(np.isin(self.exposure, (0.0, 1.0)).all())

    @property
    def treated(self) -> NDArray[np.bool_]:
        """Rows that are exposed."""
        return self.exposure > 0

    @cached_property
    def controls(self) -> Floats:
        """[n, K + G - 1]: covariates, and dummies of the groups but the first (and of the treated side, where it was before)."""
        dummies = self.groups[:, None] == np.arange(1, len(self.group_names))
        parts = [self.covariates, dummies.astype(float)]
        return np.column_stack(parts if self.side is None else [*parts, self.side.astype(float)])

    @property
    def control_names(self) -> tuple[str, ...]:
        """Names of the columns of ``controls``."""
        rest = () if self.side is None else ("treated group",)
        return (*self.names, *self.group_names[1:], *rest)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The unit of each row, as text."""
        if not self._panel.followed:
            return tuple(f"row {i}" for i in self.observations)
        return tuple(self._panel.unit_name(int(u)) for u in self.units)

    @property
    def n_clusters(self) -> int:
        """How many clusters there are."""
        return len(np.unique(self.clusters))

    def sample(self) -> Sample:
        """Counts, for an effect."""
        treated = len(np.unique(self.units[self.treated]))
        return Sample(len(np.unique(self.units)), treated, self.n_periods, len(self), self.n_clusters)

    def frame(self, columns: Sequence[str]) -> pd.DataFrame:
        """Columns of the data, as they are, row by row."""
        import pandas as pd

        return pd.DataFrame({c: self._panel.column(c)[self.observations] for c in columns})

    def take(self, rows: NDArray[Any]) -> CrossSection:
        """Some of the rows."""
        kept: dict[str, Any] = {f.name: getattr(self, f.name) for f in fields(self) if f.name in ROWWISE}
        cut: dict[str, Any] = {name: v if v is None else v[rows] for name, v in kept.items()}
        return replace(self, **cut)

    def who(self, rows: NDArray[np.bool_], most: int = 5) -> str:
        """How many rows some are, and the first units among them, in words."""
        found = [self.labels[i] for i in np.flatnonzero(rows)]
        return f"{counted(int(rows.sum()), 'row')} ({some(list(dict.fromkeys(found)), most)})"


def cross_section(
    panel: Panel, design: Design, key: str, covariates: Sequence[str] = (), change: Change = "mean"
) -> CrossSection:
    """The rows that are compared.

    Parameters
    ----------
    panel, design:
        The data, and who is compared with whom.
    key:
        Estimator that asks, for messages.
    covariates:
        Columns to adjust for; none: those that the design's graph asks for, where there is one.
    change:
        For adoption designs: the ``mean`` of a cohort's treated periods or the ``first`` of them, minus the last period before
        treatment (and its anticipation).

    Raises
    ------
    DesignError
        Covariates are missing, cannot be told, or are the outcome or the exposure; treatment switches off; nobody is left to compare with; the graph does not
        identify the effect.
    """
    columns, said = _chosen(panel, design, covariates)
    if design.exposed is not None:
        rows = _observations(panel, design)
    elif design.cross_sections:
        rows = _repeated(panel, design, key)
    else:
        rows = _changes(panel, design, key, change)
    if not len(rows) or not np.ptp(rows.exposure):
        raise DesignError(f"{key} has nobody to compare with: {' '.join(rows.notes) or 'all rows are exposed alike.'}")
    asked = Question(panel.outcome, rows.exposure_name, rows.exposure)
    found = as_numbers({c: panel.column(c)[rows.observations] for c in columns}, rows.labels, asked)
    return _with(rows, found, columns, said)


def _chosen(panel: Panel, design: Design, covariates: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Columns to adjust for: those named, or those that the graph asks for; and what the graph says of them."""
    if design.graph is None:
        return tuple(covariates), ()
    from scale_impact.core.causal.graphs.adjustment import chosen

    columns = tuple(map(str, panel.frame.columns))
    found = chosen(
        design.graph, design.treatment_name, panel.outcome, covariates, columns,
        changes=design.exposed is None, fixed=(panel.period,),
    )  # fmt: skip
    return found.columns, found.notes


def _with(rows: CrossSection, found: Columns, columns: tuple[str, ...], said: tuple[str, ...]) -> CrossSection:
    return replace(
        rows, covariates=found.values, names=found.names, columns=columns, notes=(*rows.notes, *said, *found.notes)
    )


def _clusters_of(panel: Panel, design: Design, units: Ints) -> Ints:
    return units if design.cluster_codes is None else design.cluster_codes[units]


def _unit_of_row(panel: Panel) -> Ints:
    """Unit of each observation; where none is followed each is its own."""
    return panel.unit_codes if panel.followed else np.arange(panel.n_obs)


def _blank(panel: Panel, design: Design, rows: Ints, **given: Any) -> CrossSection:
    """Rows without covariates; ``rows`` are observations."""
    units = _unit_of_row(panel)[rows]
    usual: dict[str, Any] = {
        "covariates": np.empty((len(rows), 0)), "names": (), "columns": (), "clusters": _clusters_of(panel, design, units),
        "units": units, "observations": rows, "exposure_name": design.treatment_name, "n_periods": panel.n_periods,
        "_panel": panel, "notes": (), "changes": False, "outcome_name": panel.outcome,
    }  # fmt: skip
    return CrossSection(**(usual | given))


def _observations(panel: Panel, design: Design) -> CrossSection:
    """Each observation with its own exposure, compared within its period."""
    assert design.exposures is not None
    rows = np.arange(panel.n_obs)
    names = tuple(f"{panel.period} {plain(p)}" for p in panel.periods)
    return _blank(
        panel,
        design,
        rows,
        outcome=np.asarray(panel.values),
        exposure=design.exposures,
        groups=panel.period_codes,
        group_names=names,
    )


def _repeated(panel: Panel, design: Design, key: str) -> CrossSection:
    """Repeated cross-sections with one start: exposed is who belongs to the treated group and is seen after it."""
    adopting = design.adopting
    if len(adopting) > 1 or design.anticipation or design.never_treated is None:
        raise DesignError(
            f"{key} compares repeated cross-sections with one start and without anticipation, and here are {counted(len(adopting), 'start')} "
            f"and an anticipation of {design.anticipation}. Use callaway_santanna, or follow units."
        )
    codes = design.cohort_codes[_unit_of_row(panel)]
    rows = np.flatnonzero(np.isin(codes, (int(adopting[0]), design.never_treated)))
    side = (codes[rows] == adopting[0]).astype(np.int64)
    after = panel.period_codes[rows] >= design.starts[adopting[0]]
    names = tuple(f"{panel.period} {plain(p)}" for p in panel.periods)
    return _blank(
        panel, design, rows, outcome=np.asarray(panel.values)[rows], exposure=(side * after).astype(float), groups=panel.period_codes[rows],
        group_names=names, side=side, notes=("No unit is followed: treated is who belongs to the treated group after the start, and "
        "both groups are seen before it.",),
    )  # fmt: skip


# ---- changes ----------------------------------------------------------------------------------------


def _changes(panel: Panel, design: Design, key: str, change: Change) -> CrossSection:
    """One row a unit of each cohort, and of its controls."""
    design.needs_absorbing()
    design.needs_controls(key)
    table, where = _tables(panel)
    parts, said = [], []
    for cohort in design.adopting:
        found = _of_cohort(panel, design, int(cohort), table, change)
        if isinstance(found, str):
            said.append(found)
        else:
            parts.append(found)
    if not parts:
        raise DesignError([f"{key} has no cohort to compare.", *said])
    return _stacked(panel, design, parts, where, tuple(said))


@dataclass(frozen=True, eq=False)
class _Part:
    """A cohort and its controls: units, changes, who is treated, and the base period."""

    name: str
    units: Ints
    change: Floats
    treated: NDArray[np.bool_]
    base: int
    lost: int


def _tables(panel: Panel) -> tuple[Floats, Ints]:
    """Outcomes by unit and period (NaN: not observed), and the observation of each cell (-1)."""
    table = np.full((panel.n_units, panel.n_periods), np.nan)
    where = np.full(table.shape, -1)
    table[panel.unit_codes, panel.period_codes] = np.asarray(panel.values)
    where[panel.unit_codes, panel.period_codes] = np.arange(panel.n_obs)
    return table, where


def _of_cohort(panel: Panel, design: Design, cohort: int, table: Floats, change: Change) -> _Part | str:
    start, name = int(design.starts[cohort]), design.cohort_name(cohort)
    base = start - 1 - design.anticipation
    if base < 0:
        return f"Cohort {name} is left out: there is no period before it and its anticipation."
    window, controls = _window(design, start, change)
    if window <= start:
        return f"Cohort {name} is left out: nobody is untreated in its periods."
    units = np.flatnonzero((design.cohort_codes == cohort) | np.isin(design.cohort_codes, controls))
    after = table[units, start:window]
    with np.errstate(invalid="ignore"):
        known = np.isfinite(table[units, base]) & np.isfinite(after).any(axis=1)
        seen = np.isfinite(after).sum(axis=1)
        moved = np.nansum(after, axis=1) / np.maximum(seen, 1) - table[units, base]
    kept = units[known]
    return _Part(name, kept, moved[known], design.cohort_codes[kept] == cohort, base, int((~known).sum()))


def _window(design: Design, start: int, change: Change) -> tuple[int, Ints]:
    """End of the periods that count, and the cohorts to compare with: untreated until then."""
    cohorts = np.arange(len(design.starts))
    never = design.never_treated
    last = int(design.starts[design.adopting].max()) - design.anticipation  # from then on nobody is untreated
    end = design.n_periods if never is not None else last
    end = min(end, start + 1) if change == "first" else end
    if design.control == "never":
        return end, np.array([never])
    return end, cohorts[design.starts - design.anticipation * (design.starts < design.n_periods) >= end]


def _stacked(panel: Panel, design: Design, parts: list[_Part], where: Ints, said: tuple[str, ...]) -> CrossSection:
    units = np.concatenate([p.units for p in parts])
    base = np.concatenate([np.full(len(p.units), p.base) for p in parts])
    lost = sum(p.lost for p in parts)
    notes = [*said]
    if lost:
        notes.append(
            f"{counted(lost, 'change is', 'changes are')} not observed (no base period, or none after) and left out."
        )
    if len(parts) > 1:
        notes.append(
            f"The {len(parts)} cohorts are each compared with their controls; a control stands in several comparisons, so errors are clustered."
        )
    return _blank(
        panel, design, where[units, base],
        outcome=np.concatenate([p.change for p in parts]),
        exposure=np.concatenate([p.treated for p in parts]).astype(float),
        groups=np.repeat(np.arange(len(parts)), [len(p.units) for p in parts]),
        group_names=tuple(f"first treated {p.name}" for p in parts),
        changes=True, outcome_name=f"change of {panel.outcome}", notes=tuple(notes),
    )  # fmt: skip
