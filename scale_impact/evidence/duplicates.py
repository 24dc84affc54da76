"""Duplicates: numbers that come from the same city or the same data, in several studies and papers.

Two studies of one data set are not two pieces of evidence. The same number of the same data by the same method is kept once; what
shares a study, a data set or a treated city is put into one cluster, which synthesis takes as one (``synthesis.multilevel``).
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

SAME = 1e-6
"""Two effects that differ by less than this share are the same number."""


@dataclass(frozen=True)
class Piece:
    """One effect, and what tells whether another one is of the same city or data.

    Attributes
    ----------
    study:
        The study or paper.
    data_sets:
        Names and hashes of its data, as far as they are known.
    places:
        The treated places by name.
    outcome, method, value:
        What was measured, by which estimator or design, with which result.
    """

    study: str
    data_sets: frozenset[str]
    places: frozenset[str]
    outcome: str
    method: str
    value: float


def plain_name(name: str) -> str:
    """A name as two authors would both write it: `São  Paulo` and `sao paulo` are one."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    return " ".join(bare.casefold().split())


def places_of(names: Sequence[str]) -> frozenset[str]:
    """Names of places that tell a place; a code such as 17 is another place in each data set."""
    found = {plain_name(name) for name in names}
    return frozenset(name for name in found if any(c.isalpha() for c in name))


def repeated(pieces: Sequence[Piece]) -> dict[int, int]:
    """Pieces that say what an earlier one says: same data, outcome, method and number; with the place of the one that is kept."""
    found: dict[int, int] = {}
    kept: dict[tuple[str, str, str], list[int]] = {}
    for k, piece in enumerate(pieces):
        keys = [(name, piece.outcome, piece.method) for name in sorted(piece.data_sets)]
        earlier = sorted({j for key in keys for j in kept.get(key, ())})
        first = next((j for j in earlier if _same(pieces[j], piece)), None)
        if first is not None:
            found[k] = first
            continue
        for key in keys:
            kept.setdefault(key, []).append(k)
    return found


def _same(a: Piece, b: Piece) -> bool:
    """Whether two pieces of the same data, outcome and method are one number; not where they name different places."""
    told_apart = a.places and b.places and not a.places & b.places
    return not told_apart and math.isclose(a.value, b.value, rel_tol=SAME, abs_tol=1e-12)


def clusters(pieces: Sequence[Piece]) -> tuple[str, ...]:
    """To which cluster each piece belongs, called by the first study in it by name.

    Pieces of one study are together, and so are those that share a data set or a treated place; and whoever shares something with
    one of them.
    """
    parent = list(range(len(pieces)))

    def root(k: int) -> int:
        while parent[k] != k:
            parent[k] = parent[parent[k]]
            k = parent[k]
        return k

    seen: dict[tuple[str, str], int] = {}
    for k, piece in enumerate(pieces):
        for key in _keys(piece):
            parent[root(k)] = root(seen.setdefault(key, k))
    named: dict[int, str] = {}
    for k, piece in enumerate(pieces):
        named[root(k)] = min(named.get(root(k), piece.study), piece.study)
    return tuple(named[root(k)] for k in range(len(pieces)))


def _keys(piece: Piece) -> list[tuple[str, str]]:
    data = [("data", name) for name in sorted(piece.data_sets)]
    return [("study", piece.study), *data, *(("place", name) for name in sorted(piece.places))]
