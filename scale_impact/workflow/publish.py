"""Publishing a run: a notebook without noise, and results swapped in whole."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

from scale_impact.workflow.runs import Run

PUBLISHED = ("executed.ipynb", "estimates.jsonl", "checks.jsonl", "manifest.json")
"""Files of a run, beside its figures."""

NOISE = ("papermill", "execution", "ExecuteTime")


def tidy(notebook: Path, root: Path) -> None:
    """Take out times, paths and random cell names: the same run gives the same bytes."""
    content = json.loads(notebook.read_text(encoding="utf-8"))
    content["metadata"] = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for cell in content["cells"]:
        cell["metadata"] = {k: v for k, v in cell["metadata"].items() if k not in NOISE}
        if "injected-parameters" in cell["metadata"].get("tags", []):
            cell["id"] = "injected-parameters"
        for output in cell.get("outputs", []):
            output.get("metadata", {}).pop("papermill", None)
    places = {
        str(root): ".",
        str(Path(sys.prefix)): "<python>",
        str(Path(sys.base_prefix)): "<python>",
        str(Path.home()): "~",
    }
    whole = {rf"{re.escape(path)}(?![\w.-])": name for path, name in places.items() if len(Path(path).parts) > 1}
    whole[r"[^\s'\"]*ipykernel_\d+[/\\]\d+\.py"] = "<cell>"
    text = json.dumps(_without_paths(content, whole), indent=1, ensure_ascii=False, sort_keys=True)
    notebook.write_text(text + "\n", encoding="utf-8")


def _without_paths(value: Any, places: dict[str, str]) -> Any:
    """Texts with paths (patterns) renamed; pictures stay as they are: base64 may spell a path."""
    if isinstance(value, dict):
        return {k: v if k.startswith("image/") else _without_paths(v, places) for k, v in value.items()}
    if isinstance(value, list):
        return [_without_paths(v, places) for v in value]
    if isinstance(value, str):
        for path, name in places.items():
            value = re.sub(path, name, value)
    return value


def staging_prefix(run: Run, process: int | str) -> str:
    """Start of the name of the folder in which a process collects a run's results."""
    return f".results-{run.study.variant or 'main'}.{process}."


def mend(run: Run) -> None:
    """Put right what a killed run left: results half swapped are swapped back, its folders removed."""
    for folder in sorted(run.base.glob(staging_prefix(run, "*") + "*")):
        process = folder.name.removeprefix(staging_prefix(run, "")[:-1]).split(".")[0]
        if process.isdigit() and _alive(int(process)):
            continue
        if folder.name.endswith("-old") and not run.results.exists():
            run.results.parent.mkdir(parents=True, exist_ok=True)
            os.rename(folder, run.results)
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _alive(process: int) -> bool:
    """Whether a process of this machine is running (when in doubt, yes)."""
    if os.name != "posix":
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return process != os.getpid()


def publish(run: Run, folder: Path) -> None:
    """Swap a run's results in whole; what stood there before is removed afterwards."""
    run.results.parent.mkdir(parents=True, exist_ok=True)
    old = folder.with_name(folder.name + "-old")
    if run.results.exists():
        os.rename(run.results, old)
    os.rename(folder, run.results)
    shutil.rmtree(old, ignore_errors=True) if old.is_dir() else old.unlink(missing_ok=True)
    shutil.rmtree(run.failed, ignore_errors=True)
    _remove_strays(run)


def _remove_strays(run: Run) -> None:
    """Results of variants that the study no longer has, or of the time before it had any."""
    if run.study.variant is None:
        return
    for entry in run.results.parent.iterdir():
        if entry.name in run.study.variants:
            continue
        if entry.is_dir() and (entry.name == "figures" or (entry / "manifest.json").is_file()):
            shutil.rmtree(entry, ignore_errors=True)
        elif entry.name in PUBLISHED:
            entry.unlink()
