"""Who leaves together: each city by itself, or all cities of a cluster, which may know of each other."""

from __future__ import annotations

from typing import Literal

import numpy as np

from scale_impact.core.city_effects import CityEffects
from scale_impact.core.words import counted
from scale_impact.errors import UsageError
from scale_impact.synthesis.holding_out.without import Ints
from scale_impact.synthesis.pooling import Clusters

Leave = Literal["auto", "city", "cluster"]

FEWEST = 3
"""Cities, or clusters, that the test needs: two have to stay."""


def groups_of(effects: CityEffects, leave: Leave, clusters: Clusters) -> tuple[list[Ints], str, list[str]]:
    """Positions of the cities that leave together, what they are called, and what to say of it."""
    k = len(effects)
    alone = [np.array([i]) for i in range(k)]
    if effects.clusters is None:
        if leave == "cluster":
            raise UsageError(
                "leave: cluster needs effects with clusters, and these have none. Give their clusters, or say `leave: city`."
            )
        return alone, "city", []
    names = list(dict.fromkeys(effects.clusters))
    several = len(names) < k
    if leave == "cluster" or (leave == "auto" and several and len(names) >= FEWEST and clusters != "ignore"):
        of = np.array(effects.clusters, dtype=object)
        return [np.flatnonzero(of == name) for name in names], "cluster", []
    said = [
        f"Cities of one cluster predict each other here ({counted(len(names), 'cluster')}): for a city of a new one the record flatters."
    ]
    return alone, "city", said if several else []


def too_few(n: int, what: str) -> str:
    """Why so few cannot be tested."""
    many = counted(n, "city", "cities") if what == "city" else counted(n, "cluster")
    return f"{many} cannot be predicted from others: one leaves, and two at the least have to stay, as one alone says nothing of how cities differ."
