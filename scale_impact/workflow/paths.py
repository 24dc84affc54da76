"""Where results may go: never out of the folder that was named."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from scale_impact.errors import UsageError
from scale_impact.workflow.runs import Run


def out_folder(text: str) -> Path:
    """The folder of ``--out``.

    Raises
    ------
    UsageError
        It is empty, or a relative path that leads out of the working folder, by ``..`` or by a link.
    """
    if not text.strip():
        raise UsageError("--out is empty; name a folder.")
    folder, here = Path(text), Path.cwd().resolve()
    if not folder.is_absolute() and not (here / folder).resolve().is_relative_to(here):
        raise UsageError(
            f"--out {text}: it leads out of the working folder. Go there first, or write the whole path if you mean it."
        )
    return folder


def climbing(runs: Iterable[Run]) -> list[UsageError]:
    """Runs whose results would land outside their folder, because something in it is a link."""
    links = dict.fromkeys(
        path for run in runs for path in (run.base, run.base / "results", run.results, run.base / "failed", run.failed, run.work)
    )  # fmt: skip
    return [
        UsageError(f"{path.parent.name}/{path.name} is a link, and results replace what is there. Remove the link.")
        for path in links
        if path.is_symlink()
    ]
