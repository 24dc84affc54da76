"""Whether a run's results are those of its study, template, data and package as they are, and if not, why."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from scale_impact.core.manifest import Manifest, file_hash
from scale_impact.core.words import some
from scale_impact.sources import unfit
from scale_impact.workflow.fingerprint import Known, card_of, card_place, inputs_of, run_id
from scale_impact.workflow.hashes import entries, folder_stamp, hashes_of
from scale_impact.workflow.runs import Run

State = Literal["up to date", "out of date", "never run", "changed by hand", "failed before"]

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Staleness:
    """How a run's results stand.

    Attributes
    ----------
    state:
        ``up to date``; ``out of date``: something that goes in changed; ``changed by hand``: what
        came out was changed, nothing else; ``never run``; ``failed before``: it ran, and failed.
    reasons:
        Sentences: what changed, and what it was before.
    run_id:
        Of the run as it is now.
    """

    state: State
    reasons: tuple[str, ...] = ()
    run_id: str = ""

    @property
    def is_current(self) -> bool:
        """Whether there is nothing to execute."""
        return self.state == "up to date"


def look(run: Run, known: Known | None = None) -> Staleness:
    """How a run's results stand, nothing being executed.

    What was hashed is remembered in this process, and by ``hashes_of(root).save()`` for others.

    Parameters
    ----------
    known:
        What runs share, looked up once (``inputs_of``): one mapping for all runs of a batch.

    Raises
    ------
    ScaleImpactError
        The template, a card or the data cannot be read, so that the run could not be executed.
    """
    inputs = inputs_of(run, known)
    wanted = run_id(inputs)
    hashes = hashes_of(run.study.project.root)
    results, asked = str(run.results), time.time_ns()
    try:
        lies = folder_stamp(results)
    except OSError:
        return _without_results(run, inputs, wanted)
    if hashes.recall(results, lies) == wanted:
        return Staleness("up to date", run_id=wanted)
    found = _compared(run, inputs, wanted)
    if found.is_current and folder_stamp(results) == lies:
        hashes.learn(results, lies, wanted, asked)
    return found


def _compared(run: Run, inputs: Mapping[str, Any], wanted: str) -> Staleness:
    """Results against the inputs, and against what their manifest says came out."""
    from scale_impact.workflow.reasons import reasons

    manifest = Manifest.read(run.results / MANIFEST)
    if manifest is None:
        return _without_manifest(run, inputs, wanted)
    touched = tuple(_touched(run.results, manifest))
    if manifest.run_id == wanted:
        return Staleness("changed by hand" if touched else "up to date", touched, wanted)
    why = (*reasons(run, manifest, inputs), *_unfit_card(run), *touched, *_failure(run))
    return Staleness("out of date", why, wanted)


def _touched(results: Path, manifest: Manifest) -> Iterator[str]:
    """Files of results that are not as the run left them; hidden files are nobody's business."""
    there = {name for name, _ in entries(str(results))} - {MANIFEST}
    for name, known in manifest.outputs.items():
        if name not in there:
            yield f"results: {name} is missing"
        elif file_hash(results / name) != known:
            yield f"results: {name} was changed by hand"
    if added := sorted(there - set(manifest.outputs)):
        yield f"results: {some(added)} {'was' if len(added) == 1 else 'were'} added by hand"


def _without_manifest(run: Run, inputs: Mapping[str, Any], wanted: str) -> Staleness:
    """A folder of results of which nothing is known."""
    if (run.results / MANIFEST).exists():
        return Staleness("changed by hand", ("results: manifest.json cannot be read",), wanted)
    there = [name for name, _ in entries(str(run.results)) if name.count("/") == 0 or name.startswith("figures/")]
    if not there:
        return _without_results(run, inputs, wanted)
    return Staleness("changed by hand", ("results: manifest.json is missing",), wanted)


def _without_results(run: Run, inputs: Mapping[str, Any], wanted: str) -> Staleness:
    failed = tuple(_failure(run))
    return Staleness("failed before" if failed else "never run", (*failed, *_unfit_card(run)), wanted)


def _failure(run: Run) -> Iterator[str]:
    """That the last attempt failed, and where its notebook is."""
    if run.failed.is_dir():
        kept = run.failed / "executed.ipynb"
        where = run.study.project.relative(kept if kept.is_file() else run.failed)
        yield f"the last attempt failed; see {where}"


def _unfit_card(run: Run) -> list[str]:
    """That `run` will refuse the data, because a card's hash is another."""
    if run.study.source_card is None:
        return []
    root = run.study.project.root
    return unfit(card_of(run), root, card_place(run), hashes_of(root).data)
