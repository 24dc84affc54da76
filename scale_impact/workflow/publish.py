"""Publishing a run: a notebook without noise, and results swapped in whole."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from scale_impact.core.exchange import exchanged
from scale_impact.workflow.runs import Run

PUBLISHED = ("executed.ipynb", "estimates.jsonl", "checks.jsonl", "manifest.json")
"""Files of a run, beside its figures."""

NOISE = ("papermill", "execution", "ExecuteTime")


CLOCK = {
    r"(?<=Date:)(\s+)\w{3}, (?:\w{3} \d{1,2}|\d{1,2} \w{3}) \d{4}": r"\1-",  # summaries of linearmodels and statsmodels
    r"(?<=Time:)(\s+)\d{1,2}:\d{2}:\d{2}": r"\1-",
    r"(<th>(?:Date|Time):</th>\s*<td>)[^<]*": r"\1-",
    r"(?m)^(CPU times|Wall time): .*$": r"\1: -",
    r"(?m)^.* per loop \(mean ± std\. dev\. of .*$": "- per loop",
}
"""What tells the time, as patterns, with what stands there instead."""

ADDRESS = {r"\bat 0x[0-9A-Fa-f]{6,}": "at 0x0"}


def tidy(notebook: Path, root: Path, *scratch: Path) -> None:
    """Take out times, paths, memory addresses and random cell names: the same run gives the same bytes."""
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
    patterns = {**_places(root, *scratch), **ADDRESS}
    for cell in content["cells"]:
        if "outputs" in cell:
            cell["outputs"] = _numbered(_replaced(cell["outputs"], CLOCK))
    text = json.dumps(_replaced(content, patterns), indent=1, ensure_ascii=False, sort_keys=True)
    notebook.write_text(text + "\n", encoding="utf-8")


STYLER = re.compile(r"\bT_[0-9a-f]{5}(?=[\s\"#_,{])")
"""The random name of a table that pandas has styled."""


def _numbered(outputs: Any) -> Any:
    """A cell's outputs with random names replaced by numbers, in order."""
    names = dict.fromkeys(STYLER.findall(json.dumps(outputs)))
    return _replaced(outputs, {rf"\b{name}(?![0-9a-f])": f"T_{k:05d}" for k, name in enumerate(names)})


def _places(root: Path, *scratch: Path) -> dict[str, str]:
    """Patterns of paths of this machine, longer ones first, with what stands there instead."""
    places = {
        **{str(path): "<scratch>" for path in scratch},
        str(root): ".",
        str(Path(sys.prefix)): "<python>",
        str(Path(sys.base_prefix)): "<python>",
        str(Path.home()): "~",
    }
    named = {rf"{re.escape(path)}(?![\w.-])": name for path, name in places.items() if len(Path(path).parts) > 1}
    temporary = re.escape(tempfile.gettempdir())
    return {
        **named,
        r"(?<![^\s'\"])[^\s'\"]*ipykernel_\d+[/\\]\d+\.py": "<cell>",
        rf"{temporary}/[^\s'\"<>]*": "<temporary>",
    }


def _replaced(value: Any, patterns: dict[str, str]) -> Any:
    """Texts with patterns replaced; pictures stay as they are: base64 may spell a path."""
    if isinstance(value, dict):
        return {k: v if k.startswith("image/") else _replaced(v, patterns) for k, v in value.items()}
    if isinstance(value, list):
        return [_replaced(v, patterns) for v in value]
    if isinstance(value, str):
        for pattern, name in patterns.items():
            value = re.sub(pattern, name, value)
    return value


def mend(run: Run) -> None:
    """Put right what a killed run left; whoever calls it holds the run's lock.

    Results half swapped are swapped back, folders in which results were collected are removed.
    """
    for folder in sorted(run.work.glob(f"{run.label}.*")):
        if folder == run.lock:
            continue
        if folder.name.endswith(OLD) and not run.results.exists():
            run.results.parent.mkdir(parents=True, exist_ok=True)
            os.rename(folder, run.results)
        else:
            _remove(folder)


def publish(run: Run, folder: Path) -> None:
    """Swap a run's results in whole; what stood there before is removed afterwards."""
    run.results.parent.mkdir(parents=True, exist_ok=True)
    old = folder.with_name(folder.name + OLD)
    if run.results.exists():
        if exchanged(folder, run.results):
            os.rename(folder, old)
        else:
            os.rename(run.results, old)
            os.rename(folder, run.results)
    else:
        os.rename(folder, run.results)
    if old.exists():
        _remove(old)
    shutil.rmtree(run.failed, ignore_errors=True)
    _remove_strays(run)


OLD = "-old"


def _remove(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


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
