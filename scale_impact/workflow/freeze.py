"""Freezing an analysis plan: tried out on simulated outcomes, then recorded, before results exist."""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scale_impact.core.assemble import design_of, panel_of
from scale_impact.core.cohorts import cohort_moments
from scale_impact.core.frozen_plan import PLAN_FILE, TEXT_FILE, FrozenPlan, Version, canonical, content, read_plan
from scale_impact.core.manifest import Manifest
from scale_impact.core.registration import amendment, as_text
from scale_impact.core.simulated import SIMULATED_VARIABLE, simulated_data
from scale_impact.core.study import Study
from scale_impact.core.words import plain
from scale_impact.errors import RunError, ScaleImpactError, SourceError, UsageError
from scale_impact.sources import cards, read
from scale_impact.workflow.batch import Settings as BatchSettings
from scale_impact.workflow.batch import run_batch
from scale_impact.workflow.conditions import Conditions, Event, Watch, silent
from scale_impact.workflow.environment import environment
from scale_impact.workflow.fingerprint import card_of, card_place
from scale_impact.workflow.preflight import preflight
from scale_impact.workflow.runs import Run, expand
from scale_impact.workflow.scratch import scratch

CIRCUMSTANCES = ("results", "dry_run", "found", "commit", "dirty")
"""What a plan says of the hour in which it was frozen, not of what is planned."""


@dataclass(frozen=True)
class Ways:
    """How a plan is frozen.

    Attributes
    ----------
    amend:
        Why the plan that there is changes; None freezes the first one.
    after_results:
        Freeze although results exist; the plan says so.
    dry_run:
        Try the plan out first.
    jobs:
        Runs of the dry run at once; None: as many as there are cores.
    """

    amend: str | None = None
    after_results: bool = False
    dry_run: bool = True
    jobs: int | None = None


@dataclass(frozen=True)
class Frozen:
    """What was frozen: the study, its plan with its history, the runs that were tried out, the files written."""

    study: Study
    plan: FrozenPlan
    tried: int
    files: tuple[Path, ...]


def freeze(
    name: str,
    overrides: Mapping[str, Any] | None = None,
    ways: Ways = Ways(),
    watch: Watch = silent,
) -> Frozen:
    """Record the analysis plan of a study in ``plan.json`` and ``plan.md``.

    Raises
    ------
    StudyError
        The study cannot be read, or its plan was edited by hand.
    UsageError
        A plan exists and is not to be amended, or the other way round; results exist; there is nothing to amend.
    SourceError
        The data are not there, so that nothing can be tried out.
    ScaleImpactError
        The dry run failed: as its notebook did, with the cell. Nothing is recorded on any error.
    """
    runs, errors = expand([name], overrides or {})
    if errors:
        raise _together(errors)
    base = Study.load(name, overrides=overrides)
    if base.settings.kind != "measure":
        kind = {"scaleup": "scale-up"}.get(base.settings.kind, base.settings.kind)
        raise UsageError(f"{base.slug} is a {kind}: it evaluates no measure, so there is no analysis plan to freeze.")
    before = read_plan(base.folder)
    results = results_in(base.folder)
    planned = content(base, [run.study for run in runs])
    _refuse(base, before, results, planned, ways)
    tried = _dry_run(base, runs, ways.jobs, watch) if ways.dry_run else 0
    plan = {**planned, **_circumstances(base, runs, results, tried)}
    version = Version.sealed(plan, _now(), after=before.last if before else None, reason=ways.amend)
    history = FrozenPlan((*(before.versions if before else ()), version))
    return Frozen(base, history, tried, _write(base, before, history))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _together(errors: Sequence[ScaleImpactError]) -> ScaleImpactError:
    """Several errors as one, of the first one's kind."""
    if len(errors) == 1:
        return errors[0]
    problems = [f"{e.where}: {p}" if e.where else p for e in errors for p in e.problems]
    return type(errors[0])(problems)


# ---- what stands in the way ------------------------------------------------------------------------------


def results_in(folder: Path) -> str | None:
    """Which results of a study exist, in a sentence; None where there are none.

    The notebook of a failed run counts: it may show estimates. That of a failed dry run does not.
    """
    manifests = sorted(folder.glob("results/**/manifest.json"))
    started = [m.started for m in map(Manifest.read, manifests) if m is not None]
    others = [p for pattern in ("results/**/*.jsonl", "results/**/*.ipynb") for p in folder.glob(pattern)]
    if started:
        since = f"{min(started)[:10]} {min(started)[11:16]} UTC"
        return f"Results had been published since {since} at the latest (by the manifest)."
    if manifests or others:
        return "Results had been published; no manifest that can be read says since when."
    if list(folder.glob("failed/**/executed.ipynb")):
        return "A run had failed, and its notebook (under failed/) may show estimates."
    return None


def _refuse(
    base: Study, before: FrozenPlan | None, results: str | None, planned: Mapping[str, Any], ways: Ways
) -> None:
    problems = []
    if results and not ways.after_results:
        problems.append(
            f"{results} A plan says what will be done before anybody knows the results. To freeze it all the same, say so: "
            "--after-results (the plan then says it too)."
        )
    if before is not None and ways.amend is None:
        problems.append(f'{before.words} It is never overwritten; to change it: --amend "why".')
    if before is None and ways.amend is not None:
        problems.append("There is no frozen plan to amend. Leave out --amend to freeze one.")
    if ways.amend is not None and not ways.amend.strip():
        problems.append("--amend has no reason. Say why the plan changes.")
    if before is not None and ways.amend is not None and _same(before.last.plan, planned):
        problems.append("Nothing differs from the frozen plan, so there is nothing to amend. Change study.yaml first.")
    if problems:
        raise UsageError(problems, where=f"studies/{base.slug}")


def _same(frozen: Mapping[str, Any], planned: Mapping[str, Any]) -> bool:
    return canonical({k: v for k, v in frozen.items() if k not in CIRCUMSTANCES}) == canonical(planned)


# ---- the dry run -----------------------------------------------------------------------------------------


def _dry_run(base: Study, runs: Sequence[Run], jobs: int | None, watch: Watch) -> int:
    """Execute each run on simulated outcomes; how many there were.

    Raises
    ------
    SourceError
        Data that are not there or cannot be simulated.
    ScaleImpactError
        What notebooks raised, all of them.
    """
    _refuse_absent(runs)
    if errors := [error for run in runs for error in preflight(run, estimate=False).errors]:
        raise _together(list({str(e): e for e in errors}.values()))
    with scratch(large=True) as folder:
        elsewhere = [replace(run, base=folder / run.study.slug) for run in runs]
        failed = _try_out(elsewhere, base.settings.seed, jobs, watch)
        kept = [_kept(error, run, base) for run, error in failed]
    if kept:
        raise _together(kept)
    return len(runs)


def _refuse_absent(runs: Iterable[Run]) -> None:
    problems: dict[str, None] = {}
    for study in _of_each_source(runs):
        try:
            _simulated(study)
        except SourceError as error:
            problems[str(error)] = None
    if problems:
        raise SourceError(
            [
                f"{p} So the plan cannot be tried out, and is not recorded; without a dry run: --without-dry-run."
                for p in problems
            ]
        )


def _of_each_source(runs: Iterable[Run]) -> list[Study]:
    """One study for each source and choice of outcomes: a grid reads its data once."""
    found = {(r.study.settings.source, *(o.column for o in r.study.outcomes)): r.study for r in runs}
    return list(found.values())


def _simulated(study: Study) -> Any:
    data = read(study.project.source(study.settings.source), study.project.root)
    return simulated_data(study, data, study.settings.seed)


def _try_out(runs: Sequence[Run], seed: int, jobs: int | None, watch: Watch) -> list[tuple[Run, ScaleImpactError]]:
    """Execute runs on simulated outcomes; those that failed, each with an error that names the cell."""
    last: dict[str, Event] = {}

    def see(event: Event) -> None:
        if event.kind == "cell":
            last[event.run] = event
        watch(event)

    conditions = Conditions(variables={SIMULATED_VARIABLE: str(seed)})
    done = run_batch(runs, BatchSettings(jobs=jobs, look_first=False, conditions=conditions), see)
    failed = [(run, result) for run, result in zip(runs, done, strict=True) if isinstance(result, ScaleImpactError)]
    return [(run, _at_cell(error, last.get(run.name))) for run, error in failed]


def _at_cell(error: ScaleImpactError, cell: Event | None) -> ScaleImpactError:
    where = f"cell {cell.cell} of {cell.of} (`{cell.what}`)" if cell is not None else "before its first cell"
    return type(error)([f"dry run, {where}: {p}" for p in error.problems], where=error.where)


def _kept(error: ScaleImpactError, run: Run, base: Study) -> ScaleImpactError:
    """The error with its notebook moved from the temporary folder to the study's."""
    source, target = run.failed / "executed.ipynb", base.folder / "failed" / f"dry-run-{run.label}.ipynb"
    here, there = run.study.project.relative(source), base.project.relative(target)
    with contextlib.suppress(OSError):
        content = source.read_bytes()
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    other = ("arlier results stay as they were", "o plan was recorded")
    said = [
        p.replace(here, there).replace(f"e{other[0]}", f"n{other[1]}").replace(f"E{other[0]}", f"N{other[1]}")
        for p in error.problems
    ]
    return type(error)(said, where=error.where)


# ---- what is recorded beside the plan ----------------------------------------------------------------------


def _circumstances(base: Study, runs: Sequence[Run], results: str | None, tried: int) -> dict[str, Any]:
    """In which state the study was when its plan was frozen."""
    around = environment(base.project.root)
    dry = {"done": True, "runs": tried, "seed": base.settings.seed} if tried else {"done": False, "why": _why_not(runs)}
    return {
        "results": results,
        "dry_run": dry,
        "found": sample_of(runs[0].study) if tried else None,
        "commit": around["git_commit"],
        "dirty": around["git_commit"] and (around["git_dirty"] or _uncommitted(base, runs)),
    }


def _uncommitted(base: Study, runs: Iterable[Run]) -> bool:
    """Whether a file that the plan is made of was never committed: git's state of tracked files does not say that."""
    project, files = base.project, {base.folder / "study.yaml", base.project.indicators}
    for run in runs:
        settings = run.study.settings
        files |= {run.template, project.measure(settings.measure)}
        files |= {project.root / card for card in cards(card_of(run), project.root, card_place(run))}
    command = ["git", "-C", str(project.root), "status", "--porcelain", "--", *map(str, sorted(files))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    return bool(done.stdout.strip())


def _why_not(runs: Iterable[Run]) -> str:
    try:
        for study in _of_each_source(runs):
            _simulated(study)
    except SourceError as error:
        return f"its data could not be read: {' '.join(str(error).split())}"
    return "it was frozen with --without-dry-run."


def sample_of(study: Study) -> dict[str, Any]:
    """Units, periods and cohorts of the primary outcome: what the design knows without an outcome's values."""
    panel = panel_of(study, _simulated(study), study.outcomes[0])
    design = design_of(study, panel)
    moments = cohort_moments(panel, design)
    counts = [int(n) for n in moments.units]
    return {
        "units": sum(counts),
        "treated": sum(n for n, start in zip(counts, design.starts, strict=True) if start < design.n_periods),
        "periods": panel.n_periods,
        "first": plain(panel.periods[0]),
        "last": plain(panel.periods[-1]),
        "observations": panel.n_obs,
        "clusters": int(moments.n_clusters),
        "cohorts": {design.cohort_name(g): n for g, n in enumerate(counts)},
        "notes": list(design.notes),
    }


# ---- writing ---------------------------------------------------------------------------------------------


def _write(base: Study, before: FrozenPlan | None, plan: FrozenPlan) -> tuple[Path, ...]:
    """Write both files, each whole; a first plan never over another that appeared meanwhile."""
    path, text = base.folder / PLAN_FILE, base.folder / TEXT_FILE
    try:
        with tempfile.TemporaryDirectory(prefix=".plan-", dir=base.folder) as folder:
            new, words = Path(folder) / PLAN_FILE, Path(folder) / TEXT_FILE
            new.write_text(plan.to_json(), encoding="utf-8")
            words.write_text(_text(text, before, plan), encoding="utf-8")
            _put_first(new, path) if before is None else os.replace(new, path)
            os.replace(words, text)
    except FileExistsError as error:
        raise UsageError(f"studies/{base.slug}/{PLAN_FILE} was written by another process meanwhile.") from error
    except OSError as error:
        where = base.project.relative(base.folder)
        raise RunError(f"The plan cannot be written to {where}: {error.strerror}. Make it writable.") from error
    return path, text


def _put_first(new: Path, path: Path) -> None:
    """Put a file where none is: a link is made by one process only."""
    try:
        os.link(new, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        os.replace(new, path)


def _text(path: Path, before: FrozenPlan | None, plan: FrozenPlan) -> str:
    """The text: the author's own, with the amendment added, where there is one already."""
    if before is None or not path.is_file():
        return as_text(plan)
    return (
        path.read_text(encoding="utf-8").rstrip("\n")
        + "\n\n"
        + amendment(before.last, plan.last, len(plan.versions) - 1)
    )
