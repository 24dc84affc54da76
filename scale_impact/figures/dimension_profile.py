"""A city's dimensions and indicators against its peers: a dot for the city, the peers' range and middle as bars.

A dot right of the dark mark is better than the middle of the peers; outside of the wide bar it is beyond half of them, outside of
the thin line beyond all of them. Rows are in the order of the study, indicators below their dimension.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from scale_impact.benchmark.against_peers import Profile, Standing
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LONGEST = 38
"""Letters of a name beside its row."""

MIDDLE, HALF, ALL = "middle of the peers", "half of the peers", "all peers"


def draw(profile: Profile, ax: Axes, *, unit: str = "points, 0 worst to 100 best") -> None:
    """Draw rows of a profile (``profile.only("index", "dimension")`` shows these alone); ``unit`` is that of the scores."""
    if profile.why_not or not profile.rows:
        return _style.say(ax, profile.why_not or f"{profile.label}: there is nothing to compare.")
    rows = profile.rows
    thick = 5.0 if len(rows) <= 30 else 3.2
    at = np.arange(len(rows), dtype=float)
    _peers(ax, rows, at, thick)
    _city(ax, profile, at)
    if profile.limits is not None:
        margin = 0.02 * (profile.limits[1] - profile.limits[0])
        ax.set_xlim(profile.limits[0] - margin, profile.limits[1] + margin)
    _style.tidy(ax, "x")
    _style.rows(ax, [_name(r, rows) for r in rows], most=70)
    _heads(ax, rows)
    _style.unit_label(ax, unit[:1].upper() + unit[1:], "x")
    _style.legend_above(ax, order=(profile.label, MIDDLE, HALF, ALL))


def height(profile: Profile) -> float:
    """Inches that the rows need."""
    n = len(profile.rows)
    return _style.rows_height(n, each=0.3 if n <= 12 else 0.2 if n <= 30 else 0.15, least=2.6)


def _peers(ax: Axes, rows: tuple[Standing, ...], at: np.ndarray, thick: float) -> None:
    known = np.array([not math.isnan(r.median) for r in rows])
    if not known.any():
        return
    ends = np.array([[r.low, r.first, r.median, r.third, r.high] for r in rows])[known].T
    y = at[known]
    ax.hlines(y, ends[0], ends[4], color=_style.GREY, linewidth=1.0, zorder=2, label=ALL)
    ax.hlines(y, ends[1], ends[3], color=_style.LIGHT, linewidth=thick, zorder=2.2, label=HALF)
    ax.plot(
        ends[2],
        y,
        linestyle="none",
        marker="|",
        color=_style.DARK,
        markersize=2 * thick,
        markeredgewidth=1.6,
        zorder=2.5,
        label=MIDDLE,
    )


def _city(ax: Axes, profile: Profile, at: np.ndarray) -> None:
    values = np.array([r.value for r in profile.rows])
    size = 6.5 if len(at) <= 30 else 4.8
    measured = np.array([r.kind != "indicator" or not math.isnan(r.raw) for r in profile.rows])
    for solid, name in ((True, profile.label), (False, f"{profile.label}, not measured (imputed)")):
        chosen = (measured == solid) & ~np.isnan(values)
        if chosen.any():
            face = _style.BLUE if solid else "white"
            ax.plot(
                values[chosen],
                at[chosen],
                linestyle="none",
                marker="o",
                color=_style.BLUE,
                markersize=size,
                zorder=3,
                label=name,
                markerfacecolor=face,
            )


def _name(row: Standing, rows: tuple[Standing, ...]) -> str:
    """A row's name; a dimension stands out where indicators stand below or beside it."""
    text = row.name if len(row.name) <= LONGEST else row.name[: LONGEST - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"
    return text[:1].upper() + text[1:] if row.kind != "indicator" else text


def _heads(ax: Axes, rows: tuple[Standing, ...]) -> None:
    """Names of index and dimensions in bold where indicators are among the rows, and a line where the kind changes."""
    kinds = [r.kind for r in rows]
    if "indicator" in kinds:
        for text, row in zip(ax.get_yticklabels(), rows, strict=False):
            text.set_fontweight("normal" if row.kind == "indicator" else "bold")
    for k in range(1, len(rows)):
        new_group = rows[k].kind == "indicator" and rows[k].dimension != rows[k - 1].dimension
        if rows[k].kind != rows[k - 1].kind or new_group:
            ax.axhline(k - 0.5, color=_style.PALE, linewidth=1.0, zorder=1, label="_group")
