"""Reading and writing rows; the files are the truth."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from scale_impact.core.evidence import SCHEMA, to_line
from scale_impact.core.project import Project
from scale_impact.core.words import counted
from scale_impact.errors import SourceError

Row = dict[str, Any]

NUMBERS = frozenset({
    "event_time", "estimate", "std_error", "df", "level", "ci_low", "ci_high", "p_value", "statistic", "n_units", "n_treated", "n_periods", "n_obs",
    "n_clusters",
})  # fmt: skip
LATER = ("plan", "deviations", "context")
"""Fields that rows of earlier versions do not have."""
TEXTS = frozenset({
    "study", "variant", "run_id", "measure", "outcome", "indicator", "dimension", "direction", "estimator", "role", "kind", "check", "unit", "estimand",
    "label", "inference", "outcome_unit", "reason", "plan", "deviations",
})  # fmt: skip
NEEDED = frozenset({"study", "estimator", "kind", "check", "verdict", "unit", "outcome"})
"""Fields that are never empty."""
VERDICTS = ("pass", "fail", "inconclusive", "inapplicable")

MOST = 3
"""How many broken lines of a file are named."""


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write rows as lines of JSON."""
    path.write_text("".join(to_line(row) + "\n" for row in rows), encoding="utf-8")


def read_rows(path: Path) -> list[Row]:
    """Rows of a file of lines of JSON, as they are: what another run has just written."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


def result_files(studies: Path, name: str) -> list[Path]:
    """Every published file of a name, of studies and of their variants."""
    found = [*studies.glob(f"*/results/{name}"), *studies.glob(f"*/results/*/{name}")]
    return sorted(found)


# ---- rows of others, which may be damaged -------------------------------------------------------------------


def whole_rows(
    project: Project, path: Path, fields: Iterable[str], *, key: str, may_be_empty: bool = False
) -> list[Row]:
    """Rows that another study has published, each with the fields of its table; those of earlier versions may lack what came later.

    Parameters
    ----------
    project, path:
        The file: studies/<slug>/results/...
    fields:
        Those of its table.
    key:
        The key of study.yaml that names the study, for messages.
    may_be_empty:
        Whether a run may have written no row.

    Raises
    ------
    SourceError
        It cannot be read, or a line is no row such as a run writes: which lines, and what is wrong with them.
    """
    wanted = tuple(fields)
    try:
        lines = [(k, line) for k, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1) if line.strip()]
    except (OSError, ValueError) as error:
        raise _damaged(project, path, key, getattr(error, "strerror", None) or f"it is no text ({error})") from error
    read = [(k, *read_row(line, wanted)) for k, line in lines]
    bad = [f"line {k} {wrong}" for k, row, wrong in read if row is None]
    if bad:
        more = f" and {counted(len(bad) - MOST, 'more line')}" if len(bad) > MOST else ""
        raise _damaged(project, path, key, "; ".join(bad[:MOST]) + more)
    if not read and not may_be_empty:
        raise _damaged(project, path, key, "it has no row")
    return [row for _, row, _ in read if row is not None]


def _damaged(project: Project, path: Path, key: str, why: str) -> SourceError:
    slug = path.relative_to(project.studies).parts[0]
    return SourceError(f"{key}: {project.relative(path)} is not whole: {why}. Run it again: scale-impact run {slug}.")


def read_row(line: str, fields: Iterable[str]) -> tuple[Row | None, str]:
    """A row with the fields of its table, or what is wrong with it."""
    try:
        row = json.loads(line, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None, "is cut off or no JSON"
    if not isinstance(row, dict):
        return None, "is no row"
    if row.get("schema") != SCHEMA:
        return None, f"is of schema {str(row.get('schema'))[:20]}, not {SCHEMA}"
    if missing := [f for f in fields if f not in row and f not in LATER]:
        return None, f"has no {', '.join(missing[:3])}"
    kept = {f: row.get(f) for f in fields}
    if odd := [f for f, value in kept.items() if not _fits(f, value)]:
        return None, f"has no such {', '.join(odd[:3])} as a run writes"
    return kept, ""


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _fits(field_name: str, value: Any) -> bool:
    """Whether a value is of the kind that the field has."""
    if value is None:
        return field_name not in NEEDED
    if field_name in NUMBERS:
        return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if field_name in ("details", "context"):
        return isinstance(value, dict)
    if field_name == "verdict":
        return value in VERDICTS
    return isinstance(value, str) or (field_name not in TEXTS and not isinstance(value, (dict, list)))
