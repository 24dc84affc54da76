"""The evidence map: measures in rows, dimensions (or indicators) in columns, what was found in each cell, and gaps.

The mark's form says what was found, the number in it how many studies and papers, the small number beside it the strongest level of
the Maryland scale, and a number with a question mark how many of them tell nothing. Hollow marks are evidence that carries a mark (no
frozen plan, a failed run or check). A dash is a gap: the measure's card expects something there, or fears it, and nobody has looked.
Nothing is told by colour alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scale_impact.core.evidence_map import FINDINGS, EvidenceMap
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOOKS: dict[str, tuple[str, str]] = {
    "better": ("^", _style.BLUE), "worse": ("v", _style.VERMILLION), "mixed": ("D", _style.PURPLE), "unclear": ("o", _style.GREY),
    "changed": ("s", _style.GREEN),
}  # fmt: skip
"""Marker and colour of each finding."""

TITLE = (
    "Number: studies and papers (?: those of them that tell nothing; +: marked ones beside them).\n"
    "L1 to L5: the strongest design (Maryland scale)."
)

LONGEST = 34
"""Characters of a row's or a column's name."""

MOST_COLUMNS = 30
"""Names of more columns would lie on each other."""

DENSE = 12
"""With more columns the level stands below the mark, where there is room."""

MOST_ROWS = 60


def draw(found: EvidenceMap, ax: Axes, *, unit: str = "", gaps: bool = True) -> None:
    """Draw the map; ``unit`` is not used, ``gaps`` shows where nobody has looked. Of very many columns and rows the first are shown."""
    rows, columns = _shown(found)
    if not rows or not columns:
        return _style.say(ax, "No measure has a card that names an indicator, and no study has published an effect.")
    at = {(m, c): (x, y) for y, m in enumerate(rows) for x, c in enumerate(columns)}
    cells = [cell for cell in found.cells.to_dict(orient="records") if (cell["measure"], cell["column"]) in at]
    small, dense = len(rows) > 30 or len(columns) > DENSE, len(columns) > DENSE
    ax.set_xlim(-0.5, len(columns) - 0.5)
    _lines(ax, len(rows), len(columns))
    if gaps:
        _gaps(ax, [at[c["measure"], c["column"]] for c in cells if c["gap"]])
    for cell in cells:
        if not cell["gap"]:
            _mark(ax, cell, at[cell["measure"], cell["column"]], small=small, dense=dense)
    _names(ax, found, rows, columns)
    _legend(ax, cells, _left_out(found, rows, columns), gaps=gaps)


def height(found: EvidenceMap) -> float:
    """Inches that the rows need."""
    rows, columns = _shown(found)
    return _style.rows_height(len(rows) + 8, each=0.28 if len(columns) > DENSE else 0.185, least=3.2)


def _shown(found: EvidenceMap) -> tuple[list[str], list[str]]:
    """Rows and columns that have room; those with evidence before others where there are too many."""
    seen = found.cells[~found.cells["gap"].astype(bool)]
    rows = _first(found.measures, set(seen["measure"]), MOST_ROWS)
    return rows, _first(found.columns, set(seen["column"]), MOST_COLUMNS)


def _left_out(found: EvidenceMap, rows: list[str], columns: list[str]) -> str:
    """How much has no room; nothing where all is shown."""
    all_of = ((len(rows), len(found.measures), "measures"), (len(columns), len(found.columns), f"{found.by}s"))
    parts = [f"{n} of {of:,} {what}" for n, of, what in all_of if n < of]
    return f"\nShown: {' and '.join(parts)}, those with evidence first." if parts else ""


def _first(names: tuple[str, ...], with_evidence: set[str], most: int) -> list[str]:
    if len(names) <= most:
        return list(names)
    kept = set(sorted(names, key=lambda n: (n not in with_evidence, names.index(n)))[:most])
    return [n for n in names if n in kept]


def _lines(ax: Axes, rows: int, columns: int) -> None:
    """Quiet lines that lead from a name to its cells."""
    look: dict[str, Any] = {"color": _style.PALE, "linewidth": 0.8, "zorder": 0.5, "label": "_line"}
    ax.hlines(range(rows), -0.5, columns - 0.5, **look)
    ax.vlines(range(columns), -0.5, rows - 0.5, **look)


def _gaps(ax: Axes, places: list[tuple[int, int]]) -> None:
    if places:
        x, y = zip(*places, strict=True)
        ax.plot(x, y, "_", color=_style.GREY, markersize=6, markeredgewidth=1.3, zorder=2, label="gap")


def _mark(ax: Axes, cell: dict[str, Any], place: tuple[int, int], *, small: bool, dense: bool) -> None:
    """One cell with evidence: its finding, how many, how strong."""
    count = cell["studies"] + cell["papers"]
    marker, colour = LOOKS[cell["finding"]]
    size, letters = (8.5, 5.0) if small else (12.5, 6.5)
    look: dict[str, Any] = {
        "color": colour if count else "white",
        "markeredgecolor": colour,
        "label": f"_{cell['finding']}",
    }
    ax.plot(*place, marker, markersize=size, markeredgewidth=1.2, zorder=3, **look)
    text: dict[str, Any] = {
        "textcoords": "offset points",
        "va": "center_baseline",
        "zorder": 4,
        "annotation_clip": False,
    }
    middle = {"^": -0.08, "v": 0.08}.get(marker, 0.0) * size
    inside = "white" if count else _style.DARK
    number = str(count or cell["marked"])
    ax.annotate(number, place, (0, middle), color=inside, fontsize=letters, ha="center", fontweight="bold", **text)
    below: dict[str, Any] = {**text, "ha": "center", "va": "top", "linespacing": 0.9}
    words = _beside(cell)
    if dense:
        ax.annotate("\n".join(words), place, (0, -0.62 * size), color=_style.DARK, fontsize=letters, **below)
    else:
        ax.annotate(" ".join(words), place, (0.74 * size, 0), color=_style.DARK, fontsize=letters, ha="left", **text)


def _beside(cell: dict[str, Any]) -> list[str]:
    """The strongest level, how many of those that count tell nothing where others tell something, and how many are marked beside them."""
    level = cell["credibility"]
    known = [] if level is None or str(level) in ("<NA>", "nan") else [f"L{int(level)}"]
    silent = cell["unclear"] and cell["finding"] != "unclear"
    more = cell["studies"] + cell["papers"] and cell["marked"]
    return [*known, *([f"{cell['unclear']}?"] if silent else []), *([f"+{cell['marked']}"] if more else [])]


def _names(ax: Axes, found: EvidenceMap, rows: list[str], columns: list[str]) -> None:
    _style.rows(ax, [_short(found.titles.get(m, m)) for m in rows])
    for label in ax.get_yticklabels():
        label.set_fontsize(8 if len(rows) <= 30 else 6.6)
    folded = len(columns) <= 5
    names = [found.headings.get(c, c) for c in columns]
    ax.xaxis.tick_top()
    ax.set_xticks(range(len(columns)), [_style.folded(n, 16) if folded else _short(n) for n in names])
    ax.tick_params(axis="x", length=0, pad=2)
    for label in ax.get_xticklabels():
        label.set(rotation=0 if folded else 40, ha="center" if folded else "left", rotation_mode="anchor")
        label.set_fontsize(7.5 if len(columns) <= 14 else 6.2)
    ax.spines[["bottom", "top", "left", "right"]].set_visible(False)


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else name[: LONGEST - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"


def _legend(ax: Axes, cells: list[dict[str, Any]], left_out: str, *, gaps: bool) -> None:
    """What each form means, below the map, where no name of a column is."""
    used = {c["finding"] for c in cells if not c["gap"]}
    look: dict[str, Any] = {"linestyle": "none", "markersize": 7, "markeredgewidth": 1.1}
    handles = [
        _style.handle(LOOKS[f][1], words, marker=LOOKS[f][0], **look) for f, words in FINDINGS.items() if f in used
    ]
    if any(not c["gap"] and not c["studies"] + c["papers"] for c in cells):
        handles.append(
            _style.handle(
                "white", "hollow: marked evidence alone", marker="o", **{**look, "markeredgecolor": _style.GREY}
            )
        )
    if gaps and any(c["gap"] for c in cells):
        handles.append(_style.handle(_style.GREY, "gap: the card names it, nobody looked", marker="_", **look))
    ax.legend(
        handles=handles, ncols=2, loc="upper left", bbox_to_anchor=(0.0, -0.01), fontsize=7, handletextpad=0.4, borderaxespad=0.2,
        columnspacing=1.4, title=TITLE + left_out, title_fontsize=7,
        alignment="left",
    )  # fmt: skip
