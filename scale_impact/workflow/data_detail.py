"""A run's data in detail: what its manifest keeps of them, and which numbers changed since."""

from __future__ import annotations

import hashlib
import json
import subprocess
import tempfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from scale_impact.core.manifest import Manifest
from scale_impact.core.source import Source
from scale_impact.core.words import some
from scale_impact.errors import ScaleImpactError
from scale_impact.sources import cards, files, frame_of, is_here, items
from scale_impact.workflow.fingerprint import card_of, card_place, data_of
from scale_impact.workflow.hashes import hashes_of
from scale_impact.workflow.runs import Run

if TYPE_CHECKING:
    import pandas as pd

LARGEST = 50_000_000
"""Bytes of a file beyond which only its hash is kept: reading it again would cost more than the answer is worth."""


def data_detail(run: Run) -> dict[str, Any]:
    """What a manifest keeps of a run's data: the file from the project, and hashes by column, unit and period where they are small."""
    if run.study.source_card is None:
        return {}
    try:
        return {"file": _named(run), **_editions(run), **_parts(run), **_digest(data_of(run), _asked(run))}
    except ScaleImpactError:  # the file went away while the run was made; its hash is kept all the same
        return {"file": _named(run)}


def data_changes(run: Run, manifest: Manifest) -> list[str]:
    """Which numbers of a run's data are others than those of a manifest; in general words where it keeps no detail."""
    if run.study.source_card is None:
        return ["data: published rows alone are read now"]
    was = manifest.details.get("data")
    file = _named(run)
    if not isinstance(was, dict) or was.get("file") != file:
        before = was.get("file") if isinstance(was, dict) else None
        return [f"data: {file}, was {before}" if before else f"data: {file} changed"]
    file = _changed_parts(was, _parts(run)) or file
    try:
        known = _differences(run, was, manifest)
    except ScaleImpactError as error:
        return [f"data: {file} changed and cannot be read: {'; '.join(error.problems)}"]
    return [f"data: {file} changed" + (f": {what}" if what else "") for what in known or ("",)]


def _differences(run: Run, was: Mapping[str, Any], manifest: Manifest) -> tuple[str, ...]:
    """Where the data differ, as far as hashes were kept; empty where they were not, or where the data are not here."""
    seen, asked = data_of(run), _asked(run)
    if "columns" not in was or not _is_here(asked):
        return ()
    commits = tuple(dict.fromkeys(str(c) for c in (manifest.environment.get("git_commit"), "HEAD") if c))
    kept = json.dumps(was, sort_keys=True)
    return _differences_of(kept, seen, asked, str(manifest.inputs.get("data")), commits)


@lru_cache(maxsize=64)
def _differences_of(was: str, seen: str, asked: Asked, earlier: str, commits: tuple[str, ...]) -> tuple[str, ...]:
    """Where two states of data differ, found once a process for all runs on them: the later has the hash ``seen``."""
    from scale_impact.core.data_digest import differences

    frame = _frame(asked)
    if frame is None:
        return ()
    before = _earlier(asked, earlier, commits)
    return tuple(differences(json.loads(was), frame, asked.unit, asked.period, before))


def _parts(run: Run) -> dict[str, Any]:
    """Hashes of the files, where there are several."""
    root, card, where = run.study.project.root, card_of(run), card_place(run)
    found = items(card, root, where)
    if len(found) < 2 and not card.components:
        return {}
    hash_of = hashes_of(root).data
    return {"parts": {f"{item.card}, {item.piece.file}": item.hash(root, hash_of) for item in found}}


def _editions(run: Run) -> dict[str, Any]:
    """Which edition of which source the numbers are of: for each card vintage, when and whence it was fetched, and hashes."""
    found = cards(card_of(run), run.study.project.root, card_place(run))
    kept = {place: _edition(card) for place, card in found.items() if card.pieces}
    return {"sources": kept} if kept else {}


def _edition(card: Source) -> dict[str, Any]:
    said = {key: getattr(card, key) for key in ("vintage", "accessed", "citation") if getattr(card, key)}
    files = {p.file: {k: v for k, v in {"sha256": p.sha256, "address": p.address}.items() if v} for p in card.pieces}
    return {**said, "files": files}


def _changed_parts(was: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """The files that are not as they were; empty where the data are one file, or nothing was kept of them."""
    before, after = was.get("parts"), now.get("parts")
    if not isinstance(before, dict) or not isinstance(after, dict):
        return ""
    return some([part for part in {**before, **after} if before.get(part) != after.get(part)], 8)


def _named(run: Run) -> str:
    """The data as their card names them."""
    card = card_of(run)
    files = [f"{card.package}/{piece.file}" if card.package else piece.file for piece in card.pieces]
    return some([*files, *card.components], 8)


# ---- reading -------------------------------------------------------------------------------------------


class Asked(NamedTuple):
    """How to read a run's data; the card as JSON, so that it can be remembered by."""

    card: str
    place: str
    root: Path
    unit: str | None
    period: str

    @property
    def source(self) -> Source:
        """The card."""
        return Source.model_validate_json(self.card)


def _asked(run: Run) -> Asked:
    settings, root = run.study.settings, run.study.project.root
    return Asked(card_of(run).model_dump_json(), card_place(run), root, settings.unit, settings.period)


@lru_cache(maxsize=64)
def _digest(seen: str, asked: Asked) -> dict[str, Any]:
    """The digest of a table, once a process for all runs on it."""
    from scale_impact.core.data_digest import digest

    frame = _frame(asked)
    return {} if frame is None else digest(frame, asked.unit, asked.period)


def _is_here(asked: Asked) -> bool:
    """Whether the data can be read without fetching anything."""
    return is_here(asked.source, asked.root, asked.place)


def _frame(asked: Asked) -> pd.DataFrame | None:
    """The card's columns, those that there are, whatever hash the card has; None where they are streamed or large."""
    source = asked.source
    if source.kind != "parquet" and _size(source, asked) > LARGEST:
        return None
    frame = frame_of(source, asked.root, asked.place)
    return None if frame is None else frame[[name for name in source.columns if name in frame]]


def _size(source: Source, asked: Asked) -> int:
    return sum(path.stat().st_size for path in files(source, asked.root, asked.place) if path.is_file())


# ---- the data as they were -----------------------------------------------------------------------------


def _earlier(asked: Asked, wanted: str, commits: tuple[str, ...]) -> pd.DataFrame | None:
    """The data of a hash, where they are one file and git has exactly that."""
    found = items(asked.source, asked.root, asked.place)
    path = found[0].path(asked.root) if len(found) == 1 else None
    if path is None or not path.is_file():
        return None
    contents = (_from_git(path, commit) for commit in commits)
    content = next((c for c in contents if c is not None and hashlib.sha256(c).hexdigest() == wanted), None)
    return None if content is None else _read(asked, found[0].piece.file, content)


def _from_git(path: Path, commit: str) -> bytes | None:
    """A file as a commit has it."""
    command = ["git", "-C", str(path.parent), "show", f"{commit}:./{path.name}"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _read(asked: Asked, file: str, content: bytes) -> pd.DataFrame | None:
    """An earlier file read with today's card; None where that does not fit."""
    with tempfile.TemporaryDirectory(prefix="scale-impact-") as folder:
        path = Path(folder) / Path(file).name
        path.write_bytes(content)
        there = {
            "kind": "csv" if asked.source.kind == "package" else asked.source.kind,
            "file": path.name,
            "package": None,
        }
        earlier = asked.source.model_copy(update=there)
        try:
            return _frame(asked._replace(card=earlier.model_dump_json(), root=Path(folder)))
        except ScaleImpactError:
            return None
