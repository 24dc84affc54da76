"""Gaps of several estimators by time since the start, one line each: do they tell one story?

Left of the dashed line a line that strays from zero belongs to an estimator that does not follow the treated, or lets it
keep a level of its own. Right of it they part where the answer hangs on how what would have been is built.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.core.effect import Effect, Family
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 2 * len(_style.PALETTE)
"""So many lines can be told apart by colour and dash."""


def draw(effects: Sequence[Effect], ax: Axes, *, unit: str = "effect", labels: Sequence[str] | None = None) -> None:
    """Draw the paths without intervals, the first estimator's bold; those without a path are left out."""
    from matplotlib.ticker import MaxNLocator

    names = list(labels or [e.estimator for e in effects])
    pairs = [(name, e.path) for name, e in zip(names, effects, strict=True)]
    shown = [(name, path) for name, path in pairs if path is not None and len(path)][:MOST]
    if not shown:
        return _style.say(ax, "No estimator gives effects by time since treatment.")
    _style.zero_line(ax)
    for k, (name, path) in enumerate(shown):
        _line(ax, path, name, k)
    ax.axvline(_border(shown), color=_style.GREY, zorder=1, label="_border", **_style.DASHED)
    _style.tidy(ax)
    ax.set_xlabel("Periods since first treated")
    ax.xaxis.set_major_locator(MaxNLocator(nbins=12, integer=True, steps=[1, 2, 5, 10]))
    _style.unit_label(ax, unit)
    _style.legend_above(ax, columns=2, order=[name for name, _ in shown])


def height(effects: Sequence[Effect]) -> float:
    """Inches that plot and legend need."""
    return 4.0 + 0.2 * max(0, (len(effects) - 2) // 2)


def _line(ax: Axes, path: Family, name: str, k: int) -> None:
    """One estimator's path, in order of time."""
    times = np.array(path.event_times, dtype=float)
    order = np.argsort(times)
    colours = len(_style.PALETTE)
    look: dict[str, Any] = {"linewidth": 2.4 if k == 0 else 1.3, "zorder": 4 if k == 0 else 3}
    look["linestyle"] = "-" if k < colours else (0, (4, 2))
    ax.plot(times[order], path.values[order], color=_style.PALETTE[k % colours], label=_style.folded(name, 52), **look)


def _border(shown: Sequence[tuple[str, Family]]) -> float:
    """Half way between the last period before treatment and the first one after."""
    times = np.concatenate([np.array(path.event_times, dtype=float) for _, path in shown])
    before = times[times < 0]
    return float(before.max()) / 2 if len(before) else -0.5
