"""Whether a crate holds what it says it holds: files against the hashes of its metadata and of its manifests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from scale_impact.core.manifest import file_hash
from scale_impact.workflow.crate.names import METADATA, PREVIEW, name_problem

LARGEST_TEXT = 256 * 2**20
"""Bytes of a metadata file or manifest that are read."""


def contents_problems(root: Path) -> list[str]:
    """How a crate's files differ from what it says of them: files missing, changed, added, or not the run's.

    Parameters
    ----------
    root:
        The unpacked crate, such as ``opened`` gives.

    Returns
    -------
    One sentence a problem; none where each file has the hash that ``ro-crate-metadata.json`` and the runs' manifests
    give. That says that nobody changed a file without changing its hash; who made the crate it cannot say.
    """
    metadata, problems = _read(root, METADATA)
    if problems:
        return problems
    entities = [e for e in _list(metadata.get("@graph")) if isinstance(e, Mapping)]
    described = {str(e.get("@id")): e for e in entities if _is_file(e)}
    places = {unquote(identity) for identity in described}
    return [
        *(p for identity, entity in described.items() for p in _file_problems(root, identity, entity)),
        *(f"{name} is not described in {METADATA}." for name in _files(root) if name not in places),
        *_manifest_problems(root),
    ]


def _is_file(entity: Mapping[str, Any]) -> bool:
    """Whether an entity is a file of the crate: one on the web is none."""
    identity = entity.get("@id")
    return "File" in _list(entity.get("@type")) and isinstance(identity, str) and not urlsplit(identity).scheme


def _file_problems(root: Path, identity: str, entity: Mapping[str, Any]) -> Iterator[str]:
    """How a file differs from its entity."""
    place = unquote(identity)
    if problem := name_problem(place):
        yield f"{METADATA} describes a file whose name {place!r} {problem}."
    elif not _is_plain(root, place):
        yield f"{place} is missing."
    elif "sha256" not in entity:
        yield f"{place}: {METADATA} gives no sha256, so a change could not be seen."
    elif (seen := file_hash(root / place)) != entity["sha256"]:
        yield f"{place} was changed: its sha256 is {seen}, {METADATA} says {entity['sha256']}."


def _manifest_problems(root: Path) -> list[str]:
    """How results differ from what their runs wrote."""
    problems = []
    for path in sorted((root / "studies").glob("*/results/**/manifest.json")):
        place = path.relative_to(root).as_posix()
        manifest, wrong = _read(root, place)
        outputs = manifest.get("outputs")
        problems += wrong if isinstance(outputs, Mapping) or wrong else [f"{place} does not say what the run wrote."]
        for name, known in outputs.items() if isinstance(outputs, Mapping) else ():
            problems += _output_problems(root, path.parent.relative_to(root).as_posix(), str(name), known)
    return problems


def _output_problems(root: Path, folder: str, name: str, known: Any) -> Iterator[str]:
    place = f"{folder}/{name}"
    if problem := name_problem(name):
        yield f"{folder}/manifest.json: the name {name!r} {problem}."
    elif not _is_plain(root, place):
        yield f"{place} is missing; the run wrote it."
    elif (seen := file_hash(root / place)) != known:
        yield f"{place} is not as the run wrote it: its sha256 is {seen}, the manifest says {known}."


def _is_plain(root: Path, place: str) -> bool:
    """Whether a file is there, and within the crate whatever links there are."""
    path = root / place
    return path.is_file() and not path.is_symlink() and path.resolve().is_relative_to(root.resolve())


def _files(root: Path) -> list[str]:
    """Every file but the metadata and its page, which cannot hold hashes of themselves."""
    found = (p.relative_to(root).as_posix() for p in root.rglob("*") if not p.is_dir() or p.is_symlink())
    return sorted(name for name in found if name not in (METADATA, PREVIEW))


def _read(root: Path, place: str) -> tuple[Mapping[str, Any], list[str]]:
    """A file of keys and values as JSON, or what is wrong with it."""
    try:
        if (root / place).stat().st_size > LARGEST_TEXT:
            return {}, [f"{place} is larger than {LARGEST_TEXT // 2**20} MiB."]
        content = json.loads((root / place).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        return {}, [f"{place} cannot be read ({type(error).__name__})."]
    return (content, []) if isinstance(content, dict) else ({}, [f"{place} does not hold keys and values."])


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
