"""Which method is valid for a design: the rule behind ``inference: auto``; not a method.

The thresholds and the order of the methods rest on ``benchmarks/few_clusters.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from scale_impact.core.analysis import MANY_CLUSTERS, MANY_TREATED
from scale_impact.core.assignments import count_assignments
from scale_impact.core.blocks import ClusterCounts, blocks_of, cluster_counts, cluster_parts, clusters_of
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect
from scale_impact.core.panel import Panel
from scale_impact.core.targets import Target
from scale_impact.core.words import counted

FEW = 5
"""Up to so many treated or control clusters a bootstrap sees too little of their variation."""

PATTERNS = 20
"""So many assignments, at least, are needed to reject anything at 5 %."""


SCATTERED, PLENTY = 0.2, 400
"""Below PLENTY clusters, no more than this share of the treated ones may lie in cohorts of fewer than MANY_TREATED.

Each cohort's variation is seen in its own members only; with seven of them a sandwich is a seventh too small."""


@dataclass(frozen=True)
class Rule:
    """What was chosen: a method, its options, and the reason for a note (None: the user named it)."""

    method: str
    options: Mapping[str, Any] = field(default_factory=dict)
    why: str | None = None


def enough(panel: Panel, design: Design) -> bool:
    """Whether clusters are enough for analytic intervals."""
    counts = cluster_counts(panel, design)
    if counts is None:
        return True
    spread = counts.scattered <= SCATTERED or counts.total >= PLENTY
    return counts.total >= MANY_CLUSTERS and min(counts.treated, counts.controls) >= MANY_TREATED and spread


def alone(panel: Panel, design: Design) -> bool:
    """Whether one cluster is treated and one is not: there is nothing to draw again, and no method has an interval."""
    counts = cluster_counts(panel, design)
    return counts is not None and max(counts.treated, counts.controls) <= 1


def choose(panel: Panel, design: Design, targets: Sequence[Target]) -> Rule:
    """The method for a design with few clusters and the estimates of one effect."""
    counts = cluster_counts(panel, design)
    assert counts is not None
    few = (
        f"there are {_in_words(counts, panel, design)}, too few for the normal approximation (used from {MANY_CLUSTERS}, {MANY_TREATED} "
        f"and {MANY_TREATED} on, and {MANY_TREATED} in most cohorts)"
    )
    linear = targets[0].loadings is not None
    if min(counts.treated, counts.controls) > FEW or design.treatment is not None:
        return Rule("wild_bootstrap" if linear else "jackknife", why=f"{few}.")
    side = "treated" if counts.treated <= counts.controls else "control"
    few = f"{few}; with so few {side} ones a bootstrap sees too little of their variation"
    if _assignments(panel, design) >= PATTERNS:
        return Rule("randomisation", why=f"{few}. That assumes that treated and untreated vary alike.")
    return _with_few_assignments(counts, linear, few, design)


def named(effect: Effect) -> Rule:
    """The method that an effect names itself."""
    found = effect.counterfactual
    treated = int(sum(found.sizes)) if found is not None else 0 if effect.sample is None else effect.sample.n_treated
    many = "one treated unit shows" if treated == 1 else f"{counted(treated, 'treated unit')} show"
    return Rule(str(effect.judged_by), why=f"{many} no variation to learn a standard error from.")


def rest_on_few(panel: Panel, design: Design, targets: Sequence[Target], rule: Rule) -> list[bool]:
    """Which estimates of a design with enough clusters for a bootstrap rest on few treated ones of their own.

    An effect by cohort, or far from adoption, may rest on one or two clusters: a bootstrap with the
    null imposed then hardly rejects anything. Dealing the dates again can judge them.
    """
    if rule.method != "wild_bootstrap" or design.treatment is not None:
        return [False] * len(targets)
    possible = _assignments(panel, design) >= PATTERNS and not np.ptp(blocks_of(panel, design).counts)
    return [possible and 0 < _own_clusters(panel, design, t) <= FEW for t in targets]


def _own_clusters(panel: Panel, design: Design, target: Target) -> int:
    """Clusters of the cohorts in whose cells an estimate's effect acts; 0 where that is not known."""
    if target.loadings is None or target.cells is None:
        return 0
    return clusters_of(panel, design, (target.cells & (target.loadings != 0)).any(axis=1))


def _in_words(counts: ClusterCounts, panel: Panel, design: Design) -> str:
    thing = f"cluster ({design.cluster})" if design.cluster and design.cluster != panel.unit else f"unit ({panel.unit})"
    many = counted(counts.total, thing, thing.replace(" (", "s (", 1))
    return f"{many}, {counts.treated} treated and {counts.controls} to compare with"


def _with_few_assignments(counts: ClusterCounts, linear: bool, few: str, design: Design) -> Rule:
    """Where dealing the dates again could not reject anything at 5 %."""
    never = design.never_treated is not None and design.control == "never"
    if linear and counts.treated <= 2 and counts.controls >= 3 and never:
        why = f"{few}, and there are too few assignments of the dates. That assumes normal noise, alike in treated and untreated."
        return Rule("conley_taber", {"noise": "normal"}, why)
    return Rule(
        "wild_bootstrap" if linear else "jackknife", why=f"{few}, but there are too few assignments of the dates."
    )


def _assignments(panel: Panel, design: Design) -> int:
    """How many assignments of dates differ in the size of their estimate; 0 where whole clusters cannot change places."""
    parts = [members for _, members in cluster_parts(panel, design)]
    held = [np.unique(design.cohort_codes[p]) for p in parts]
    if any(len(h) > 1 for h in held):
        return 0
    sizes = np.unique(np.concatenate(held), return_counts=True)[1]
    mirrored = len(sizes) == 2 and sizes[0] == sizes[1]  # who is treated and who is not swapped: minus the estimate
    return count_assignments([int(n) for n in sizes]) // (2 if mirrored else 1)
