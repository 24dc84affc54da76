"""The treated city as it was, beside what would have been without the measure.

Read the left of the dashed line first: where the two lines part there, the gap to the right of it is no
effect. Several treated units have a panel each; more than six are drawn as their mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.core.effect import Effect
from scale_impact.core.synthetic.counterfactual import Counterfactual
from scale_impact.core.synthetic.worlds import Floats
from scale_impact.figures import _style, _treated

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OUTCOME_AXIS = True
"""The axis shows the outcome, not the effect on it."""

OBSERVED, EXPECTED, DONORS, GAP = "observed", "without the measure", "mean of all donors", "difference"
ORDER = (OBSERVED, EXPECTED, DONORS, GAP)
LOOKS: dict[str, dict[str, Any]] = {
    OBSERVED: {"color": _style.DARK, "linewidth": 1.9, "zorder": 3},
    EXPECTED: {"color": _style.BLUE, "linewidth": 1.7, "linestyle": (0, (5, 2)), "zorder": 2.8},
    DONORS: {"color": _style.ORANGE, "linewidth": 1.1, "linestyle": (0, (1, 1.5)), "zorder": 2},
}


def draw(effect: Effect, ax: Axes, *, unit: str = "outcome") -> None:
    """Draw observed and expected paths, the mean of the donors where they are known, and the start."""
    found = effect.counterfactual
    if found is None:
        return _style.say(ax, f"{effect.estimator} does not say what would have been without the measure.")
    if _treated.together(found):
        return _mean(ax, effect, found, unit)
    parts = []
    for k, part in _treated.each(ax, found):
        rows = {OBSERVED: found.observed[k], EXPECTED: found.expected[k], DONORS: _donors(found, k)}
        _paths(part, _treated.of_unit(found, k), rows, {EXPECTED: _named(effect)} | _whose(found))
        parts.append(part)
    _treated.unit_label(ax, parts, unit)
    _treated.legend(ax, parts, order=ORDER)


def height(effect: Effect) -> float:
    """Inches that the panels need."""
    return _treated.height(effect.counterfactual)


def _named(effect: Effect) -> str:
    return f"{EXPECTED} ({effect.estimator})"


def _whose(found: Counterfactual) -> dict[str, str]:
    """Whose path it is, where no panel's title says so."""
    return {OBSERVED: f"{OBSERVED} ({_treated.short(found.names[0], 24)})"} if len(found.names) == 1 else {}


def _mean(ax: Axes, effect: Effect, found: Counterfactual, unit: str) -> None:
    """The mean of the treated units, observed and expected."""
    where = _treated.of_mean(found)
    observed, expected = (_treated.mean(found, p, whole=True) for p in (found.observed, found.expected))
    here = np.isfinite(observed) & np.isfinite(expected)
    names = {OBSERVED: f"{OBSERVED} ({_treated.of_many(found)})", EXPECTED: _named(effect)}
    _paths(ax, where, {OBSERVED: observed, EXPECTED: expected}, names)
    _treated.finish(ax, where)
    if not here.all():
        ax.set_xlabel(f"{where.title} (those that all have)")
    _style.unit_label(ax, unit)
    _style.legend_above(ax, order=ORDER)


def _paths(ax: Axes, where: _treated.Clock, rows: dict[str, Floats | None], names: dict[str, str]) -> None:
    """Lines, and the difference after the start as a pale area."""
    for name, values in rows.items():
        if values is not None:
            ax.plot(where.at, values, label=names.get(name, name), **LOOKS[name])
    observed, expected = rows[OBSERVED], rows[EXPECTED]
    assert observed is not None
    assert expected is not None
    after = (where.at >= _last_before(where)) & np.isfinite(observed) & np.isfinite(expected)
    area: dict[str, Any] = {"color": _style.SKY, "alpha": 0.3, "linewidth": 0, "zorder": 1.2}
    ax.fill_between(where.at, observed, expected, where=list(after), label=GAP, **area)


def _last_before(where: _treated.Clock) -> float:
    """The last place before the start, from where on the area reaches."""
    earlier = where.at[where.at < where.start]
    return float(earlier.max()) if len(earlier) else where.start


def _donors(found: Counterfactual, k: int) -> Floats | None:
    """Mean path of all who may be donors of the k-th treated unit."""
    if found.worlds is None or not found.worlds.donors[k].any():
        return None
    path = found.worlds.outcomes[found.worlds.donors[k]]
    seen = np.isfinite(path)
    return np.asarray(np.where(seen, path, 0.0).sum(axis=0) / np.where(seen.any(axis=0), seen.sum(axis=0), np.nan))
