"""Executing a template with Papermill and publishing what it leaves, whole or not at all."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scale_impact.core.manifest import Manifest, file_hash
from scale_impact.core.project import OUT_VARIABLE, RUN_VARIABLE
from scale_impact.errors import RunError
from scale_impact.workflow.environment import environment
from scale_impact.workflow.fingerprint import inputs_of, run_id
from scale_impact.workflow.kernel import kernel_manager
from scale_impact.workflow.publish import mend, publish, staging_prefix, tidy
from scale_impact.workflow.runs import Run


@dataclass(frozen=True)
class Outcome:
    """How a run ended: where its results are, how long it took."""

    run: Run
    seconds: float
    fresh: bool = False


def execute(run: Run) -> Outcome:
    """Execute a run's template and publish its results.

    Raises
    ------
    RunError
        A cell raised, the kernel died, or the folder cannot be written. The notebook with its
        traceback is kept under ``failed``; results of earlier runs stay as they were.
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    inputs = inputs_of(run)
    identity = run_id(inputs)
    with _staging(run) as folder:
        notebook = _papermill(run, folder, identity)
        tidy(notebook, run.study.project.root)
        _complete(run, folder)
        seconds = time.perf_counter() - clock
        manifest = Manifest(
            run_id=identity,
            study=run.study.slug,
            variant=run.study.variant,
            inputs=inputs,
            environment=environment(run.study.project.root),
            seed=run.study.settings.seed,
            started=started.isoformat(timespec="seconds"),
            seconds=round(seconds, 2),
            outputs={p.relative_to(folder).as_posix(): file_hash(p) for p in sorted(folder.rglob("*")) if p.is_file()},
        )
        manifest.write(folder / "manifest.json")
        publish(run, folder)
    return Outcome(run, seconds)


@contextmanager
def _staging(run: Run) -> Iterator[Path]:
    """A folder beside the results, gone afterwards whatever happens."""
    try:
        run.base.mkdir(parents=True, exist_ok=True)
        mend(run)
        folder = Path(tempfile.mkdtemp(prefix=staging_prefix(run, os.getpid()), dir=run.base))
    except OSError as error:
        where = run.study.project.relative(run.base)
        raise RunError(f"{run.name}: results cannot be written to {where}: {error.strerror}.") from error
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _papermill(run: Run, folder: Path, identity: str) -> Path:
    """Execute the template; its notebook lies in ``folder``, or under ``failed`` when a cell raised."""
    _lighten()
    import papermill
    from papermill.exceptions import PapermillExecutionError

    logging.getLogger("papermill").setLevel(logging.ERROR)
    root, output = run.study.project.root, folder / "executed.ipynb"
    manager = kernel_manager(root, {OUT_VARIABLE: str(folder), RUN_VARIABLE: identity})
    try:
        with _short_runtime_folder():
            papermill.execute_notebook(
                str(run.template), str(output), parameters=_parameters(run, root), progress_bar=False,
                kernel_manager_class=manager, kernel_name="python3", language="python", request_save_on_cell_execute=False,
            )  # fmt: skip
    except PapermillExecutionError as error:
        what = f"the notebook raised in cell {error.exec_count}: {error.ename}: {error.evalue}"
        raise RunError(_keep_failure(run, output, what)) from error
    except (RuntimeError, TimeoutError) as error:
        raise RunError(_keep_failure(run, output, f"the notebook's Python stopped: {error}")) from error
    return output


def _parameters(run: Run, root: Path) -> dict[str, Any]:
    """What the parameters cell is given: relative paths, so that notebooks carry no absolute one."""
    study = Path(os.path.relpath(run.study.folder, root)).as_posix()
    given: dict[str, Any] = {"study": study}
    if run.study.variant is not None:
        given["variant"] = run.study.variant
    if run.study.overrides:
        given["overrides"] = dict(run.study.overrides)
    return given


def _keep_failure(run: Run, output: Path, what: str) -> str:
    """Keep the notebook of a failed run, and say what happened and where it is."""
    shutil.rmtree(run.failed, ignore_errors=True)
    run.failed.mkdir(parents=True)
    kept = run.failed / "executed.ipynb"
    if output.is_file():
        os.replace(output, kept)
    where = run.study.project.relative(kept)
    return f"{run.name}: {what.rstrip('. ')}. The notebook with its traceback is {where}; earlier results stay as they were."


def _complete(run: Run, folder: Path) -> None:
    absent = [name for name in ("estimates.jsonl", "checks.jsonl") if not (folder / name).is_file()]
    if absent:
        raise RunError(
            f"{run.name}: the notebook ended without {', '.join(absent)}. Its last cell has to be `session.save()`; "
            "earlier results stay as they were."
        )


@contextmanager
def _short_runtime_folder() -> Iterator[None]:
    """Connection files in a short path: a Unix socket's name has room for about 100 characters."""
    before = os.environ.get("JUPYTER_RUNTIME_DIR")
    with tempfile.TemporaryDirectory(prefix="si-") as folder:
        os.environ["JUPYTER_RUNTIME_DIR"] = folder
        try:
            yield
        finally:
            if before is None:
                os.environ.pop("JUPYTER_RUNTIME_DIR", None)
            else:
                os.environ["JUPYTER_RUNTIME_DIR"] = before


def _lighten() -> None:
    """Keep jsonschema from building a grammar for web addresses: half of papermill's import time."""
    if "jsonschema" not in sys.modules:
        sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
