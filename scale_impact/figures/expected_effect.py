"""What a city may expect: the mean of the pilots and how well it is known, where one city may lie, harm and target.

Above each answer stands the distribution of one city's effect; the part that is harm is hatched. The thick bar is the confidence
interval of the mean, the thin line the prediction interval: a city's own effect lies within the thin one, not within the thick one.
Pilots stand below by their own effects. The weighted answer has no thick bar unless all pilots count the same: the error of a weighted
mean leaves out how pilots within the bandwidth differ from the city by context, so that a bar would look like the mean of such cities.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from scale_impact.core.words import number
from scale_impact.figures import _style
from scale_impact.figures._style import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from scale_impact.synthesis.for_city import Expectation

MEAN, OF_MEAN, OF_CITY = "mean", "interval of the mean", "interval of one city"
HARM, PILOTS, TARGET = "harm", "effect of a pilot", "target"

NO_BAR = "No interval is drawn of the mean by similarity: it would be that of the weighted mean, not of the mean in cities just like this one."

REACH = 3.2
"""Prediction errors that the distribution is drawn to on either side, at most; no farther than twice the interval's half."""

BAD = {"+": -1, "-": 1}
"""On which side of zero harm lies, by the direction in which the outcome gets better."""

TALL = 0.62
"""Height of the highest distribution, in rows."""


@dataclass(frozen=True)
class _Row:
    """One answer as it is drawn, the top one at the height 1; ends of the mean are None where they are not drawn, of the city where not known."""

    name: str
    at: float
    mean: float
    of_mean: tuple[float, float] | None
    city: tuple[float, float] | None
    error: float | None
    df: float | None
    harm: float | None
    colour: str


def height(expectation: Expectation) -> float:
    """Inches for the answers."""
    return 4.6 if expectation.weighted is not None else 3.6


def draw(expectation: Expectation, ax: Axes, *, unit: str = "effect") -> None:
    """Draw both answers, one below the other."""
    rows = _rows(expectation)
    bad = BAD.get(expectation.effects.direction, 0)
    ends = _ends(expectation, rows)
    curves = [_curve(r, ends) for r in rows]
    top = max((float(c[1].max()) for c in curves if c is not None), default=1.0)
    for row, curve in zip(rows, curves, strict=True):
        if curve is not None:
            _distribution(ax, row, curve[0], TALL * curve[1] / top, bad)
        _interval(ax, row)
    bottom = rows[-1].at - 0.55
    ax.plot(
        expectation.effects.effects,
        np.full(len(expectation.effects), bottom),
        "|",
        color=_style.GREY,
        markersize=9,
        label=PILOTS,
    )
    ax.set(xlim=ends, ylim=(bottom - 0.25, rows[0].at + TALL + 0.12))
    _style.zero_line(ax, "x")
    if expectation.target is not None:
        ax.axvline(
            expectation.target, color=_style.GREEN, zorder=1.6, linestyle=(0, (5, 2)), linewidth=1.4, label=TARGET
        )
    _style.tidy(ax, "x")
    ax.set_yticks([r.at for r in rows], [r.name for r in rows])
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    _style.unit_label(ax, unit, "x")
    _below(ax, expectation)
    _style.legend_above(ax, columns=3, order=(MEAN, OF_MEAN, OF_CITY, HARM, TARGET, PILOTS))


def _rows(expectation: Expectation) -> list[_Row]:
    plain, near = expectation.unweighted, expectation.weighted
    found = [
        _Row(
            "all pilots\ncount alike", 1.0, plain.mean, (plain.low, plain.high), _both(plain.predicted_low, plain.predicted_high),
            plain.prediction_error, plain.prediction_df, expectation.chances.harm, _style.BLUE,
        )
    ]  # fmt: skip
    if near is not None:
        alike = bool((near.kernel == 1).all())
        found.append(
            _Row(
                "similar pilots\ncount more", 0.0, near.mean, (near.low, near.high) if alike else None,
                _both(near.predicted_low, near.predicted_high),
                near.prediction_error, near.prediction_df, expectation.chances_weighted.harm, _style.ORANGE,
            )
        )  # fmt: skip
    return found


def _both(low: float | None, high: float | None) -> tuple[float, float] | None:
    return None if low is None or high is None else (low, high)


def _ends(expectation: Expectation, rows: list[_Row]) -> tuple[float, float]:
    """The axis: both intervals, all pilots, zero and the target, and some room."""
    shown = [
        0.0,
        *expectation.effects.effects.tolist(),
        *([expectation.target] if expectation.target is not None else []),
    ]
    for row in rows:
        shown += [row.mean, *(row.of_mean or ()), *(row.city or ())]
        if row.error is not None and row.city is not None:
            reach = min(REACH * row.error, 1.25 * (row.city[1] - row.mean))
            shown += [row.mean - reach, row.mean + reach]
    low, high = min(shown), max(shown)
    room = 0.04 * (high - low) or 1.0
    bad = BAD.get(expectation.effects.direction, 0)
    if bad:  # room on the bad side of zero for how likely harm is
        low, high = (min(low, -0.16 * (high - low)), high) if bad < 0 else (low, max(high, 0.16 * (high - low)))
    return low - room, high + room


def _curve(row: _Row, ends: tuple[float, float]) -> tuple[Floats, Floats] | None:
    """Points and density of one city's effect; None where that is not known."""
    from scipy import stats

    if row.error is None or row.city is None or not row.error > 0:
        return None
    at = np.unique(np.append(np.linspace(*ends, 401), 0.0))
    of = stats.norm if row.df is None else stats.t(row.df)
    return at, np.asarray(of.pdf((at - row.mean) / row.error) / row.error)


def _distribution(ax: Axes, row: _Row, at: Floats, tall: Floats, bad: int) -> None:
    """The distribution above its row; the part on the bad side of zero is hatched, so that it is not told by colour alone."""
    ax.fill_between(at, row.at, row.at + tall, color=row.colour, alpha=0.16, linewidth=0, zorder=1.2)
    ax.plot(at, row.at + tall, color=row.colour, linewidth=1.0, zorder=1.3)
    if not bad or row.harm is None:
        return
    side = at * bad >= 0
    look: dict[str, Any] = {
        "facecolor": "none",
        "edgecolor": _style.VERMILLION,
        "hatch": "////",
        "linewidth": 0.0,
        "zorder": 1.4,
    }
    ax.fill_between(at[side], row.at, row.at + tall[side], label=HARM if row.at == 1.0 else f"_{HARM}", **look)
    x, where = (1.0, "right") if bad > 0 else (0.0, "left")
    ax.text(
        x, row.at + 0.75 * TALL, f"harm {_percent(row.harm)}", transform=ax.get_yaxis_transform(), ha=where, va="bottom",
        fontsize=8, color=_style.VERMILLION, path_effects=_style.halo(),
    )  # fmt: skip


def _percent(p: float) -> str:
    return "below 1%" if 0 < p < 0.01 else "above 99%" if 0.99 < p < 1 else f"{100 * p:.0f}%"


def _interval(ax: Axes, row: _Row) -> None:
    first = "" if row.at == 1.0 else "_"
    if row.city is not None:
        ax.plot(row.city, (row.at, row.at), color=_style.DARK, linewidth=1.2, zorder=2.5, label=first + OF_CITY)
    if row.of_mean is not None:
        look: dict[str, Any] = {"color": row.colour, "linewidth": 6.0, "solid_capstyle": "butt", "zorder": 2.6}
        ax.plot(row.of_mean, (row.at, row.at), label=first + OF_MEAN, **look)
    ax.plot(
        row.mean, row.at, "o", color="white", markeredgecolor=_style.DARK, markersize=6, zorder=3, label=first + MEAN
    )


def _below(ax: Axes, expectation: Expectation) -> None:
    """Below the axis: why an answer is missing, and what the chance of the target is."""
    said = []
    if expectation.target is not None and expectation.reaches is not None:
        other = expectation.chances_weighted.reaches
        more = "" if other is None else f" ({_percent(other)} where similar pilots count more)"
        said.append(
            f"Probability of reaching the target of {_style.signed(number(expectation.target))}: {_percent(expectation.reaches)}{more}."
        )
    if expectation.why_not is not None:
        said.append(expectation.why_not)
    if expectation.unweighted.predicted_low is None:
        said.append(
            "Where one city may lie is not known: "
            + next(iter(expectation.unweighted.why_not.values()), "too few pilots.")
        )
    if expectation.weighted is not None and not (expectation.weighted.kernel == 1).all():
        said.append(NO_BAR)
    if said:
        ax.set_xlabel(ax.get_xlabel() + "\n" + "\n".join(_style.folded(s, 88) for s in said))
