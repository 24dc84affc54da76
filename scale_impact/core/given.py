"""What a notebook's variables say of its study: plain ``papermill -p level 0.9``, and cells changed by hand.

Papermill takes any name and only warns of those that the notebook does not know. Here they are
errors: its cell is found among the cells that the kernel has run (IPython's ``In``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scale_impact.core.changes import OF_BLOCKS, scalar_keys
from scale_impact.core.parameters import SESSION, declared
from scale_impact.core.settings import BLOCKS, kind_of
from scale_impact.core.study import Study, StudyFile

MARK = "# Parameters"
"""First line of the cell in which Papermill sets what it was given."""


@dataclass(frozen=True)
class Injected:
    """Names that Papermill's cell sets, and those that cells before it declare."""

    names: tuple[str, ...] = ()
    known: frozenset[str] = frozenset()


def study_for(
    name: str | Path, *, variant: str | None, overrides: Mapping[str, Any], given: Mapping[str, Any]
) -> Study:
    """The study with what a notebook's variables say; ``overrides`` win over them.

    A variable overrides the scalar of study.yaml of its name. One of the template's own parameters
    overrides the study's value where Papermill set it or where it is not the template's default.

    Raises
    ------
    StudyError
        As ``Study.load``; also for names that Papermill set and nobody knows, and their values.
    """
    cell = injected(given.get("In"))
    others = (
        () if kind_of(StudyFile.read(name).raw) in BLOCKS else OF_BLOCKS
    )  # a variable `city` elsewhere is the notebook's own
    scalars = {
        k: v for k, v in given.items() if k in scalar_keys() and _is_scalar(v) and (k not in others or k in cell.names)
    }
    strange = {k: given[k] for k in cell.names if k in given and k not in (*SESSION, *cell.known)}
    file = StudyFile.read(name, {**scalars, **strange, **overrides})
    changed = _own(file, variant, given, cell)
    return replace(file, overrides={**file.overrides, **changed, **overrides}).study(variant)


def _own(file: StudyFile, variant: str | None, given: Mapping[str, Any], cell: Injected) -> dict[str, Any]:
    """The template's own parameters whose variables say something else than the study."""
    keys, _ = file.keys(variant)
    there = keys.get("parameters")
    set_by_study = there if isinstance(there, Mapping) else {}
    return {
        p.name: given[p.name]
        for p in file.declared(keys)
        if p.own
        and p.name in given
        and (p.name in cell.names or given[p.name] != p.default)
        and given[p.name] != set_by_study.get(p.name, p.default)
    }


def _is_scalar(value: Any) -> bool:
    return value is None or isinstance(value, (str, int, float, bool))


def injected(history: Any) -> Injected:
    """What Papermill set, from the cells that a kernel has run; nothing elsewhere.

    Papermill adds its cell behind the parameters cell, which declares ``study``: a cell that looks
    like Papermill's and comes before is the author's.
    """
    known: set[str] = set()
    for cell in history if isinstance(history, list) else []:
        names = tuple(p.name for p in declared(str(cell)))
        if str(cell).startswith(MARK) and "study" in known:
            return Injected(names, frozenset(known))
        known |= set(names)
    return Injected()
