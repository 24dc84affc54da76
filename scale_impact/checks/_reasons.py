"""Why there is no number, as part of a sentence."""

from __future__ import annotations


def because(reason: str | None) -> str:
    """A reason without its full stop, to be put in a sentence."""
    return (reason or "no reason is given").rstrip(".")
