"""A roll-out dealt again by the very scheme that dealt it: strata, clusters and balance as its record says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from scale_impact.core.experiment.dealing import Codes, Dealings
from scale_impact.core.experiment.rollout import Rollout
from scale_impact.core.words import counted, plain, some
from scale_impact.errors import DesignError, UsageError

if TYPE_CHECKING:
    from scale_impact.core.experiment.randomise_record import Assignment


def record_at(path: str) -> Path:
    """The record of an assignment: the path as it is, or below one of the folders that hold the working directory.

    Raises
    ------
    UsageError
        There is no such file.
    """
    places = [Path.cwd(), *Path.cwd().parents]
    found = next((p / path for p in places if (p / path).with_suffix(".json").exists()), None)
    if found is None:
        raise UsageError(
            f"scheme: there is no {Path(path).with_suffix('.json')} in {places[0]} or the folders above. Give the file that `randomise(...).save` wrote."
        )
    return found


def read_scheme(path: str) -> Assignment:
    """The assignment of a record, held against its hash."""
    from scale_impact.core.experiment.randomise_record import Assignment

    return Assignment.read(record_at(path))


def hold_against(rollout: Rollout, assignment: Assignment) -> None:
    """Refuse a roll-out that is not what was dealt, as ``dealt_by`` does."""
    _arms(rollout, assignment, _rows(rollout, assignment))


def dealt_by(rollout: Rollout, assignment: Assignment, *, draws: int, seed: int) -> Dealings:
    """The roll-out's arms in other dealings of an assignment's scheme.

    Raises
    ------
    DesignError
        Clusters that the assignment does not know, or that did not get in the data what it dealt. All at once.
    """
    row = _rows(rollout, assignment)
    to_arm = _arms(rollout, assignment, row)
    others = assignment.draws(draws, seed)[:, row]
    return Dealings(
        to_arm[others],
        False,
        f"{draws:,} dealings to {rollout.n_clusters:,} clusters ({rollout.clustered_by}) by the recorded scheme (hash {assignment.hash[:8]}), "
        f"seed {seed}",
    )


def _rows(rollout: Rollout, assignment: Assignment) -> Codes:
    """A unit of the assignment for each cluster: the cluster itself, or one of its units."""
    known = {name: k for k, name in enumerate(assignment.units)}
    names = rollout.cluster_names
    if not all(n in known for n in names) and rollout.panel.followed:
        names = tuple(rollout.panel.unit_name(int(u)) for u in rollout.unit[rollout.first_rows])
    groups = assignment.settings.get("clusters")
    if not all(n in known for n in names) and groups is not None and groups in assignment.frame:
        known = {plain(c): k for k, c in reversed(list(enumerate(assignment.frame[groups])))}
        names = rollout.cluster_names
    unknown = [n for n in names if n not in known]
    if unknown:
        raise DesignError(
            f"scheme: {counted(len(unknown), 'cluster')} of {len(names)} ({rollout.clustered_by}: {some(unknown)}) are not among the "
            f"{len(assignment.units)} units ({assignment.unit}) that were dealt to. Name the column of what was dealt to as `cluster`."
        )
    return np.array([known[n] for n in names], dtype=np.int64)


def _arms(rollout: Rollout, assignment: Assignment, row: Codes) -> Codes:
    """Arm of the roll-out for each arm of the assignment."""
    dealt = assignment.codes[row]
    found = np.full(len(assignment.arms), -1)
    problems = []
    for k, label in enumerate(assignment.arms):
        own = rollout.arms[dealt == k]
        if not len(own):
            problems.append(
                f"scheme: nobody in the data was dealt {plain(label)!r}, so that what it means there is not known."
            )
            continue
        arms, counts = np.unique(own, return_counts=True)
        found[k] = arms[counts.argmax()]
        odd = [rollout.cluster_names[c] for c in np.flatnonzero((dealt == k) & (rollout.arms != found[k]))]
        if odd:
            problems.append(
                f"scheme: {counted(len(odd), 'cluster')} ({some(odd)}) did not get in the data what was dealt ({plain(label)!r}). A roll-out is analysed "
                "as it was dealt; say who received what with `received`."
            )
    if problems:
        raise DesignError(problems)
    return found
