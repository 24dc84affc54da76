"""Timing two things in turn, so that both see the same machine."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any


def seconds(work: Callable[[], Any]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def in_turn(first: Callable[[], Any], second: Callable[[], Any], rounds: int = 9) -> tuple[float, float]:
    """Median seconds of each, called in turn after one warm-up."""
    first(), second()
    pairs = [(seconds(first), seconds(second)) for _ in range(rounds)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


def line(what: str, measured: float, limit: float, unit: str) -> bool:
    """Print one row of a table; whether the limit is held."""
    held = measured <= limit
    print(f"{what:<78} {measured:8.2f} {unit:<12} limit {limit:g} {'' if held else '  MISSED'}")
    return held
