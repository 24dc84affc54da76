"""Executing a template with Papermill and publishing what it leaves, whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from scale_impact import errors
from scale_impact.core.project import OUT_VARIABLE, RUN_VARIABLE
from scale_impact.errors import RunError, ScaleImpactError
from scale_impact.workflow.conditions import Conditions, Event, Watch, environment_of, silent
from scale_impact.workflow.environment import manifest_of
from scale_impact.workflow.fingerprint import inputs_of, run_id
from scale_impact.workflow.limits import Watchdog, kill_below
from scale_impact.workflow.locks import Holder, hold
from scale_impact.workflow.publish import mend, publish, tidy
from scale_impact.workflow.runs import Run, notebook_parameters
from scale_impact.workflow.scratch import scratch
from scale_impact.workflow.staleness import look

if TYPE_CHECKING:
    from scale_impact.workflow.client import Looks
    from scale_impact.workflow.kernel import Place


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes
    ----------
    run, seconds:
        The run, and how long it took.
    fresh:
        Nothing was executed: another process had just made these results.
    probes:
        Index and source of each code cell with what ``Conditions.probe`` gave after it.
    peak_memory:
        Largest memory of all its processes together, in bytes.
    """

    run: Run
    seconds: float
    fresh: bool = False
    probes: tuple[tuple[int, str, str], ...] = ()
    peak_memory: int | None = None


def execute(
    run: Run,
    conditions: Conditions | None = None,
    watch: Watch = silent,
    notes: tuple[str, ...] = (),
    *,
    force: bool = True,
) -> Outcome:
    """Execute a run's template and publish its results, with notes on its design.

    One process at a time executes a run; another waits, and takes what it finds then if that is up to date. Without
    ``force`` so does one that did not have to wait.

    Raises
    ------
    ScaleImpactError
        A cell raised an error of this package.
    RunError
        A cell raised another error, the kernel died or took too much time or memory, or the folder cannot be written. The
        notebook with its traceback is kept under ``failed``; results of earlier runs stay as they were.
    """

    def waiting(holder: Holder | None) -> None:
        watch(Event(run.name, "waiting", what=str(holder or "another process")))

    with writable(run), hold(run.lock, waiting) as waited:
        mend(run)
        if (waited or not force) and look(run).is_current:
            return Outcome(run, 0.0, fresh=True)
        return _execute(run, conditions or Conditions(), watch, notes)


def _execute(run: Run, conditions: Conditions, watch: Watch, notes: tuple[str, ...]) -> Outcome:
    started, clock = datetime.now(UTC), time.perf_counter()
    watch(Event(run.name, "started"))
    inputs = inputs_of(run)
    with staging(run) as folder, scratch() as corner:
        looks, dog = _notebook(run, conditions, watch, folder, corner, run_id(inputs))
        tidy(folder / "executed.ipynb", run.study.project.root, folder, corner)
        _complete(run, folder)
        seconds = time.perf_counter() - clock
        manifest = manifest_of(
            run, inputs, folder=folder, started=started, seconds=seconds, threads=conditions.threads,
            warm=conditions.warm is not None, peak_memory=dog.peak or None,
        )  # fmt: skip
        manifest = replace(manifest, cell_seconds=round(looks.seconds, 3), notes=notes)
        manifest.write(folder / "manifest.json")
        publish(run, folder)
    return Outcome(run, seconds, probes=tuple(looks.seen), peak_memory=dog.peak or None)


@contextmanager
def writable(run: Run) -> Iterator[None]:
    """What the file system refuses, as an expected error."""
    try:
        yield
    except OSError as error:
        where = run.study.project.relative(run.base)
        mend_it = "Make room and run again" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "Make it writable"
        raise RunError(
            f"{run.name}: results cannot be written to {where}: {error.strerror or error}. {mend_it}, or write elsewhere with "
            "--out DIR; earlier results stay as they were."
        ) from error


@contextmanager
def staging(run: Run) -> Iterator[Path]:
    """A folder beside the results, gone afterwards whatever happens."""
    folder = Path(tempfile.mkdtemp(prefix=f"{run.label}.", dir=run.work))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _notebook(
    run: Run, conditions: Conditions, watch: Watch, folder: Path, corner: Path, identity: str
) -> tuple[Looks, Watchdog]:
    """Execute the template; its notebook lies in ``folder``, or under ``failed`` when it did not end well."""
    _lighten()
    from scale_impact.workflow.client import Looks
    from scale_impact.workflow.kernel import Place

    clock = time.perf_counter()

    def at_cell(index: int, count: int, source: str) -> None:
        watch(Event(run.name, "cell", time.perf_counter() - clock, index + 1, count, gist(source)))

    variables = {**conditions.variables, OUT_VARIABLE: str(folder), RUN_VARIABLE: identity}
    looks, codes = Looks(at_cell, conditions.probe), [0]
    with Watchdog(conditions.time_limit, conditions.memory_limit) as dog:
        place = Place(
            run.study.project.root, {**environment_of(conditions.threads), **variables}, corner, conditions.warm,
            lambda root: setattr(dog, "root", root), codes.append,
        )  # fmt: skip
        try:
            _papermill(run, folder / "executed.ipynb", place, looks)
        except ScaleImpactError as error:
            raise type(error)(_keep_failure(run, folder, corner, str(error))) from error
        except (RuntimeError, TimeoutError) as error:
            what = dog.reason or _ending(error, codes[-1], place.log)
            raise RunError(_broken_off(run, folder, corner, looks, what)) from error
        finally:
            if dog.root == os.getpid():
                kill_below(dog.root)
    return looks, dog


def _broken_off(run: Run, folder: Path, corner: Path, looks: Looks, what: str) -> str:
    """Keep the notebook of a kernel that is gone, and say what happened in which cell."""
    if looks.at is not None:
        what = f"{what.rstrip('. ')}. At work was cell {looks.at[0] + 1}: {gist(looks.at[1])}"
    with contextlib.suppress(OSError):  # a full disk: the reason is said all the same
        looks.write_broken_off(folder / "executed.ipynb", what)
    return _keep_failure(run, folder, corner, what)


def _papermill(run: Run, output: Path, place: Place, looks: Looks) -> None:
    """Execute the template with Papermill; what a cell raised is raised again."""
    import papermill
    from papermill.exceptions import PapermillExecutionError

    from scale_impact.workflow.client import ENGINE
    from scale_impact.workflow.kernel import kernel_manager

    logging.getLogger("papermill").setLevel(logging.ERROR)
    logging.getLogger("traitlets").setLevel(logging.CRITICAL)
    try:
        papermill.execute_notebook(
            str(run.template), str(output), parameters=notebook_parameters(run), progress_bar=False, engine_name=ENGINE,
            kernel_manager_class=kernel_manager(place), looks=looks, kernel_name="python3", language="python",
            request_save_on_cell_execute=False,
        )  # fmt: skip
    except PapermillExecutionError as error:
        raise _of_cell(error.ename, error.evalue, error.exec_count) from error


def _of_cell(name: str, value: str, cell: int) -> ScaleImpactError:
    """What a cell raised: an error of this package as it is, another one with its name."""
    kind = getattr(errors, name, None)
    if isinstance(kind, type) and issubclass(kind, ScaleImpactError):
        return kind(value)
    return RunError(f"the notebook raised in cell {cell}: {name}: {value}")


def gist(source: str) -> str:
    """What a cell does: its first line of code."""
    lines = [line.strip() for line in source.splitlines()]
    return next((line for line in lines if line and not line.startswith("#")), "")


def _ending(error: Exception, code: int, log: Path) -> str:
    """How a kernel ended, with the last that it said."""
    import signal

    how = signal.Signals(-code).name if code < 0 else f"exit code {code}" if code else str(error).strip().rstrip(".")
    said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() if log.is_file() else []
    return f"the notebook's Python stopped ({'; '.join([how, *said[-1:]])})"


def _keep_failure(run: Run, folder: Path, corner: Path, what: str) -> str:
    """Keep the notebook of a failed run, and say what happened and where it is."""
    notebook, kept = folder / "executed.ipynb", run.failed / "executed.ipynb"
    said = f"{run.name}: {what.rstrip('. ')}."
    if not notebook.is_file():
        return f"{said} Earlier results stay as they were."
    try:
        with contextlib.suppress(ValueError):  # the notebook itself may be cut off
            tidy(notebook, run.study.project.root, folder, corner)
        shutil.rmtree(run.failed, ignore_errors=True)
        run.failed.mkdir(parents=True)
        os.replace(notebook, kept)
    except OSError as error:
        return f"{said} Its notebook could not be kept: {error.strerror}. Earlier results stay as they were."
    where = run.study.project.relative(kept)
    return f"{said} The notebook with its traceback is {where}; earlier results stay as they were."


def _complete(run: Run, folder: Path) -> None:
    absent = [name for name in ("estimates.jsonl", "checks.jsonl") if not (folder / name).is_file()]
    if absent:
        raise RunError(
            f"{run.name}: the notebook ended without {', '.join(absent)}. Its last cell has to be `session.save()`; "
            "earlier results stay as they were."
        )


def _lighten() -> None:
    """Keep jsonschema from building a grammar for web addresses: half of papermill's import time."""
    if "jsonschema" not in sys.modules:
        sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
