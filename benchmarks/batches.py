"""Small batches for benchmarks of distribution, and what they left."""

from __future__ import annotations

from pathlib import Path

from tests.projects import QUICK, project

PLOT = "session.figure('raw_trends', session.panel(), session.design())"


def small_project(root: Path, runs: int, *more: str) -> Path:
    """A project with one study of so many variants, each of which estimates and draws; more cells follow."""
    place = project(root)
    place.template(*QUICK[:3], PLOT, *more, QUICK[3], name="drawn")
    place.study(template="drawn", variants={f"v{k:03d}": {"level": round(0.5 + k / 1000, 3)} for k in range(runs)})
    return place.root


def results_of(root: Path, out: str = "studies") -> dict[str, dict[str, bytes]]:
    """Each result's files, by study and variant."""
    manifests = sorted((root / out).glob("*/results/**/manifest.json"))
    return {
        m.parent.relative_to(root / out).as_posix().replace("/results", ""): {
            p.relative_to(m.parent).as_posix(): p.read_bytes() for p in m.parent.rglob("*") if p.is_file()
        }
        for m in manifests
    }


def differing(one: dict[str, dict[str, bytes]], other: dict[str, dict[str, bytes]]) -> list[str]:
    """Results that are not in both byte by byte; manifests hold times."""
    names = sorted({*one, *other})
    return [name for name in names if _bare(one.get(name)) != _bare(other.get(name))]


def _bare(files: dict[str, bytes] | None) -> dict[str, bytes] | None:
    return None if files is None else {k: v for k, v in files.items() if k != "manifest.json"}
