"""The referee report: what was compared, what moved and in which surroundings, as JSON and as one HTML page."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from scale_impact.core.words import counted
from scale_impact.errors import UsageError
from scale_impact.workflow.crate.software import package_version
from scale_impact.workflow.verify.again import Verification
from scale_impact.workflow.verify.compare import Comparison, Files
from scale_impact.workflow.verify.verdicts import ORDER, WORDS, Value

SCHEMA = 1
"""Of verification.json."""


def as_json(verifications: Sequence[Verification], *, about: str | None = None) -> dict[str, Any]:
    """All verifications as JSON knows them; ``about`` says what was verified, such as the name of a crate."""
    return {
        "schema": SCHEMA,
        "verified": all(v.holds for v in verifications),
        "about": about,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
        "scale_impact": package_version(),
        "tolerances": WORDS,
        "runs": [_run(v) for v in verifications],
    }


def _run(found: Verification) -> dict[str, Any]:
    return {
        "run": found.name,
        "verdict": found.verdict,
        "verified": found.holds,
        "reason": found.reason,
        "seconds": found.seconds,
        "overrides": dict(found.overrides or {}),
        "changed_by_hand": list(found.damage),
        "numbers": _comparison(found.comparison),
        "files": _files(found.files),
        "surroundings": [asdict(change) for change in found.surroundings],
        "twice": None if found.twice is None else _twice(found),
    }


def _comparison(found: Comparison | None) -> dict[str, Any] | None:
    if found is None:
        return None
    return {
        "compared": found.numbers,
        "texts": sum(found.texts.values()),
        "verdicts": {v: found.counts[v] for v in ORDER if v in found.counts},
        "verdicts_of_texts": {v: found.texts[v] for v in ORDER if v in found.texts},
        "largest_relative_difference": found.largest,
        "findings": [asdict(finding) for finding in found.findings],
    }


def _files(found: Files | None) -> dict[str, Any] | None:
    return None if found is None else {"compared": len(found.of), "differing": list(found.differing)}


def _twice(found: Verification) -> dict[str, Any]:
    assert found.twice is not None
    divergence = found.twice.divergence
    return {
        "same": found.twice.same,
        "words": None if divergence is None else divergence.words,
        "first_divergence": None if divergence is None else asdict(divergence),
        "numbers": _comparison(found.twice.comparison),
        "files": _files(found.twice.files),
    }


def refuse_unwritable(folder: Path) -> None:
    """Refuse a folder that the report cannot be written to, before anything is executed.

    Raises
    ------
    UsageError
        It is a file, or lies where nothing can be written.
    """
    there = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    if not there.is_dir():
        raise UsageError(f"--report {folder}: {there.name} is a file. Name a folder.")
    if not os.access(there, os.W_OK):
        raise UsageError(
            f"--report {folder} cannot be written: {there.name or there} is read-only. Name another folder."
        )


def write_report(folder: Path, verifications: Sequence[Verification], *, about: str | None = None) -> list[Path]:
    """Write verification.json and verification.html, and the notebooks of executions that failed.

    Raises
    ------
    UsageError
        The folder cannot be written.
    """
    content = as_json(verifications, about=about)
    files = {
        "verification.json": json.dumps(content, indent=2, ensure_ascii=False) + "\n",
        "verification.html": page(content),
        **{f"failed/{v.name.replace('/', '--')}.ipynb": v.notebook for v in verifications if v.notebook},
    }
    try:
        return [_write(folder / name, text) for name, text in files.items()]
    except OSError as error:
        raise UsageError(f"--report {folder} cannot be written: {error.strerror}. Name another folder.") from error


def _write(path: Path, text: str) -> Path:
    """Write aside, then swap in: no reader sees half a report."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_text(text, encoding="utf-8")
    os.replace(aside, path)
    return path


def page(content: Mapping[str, Any]) -> str:
    """The report as one page of HTML without anything from elsewhere; every text is escaped."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(value=shown, percent=_relative, counted=counted)
    source = Path(__file__).with_name("report.html.j2").read_text(encoding="utf-8")
    return environment.from_string(source).render(content, order=ORDER, most=MOST) + "\n"


MOST = 500
"""Numbers that the page lists for a run; verification.json has all."""


def _relative(value: float | None) -> str:
    return "" if value is None else "0" if value == 0 else f"{value:.2g}"


def shown(value: Value | None) -> str:
    """A value for reading, in full precision; none says so."""
    return "none" if value is None else value if isinstance(value, str) else repr(value)


def pair(published: Value | None, now: Value | None) -> tuple[str, str]:
    """Two values with as few digits as tell them apart, four at least."""
    if not (isinstance(published, float) and isinstance(now, (int, float))):
        return shown(published), shown(now)
    for digits in range(4, 17):
        one, other = f"{published:.{digits}g}", f"{now:.{digits}g}"
        if one != other:
            return one, other
    return shown(published), shown(now)
