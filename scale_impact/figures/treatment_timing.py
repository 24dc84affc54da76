"""Who is treated when: periods as columns, units (or cohorts) as rows, treated cells coloured.

Up to 60 units followed over time have a row and a name each; more units, and repeated
cross-sections, have one row a cohort with its size.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.cohorts import cohort_moments
from scale_impact.core.design import LEFT_OUT, Design
from scale_impact.core.panel import Panel
from scale_impact.core.words import counted
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_UNITS = 60
MOST_COUNTS = 12
"""Up to so many periods have their number of observations written in the cells."""


def draw(panel: Panel, design: Design, ax: Axes, *, unit: str = "") -> None:
    """Draw the tiles, earliest cohort on top; ``unit`` is not needed, the tiles have none."""
    cohorts = _rows(panel, design)
    treated = _treated(panel, design, cohorts)
    _tiles(ax, treated)
    _style.rows(ax, _names(panel, design))
    ax.set_ylabel(str(panel.unit) if _by_unit(panel, design) else "First treated")
    _columns(ax, panel, _left_out(panel, design))
    if design.cross_sections and panel.n_periods <= MOST_COUNTS:
        _counts(ax, cohort_moments(panel, design).counts[cohorts], treated)


def _treated(panel: Panel, design: Design, cohorts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Share of each row's units that is treated, rows x periods: 0 or 1 where treatment stays on."""
    if design.treatment is None:
        return np.asarray(np.arange(panel.n_periods)[None, :] >= design.starts[cohorts][:, None], dtype=float)
    if _by_unit(panel, design):
        return design.treatment[_units(design)].astype(float)
    return np.array([design.treatment[design.cohort_codes == g].mean(axis=0) for g in cohorts])


def height(panel: Panel, design: Design) -> float:
    """Inches that the rows need."""
    n = len(_rows(panel, design))
    return _style.rows_height(n, each=0.155, least=3.0) if _by_unit(panel, design) else _style.tile_height(n)


def _by_unit(panel: Panel, design: Design) -> bool:
    return not (design.cross_sections or panel.streamed) and len(_units(design)) <= MOST_UNITS


def _units(design: Design) -> NDArray[np.int64]:
    """Units that are in the design, by cohort."""
    kept = np.flatnonzero(design.cohort_codes != LEFT_OUT)
    return kept[np.argsort(design.cohort_codes[kept], kind="stable")]


def _rows(panel: Panel, design: Design) -> NDArray[np.int64]:
    """Cohort of each row."""
    if _by_unit(panel, design):
        return np.asarray(design.cohort_codes[_units(design)])
    return np.flatnonzero(cohort_moments(panel, design).units > 0)


def _names(panel: Panel, design: Design) -> list[str]:
    if _by_unit(panel, design):
        return [panel.unit_name(int(u)) for u in _units(design)]
    cohorts = _style.cohort_names(panel, design)
    moments = cohort_moments(panel, design)
    sizes = moments.units if moments.followed else moments.counts.sum(axis=1)
    thing = "observation" if design.cross_sections else "unit"
    return [f"{cohorts[g]} ({counted(int(sizes[g]), thing)})" for g in _rows(panel, design)]


def _left_out(panel: Panel, design: Design) -> str:
    n = panel.n_units - int(cohort_moments(panel, design).units.sum())
    return f"{counted(n, 'unit' if panel.followed else 'observation')} left out of the design" if n else ""


def _tiles(ax: Axes, treated: NDArray[np.float64]) -> None:
    from matplotlib.colors import LinearSegmentedColormap
    from matplotlib.patches import Patch

    colours = (_style.PALE, _style.BLUE)
    edge = 1.2 if treated.size <= 1200 else 0.3
    ax.pcolormesh(
        np.arange(treated.shape[1] + 1) - 0.5, np.arange(treated.shape[0] + 1) - 0.5, treated,
        cmap=LinearSegmentedColormap.from_list("treated", colours), vmin=0, vmax=1, edgecolors="white" if treated.shape[1] <= 60 else "face", linewidth=edge,
    )  # fmt: skip
    _style.legend_above(ax, [Patch(color=_style.BLUE, label="treated"), Patch(color=_style.PALE, label="not treated")])


def _columns(ax: Axes, panel: Panel, remark: str) -> None:
    names = _style.labels(panel.periods)
    at = _style.thinned(len(names), _style.fitting(names))
    ax.set_xticks(at, [names[k] for k in at])
    ax.set_xlabel(_style.period_title(panel) + (f"\n{remark}" if remark else ""))
    ax.spines[:].set_visible(False)
    ax.tick_params(axis="both", length=0)


def _counts(ax: Axes, counts: NDArray[np.float64], treated: NDArray[np.float64]) -> None:
    """Observations of each cell, written in it."""
    for (row, column), n in np.ndenumerate(counts):
        colour = "white" if treated[row, column] else _style.DARK
        ax.text(column, row, f"{int(n):,}", ha="center", va="center", fontsize=8, color=colour)
