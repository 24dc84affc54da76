"""Projects of many small real studies, made for a benchmark and removed after it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

CELLS = (
    'study = "indiana-enterprise-zones"\nvariant = None\nout = None\noverrides = {}',
    "import dowhy\nfrom econml.dml import LinearDML",
    "from scale_impact.session import open_session\n"
    "session = open_session(study, variant=variant, out=out, overrides=overrides, given=globals())",
    "panel, design = session.panel(), session.design()\nsession.estimates()",
    'session.figure("event_path", session.estimate()[0])',
    "session.save()",
)
"""A small study of real data whose notebook imports dowhy and econml."""

BARE = (CELLS[0], CELLS[2], "session.estimates()", "session.save()")
"""The same without figures and without what takes long to import."""

STUDY = """\
title: Do enterprise zones lower unemployment? ({number})
question: Did the enterprise zones of Indiana lower unemployment claims?
measure: enterprise_zone
template: small
source: indiana_enterprise_zones
unit: city
period: year
outcomes: [{{column: luclms, indicator: unemployment_claims, scale: log}}]
treatment: {{treated: ez}}
estimators: [callaway_santanna]
inference: analytic
seed: {number}
"""


def notebook(cells: tuple[str, ...]) -> str:
    """A template of code cells."""
    made = [
        {
            "cell_type": "code", "id": f"cell-{k}", "metadata": {"tags": ["parameters"]} if k == 0 else {},
            "execution_count": None, "outputs": [], "source": source,
        }
        for k, source in enumerate(cells)
    ]  # fmt: skip
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    return json.dumps({"cells": made, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5})


def project(root: Path, count: int, cells: tuple[str, ...] = CELLS) -> Path:
    """A project of so many studies."""
    shutil.copytree(ROOT / "data", root / "data")
    (root / "notebooks").mkdir()
    (root / "notebooks" / "small.ipynb").write_text(notebook(cells), encoding="utf-8")
    for number in range(count):
        folder = root / "studies" / f"study-{number:03d}"
        folder.mkdir(parents=True)
        (folder / "study.yaml").write_text(STUDY.format(number=number), encoding="utf-8")
    return root


def environment() -> dict[str, str]:
    """This environment with bytecode, as users have it."""
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE" and not k.startswith("SCALE_IMPACT")}


def command(root: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """``scale-impact`` in a project; it must end well."""
    code = "from scale_impact.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=root, env=environment(), capture_output=True, check=True
    )


def results(root: Path) -> dict[str, bytes]:
    """Every published file but the manifests, which hold the time."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.glob("*/results/**/*"))
        if path.is_file() and path.name != "manifest.json"
    }
