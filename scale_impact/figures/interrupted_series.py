"""A series before and after a measure: what was observed, what the model says of it, and what would have been without.

The dashed continuation is the answer to "what if not": the distance from it is the effect. Where it leaves the dots before
the start (the vertical line), or where dots follow each other on one side of it, the model does not follow the series.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.core.effect import Effect, Floats
from scale_impact.core.synthetic.counterfactual import Counterfactual
from scale_impact.figures import _style, _treated

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OUTCOME_AXIS = True
"""The axis shows the outcome, not the effect on it."""

OBSERVED, MODEL, WITHOUT = "observed", "model", "without the measure"
ORDER = (OBSERVED, MODEL, WITHOUT)


def draw(effect: Effect, ax: Axes, *, unit: str = "outcome", level: float = 0.95) -> None:
    """Draw each series with its model, its continuation without the measure, and the pointwise interval of that.

    More than six series are drawn six at a time elsewhere: here the first six are shown, in order of their start.
    """
    found = effect.counterfactual
    if found is None:
        return _style.say(ax, f"{effect.estimator} does not say what would have been without the measure.")
    parts = []
    for k, part in enumerate(_treated.panels(ax, min(len(found.names), _treated.MOST))):
        where = _treated.of_unit(found, k)
        _series(part, found, k, where.at, _quantile(effect, level), level)
        _treated.finish(part, where, narrow=min(len(found.names), _treated.COLUMNS))
        if len(found.names) > 1:
            _treated.name_panel(part, found, k)
        parts.append(part)
    _treated.unit_label(ax, parts, unit)
    _treated.legend(ax, parts, order=ORDER, columns=4)


def height(effect: Effect) -> float:
    """Inches that the panels need."""
    found = effect.counterfactual
    return 4.0 if found is None or _treated.together(found) else _treated.height(found)


def _quantile(effect: Effect, level: float) -> float:
    from scipy import special

    df = effect.overall.df
    return float(special.ndtri(0.5 + level / 2) if df is None else special.stdtrit(df, 0.5 + level / 2))


def _series(ax: Axes, found: Counterfactual, k: int, at: Floats, quantile: float, level: float) -> None:
    """Dots, the model's line, its continuation from the start on, and the interval of that."""
    observed, expected = found.observed[k], found.expected[k]
    look: dict[str, Any] = {"linestyle": "none", "marker": "o", "markersize": 3.2, "color": _style.GREY, "zorder": 2}
    ax.plot(at, observed, label=OBSERVED, **look)
    late = at >= at[found.starts[k]]
    shown = expected if found.modelled is None else found.modelled[k]
    known = _sure(found, k) & (~late | (found.modelled is not None))
    model: dict[str, Any] = {"color": _style.DARK, "linewidth": 1.5, "zorder": 3, "label": MODEL}
    for side, more in ((~late, {}), (late, {"label": "_after"})):
        if (known & side).any():
            ax.plot(*_broken(at[known & side], shown[known & side]), **{**model, **more})
    dashed: dict[str, Any] = {"color": _style.BLUE, "linewidth": 1.6, "linestyle": (0, (4, 2)), "zorder": 3.2}
    ax.plot(*_broken(at[late], expected[late]), label=WITHOUT, **dashed)
    if found.expected_se is not None:
        half = quantile * found.expected_se[k]
        name = f"{WITHOUT} ({_style.percent(level)} interval)"
        area: dict[str, Any] = {"color": _style.SKY, "alpha": 0.3, "linewidth": 0, "zorder": 1}
        where, low, high = _broken(at[late], (expected - half)[late], (expected + half)[late])
        ax.fill_between(where, low, high, label=name, **area)


def _broken(at: Floats, *paths: Floats) -> list[Floats]:
    """Places and paths with a NaN where periods are missing (further apart than most are), so that no line is drawn there."""
    steps = np.diff(at)
    after = np.flatnonzero(steps > 1.5 * np.median(steps)) + 1 if len(steps) else np.zeros(0, dtype=int)
    return [np.insert(path, after, np.nan) for path in (at, *paths)]


def _sure(found: Counterfactual, k: int) -> Any:
    """Periods of which the model says something."""
    return np.ones(len(found.periods), dtype=bool) if found.expected_se is None else np.isfinite(found.expected_se[k])
