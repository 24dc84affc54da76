"""What a run's numbers depend on, as hashes: equal inputs, equal run id."""

from __future__ import annotations

import hashlib
import json
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from scale_impact.core.manifest import Manifest, data_hash, file_hash, text_hash
from scale_impact.core.source import load_source
from scale_impact.sources import locate
from scale_impact.workflow.preflight import code_cells
from scale_impact.workflow.runs import Run

NUMERIC = ("numpy", "pandas", "scipy", "linearmodels", "dowhy", "econml", "statsmodels", "scikit-learn", "matplotlib")
"""Packages whose version may change a number or a figure."""


def inputs_of(run: Run) -> dict[str, Any]:
    """Hashes of all that goes into a run, and the versions that make its numbers."""
    study = run.study
    card = study.project.source(study.settings.source)
    settings = study.settings.model_dump(mode="json", exclude={"variants"})
    return {
        "template": text_hash("\n\n".join(code_cells(run.template))),
        "study": text_hash(json.dumps([study.slug, study.variant, settings], sort_keys=True)),
        "measure": file_hash(study.project.measure(study.settings.measure)),
        "indicators": file_hash(study.project.indicators),
        "source": file_hash(card),
        "data": data_hash(locate(load_source(card), study.project.root, card.name)),
        "package": package_hash(),
        "versions": versions(),
    }


def run_id(inputs: dict[str, Any]) -> str:
    """Short hash of the inputs."""
    return text_hash(json.dumps(inputs, sort_keys=True))[:16]


def is_current(run: Run, wanted: str) -> bool:
    """Whether the published results are of this run and nobody touched them."""
    manifest = Manifest.read(run.results / "manifest.json")
    if manifest is None or manifest.run_id != wanted:
        return False
    return all(_same(run.results / name, known) for name, known in manifest.outputs.items())


def _same(path: Path, known: str) -> bool:
    return path.is_file() and file_hash(path) == known


@cache
def package_hash() -> str:
    """Hash of this package's source."""
    root = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py"), key=lambda p: p.relative_to(root).as_posix()):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


@cache
def versions() -> dict[str, str]:
    """Versions of Python and of the packages that make numbers."""
    found = {"python": platform.python_version()}
    for name in NUMERIC:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
