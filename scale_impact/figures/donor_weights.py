"""Of whom the synthetic city is made: the weight of each donor.

One treated unit has a bar a donor, the largest on top; several have a column each. Donors of little weight are
summed up in one row. Weights below zero, which some estimators allow, lean away from that donor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scale_impact.core.effect import Effect
from scale_impact.core.words import counted
from scale_impact.figures import _style, _treated

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

LEAST = 0.005
"""A smaller weight is none that a reader can see."""

MOST = 25
"""So many donors have a row of their own."""

MOST_NUMBERS = 12
"""Up to so many columns have their weights written in the cells."""

ABOVE, BELOW = "weight", "below zero"


def draw(effect: Effect, ax: Axes, *, unit: str = "") -> None:
    """Draw bars for one treated unit, tiles for several; weights have no unit, so ``unit`` is not used."""
    weights = _weights(effect)
    if weights is None:
        return _style.say(ax, f"{effect.estimator} has no donor weights to show: it makes no mix of donors.")
    shown, others = _cut(weights)
    names = [_treated.short(str(n), 34) for n in shown.index]
    rows = shown.to_numpy(dtype=float)
    if len(others):
        names.append(counted(len(others), "other"))
        rows = np.vstack([rows, others.to_numpy(dtype=float).sum(axis=0)])
    if weights.shape[1] == 1:
        _bars(ax, rows[:, 0], rest=bool(len(others)))
    else:
        _tiles(ax, rows, [str(c) for c in weights.columns])
    _style.rows(ax, names)
    if remark := _remark(effect):
        ax.set_xlabel(_style.folded(f"{ax.get_xlabel()}. {remark}", 100))


def height(effect: Effect) -> float:
    """Inches that the rows need."""
    weights = _weights(effect)
    if weights is None:
        return 3.0
    shown, others = _cut(weights)
    return _style.rows_height(len(shown) + bool(len(others)), each=0.2, least=2.6)


def _weights(effect: Effect) -> pd.DataFrame | None:
    found = effect.counterfactual
    return None if found is None or found.donors is None or not found.donors.size else found.donors


def _cut(weights: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Donors with a row of their own, the largest mean weight first, and all others."""
    order = weights.abs().mean(axis=1).sort_values(ascending=False, kind="stable").index
    ranked = weights.loc[order]
    large = int((ranked.abs().max(axis=1) >= LEAST).sum())
    seen = (ranked.abs().max(axis=1) >= LEAST).to_numpy()
    own = ranked[seen].iloc[: MOST if large > MOST + 1 else large]
    return own, ranked.drop(own.index)


def _bars(ax: Axes, values: np.ndarray[tuple[int], np.dtype[np.float64]], *, rest: bool) -> None:
    """A bar a donor with its weight; the sum of the others in grey."""
    colours = [_style.BLUE if v >= 0 else _style.VERMILLION for v in values]
    if rest:
        colours[-1] = _style.LIGHT
    ax.barh(np.arange(len(values)), values, color=colours, height=0.72, zorder=2)
    low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
    for row, value in enumerate(values):
        ax.annotate(
            _number(value), (max(value, 0.0), row), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8,
            color=_style.DARK,
        )  # fmt: skip
    _style.tidy(ax, "x")
    ax.set_xlim(low - 0.02 * (high - low) if low < 0 else 0.0, high + 0.12 * (high - low or 1.0))
    ax.set_xlabel("Weight; all together are 1")
    if low < 0:
        _style.zero_line(ax, "x")


def _tiles(ax: Axes, values: np.ndarray[tuple[int, int], np.dtype[np.float64]], columns: list[str]) -> None:
    """Donors as rows, treated units as columns."""
    from matplotlib import colormaps

    bound = float(np.abs(values).max()) or 1.0
    below = bool((values < -LEAST).any())
    palette, least = ("PuOr_r", -bound) if below else ("Blues", 0.0)
    n, m = values.shape
    edges = np.arange(m + 1) - 0.5, np.arange(n + 1) - 0.5
    mesh = ax.pcolormesh(*edges, values, cmap=palette, vmin=least, vmax=bound, edgecolors="white", linewidth=0.8)
    _style.colour_bar(ax, mesh, "Weight; each column together 1")
    names = [_treated.short(c, 16) for c in columns]
    room = max(2, 52 // (max(map(len, names)) + 1))
    turned = len(names) > room
    at = _style.thinned(len(names), 30 if turned else room)
    ax.set_xticks(at, [names[k] for k in at], rotation=90 if turned else 0)
    ax.set_xlabel("Treated")
    ax.spines[:].set_visible(False)
    ax.tick_params(axis="both", length=0)
    if m <= MOST_NUMBERS:
        for (row, column), value in np.ndenumerate(values):
            share = (value - least) / (bound - least)
            if abs(value) >= LEAST:
                ink = _style.ink(colormaps[palette](share))
                ax.text(column, row, _number(value), ha="center", va="center", fontsize=7.5, color=ink)


def _number(value: float) -> str:
    """Two decimals, three for what would be nothing; ``0`` for what is nothing."""
    if abs(value) < 0.0005:
        return "0"
    return _style.signed(f"{value:.2f}" if abs(value) >= 0.095 else f"{value:.3f}")


def _remark(effect: Effect) -> str:
    """That other weights fit as well, where they do."""
    found = effect.counterfactual
    if found is None or found.unique is None or all(found.unique):
        return ""
    many = sum(not u for u in found.unique)
    whom = "" if len(found.unique) == 1 else f" for {many} of {len(found.unique)} treated units"
    return f"Other weights fit as well{whom}: do not read single donors"
