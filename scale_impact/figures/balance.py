"""A love plot: standardised differences of covariates before and after weighting or matching.

After weighting the dots should lie between the dashed lines. In repeated cross-sections with a start the cell that is farthest
from the treated after it is shown.

Source: Love (2004); Austin (2009) on the usual bound of 0.1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.core.check import Check
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BEFORE, AFTER = "before", "after weighting"

MOST = 40
"""So many covariates have a row; those closest to zero go."""


def draw(check: Check, ax: Axes, *, unit: str = "") -> None:
    """Draw differences in standard deviations; ``unit`` is not used, covariates have their own."""
    rows = _rows(check)
    if not rows:
        return _style.say(ax, check.reason)
    weighted = bool(check.details["weighted"])
    at = np.arange(len(rows), dtype=float)
    before, after = (np.array([_value(r, when) for r in rows]) for when in ("before", "after"))
    if weighted:
        ax.hlines(at, before, after, color=_style.LIGHT, linewidth=1.2, zorder=2)
        ax.plot(after, at, "o", color=_style.BLUE, markersize=6, zorder=3, label=AFTER)
    ax.plot(before, at, "D", color=_style.GREY, markersize=4.5, zorder=2.5, label=BEFORE if weighted else "as they are")
    _bounds(ax, float(check.details["threshold"]))
    _style.tidy(ax, "x")
    _style.rows(ax, [_name(r) for r in rows])
    ax.set_xlabel("Exposed less others, standard deviations")
    _style.legend_above(ax, order=(AFTER, BEFORE))


def height(check: Check) -> float:
    """Inches that the rows need."""
    return _style.rows_height(len(_rows(check)), each=0.24, least=2.6)


def _bounds(ax: Axes, threshold: float) -> None:
    ax.axvline(0, color=_style.DARK, linewidth=1.0, zorder=1.5, label="_zero")
    for x in (-threshold, threshold):
        ax.axvline(x, color=_style.GREY, zorder=1.5, label="_bound", **_style.DASHED)


def _rows(check: Check) -> list[dict[str, Any]]:
    """A row a covariate, the worst cell of each, the farthest first; those without a difference are left out."""
    worst: dict[str, dict[str, Any]] = {}
    for row in check.details.get("rows", []):
        name = row["covariate"]
        if row["after"]["difference"] is not None and (name not in worst or _size(row) > _size(worst[name])):
            worst[name] = row
    return sorted(worst.values(), key=_rank, reverse=True)[:MOST]


def _size(row: dict[str, Any]) -> float:
    return abs(float(row["after"]["difference"]))


def _rank(row: dict[str, Any]) -> float:
    return max(abs(_value(row, "before")), _size(row))


def _value(row: dict[str, Any], when: str) -> float:
    found = row[when]["difference"]
    return float("nan") if found is None else float(found)


def _name(row: dict[str, Any]) -> str:
    against = f" ({row['against']})" if row["against"] else ""
    return f"{row['covariate']}{against}"
