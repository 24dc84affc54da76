"""The gap between observed and expected, among the gaps of donors in the treated city's place.

To the left of the dashed line all lines should lie near zero. To its right the treated city's line is a finding only if few
grey ones lie as far out: there nothing happened. Placebos that do not follow their own donors before are left out, and counted.

Source: Abadie, Diamond and Hainmueller (2010), figures 4 to 7.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.core.effect import Effect
from scale_impact.core.synthetic.counterfactual import Counterfactual
from scale_impact.core.synthetic.placebos import Placebos
from scale_impact.core.synthetic.worlds import Bools, Floats
from scale_impact.core.words import counted
from scale_impact.figures import _style, _treated

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TIMES = 20.0
"""Placebos with more than so many times the treated units' squared gap before are left out."""

MOST_LINES = 200
"""More placebos are drawn as bands."""

TREATED, INTERVAL = "treated", "interval"
ORDER = (TREATED, INTERVAL)


def draw(
    effect: Effect, placebos: Placebos | str | None, ax: Axes, *, unit: str = "effect", level: float = 0.95
) -> None:
    """Draw the gaps of the treated and of placebos; where no placebos are drawn, the path's intervals at ``level``.

    ``placebos`` is what ``core.synthetic.placebos.in_space`` found; a sentence why there are none, or None.
    """
    found = effect.counterfactual
    if found is None:
        return _style.say(ax, f"{effect.estimator} does not say what would have been without the measure.")
    drawn = placebos if isinstance(placebos, Placebos) else None
    if _treated.together(found):
        _mean(ax, effect, found, drawn, level)
        parts = [ax]
    else:
        parts = []
        for k, part in _treated.each(ax, found):
            _unit(part, effect, found, drawn, k, level)
            parts.append(part)
    _treated.unit_label(ax, parts, unit)
    _treated.legend(ax, parts, order=ORDER, columns=1 if drawn is not None and len(_left_out(drawn)) else 3)
    if isinstance(placebos, str):
        parts[-1].set_xlabel(_style.folded(f"{parts[-1].get_xlabel()}\nNo placebos: {placebos}", 100))


def height(effect: Effect, placebos: Placebos | str | None) -> float:
    """Inches that panels and legend need."""
    return _treated.height(effect.counterfactual) + (0.25 if isinstance(placebos, Placebos) else 0.0)


def _unit(ax: Axes, effect: Effect, found: Counterfactual, drawn: Placebos | None, k: int, level: float) -> None:
    """The gap of one treated unit, with those who played it."""
    where = _treated.of_unit(found, k)
    if drawn is not None:
        _placebos(ax, where, drawn, drawn.drawn.values[_kept(drawn), k])
    elif len(found.names) == 1:
        _intervals(ax, effect, where, level)
    _gap(ax, where, found.gaps[k], found.names[k] if len(found.names) == 1 else "")


def _mean(ax: Axes, effect: Effect, found: Counterfactual, drawn: Placebos | None, level: float) -> None:
    """The mean gap of the treated units, with those of the assignments."""
    where = _treated.of_mean(found)
    if drawn is not None:
        _placebos(ax, where, drawn, _treated.mean(found, drawn.drawn.values[_kept(drawn)]))
    else:
        _intervals(ax, effect, where, level)
    _gap(ax, where, _treated.mean(found, found.gaps), _treated.of_many(found))
    _treated.finish(ax, where)


def _gap(ax: Axes, where: _treated.Clock, gap: Floats, name: str) -> None:
    _style.zero_line(ax)
    ax.plot(where.at, gap, color=_style.BLUE, linewidth=2.0, zorder=4, label=f"{TREATED}: {name}" if name else TREATED)


def _kept(drawn: Placebos) -> Bools:
    return drawn.fitting(TIMES)


def _left_out(drawn: Placebos) -> str:
    """How many placebos are not drawn, in words."""
    bad = int((~_kept(drawn)).sum())
    return f"; {bad} left out, whose squared gap before is over {TIMES:g} times the treated's" if bad else ""


def _placebos(ax: Axes, where: _treated.Clock, drawn: Placebos, gaps: Floats) -> None:
    """Grey lines, or bands where they are too many to be seen; behind all else."""
    if not len(gaps):
        return
    many = counted(len(gaps), "placebo")
    if len(gaps) <= MOST_LINES:
        look: dict[str, Any] = {"color": "#9A9A9A", "linewidth": 0.7, "alpha": 0.75, "zorder": 1.4}
        lines = ax.plot(where.at, gaps.T, **look, label="_placebo")
        lines[0].set_label(f"{many}{_left_out(drawn)}")
        return
    for share, shade in ((0.95, _style.PALE), (0.5, _style.LIGHT)):
        low, high = np.nanquantile(gaps, [(1 - share) / 2, (1 + share) / 2], axis=0)
        name = f"{_style.percent(share)} of {many}{_left_out(drawn) if share == 0.5 else ''}"
        ax.fill_between(where.at, low, high, color=shade, linewidth=0, zorder=0.8, label=name)


def _intervals(ax: Axes, effect: Effect, where: _treated.Clock, level: float) -> None:
    """Intervals of the path by event time, where it has any."""
    if effect.path is None:
        return
    rows = [
        (where.start + float(e), *ends)
        for e, estimate in zip(effect.path.event_times, effect.path, strict=True)
        if (ends := _style.bounded(estimate, level)) and np.isclose(where.at, where.start + float(e)).any()
    ]
    if rows:
        at, low, high = np.array(sorted(rows)).T
        name = f"{INTERVAL} of each period ({_style.percent(level)})"
        ax.vlines(at, low, high, color=_style.SKY, linewidth=3.0, alpha=0.55, zorder=1.8, label=name)
