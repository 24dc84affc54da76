"""How far each estimator is from the study's primary one, with the interval of the difference.

Two estimates share most of their error, so their own intervals overlap even where they differ for
certain. Here zero outside an interval means that the two do not answer the same question alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from scale_impact.core.check import Check
from scale_impact.core.effect import Estimate
from scale_impact.core.words import some, within_sentence
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(check: Check, ax: Axes, *, unit: str = "effect", level: float = 0.95) -> None:
    """Draw one row an estimator: its difference from the primary one, and its own estimate in figures."""
    rows = check.details.get("rows") or []
    if not any(r["difference"] is not None for r in rows):
        return _style.say(ax, check.reason)
    _style.zero_line(ax, "x")
    for k, row in enumerate(rows):
        _row(ax, k, row, level, check.details["alpha"])
    _numbers(ax, check.details, rows)
    _style.tidy(ax, "x")
    _style.rows(ax, [_style.folded(r["estimator"], 30) for r in rows])
    ax.set_xlabel("\n".join(_below(check, rows, unit, level)))


def _below(check: Check, rows: list[Mapping[str, Any]], unit: str, level: float) -> list[str]:
    """What the axis shows; why nothing has an interval, where that is so; who was asked for another effect."""
    told = any(r["difference_std_error"] is not None for r in rows)
    interval = f" ({_style.percent(level)} interval)" if told else ""
    lines = [f"Difference from {check.details['primary']}{interval}: {within_sentence(unit)}"]
    reasons = [r["reason"] for r in rows if r["reason"] and r["difference"]]
    if not told and reasons:
        lines.append(f"No difference has an interval: {reasons[0].removesuffix('.')}.")
    if others := check.details.get("other_estimands"):
        lines.append(f"Not shown, as they estimate another effect: {some(others)}.")
    return [_style.folded(line, 80) for line in lines]


def height(check: Check) -> float:
    """Inches that the rows need."""
    return _style.rows_height(len(check.details.get("rows") or []), each=0.42, least=2.6)


def _row(ax: Axes, at: int, row: Mapping[str, Any], level: float, alpha: float) -> None:
    estimate = Estimate(row["difference"], row["difference_std_error"], reason=row["reason"])
    apart = row["adjusted"] is not None and row["adjusted"] < alpha
    look: dict[str, Any] = {"colour": _style.VERMILLION if apart else _style.BLUE, "size": 6.5, "along": "x"}
    _style.dots(ax, [at], [estimate], level, name=row["estimator"], **look)


def _numbers(ax: Axes, details: Mapping[str, Any], rows: list[Mapping[str, Any]]) -> None:
    """Each estimator's own estimate, at the right of its row."""
    digits = _style.decimals(details["std_error"] or abs(details["estimate"]) or 1.0)
    look: dict[str, Any] = {"transform": ax.get_yaxis_transform(), "fontsize": 8}
    own = _style.signed(f"{details['estimate']:,.{digits}f}")
    ax.text(1.03, -0.7, f"estimate (primary {own})", color=_style.GREY, va="bottom", **look)
    for k, row in enumerate(rows):
        words = "none" if row["estimate"] is None else _style.signed(f"{row['estimate']:,.{digits}f}")
        words += _after(row)
        ax.text(1.03, k, words, va="center_baseline", **look)


def _after(row: Mapping[str, Any]) -> str:
    if row["p_value"] is not None:
        return f"   p = {row['p_value']:.3f}"
    return "   same number" if (row["reason"] or "").startswith("the two are the same") else ""
