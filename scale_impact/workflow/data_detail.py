"""A run's data in detail: what its manifest keeps of them, and which numbers changed since."""

from __future__ import annotations

import hashlib
import json
import subprocess
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scale_impact.core import keys
from scale_impact.core.manifest import Manifest
from scale_impact.core.source import Source
from scale_impact.errors import ScaleImpactError
from scale_impact.sources._download import is_remote
from scale_impact.workflow.fingerprint import card_of, data_of, data_path
from scale_impact.workflow.runs import Run

if TYPE_CHECKING:
    import pandas as pd

LARGEST = 50_000_000
"""Bytes of a file beyond which only its hash is kept: reading it again would cost more than the answer is worth."""


def data_detail(run: Run) -> dict[str, Any]:
    """What a manifest keeps of a run's data: the file from the project, and hashes by column, unit and period where they are small."""
    try:
        return {"file": _named(run), **_digest(*_asked(run))}
    except ScaleImpactError:  # the file went away while the run was made; its hash is kept all the same
        return {"file": _named(run)}


def data_changes(run: Run, manifest: Manifest) -> list[str]:
    """Which numbers of a run's data are others than those of a manifest; in general words where it keeps no detail."""
    was = manifest.details.get("data")
    file = _named(run)
    if not isinstance(was, dict) or was.get("file") != file:
        before = was.get("file") if isinstance(was, dict) else None
        return [f"data: {file}, was {before}" if before else f"data: {file} changed"]
    try:
        known = _differences(run, was, manifest)
    except ScaleImpactError as error:
        return [f"data: {file} changed and cannot be read: {'; '.join(error.problems)}"]
    return [f"data: {file} changed" + (f": {what}" if what else "") for what in known or ("",)]


def _differences(run: Run, was: Mapping[str, Any], manifest: Manifest) -> tuple[str, ...]:
    """Where the data differ, as far as hashes were kept; empty where they were not."""
    seen, card, path, unit, period = _asked(run)
    if "columns" not in was or is_remote(card):
        return ()
    commits = tuple(dict.fromkeys(str(c) for c in (manifest.environment.get("git_commit"), "HEAD") if c))
    kept = json.dumps(was, sort_keys=True)
    return _differences_of(
        kept, seen, card.model_dump_json(), path, unit, period, str(manifest.inputs.get("data")), commits
    )


@lru_cache(maxsize=64)
def _differences_of(
    was: str, seen: str, card: str, path: Path, unit: str | None, period: str, earlier: str, commits: tuple[str, ...]
) -> tuple[str, ...]:
    """Where two files differ, found once a process for all runs on them: the later has the hash ``seen``."""
    from scale_impact.core.data_digest import differences

    source = Source.model_validate_json(card)
    frame = _frame(source, path)
    if frame is None:
        return ()
    return tuple(differences(json.loads(was), frame, unit, period, _earlier(source, path, earlier, commits)))


def _named(run: Run) -> str:
    """The data's file as its card names it."""
    card = card_of(run)
    return f"{card.package}/{card.file}" if card.package else card.file


# ---- reading -------------------------------------------------------------------------------------------


def _asked(run: Run) -> tuple[str, Source, Path, str | None, str]:
    """What a digest is made of: the data's hash, then how to read them."""
    settings = run.study.settings
    return data_of(run), card_of(run), data_path(run), settings.unit, settings.period


def _digest(seen: str, card: Source, path: Path, unit: str | None, period: str) -> dict[str, Any]:
    return _digest_of(seen, card.model_dump_json(), path, unit, period)


@lru_cache(maxsize=64)
def _digest_of(seen: str, card: str, path: Path, unit: str | None, period: str) -> dict[str, Any]:
    """The digest of a table, once a process for all runs on it."""
    from scale_impact.core.data_digest import digest

    frame = _frame(Source.model_validate_json(card), path)
    return {} if frame is None else digest(frame, unit, period)


def _frame(card: Source, path: Path) -> pd.DataFrame | None:
    """The card's columns, those that there are, whatever hash the card has; None where they are streamed or large."""
    from scale_impact.sources import parquet

    if card.kind == "parquet":
        if parquet.streams(parquet.table(path, card), card):
            return None
    elif path.stat().st_size > LARGEST:
        return None
    frame: pd.DataFrame = keys.load("sources", card.kind, "parse")(path, card)
    return frame[[name for name in card.columns if name in frame]]


# ---- the data as they were -----------------------------------------------------------------------------


def _earlier(card: Source, path: Path, wanted: str, commits: tuple[str, ...]) -> pd.DataFrame | None:
    """The data of a hash, where git has exactly those."""
    found = (_from_git(path, commit) for commit in commits) if path.is_file() else iter(())
    content = next((c for c in found if c is not None and hashlib.sha256(c).hexdigest() == wanted), None)
    return None if content is None else _read(card, path.name, content)


def _from_git(path: Path, commit: str) -> bytes | None:
    """A file as a commit has it."""
    command = ["git", "-C", str(path.parent), "show", f"{commit}:./{path.name}"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _read(card: Source, name: str, content: bytes) -> pd.DataFrame | None:
    """An earlier file read with today's card; None where that does not fit."""
    with tempfile.TemporaryDirectory(prefix="scale-impact-") as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            return _frame(card, path)
        except ScaleImpactError:
            return None
