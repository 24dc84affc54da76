"""Units in order of a number, the treated among donors: what two figures of placebo cities share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from scale_impact.core.words import counted, some
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 40
"""More rows are cut: the largest are shown, and the treated wherever it stands."""

TREATED, DONORS = "treated", "donors in its place"

Ranked = Sequence[tuple[str, float, bool]]
"""Name, number, and whether it is the treated."""


def ordered(rows: Ranked) -> list[tuple[str, float, bool]]:
    """The largest first; of equal ones the treated."""
    return sorted(rows, key=lambda r: (-r[1], not r[2], r[0]))


def shown(rows: Ranked) -> list[tuple[int, str, float, bool]]:
    """Rows that are drawn, with their rank."""
    found = [(k + 1, *r) for k, r in enumerate(ordered(rows))]
    if len(found) <= MOST:
        return found
    return found[:MOST] if any(r[3] for r in found[:MOST]) else [*found[: MOST - 1], next(r for r in found if r[3])]


def draw_ranked(ax: Axes, rows: Ranked, title: str) -> None:
    """Draw one row a unit with a dot, the treated in colour; ``title`` names the axis of the numbers."""
    drawn = shown(rows)
    for mine, colour, marker, name in ((False, _style.GREY, "o", DONORS), (True, _style.VERMILLION, "D", TREATED)):
        at = [k for k, r in enumerate(drawn) if r[3] == mine]
        values = [drawn[k][2] for k in at]
        ax.hlines(at, 0, values, color=colour if mine else _style.LIGHT, linewidth=1.0, zorder=2, label="_stem")
        ax.plot(values, at, marker, color=colour, markersize=4.5, linestyle="none", zorder=3, label=name)
    _style.tidy(ax, "x")
    cut = len(drawn) < len(rows)
    _style.rows(ax, [f"{r[1]} ({r[0]}.)" if cut and r[3] else _short(r[1]) for r in drawn])
    ax.set_xlim(left=0)
    ax.set_xlabel(_style.folded(title, 56))
    if cut:
        ax.set_ylabel(f"The {len(drawn)} largest of {counted(len(rows), 'unit')}")


def _short(name: str) -> str:
    """A set of donors without most of its names."""
    parts = name.split(", ")
    return some(parts, 2) if len(parts) > 3 else name
