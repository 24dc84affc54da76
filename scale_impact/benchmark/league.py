"""A league table that prints bands: sorted by them, and with who cannot be told from whom.

Rows go by the middle of the simultaneous band: surely better cities less surely worse ones. Of equal middles the narrower band stands
first, then the better point rank, then the name. A city of which little is known so stands in the middle; sorted by the lower end it
would stand at the top, and be the first to be praised.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scale_impact.benchmark.rank_bands import RankBands
from scale_impact.core.words import counted, nearest, number
from scale_impact.errors import UsageError

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

COLUMNS = [
    "city", "band", "low_all", "high_all", "low", "high", "rank", "value", "alike", "not_told_from", "told_from_next", "tier", "reason",
]  # fmt: skip
HEADS = ("city", "rank, all at once", "by itself", "rank", "value", "cannot be told from")


@dataclass(frozen=True)
class League:
    """A league table of N cities.

    Attributes
    ----------
    bands:
        What it prints.
    frame:
        A row a city, in the table's order: ``city``, ``band`` (simultaneous, as text), ``low_all``, ``high_all``, ``low``, ``high``,
        ``rank``, ``value``, ``alike`` (how many other cities it cannot be told from), ``not_told_from`` (which, as text), ``told_from_next``
        (whether it can be told from the row below), ``tier`` (each city of a tier is told from each of another), ``reason`` (why it has no
        rank).
    notes:
        How to read it.
    """

    bands: RankBands
    frame: pd.DataFrame
    notes: tuple[str, ...]

    def markdown(self, *, most: int | None = None, around: str | None = None) -> str:
        """The table as Markdown, aligned so that it reads as plain text too.

        Parameters
        ----------
        most:
            At most so many cities: the best, the worst, and those next to ``around``; one more where a gap would hide one city.
        around:
            A city that is shown with its neighbours.

        Raises
        ------
        UsageError
            ``around`` is no city of the table, or ``most`` is below 3.
        """
        rows = excerpt(len(self.frame), most, place(self.frame["city"].tolist(), around))
        lines = list(_lines(self.frame, rows))
        widths = [max(len(line[k]) for line in (HEADS, *lines)) for k in range(len(HEADS))]
        table = [HEADS, tuple("-" * max(w, 3) for w in widths), *lines]
        text = "\n".join(f"| {' | '.join(c.ljust(w) for c, w in zip(line, widths, strict=True))} |" for line in table)
        return "\n\n".join([text, *self.notes])


def standings(bands: RankBands) -> League:
    """The league table of rank bands, cities without a rank at its end with the reason."""
    import pandas as pd

    order = league_order(bands)
    ranked = order[~np.isnan(bands.rank[order])]
    alike = ~(bands.beats | bands.beats.T)
    frame = bands.table().iloc[order].reset_index(drop=True)
    found = [_not_told(bands.rank, alike, int(k)) for k in ranked]
    blank = len(order) - len(ranked)
    frame["band"] = [*(_span(bands.low_all[k], bands.high_all[k]) for k in ranked), *[""] * blank]
    frame["alike"] = pd.array([*(n for n, _ in found), *[None] * blank], dtype="Int64")
    frame["not_told_from"] = [*(text for _, text in found), *[""] * blank]
    told = [bool(~alike[a, b]) for a, b in pairwise(ranked)]
    frame["told_from_next"] = pd.array([*told, *[None] * (len(order) - len(told))], dtype="boolean")
    frame["tier"] = pd.array([*tiers(bands, ranked), *[None] * blank], dtype="Int64")
    return League(bands, frame[COLUMNS], tuple(_notes(bands, frame)))


def league_order(bands: RankBands) -> Rows:
    """Rows in the order of the table: by the middle of the simultaneous band; cities without a rank last, by name."""
    middle, width = bands.low_all + bands.high_all, bands.high_all - bands.low_all
    return np.lexsort((np.array(bands.labels), bands.rank, width, middle))


def tiers(bands: RankBands, ranked: Rows) -> list[int]:
    """Number of each row's tier: a new one starts where every city above is surely better than every city below."""
    beats = bands.beats[np.ix_(ranked, ranked)]
    n = len(ranked)
    # the first column from which on a row beats all that follow
    free = n - np.argmin(np.column_stack([beats[:, ::-1], np.zeros(n, dtype=bool)]), axis=1)
    starts = np.arange(1, n)[np.maximum.accumulate(free)[:-1] <= np.arange(1, n)]
    return [1 + int(np.searchsorted(starts, k, side="right")) for k in range(n)]


def place(cities: Sequence[str], city: str | None) -> int | None:
    """Row of a city; None for none.

    Raises
    ------
    UsageError
        It is no city of the table.
    """
    if city is None:
        return None
    if city not in cities:
        raise UsageError(f"There is no city {city!r}. {nearest(city, cities)}")
    return list(cities).index(city)


def excerpt(n: int, most: int | None, at: int | None) -> list[int]:
    """At most so many of n rows: the first, the last and those around one, in order; a gap of a single row is filled.

    Raises
    ------
    UsageError
        Fewer than 3 rows are asked for.
    """
    if most is not None and most < 3:
        raise UsageError(f"most is {most}; a table shows at least 3 cities.")
    if most is None or n <= most:
        return list(range(n))
    third = most // 3
    first, last = (third, third) if at is not None else (most - most // 2, most // 2)
    ends = {*range(first), *range(n - last, n)}
    nearby = [] if at is None else sorted(set(range(n)) - ends, key=lambda k: (abs(k - at), k))
    chosen = {*ends, *nearby[: most - len(ends)]}
    # the line that says that one is left out has room for it
    return sorted(chosen | {k for k in range(1, n - 1) if k - 1 in chosen and k + 1 in chosen})


def _not_told(rank: Floats, alike: NDArray[np.bool_], k: int) -> tuple[int, str]:
    """How many others a city cannot be told from, and which ranks they have."""
    others = alike[k] & ~np.isnan(rank)
    others[k] = False
    count = int(others.sum())
    if not count:
        return 0, "nobody: told from all others"
    low, high = rank[others].min(), rank[others].max()
    within = (rank >= low) & (rank <= high)
    within[k] = False
    if int(within.sum()) == count:
        return count, f"{'rank' if low == high else 'ranks'} {_span(low, high)}"
    return count, f"{count:,} of the {counted(int(within.sum()), 'city', 'cities')} at ranks {_span(low, high)}"


def _span(low: float, high: float) -> str:
    return f"{low:.0f}" if low == high else f"{low:.0f} to {high:.0f}"


def _lines(frame: pd.DataFrame, rows: Sequence[int]) -> Iterator[tuple[str, ...]]:
    """Cells of the rows shown; what is left out and where a tier ends are said in rows of their own."""
    before: int | None = None
    for k in rows:
        row = frame.iloc[k]
        if before is not None and k > before + 1:
            yield (f"... {counted(k - before - 1, 'city', 'cities')} ...", *[""] * (len(HEADS) - 1))
        if before == k - 1 and row["reason"] == "" and row["tier"] != frame.iloc[k - 1]["tier"]:
            yield ("=" * 5, *[""] * (len(HEADS) - 1))
        name = str(row["city"]).replace("|", "\\|").replace("\n", " ")
        if row["reason"]:
            yield (name, "none", "", "", "", str(row["reason"]))
        else:
            alone, value = _span(row["low"], row["high"]), number(float(row["value"]))
            yield name, str(row["band"]), alone, str(row["rank"]), value, str(row["not_told_from"])
        before = k


def _notes(bands: RankBands, frame: pd.DataFrame) -> Iterator[str]:
    level = f"{100 * bands.level:.6g} %"
    yield (
        f"Rank, all at once: the ranks of all {counted(bands.ranked, 'city', 'cities')} lie in these bands together with {level}; rows go by their "
        f"middles. By itself: one city's rank lies in its band with {level}. 1 is best."
    )
    if frame["tier"].max() > 1:
        yield "A row of ===== : each city above it is told from each city below it."
    yield from bands.notes
