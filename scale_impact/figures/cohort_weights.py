"""Which cohorts and periods an estimate rests on: the weight of each cohort's mean outcome.

The overall effect is the sum of weight times mean over all cells. Positive weights are orange,
negative ones purple; the black bar marks where a cohort's treatment starts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scale_impact.core.effect import Effect
from scale_impact.core.words import plain
from scale_impact.figures import _style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

COLOURS = "PuOr_r"
MOST_NUMBERS = 80
"""Up to so many cells have their weight written in them."""
MOST_COLUMNS = 20


def draw(effect: Effect, ax: Axes, *, unit: str = "") -> None:
    """Draw the weights as a heat map centred at zero; weights have no unit, so ``unit`` is not used."""
    weights = effect.weights
    if weights is None or not weights.size:
        return _style.say(
            ax, f"{effect.estimator} has no weights to show: it is no weighted sum of the cohorts' means."
        )
    _heat(ax, weights)
    starts = _starts(weights)
    periods = _style.labels(list(weights.columns))
    names = [str(cohort) if at is None else periods[at] for cohort, at in zip(weights.index, starts, strict=True)]
    _style.rows(ax, names)
    _columns(ax, weights, periods)
    _bars(ax, starts, weights.shape[1])
    if weights.size <= MOST_NUMBERS and weights.shape[1] <= MOST_COLUMNS:
        _numbers(ax, weights)


def height(effect: Effect) -> float:
    """Inches that the rows need."""
    return _style.tile_height(0 if effect.weights is None else len(effect.weights))


def _bound(weights: pd.DataFrame) -> float:
    """Largest weight in size, so that zero is in the middle of the colours."""
    return float(np.abs(weights.to_numpy()).max()) or 1.0


def _heat(ax: Axes, weights: pd.DataFrame) -> None:
    rows, columns = weights.shape
    bound = _bound(weights)
    mesh = ax.pcolormesh(
        np.arange(columns + 1) - 0.5, np.arange(rows + 1) - 0.5, weights.to_numpy(), cmap=COLOURS,
        vmin=-bound, vmax=bound, edgecolors="white" if columns <= 60 else "face",
        linewidth=1.0 if weights.size <= 400 else 0.2,
    )  # fmt: skip
    _style.colour_bar(ax, mesh, "Weight in the overall effect")


def _columns(ax: Axes, weights: pd.DataFrame, names: list[str]) -> None:
    at = _style.thinned(len(names), _style.fitting(names))
    ax.set_xticks(at, [names[k] for k in at])
    ax.set_xlabel("Period" if weights.columns.name in (None, "period") else f"Period ({weights.columns.name})")
    ax.set_ylabel("Cohort (first treated)")
    ax.spines[:].set_visible(False)
    ax.tick_params(axis="both", length=0)


def _starts(weights: pd.DataFrame) -> list[int | None]:
    """Column of each cohort's first treated period; None for the never treated."""
    columns = {plain(period): k for k, period in enumerate(weights.columns.to_numpy())}
    return [columns.get(str(cohort)) for cohort in weights.index]


def _bars(ax: Axes, starts: list[int | None], width: int) -> None:
    """A bar before the first treated cell of each cohort."""
    for row, at in enumerate(starts):
        if at is not None:
            x, y = [at - 0.5] * 2, [row - 0.46, row + 0.46]
            ax.plot(x, y, color="white", linewidth=4.5 if width <= 60 else 0, solid_capstyle="butt", label="_edge")
            ax.plot(x, y, color="black", linewidth=2 if width <= 60 else 0.8, solid_capstyle="butt", label="_start")
    if any(at is not None for at in starts):
        bar = _style.handle("black", "treatment starts", linestyle="none", marker="|", markersize=9, markeredgewidth=2)
        _style.legend_above(ax, [bar])


def _numbers(ax: Axes, weights: pd.DataFrame) -> None:
    """The weight of each cell, dark on light and light on dark."""
    from matplotlib import colormaps

    size = min(8.0, 330 / weights.shape[1] / 3.4)
    for (row, column), value in np.ndenumerate(weights.to_numpy()):
        colour = _style.ink(colormaps[COLOURS](0.5 + value / _bound(weights) / 2))
        text = _style.signed(f"{value:.2f}") if abs(value) >= 0.005 else "0"
        ax.text(column, row, text, ha="center", va="center", fontsize=size, color=colour)
