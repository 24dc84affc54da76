"""Executing published runs again: cold, elsewhere, without touching anything of the project."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from scale_impact.core.manifest import Manifest
from scale_impact.core.project import CHANGED_DATA_VARIABLE
from scale_impact.errors import RunError, ScaleImpactError
from scale_impact.workflow.batch import Settings, run_batch
from scale_impact.workflow.conditions import Conditions, Watch, silent
from scale_impact.workflow.execute import Outcome
from scale_impact.workflow.runs import Run
from scale_impact.workflow.scratch import scratch
from scale_impact.workflow.verify.compare import Comparison, Files, compare, compare_files
from scale_impact.workflow.verify.record import Record, Task
from scale_impact.workflow.verify.surroundings import Change, changes
from scale_impact.workflow.verify.trace import Divergence, first_divergence, probe
from scale_impact.workflow.verify.verdicts import GOOD

CANNOT, NEVER, ALIKE, DIVERGES = "cannot be executed", "never run", "identical twice", "diverges"
"""Verdicts of runs that have no verdict by their numbers."""


@dataclass(frozen=True)
class Twice:
    """Two executions of a run, one after the other, against each other.

    Attributes
    ----------
    divergence:
        The first cell after which variables differ; None where none does.
    comparison, files:
        Rows and files of the second against those of the first.
    """

    divergence: Divergence | None
    comparison: Comparison
    files: Files

    @property
    def same(self) -> bool:
        """Whether both left the same, to the last bit."""
        return self.divergence is None and self.comparison.verdict == "identical"


@dataclass(frozen=True)
class Verification:
    """What became of a published run when it was executed again.

    Attributes
    ----------
    name:
        ``study`` or ``study/variant``.
    comparison:
        Its numbers against the published ones; None where it was not published or not executed.
    damage:
        Published files that were changed by hand, one sentence each.
    files:
        Figures and notebook, by their bytes.
    surroundings:
        What differs from the published run: packages, machine, data, settings.
    twice:
        Two executions against each other, where that was asked for.
    reason:
        Why it cannot be executed.
    notebook:
        The notebook of an execution that failed, with its traceback.
    overrides:
        Settings of the published run that the study has otherwise now, by ``--set`` or because study.yaml was edited;
        they were executed as published.
    seconds:
        How long the execution took.
    """

    name: str
    comparison: Comparison | None = None
    damage: tuple[str, ...] = ()
    files: Files | None = None
    surroundings: tuple[Change, ...] = ()
    twice: Twice | None = None
    reason: str | None = None
    notebook: str | None = None
    overrides: Mapping[str, object] | None = None
    seconds: float | None = None

    @property
    def verdict(self) -> str:
        """The worst verdict of its numbers, or why there is none."""
        if self.reason is not None:
            return CANNOT
        if self.comparison is not None:
            return self.comparison.verdict
        if self.twice is not None:
            return ALIKE if self.twice.same else DIVERGES
        return NEVER

    @property
    def holds(self) -> bool:
        """Whether nothing speaks against the published run; one that was never run has nothing to hold."""
        alike = self.twice is None or self.twice.same
        return self.verdict in (*GOOD, NEVER, ALIKE) and not self.damage and alike


def verify(
    tasks: Sequence[Task], *, jobs: int | None = None, twice: bool = False, watch: Watch = silent,
    variables: Mapping[str, str] | None = None,
) -> list[Verification]:  # fmt: skip
    """Execute published runs again, cold and in a temporary folder, and compare each number with the published one.

    Parameters
    ----------
    tasks:
        The runs with what they published; see ``record.tasks``.
    jobs:
        How many are executed at once; None: as many as there are cores.
    twice:
        Execute each run twice, those never run too, and find where the two part.
    watch:
        Told what happens.
    variables:
        Environment variables of the kernels.

    Returns
    -------
    One verification a task, in order. A run that fails is one too, with the reason.
    """
    due = [k for k, task in enumerate(tasks) if task.run is not None and (twice or task.record is not None)]
    conditions = Conditions(
        variables={**(variables or {}), CHANGED_DATA_VARIABLE: "read"}, probe=probe() if twice else None
    )
    with _elsewhere([tasks[k].run for k in due], 2 if twice else 1) as copies:
        ended = iter(_execute_all([run for of_task in copies for run in of_task], jobs, conditions, watch))
        ends = {k: [(run, next(ended)) for run in of_task] for k, of_task in zip(due, copies, strict=True)}
        return [_verification(task, ends.get(k, []), twice, conditions.variables) for k, task in enumerate(tasks)]


@contextmanager
def _elsewhere(found: Sequence[Run | None], times: int) -> Iterator[list[list[Run]]]:
    """Copies of each run with results in a temporary folder, each study by itself whatever its name."""
    runs = [run for run in found if run is not None]
    folders = list(dict.fromkeys(run.base for run in runs))
    with scratch(large=True) as made:
        root = made.resolve()

        def copy(run: Run, n: int) -> Run:
            return replace(run, base=root / f"{n}-{folders.index(run.base)}" / run.study.slug)

        yield [[copy(run, n) for n in range(times)] for run in runs]


Ended = tuple[Run, Outcome | ScaleImpactError]


def _execute_all(
    runs: Sequence[Run], jobs: int | None, conditions: Conditions, watch: Watch
) -> list[Outcome | ScaleImpactError]:
    """Execute runs, each in a new Python; the errors of those that fail, in their places."""
    return run_batch(runs, Settings(jobs=jobs, cold=True, look_first=False, conditions=conditions), watch)


def _verification(task: Task, ended: Sequence[Ended], twice: bool, variables: Mapping[str, str]) -> Verification:
    """What is said of a run: by the study, by its execution, and by its numbers."""
    record = task.record
    damage = () if record is None else record.damage
    if task.run is None and record is not None:
        return Verification(task.name, damage=damage, reason=task.trouble)
    if not ended:
        return Verification(task.name, reason=task.trouble if twice else None)
    failed = next(((run, end) for run, end in ended if isinstance(end, ScaleImpactError)), None)
    if failed is not None:
        return Verification(task.name, damage=damage, reason=_reason(failed[1]), notebook=_notebook(failed[0]))
    outcomes = [end for _, end in ended if isinstance(end, Outcome)]
    found = Verification(task.name, seconds=round(outcomes[0].seconds, 2))
    try:
        found = found if record is None else _compared(found, record, outcomes[0].run, variables)
        return found if len(outcomes) == 1 else replace(found, twice=_twice(*outcomes))
    except RunError as error:
        return replace(found, damage=damage, reason=str(error))


def _compared(found: Verification, record: Record, run: Run, variables: Mapping[str, str]) -> Verification:
    """With the numbers, files and surroundings of a run against the published ones."""
    results = run.results
    now = Manifest.read(results / "manifest.json")
    known = record.manifest is not None and now is not None
    return replace(
        found,
        comparison=compare(record.folder, results),
        damage=record.damage,
        files=compare_files(record.manifest.outputs, now.outputs) if known else None,  # type: ignore[union-attr]
        surroundings=changes(record.manifest, now, set_here=frozenset(variables)) if known else (),  # type: ignore[arg-type]
        overrides=dict(run.study.overrides),
    )


def _twice(first: Outcome, second: Outcome) -> Twice:
    one, other = first.run.results, second.run.results
    outputs = [Manifest.read(results / "manifest.json") for results in (one, other)]
    files = compare_files(*({} if manifest is None else manifest.outputs for manifest in outputs))
    return Twice(first_divergence(first.probes, second.probes), compare(one, other), files)


KEPT = re.compile(
    r"\s*(The notebook with its traceback is|Its notebook could not be kept|[Ee]arlier results stay).*$", re.S
)


def _reason(error: object) -> str:
    """What went wrong, without where the notebook lies: that place is temporary."""
    return KEPT.sub("", str(error))


def _notebook(run: Run) -> str | None:
    kept = run.failed / "executed.ipynb"
    return kept.read_text(encoding="utf-8", errors="replace") if kept.is_file() else None
