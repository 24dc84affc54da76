"""Phrases that several parts of a card share."""

from __future__ import annotations

from collections.abc import Sequence

from scale_impact.scaleup.carding import amounts
from scale_impact.scaleup.carding.facts import LONGEST, Row, clipped

GAP = "\0"
"""Stands before a sentence that says what is missing, and is taken off."""


def size(row: Row) -> str:
    """How much, in the digits of the range."""
    return signed(row).removeprefix("\N{MINUS SIGN}")


def ends(row: Row) -> str:
    """The range of a row, in the digits of its number."""
    return amounts.between(row["ci_low"], row["ci_high"], str(row["outcome_unit"] or ""), beside=row["estimate"])


def signed(row: Row) -> str:
    """A change with its sign, in the digits of its range."""
    unit = str(row["outcome_unit"] or "")
    values = [row["estimate"], *([row["ci_low"], row["ci_high"]] if amounts.has_range(row) else [])]
    shown = [amounts.readable(v, unit) for v in values]
    return amounts.joined(amounts.figures([v for v, _ in shown])[0], shown[0][1])


def why(row: Row) -> str:
    """Why a row has no number."""
    return clipped(row.get("inference") or "no reason is given", LONGEST["reason"]).rstrip(".")


def capital(text: str) -> str:
    """A sentence from its first letter on."""
    return text[:1].upper() + text[1:]


def within(text: str) -> str:
    """A text within a sentence."""
    return text if len(text) > 1 and text[1].isupper() else text[:1].lower() + text[1:]


def listed(words: Sequence[str]) -> str:
    """``a, b and c``."""
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
