"""Is the synthetic city like the treated one? Each predictor, as far as synthetic city and donors are from the treated.

The blue dots should lie on the line, and nearer to it than the grey ones: else the mix is no better than the mean of all
donors. Predictors of little weight had little say. The numbers stand at the right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.core.effect import Effect
from scale_impact.figures import _style, _treated

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

SYNTHETIC, DONORS = "synthetic", "mean of the donors"
MOST = 30
"""So many predictors have a row; those of least weight go."""

SHARE = 0.5
"""Of the width that the dots take where numbers stand beside them."""


def draw(effect: Effect, ax: Axes, *, unit: str = "") -> None:
    """Draw differences from the treated in percent of its value; ``unit`` is not used, predictors have their own."""
    table = _table(effect)
    if table is None:
        return _style.say(
            ax, f"{effect.estimator} was fitted on the outcome alone: there are no predictors to be balanced."
        )
    rows = _rows(table)
    names = list(rows)
    place = {name: k for k, name in enumerate(names)}
    several = table["treated"].nunique() > 1
    part = ax if several else _beside_numbers(ax, list(rows.values()), str(table["treated"].iloc[0]))
    for column, name, look in (
        ("donors", DONORS, {"marker": "D", "color": _style.GREY, "markersize": 4.5}),
        ("synthetic", SYNTHETIC, {"marker": "o", "color": _style.BLUE, "markersize": 6}),
    ):
        _dots(part, table, place, column, name, look, several=several)
    part.axvline(0, color=_style.DARK, linewidth=1.0, zorder=1.5, label="_treated")
    _style.tidy(part, "x")
    _style.rows(part, [_treated.short(n, 36) for n in names])
    part.set_xlabel(_style.folded(f"Difference from {WHOM[several]}, % of its value", 80 if several else 50))
    _style.legend_above(part, order=(SYNTHETIC, DONORS))


WHOM = {False: "the treated", True: "each treated unit"}


def height(effect: Effect) -> float:
    """Inches that the rows need."""
    table = _table(effect)
    return 3.0 if table is None else _style.rows_height(len(_rows(table)), each=0.24, least=2.6)


def _table(effect: Effect) -> pd.DataFrame | None:
    found = effect.counterfactual
    return None if found is None or found.predictors is None or not len(found.predictors) else found.predictors


def _rows(table: pd.DataFrame) -> dict[str, Any]:
    """Predictors in their order with their first line; the heaviest where they are too many."""
    mean = table.groupby("predictor", sort=False)["weight"].mean()
    kept = set(mean.nlargest(MOST).index) if len(mean) > MOST else set(mean.index)
    lines = table.drop_duplicates("predictor").set_index("predictor")
    return {str(name): lines.loc[name] for name in mean.index if name in kept}


def _dots(
    ax: Axes, table: pd.DataFrame, place: dict[str, int], column: str, name: str, look: dict[str, Any], *, several: bool
) -> None:
    """One dot a treated unit and predictor; none where the treated has a value of zero."""
    seen = table[table["predictor"].astype(str).isin(place)]
    observed, other = seen["observed"].to_numpy(dtype=float), seen[column].to_numpy(dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = 100 * (other - observed) / np.abs(observed)
    ok = np.isfinite(share)
    rows = np.array([place[str(p)] for p in seen["predictor"]], dtype=float)
    paler: dict[str, Any] = {"alpha": 0.55, "markeredgewidth": 0} if several else {}
    ax.plot(share[ok], rows[ok], linestyle="none", label=name, zorder=3, **look, **paler)


def _beside_numbers(ax: Axes, rows: list[Any], who: str) -> Axes:
    """Values of the treated, the synthetic city and the donors, and the weight, at the right; the axes for the rest."""
    ax.set_axis_off()
    heads = {"observed": _treated.short(who, 10), "synthetic": "synthetic", "donors": "donors", "weight": "weight"}
    for k, (column, head) in enumerate(heads.items()):
        x = SHARE + (1 - SHARE) * (k + 1) / len(heads)
        ax.text(x, 1.01, head, transform=ax.transAxes, ha="right", va="bottom", fontsize=7.5, fontweight="bold")
        for y, row in enumerate(rows):
            text = f"{row[column]:.3f}" if column == "weight" else f"{row[column]:.4g}"
            place = (x, 1 - (y + 0.5) / len(rows))
            ax.text(*place, _style.signed(text), transform=ax.transAxes, ha="right", va="center", fontsize=7.5)
    return ax.inset_axes((0.0, 0.0, SHARE, 1.0))
