"""What a method finds of cities, in the order in which it was given them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_REFERENCES = 20
"""Cities kept of those that define a city's target."""

FEWEST_ALIKE = 5
"""Equally likely cities, itself among them, with which a city has to be compared."""


OPTIONAL = ("corrected", "ratio", "ratio_low", "ratio_high", "alike")
"""Numbers of each city that not every method has."""


@dataclass(frozen=True)
class Held:
    """What a method finds of cities, as ``frontier.Frontier`` explains it."""

    index: Floats
    low: Floats
    high: Floats
    noise: Floats
    weights: Floats
    shares: Floats
    members: Ints
    parts: Floats
    corrected: Floats | None = None
    ratio: Floats | None = None
    ratio_low: Floats | None = None
    ratio_high: Floats | None = None
    context_p: float | None = None
    alike: Floats | None = None
    m: int | None = None
    tried: Mapping[int, float] = field(default_factory=dict)
    bandwidths: Mapping[str, float] = field(default_factory=dict)
    why_not: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
