"""Decision card: the page for those who decide, as one figure in the shape of a sheet of A4.

Text is measured before it is drawn: everything stands within its column, and what does not fit makes all of it smaller.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from scale_impact.scaleup.card import CardPart, DecisionCard, PartnerLine

A4 = 297 / 210
"""Height of a sheet of A4 for its width."""

PAGE, GAP, LINE = 492.0, 19.0, 1.32
"""Points: width of the page's text and space between its columns; height of a line for the size of its letters."""

SIZES = (8.4, 8.0, 7.6, 7.2, 6.8, 6.4, 6.0, 5.6, 5.2, 4.8)
"""Sizes of letters that are tried, in points."""

COLOURS = {"stop": _style.VERMILLION, "adapt": "#8A6500", "scale": "#007A59", None: _style.GREY}
"""A colour for each decision; its sign and its words say the same."""

SIGNS = {"stop": "■", "adapt": "▲", "scale": "●", None: "○"}

UNKNOWN = "□"
"""Stands for a letter that the figure's font does not have."""


@dataclass(frozen=True)
class Line:
    """A line of text: how far from the left it begins, how large and how heavy it is; ``down`` is the space below it."""

    text: str
    size: float
    weight: str = "normal"
    colour: str = _style.DARK
    left: float = 0.0
    down: float = 0.0
    partner: PartnerLine | None = None

    @property
    def height(self) -> float:
        """Points from the top of this line to that of the next."""
        return LINE * self.size + self.down


Block = list[Line]


def draw(card: DecisionCard, ax: Axes, *, unit: str = "") -> None:
    """Draw the card on the whole figure; ``unit`` plays no part, for each number has its own beside it."""
    figure_height = ax.figure.get_figheight() * 72  # type: ignore[union-attr]
    ax.set_position((0.012, 0.036, 0.976, 0.956))
    width, height = 0.976 * ax.figure.get_figwidth() * 72, 0.956 * figure_height  # type: ignore[union-attr]
    ax.set(xlim=(0, width), ylim=(height, 0))
    ax.set_axis_off()
    head, columns, foot = _fitted(card, min(width, PAGE), height)
    top = _head(ax, card, head, width)
    scale = _scale(card.partners)
    for k, column in enumerate(columns):
        _column(ax, column, k * (_column_width(width) + GAP), top + 8, _column_width(width), scale)
    _lines(ax, foot, 0.0, height - sum(line.height for line in foot))


def height(card: DecisionCard) -> float:
    """Inches of a sheet of A4 as wide as other figures."""
    return _style.WIDTH * A4


# ---- layout ------------------------------------------------------------------------------------------------


def _fitted(card: DecisionCard, width: float, height: float) -> tuple[Block, list[list[Block]], Block]:
    """Head, columns and foot in the largest letters with which all of it fits on the page."""
    for size in SIZES:
        head, foot = _head_lines(card, size, width), _foot_lines(card, size, width)
        columns = _balanced([_block(part, card, size, _column_width(width)) for part in card.parts])
        used = sum(line.height for line in (*head, *foot)) + max(_height_of(c) for c in columns) + 34
        if used <= height:
            break
    return head, columns, foot


def _column_width(width: float) -> float:
    return (width - GAP) / 2


def _height_of(column: Sequence[Block]) -> float:
    return sum(sum(line.height for line in block) + 13 for block in column)


def _balanced(blocks: list[Block]) -> list[list[Block]]:
    """Two columns in reading order, about as long as each other."""
    k = min(range(1, len(blocks)), key=lambda k: max(_height_of(blocks[:k]), _height_of(blocks[k:])))
    return [blocks[:k], blocks[k:]]


def _head_lines(card: DecisionCard, size: float, width: float) -> Block:
    inner = width - 20
    lines = _wrapped(card.title, 1.6 * size, inner, weight="bold")
    lines += _wrapped(
        f"{SIGNS[card.decision]} {card.headline}", 1.3 * size, inner, weight="bold", colour=COLOURS[card.decision]
    )
    lines += _wrapped(card.reason, size, inner)
    return [*lines, *(line for w in card.warnings for line in _wrapped(f"Note: {w}", size, inner, weight="bold"))]


def _foot_lines(card: DecisionCard, size: float, width: float) -> Block:
    sources = "; ".join(card.sources) or "none were read"
    return _wrapped(f"Made from published results only: {sources}.", 0.82 * size, width, colour=_style.GREY)


def _block(part: CardPart, card: DecisionCard, size: float, width: float) -> Block:
    """A part: its heading, its sentences, and of partners their lines."""
    colour = _style.GREY if part.gap else _style.DARK
    mark = "• " if part.key == "unknown" and not part.gap else ""
    lines = _wrapped(part.title, 1.12 * size, width, weight="bold")
    for sentence in part.sentences:
        lines += _wrapped(sentence, size, width, colour=colour, mark=mark)
    if part.key == "partners" and card.partners:
        for partner in card.partners:
            lines += _partner(partner, size, width)
        what = f"Amounts in {card.money}. " if card.money else ""
        lines += _wrapped(
            f"{what}The line is the likely range, the dot the best guess.", 0.85 * size, width, colour=_style.GREY
        )
    return lines


def _partner(partner: PartnerLine, size: float, width: float) -> Block:
    """A partner in words, and the line on which its range is drawn."""
    said = f"{partner.name}: {partner.words}."
    odds = "" if partner.chance is None else f" Chance to gain: {partner.chance_words}."
    words = _wrapped(said + odds, size, width)
    return [*words, Line("", 0.9 * size, down=0.2 * size, partner=partner)] if partner.value is not None else words


def _wrapped(
    text: str, size: float, width: float, *, mark: str = "", weight: str = "normal", colour: str = _style.DARK
) -> Block:
    """Lines that are no wider than the width given; words that are wider than it are cut."""
    indent = _width(mark, size, weight) if mark else 0.0
    rows, row = [], ""
    for word in _pieces(_known(text, weight), size, weight, width - indent):
        longer = f"{row} {word}" if row else word
        if row and _width(longer, size, weight) > width - indent:
            rows.append(row)
            row = word
        else:
            row = longer
    rows.append(row)
    lines = [Line(r, size, weight, colour, indent) for r in rows]
    lines[0] = Line(f"{mark}{lines[0].text}", size, weight, colour, 0.0)
    lines[-1] = Line(lines[-1].text, size, weight, colour, lines[-1].left, 0.28 * size)
    return lines


def _pieces(text: str, size: float, weight: str, width: float) -> list[str]:
    """Words, those that are wider than a line in pieces."""
    found = []
    for word in text.split():
        while _width(word, size, weight) > width:
            k = max(1, int(len(word) * width / _width(word, size, weight)) - 1)
            found.append(word[:k])
            word = word[k:]
        found.append(word)
    return found


@lru_cache(maxsize=8192)
def _width(text: str, size: float, weight: str) -> float:
    """Points that a text takes."""
    from matplotlib.textpath import text_to_path

    return float(text_to_path.get_text_width_height_descent(text, _font(size, weight), ismath=False)[0])


@lru_cache(maxsize=256)
def _font(size: float, weight: str) -> Any:
    from matplotlib.font_manager import FontProperties

    return FontProperties(family=["DejaVu Sans"], size=size, weight=weight)


def _known(text: str, weight: str) -> str:
    """A text with a box for each letter that the font does not have."""
    letters = _letters(weight)
    return "".join(c if c == " " or ord(c) in letters else UNKNOWN for c in text)


@lru_cache(maxsize=2)
def _letters(weight: str) -> frozenset[int]:
    from matplotlib.font_manager import findfont, get_font

    return frozenset(get_font(findfont(_font(8.0, weight))).get_charmap())


# ---- drawing -----------------------------------------------------------------------------------------------


def _head(ax: Axes, card: DecisionCard, lines: Block, width: float) -> float:
    """The head on its ground, with a band in the colour of the decision; returns where it ends."""
    from matplotlib.patches import Rectangle

    end = sum(line.height for line in lines) + 12
    ax.add_patch(Rectangle((0, 0), width, end, color="#F4F6F8", linewidth=0, zorder=0))
    ax.add_patch(Rectangle((0, 0), 6, end, color=COLOURS[card.decision], linewidth=0, zorder=1))
    _lines(ax, lines, 14.0, 6.0)
    return end


def _column(
    ax: Axes, blocks: Sequence[Block], left: float, top: float, width: float, scale: tuple[float, float] | None
) -> None:
    """Parts below each other, each under a line."""
    at = top
    for block in blocks:
        ax.plot([left, left + width], [at, at], color=_style.LIGHT, linewidth=1.0, solid_capstyle="butt")
        at = _lines(ax, block, left, at + 5, width, scale) + 8


def _lines(
    ax: Axes, lines: Block, left: float, top: float, width: float = 0.0, scale: tuple[float, float] | None = None
) -> float:
    """Lines of text from the top down; returns where they end."""
    at = top
    for line in lines:
        if line.partner is not None and scale is not None:
            _range(ax, line.partner, left, at + 0.45 * line.height, width, scale)
        elif line.text:
            look: dict[str, Any] = {
                "fontsize": line.size,
                "fontweight": line.weight,
                "color": line.colour,
                "family": "DejaVu Sans",
            }
            ax.text(left + line.left, at + line.size, line.text, va="baseline", ha="left", parse_math=False, **look)
        at += line.height
    return at


def _scale(partners: Sequence[PartnerLine]) -> tuple[float, float] | None:
    """The least and the largest amount that is drawn, with zero between them."""
    ends = [v for p in partners for v in (p.value, p.low, p.high) if v is not None]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    return (low, high) if high > low else None


def _range(ax: Axes, partner: PartnerLine, left: float, at: float, width: float, scale: tuple[float, float]) -> None:
    """Likely range and best guess of a partner, and where it neither gains nor loses."""

    def place(value: float) -> float:
        return left + 5 + (width - 10) * (value - scale[0]) / (scale[1] - scale[0])

    ax.plot([place(0.0)] * 2, [at - 3.6, at + 3.6], color=_style.GREY, **_style.DASHED)
    if partner.low is not None and partner.high is not None:
        ax.plot([place(partner.low), place(partner.high)], [at, at], color=_style.BLUE, linewidth=1.8)
    if partner.value is not None:
        ax.plot([place(partner.value)], [at], color=_style.BLUE, marker="o", markersize=4.0)
