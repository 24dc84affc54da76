"""Effects by time since treatment of several estimators in one figure, side by side at each event time.

Estimators that tell one story lie close together. Where they part before treatment, they differ
in what they compare with; where they part after it, effects differ by cohort or grow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.effect import Effect, Floats
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 2 * len(_style.PALETTE)
"""So many estimators can be told apart by colour and shape."""

WIDTH = 0.7
"""Share of the distance between two event times that the dots of one take."""


def draw(
    effects: Sequence[Effect],
    ax: Axes,
    *,
    unit: str = "effect",
    level: float = 0.95,
    labels: Sequence[str] | None = None,
) -> None:
    """Draw the paths with pointwise intervals; estimators without a path are named below the axis."""
    names = list(labels or [e.estimator for e in effects])
    shown = [(name, e) for name, e in zip(names, effects, strict=True) if e.path is not None and len(e.path)][:MOST]
    if not shown:
        return _style.say(ax, "No estimator gives effects by time since treatment.")
    times = np.unique(np.concatenate([np.array(e.path.event_times, float) for _, e in shown if e.path]))
    _style.zero_line(ax)
    ax.axvline(_border(times), color=_style.GREY, zorder=1, label="_border", **_style.DASHED)
    for k, (name, effect) in enumerate(shown):
        _series(ax, effect, name, k, _shift(k, len(shown), times), level)
    _style.tidy(ax)
    _axis(ax, times)
    _style.unit_label(ax, unit)
    _style.legend_above(ax, columns=3, order=[name for name, _ in shown])


def height(effects: Sequence[Effect]) -> float:
    """Inches that plot and legend need."""
    return 4.0 + 0.22 * max(0, (len(effects) - 1) // 3)


def _series(ax: Axes, effect: Effect, name: str, k: int, shift: float, level: float) -> None:
    assert effect.path is not None
    path, colours = effect.path, len(_style.PALETTE)
    chosen = np.flatnonzero([not (e.reason or "").startswith("the reference period") for e in path])
    at = np.array(path.event_times, dtype=float)[chosen] + shift
    estimates = [path[int(c)] for c in chosen]
    marker = _style.MARKERS[(k + k // colours) % len(_style.MARKERS)]
    _style.dots(ax, at, estimates, level, name=name, colour=_style.PALETTE[k % colours], marker=marker, size=4.0)


def _shift(k: int, n: int, times: Floats) -> float:
    """How far to the side the dots of the k-th estimator lie."""
    step = float(np.diff(times).min()) if len(times) > 1 else 1.0
    return step * WIDTH * ((k + 0.5) / n - 0.5)


def _border(times: NDArray[np.float64]) -> float:
    """Half way between the last period before treatment and the first one after."""
    before = times[times < 0]
    return float(before.max()) / 2 if len(before) else -0.5


def _axis(ax: Axes, times: Floats) -> None:
    from matplotlib.ticker import MaxNLocator

    ax.set_xlabel("Periods since first treated")
    if len(times) <= 16 and _style.all_fit(times):
        ax.set_xticks(times, [_style.signed(t) for t in _style.labels(times)])
    else:
        ax.xaxis.set_major_locator(MaxNLocator(nbins=12, integer=True, steps=[1, 2, 5, 10]))
