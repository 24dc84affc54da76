"""The estimate over strengths of a simulated confounder, and how strong the observed covariates are.

Right of zero the confounder raises both (or turns exposures round where it raises the outcome), left of it one goes against the
other. Where the line of zero is crossed, the sign changes; then colours turn at zero. Else they span the estimates, darker where
these are farther from zero. A covariate goes one way or the other, so it stands on both sides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.check import Check
from scale_impact.core.words import number, within_sentence
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

COVARIATES, BOTH = "observed covariates", "observed covariates, on either side"

MOST_NAMES = 6
"""So many of the strongest covariates are named."""

AXES = {
    "linear": "by so much for each of its standard deviations",
    "flip": "by turning this share of the values round",
}


def draw(check: Check, ax: Axes, *, unit: str = "effect") -> None:
    """Draw estimates as coloured tiles with their contours, zero as a line, and covariates as dots."""
    rows = check.details.get("rows") or []
    if not rows:
        return _style.say(ax, check.reason)
    turn = (
        -1.0 if check.details["on_outcome"] == "linear" else 1.0
    )  # a linear confounder's part is taken from the outcome
    rows = [{**r, "on_outcome": turn * r["on_outcome"] + 0.0} for r in rows]
    x, y = (np.unique([r[k] for r in rows]) for k in ("on_outcome", "on_exposure"))
    if len(x) < 2 or len(y) < 2:
        return _lines(check, ax, rows, unit)
    found = {(r["on_exposure"], r["on_outcome"]): np.nan if r["estimate"] is None else r["estimate"] for r in rows}
    table = np.array([[found[e, o] for o in x] for e in y], dtype=float)
    tiles = ax.pcolormesh(x, y, table, **_colours(table), shading="nearest", rasterized=True)
    _contours(ax, x, y, table)
    _covariates(check, ax, both=bool(x.min() < 0))
    _style.colour_bar(ax, tiles, _style.folded(f"With such a confounder: {within_sentence(unit)}", 48))
    _style.tidy(ax, None)
    ax.set_xlabel(f"A confounder moves the outcome {AXES[check.details['on_outcome']]}")
    ax.set_ylabel(_style.folded(f"... and the exposure {AXES[check.details['on_exposure']]}", 42))
    _style.legend_above(ax)


def _colours(table: Floats) -> dict[str, Any]:
    """Colours that turn at zero where the sign does; else from light to dark, away from zero, over the estimates alone."""
    low, high = float(np.nanmin(table)), float(np.nanmax(table))
    if low < 0 < high:
        top = max(-low, high)
        return {"cmap": "RdBu_r", "vmin": -top, "vmax": top, "alpha": 0.75}
    return {"cmap": "Blues_r" if high <= 0 else "Oranges", "vmin": low, "vmax": high, "alpha": 0.75}


def _contours(ax: Axes, x: Floats, y: Floats, table: Floats) -> None:
    lines = ax.contour(x, y, table, levels=5, colors=_style.DARK, linewidths=0.6, linestyles="solid")
    for text in ax.clabel(lines, fontsize=_style.SMALL, fmt=lambda v: _style.signed(number(v))):
        text.set_path_effects(_style.halo())
    if np.nanmin(table) < 0 < np.nanmax(table):
        ax.contour(x, y, table, levels=[0.0], colors=_style.VERMILLION, linewidths=1.8)
        ax.plot([], [], color=_style.VERMILLION, linewidth=1.8, label="no effect")


def _covariates(check: Check, ax: Axes, *, both: bool) -> None:
    """Covariates at their strengths, on the side (or both) that is drawn."""
    seen = sorted(check.details.get("covariates") or [], key=lambda c: -c["on_exposure"] * c["on_outcome"])
    look: dict[str, Any] = {"color": _style.DARK, "marker": "D", "markersize": 4, "linestyle": "none"}
    for k, c in enumerate(seen):
        sides = (c["on_outcome"], -c["on_outcome"]) if both else (c["on_outcome"],)
        ax.plot(
            sides,
            [c["on_exposure"]] * len(sides),
            **look,
            label="_covariate" if k else BOTH if both else COVARIATES,
            clip_on=False,
        )
        if k < MOST_NAMES:
            _name(ax, c["covariate"], c["on_outcome"], c["on_exposure"])


def _name(ax: Axes, name: str, x: float, y: float) -> None:
    """A covariate's name beside its mark, on the side where there is room."""
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    turned, above = x > left + 0.7 * (right - left), y < low + 0.9 * (high - low)
    place: dict[str, Any] = {"textcoords": "offset points", "ha": "right" if turned else "left", "zorder": 5}
    at = (-5 if turned else 5, 4 if above else -10)
    ax.annotate(name, (x, y), xytext=at, **place, fontsize=_style.SMALL, path_effects=_style.halo())


def _lines(check: Check, ax: Axes, rows: list[dict[str, Any]], unit: str) -> None:
    """One strength alone varies: the estimate over it."""
    along = "on_outcome" if len({r["on_exposure"] for r in rows}) == 1 else "on_exposure"
    known = sorted((r[along], r["estimate"]) for r in rows if r["estimate"] is not None)
    ax.plot(*np.array(known, dtype=float).reshape(-1, 2).T, "o-", color=_style.BLUE, markersize=4.5)
    ax.axhline(check.details["estimate"], color=_style.VERMILLION, label="the study's estimate", **_style.DASHED)
    _style.zero_line(ax)
    _style.tidy(ax)
    what = "outcome" if along == "on_outcome" else "exposure"
    ax.set_xlabel(f"A confounder moves the {what} {AXES[check.details[along]]}")
    _style.unit_label(ax, unit)
    _style.legend_above(ax)
