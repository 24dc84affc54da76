"""Effects by time since treatment, with intervals.

Before treatment the estimates should scatter around zero; after it they are the effect as it
unfolds. Hollow: the reference period, which is zero by construction, and estimates that have
no standard error. Pale bars behind the intervals, where they are asked for: the uniform band, in
which the whole path lies with the probability that each interval has alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.effect import Effect, Family, Floats
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BEFORE, AFTER, REFERENCE, UNIFORM = "before treatment", "after treatment", "reference period", "whole path"
LOOKS = {BEFORE: ("s", _style.ORANGE), AFTER: ("o", _style.BLUE)}


def draw(effect: Effect, ax: Axes, *, unit: str = "effect", level: float = 0.95, band: bool = False) -> None:
    """Draw the path with pointwise intervals at ``level``, and with its uniform band where ``band`` is True."""
    path = effect.path
    if path is None or not len(path):
        return _style.say(ax, f"{effect.estimator} gives no effects by time since treatment.")
    times = np.array(path.event_times, dtype=float)
    _style.zero_line(ax)
    ax.axvline(_border(times), color=_style.GREY, zorder=1, label="_border", **_style.DASHED)
    reference = _reference(path)
    if band:
        _uniform(ax, path, times, level)
    _series(ax, path, times, (times < 0) & ~reference, level, BEFORE)
    _series(ax, path, times, (times >= 0) & ~reference, level, AFTER)
    if reference.any():
        _hollow(ax, times[reference], path.values[reference])
    _style.tidy(ax)
    _event_axis(ax, times)
    _style.unit_label(ax, unit)
    _style.legend_above(ax, order=(BEFORE, AFTER, UNIFORM, REFERENCE), columns=2 if band else 4)


def _uniform(ax: Axes, path: Family, times: Floats, level: float) -> None:
    """Pale bars from end to end of the uniform band."""
    known = [(t, *ends) for t, ends in zip(times, path.band(level).intervals, strict=True) if ends is not None]
    if not known:
        return
    at, low, high = np.array(known).T
    width = 0.3 * float(np.diff(times).min(initial=1.0))
    ax.use_sticky_edges = False  # a bar's end is no edge of the picture
    name = f"{UNIFORM} ({_style.percent(level)} uniform band)"
    ax.bar(at, high - low, width, low, color=_style.GREY, alpha=0.25, linewidth=0, zorder=1.5, label=name)


def _reference(path: Family) -> NDArray[np.bool_]:
    """Which estimates are zero by construction."""
    return np.array([e.reason is not None and e.reason.startswith("the reference period") for e in path])


def _hollow(ax: Axes, times: Floats, values: Floats) -> None:
    """The reference period: a place, not an estimate."""
    look: dict[str, Any] = {"marker": "D", "markersize": 5.5, "markerfacecolor": "white", "linestyle": "none"}
    ax.plot(times, values, color=_style.GREY, zorder=3, label=REFERENCE, **look)


def _series(ax: Axes, path: Family, times: Floats, chosen: NDArray[np.bool_], level: float, name: str) -> None:
    marker, colour = LOOKS[name]
    estimates = [path[int(k)] for k in np.flatnonzero(chosen)]
    full = f"{name} ({_style.percent(level)} interval)"
    _style.dots(ax, times[chosen], estimates, level, name=full, colour=colour, marker=marker)


def _border(times: Floats) -> float:
    """Half way between the last period before treatment and the first one after."""
    before = times[times < 0]
    return float(before.max()) / 2 if len(before) else -0.5


def _event_axis(ax: Axes, times: Floats) -> None:
    from matplotlib.ticker import MaxNLocator

    ax.set_xlabel("Periods since first treated")
    ax.set_xlim(min(times.min(), _border(times)) - 0.5, times.max() + 0.5)
    if len(times) <= 16 and _style.all_fit(times):
        ax.set_xticks(times, [_style.signed(t) for t in _style.labels(times)])
    else:
        ax.xaxis.set_major_locator(MaxNLocator(nbins=12, integer=True, steps=[1, 2, 5, 10]))
