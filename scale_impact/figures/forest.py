"""A forest plot: what each city got, the mean of all, and what a new city may expect.

Squares are effects, the larger the more they weigh; lines their intervals. The diamond is the mean: how well it is known. The bar
below it is the prediction interval: where the effect of one more city lies, which is what a city asks for. Above sixty effects rows
have no room for numbers: the effects stand in order of size, and a few of them are named.

Source: Lewis and Clarke (2001), BMJ 322; Riley, Higgins and Deeks (2011), BMJ 342, on showing the prediction interval.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from scale_impact.core.words import counted
from scale_impact.figures import _style
from scale_impact.synthesis.pooling import Pooled
from scale_impact.synthesis.selecting.regressions import reach

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]
Order = Literal["given", "effect", "weight"]

MOST = 60
"""So many effects have a named row."""

LONGEST = 34
"""Characters of a name."""

WIDE = 1.0
"""By how much of the span of effects, mean and prediction intervals may reach beyond it; the rest is an arrow."""

OWN, SHRUNKEN, MEAN, NEW = "city", "drawn to the mean", "mean", "a new city"


def draw(pooled: Pooled, ax: Axes, *, unit: str = "", order: Order = "given", shrunken: bool = False) -> None:
    """Draw effects, mean and prediction; ``unit`` of the effects.

    ``order``: as they came, by effect or by weight, the largest first. ``shrunken``: also each effect drawn to the mean as far as its
    error asks for.
    """
    many = len(pooled) > MOST
    rows = _ordered(pooled, "effect" if many else order)
    low, high = _intervals(pooled)
    ax.set_xlim(*_limits(pooled, low, high))
    _draw_effects(ax, pooled, rows, low, high)
    if shrunken:
        size = 2.2 if many else 5.0
        ax.plot(
            pooled.shrunken[rows], np.arange(len(rows)), "D", color=_style.GREEN, markersize=size, markerfacecolor="white", zorder=3.2,
            label=f"{SHRUNKEN} (empirical Bayes)",
        )  # fmt: skip
    mean, new = _summary_rows(pooled)
    _draw_mean(ax, pooled, mean)
    _draw_prediction(ax, pooled, new)
    _style.tidy(ax, "x")
    _name_rows(ax, pooled, rows)
    if not many:
        _write_numbers(ax, pooled, rows, low, high)
    _style.zero_line(ax, "x")
    ax.set_xlabel(_style.folded(axis_title(unit or pooled.effects.unit, pooled.effects.direction), 80))
    _style.legend_above(ax, order=(OWN, SHRUNKEN, MEAN, NEW))


def height(pooled: Pooled) -> float:
    """Inches that the rows need."""
    k = len(pooled)
    return _style.rows_height(k + 2, each=0.2, least=2.6) if k <= MOST else _style.rows_height(k, each=0.042, least=7.0)


def axis_title(unit: str, direction: str) -> str:
    """What the effects are in, and which way is better."""
    better = {"+": "higher is better \N{RIGHTWARDS ARROW}", "-": "\N{LEFTWARDS ARROW} lower is better"}.get(
        direction, ""
    )
    what = unit or "Effect"
    return f"{what} ({better})" if better else what


def _ordered(pooled: Pooled, order: Order) -> NDArray[np.intp]:
    if order == "given":
        return np.arange(len(pooled))
    by = pooled.effects.effects if order == "effect" else pooled.weights
    return np.argsort(-by, kind="stable")


def _intervals(pooled: Pooled) -> tuple[Floats, Floats]:
    """Each effect's own interval [k], by t where the degrees of freedom behind its error are known."""
    effects = pooled.effects
    dfs = np.full(len(effects), math.inf) if effects.df is None else effects.df
    half = np.array([reach(pooled.level, float(df)) for df in dfs]) * np.sqrt(effects.variances)
    return effects.effects - half, effects.effects + half


def _limits(pooled: Pooled, low: Floats, high: Floats) -> tuple[float, float]:
    """What is shown: all effects, mean and prediction, and intervals as far as they do not make the rest small."""
    summary = [pooled.low, pooled.high, pooled.predicted_low, pooled.predicted_high, 0.0]
    known = np.array([v for v in (*summary, *pooled.effects.effects) if v is not None and math.isfinite(v)])
    span = float(np.ptp(known)) or float((high - low).max()) or 1.0
    beyond = max(WIDE * span, 1.5 * float(np.median(high - low)))
    left = max(float(low.min()), float(known.min()) - beyond)
    right = min(float(high.max()), float(known.max()) + beyond)
    left, right = min(left, float(known.min())), max(right, float(known.max()))
    pad = 0.03 * (right - left)
    return left - pad, right + pad


def _draw_effects(ax: Axes, pooled: Pooled, rows: NDArray[np.intp], low: Floats, high: Floats) -> None:
    left, right = ax.get_xlim()
    at, many = np.arange(len(rows), dtype=float), len(rows) > MOST
    lows, highs = np.maximum(low[rows], left), np.minimum(high[rows], right)
    ax.hlines(
        at, lows, highs, color=_style.BLUE, linewidth=0.6 if many else 1.2, alpha=0.75, zorder=2, label="_interval"
    )
    share = np.maximum(pooled.weights[rows], 0.0)
    largest = 9.0 if many else 62.0
    size = largest * (0.12 + 0.88 * share / max(float(share.max()), 1e-300))
    name = f"{OWN}, {_style.percent(pooled.level)} interval" + ("" if many else ", larger: more weight")
    ax.scatter(
        pooled.effects.effects[rows], at, s=size, marker="s", color=_style.BLUE, zorder=3, linewidths=0, label=name
    )
    arrows: dict[str, Any] = {
        "color": _style.BLUE,
        "markersize": 4,
        "linestyle": "none",
        "zorder": 2.5,
        "label": "_beyond",
    }
    for cut, marker, x in ((low[rows] < left, "<", left), (high[rows] > right, ">", right)):
        if cut.any():
            ax.plot(np.full(int(cut.sum()), x), at[cut], marker, clip_on=False, **arrows)[0].set_in_layout(False)


def _draw_mean(ax: Axes, pooled: Pooled, y: float) -> None:
    """The diamond: as wide as the interval of the mean."""
    tall = 0.36 * _tall(pooled)
    ends = [e if math.isfinite(e) else pooled.mean for e in (pooled.low, pooled.high)]
    corners = [(ends[0], y), (pooled.mean, y - tall), (ends[1], y), (pooled.mean, y + tall)]
    ax.fill(
        *zip(*corners, strict=True),
        color=_style.DARK,
        zorder=3,
        linewidth=0,
        label=f"{MEAN}, {_style.percent(pooled.level)} interval",
    )
    ax.axvline(pooled.mean, color=_style.DARK, zorder=1.4, label="_mean", **_style.DASHED)


def _draw_prediction(ax: Axes, pooled: Pooled, y: float) -> None:
    """The bar of the prediction interval, open so that nobody takes it for the diamond."""
    from matplotlib.patches import Rectangle

    if pooled.predicted_low is None or pooled.predicted_high is None:
        return
    tall, wide = 0.26 * _tall(pooled), pooled.predicted_high - pooled.predicted_low
    name = f"{NEW}, {_style.percent(pooled.level)} prediction interval"
    bar = Rectangle(
        (pooled.predicted_low, y - tall), wide, 2 * tall, facecolor="#FBE3D0", edgecolor=_style.VERMILLION, linewidth=1.3, zorder=3,
        label=name,
    )  # fmt: skip
    ax.add_patch(bar)
    ax.vlines(pooled.mean, y - tall, y + tall, color=_style.VERMILLION, linewidth=1.6, zorder=3.1, label="_middle")


def _tall(pooled: Pooled) -> float:
    """Rows that mean and prediction fill: more where rows are thin."""
    return 1.0 if len(pooled) <= MOST else len(pooled) / 42


def _name_rows(ax: Axes, pooled: Pooled, rows: NDArray[np.intp]) -> None:
    k, many = len(rows), len(rows) > MOST
    shown = [0, *range(k // 8, k - k // 10, max(k // 8, 1)), k - 1] if many else list(range(k))
    names = [_short(pooled.effects.labels[int(rows[i])]) for i in shown]
    _style.rows(ax, [""] * k)
    ax.set_yticks([*shown, *_summary_rows(pooled)], [*names, f"Mean of {counted(k, 'effect')}", "A new city"])
    ax.set_ylim(_summary_rows(pooled)[1] + 0.7 * _tall(pooled), -1.0 if many else -1.5)
    for label in ax.get_yticklabels()[-2:]:
        label.set_fontweight("bold")


def _summary_rows(pooled: Pooled) -> tuple[float, float]:
    """Heights of mean and prediction."""
    room = _tall(pooled)
    first = len(pooled) + (0.3 if room == 1.0 else 0.7) * room
    return first, first + 1.1 * room


def _short(name: str) -> str:
    """A long name without its middle, as names often differ at their end."""
    return name if len(name) <= LONGEST else f"{name[:22].rstrip()}\N{HORIZONTAL ELLIPSIS}{name[-10:].lstrip()}"


def _write_numbers(ax: Axes, pooled: Pooled, rows: NDArray[np.intp], low: Floats, high: Floats) -> None:
    """Effects, intervals and weights as text at the right."""
    digits = _style.decimals(float(np.median(high - low)) / 4)
    lines = [
        _told(v, a, b, digits) for v, a, b in zip(pooled.effects.effects[rows], low[rows], high[rows], strict=True)
    ]
    summary = [
        _told(pooled.mean, pooled.low, pooled.high, digits),
        _told(None, pooled.predicted_low, pooled.predicted_high, digits),
    ]
    texts = [*lines, *summary]
    at = [*range(len(rows)), *_summary_rows(pooled)]
    first = 8 + 0.56 * _style.SMALL * max(map(len, texts))
    second = first + 0.56 * _style.SMALL * 8
    weights = [_style.signed(f"{100 * w:.1f}%") for w in pooled.weights[rows]]
    for column, right, heading in (
        (texts, first, f"effect ({_style.percent(pooled.level)} interval)"),
        (weights, second, "weight"),
    ):
        for text, y in zip(column, at, strict=False):
            _write(ax, text, y, right, _style.DARK)
        _write(ax, heading, -1.0, right, _style.GREY)


def _write(ax: Axes, text: str, y: float, right: float, colour: str) -> None:
    """Text in a row that ends so many points right of the axes."""
    ax.annotate(
        text, (1.0, y), (right, 0), xycoords=("axes fraction", "data"), textcoords="offset points", ha="right", va="center",
        fontsize=_style.SMALL, color=colour, annotation_clip=False,
    )  # fmt: skip


def _told(value: float | None, low: float | None, high: float | None, digits: int) -> str:
    """``0.12 (-0.03 to 0.27)``; only the ends of a prediction; nothing where there is no interval."""
    ends = (
        ""
        if low is None or high is None or not math.isfinite(low + high)
        else f"({low:z,.{digits}f} to {high:z,.{digits}f})"
    )
    return _style.signed(" ".join(p for p in ("" if value is None else f"{value:z,.{digits}f}", ends) if p))
