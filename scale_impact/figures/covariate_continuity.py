"""Jumps of covariates at the threshold, each over its own standard deviation: those of alike sides contain zero."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.core.check import Check
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def height(check: Check) -> float:
    """Inches for one row a covariate."""
    return _style.rows_height(len(check.details.get("rows") or []), each=0.28, least=3.0)


def draw(check: Check, ax: Axes, *, unit: str = "") -> None:
    """Draw one row a covariate, with its robust interval."""
    details = check.details
    rows = [r for r in details.get("rows") or [] if r["ci_low"] is not None]
    if not rows:
        return _style.say(ax, check.reason)
    _style.zero_line(ax, "x")
    level, alpha = _style.percent(1 - details["alpha"]), details["alpha"]
    looks = (
        (False, _style.BLUE, f"jump ({level} interval)"),
        (True, _style.VERMILLION, "different from zero, for so many"),
    )
    for failed, colour, name in looks:
        _marks(ax, [(k, r) for k, r in enumerate(rows) if (r["adjusted"] < alpha) == failed], colour, name)
    _style.tidy(ax, "x")
    _style.rows(ax, [str(r["covariate"]) for r in rows])
    ax.set_xlabel("Jump at the threshold, in standard deviations of the covariate")
    _style.legend_above(ax, order=("jump", "different"))


def _marks(ax: Axes, rows: list[tuple[int, dict[str, Any]]], colour: str, name: str) -> None:
    if not rows:
        return
    numbers = [[r["estimate"], r["ci_low"], r["ci_high"]] for _, r in rows]
    x, low, high = (np.array(numbers, dtype=float) / np.array([[r["std_deviation"]] for _, r in rows])).T
    look: dict[str, Any] = {"color": colour, "marker": "o", "markersize": 5.5, "linestyle": "none", "zorder": 3}
    ax.errorbar(x, [k for k, _ in rows], xerr=np.array([x - low, high - x]), elinewidth=1.3, label=name, **look)
