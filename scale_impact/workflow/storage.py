"""Results at an address (``--out s3://bucket/batch``): uploaded whole, the manifest last.

Runs execute in a local folder. Then the old manifest is removed, the files follow, and the new manifest comes last: a
result without a manifest, or with a file that its manifest does not list, is not whole, and nobody takes it for one.
``manifest.json`` lists the hash of every file, so that a reader can tell in any case.
"""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from scale_impact.core.manifest import Manifest
from scale_impact.core.remote import OBJECT_STORES, attempted, credentials_in, is_url, opened, protocol, without_secrets
from scale_impact.errors import RunError, UsageError
from scale_impact.workflow.runs import Run

__all__ = ["address", "checked", "is_current_there", "is_url", "kept_locally", "read_manifest", "upload"]

MANIFEST = "manifest.json"


def checked(url: str) -> str:
    """An address for ``--out`` without a slash at its end.

    Raises
    ------
    UsageError
        It carries a credential, cannot be written to, or needs a driver that is not installed.
    """
    problems = credentials_in(url)
    if protocol(url) in ("http", "https") or "::" in url:
        problems.append(
            f"--out {without_secrets(url)}: files cannot be written there. Name a folder, or an address such as s3://bucket/batch."
        )
    if ".." in url.partition("://")[2].split("/"):
        problems.append(f"--out {without_secrets(url)}: an address has no `..`.")
    if problems:
        raise UsageError(problems)
    _opened(url, UsageError)
    return url.rstrip("/")


def address(out: str, run: Run) -> str:
    """Where a run's results are at an address: ``out/<slug>/results[/<variant>]``."""
    parts = [out.rstrip("/"), run.study.slug, "results", run.study.variant]
    return "/".join(part for part in parts if part)


def kept_locally(run: Run, folder: Path) -> Run:
    """The run with its results in a local folder, from where they are uploaded."""
    return replace(run, base=folder / run.study.slug)


def upload(folder: Path, url: str) -> None:
    """Upload a run's results whole; files of an earlier result that are not in this one are removed.

    Raises
    ------
    RunError
        The folder has no manifest, or the store refuses. What stands there then has no manifest.
    """
    if not (folder / MANIFEST).is_file():
        raise RunError(f"{folder.name} has no {MANIFEST}, so its results are not whole and are not uploaded.")
    store, path = _opened(url, RunError)
    what = f"Results cannot be written to {without_secrets(url)}"
    attempted(lambda: _upload(store, folder, path), RunError, what)


def _upload(store: Any, folder: Path, path: str) -> None:
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    old = _names(store, path)
    if MANIFEST in old:
        store.rm_file(f"{path}/{MANIFEST}")
    for name in sorted(names, key=lambda n: n == MANIFEST):
        if name == MANIFEST:
            _remove(store, path, _strays(old, names))
        _put(store, folder / name, f"{path}/{name}")


def _strays(old: list[str], new: list[str]) -> list[str]:
    """Files of an earlier result; the results of variants, which lie in folders with a manifest of their own, are not."""
    variants = {n.rpartition("/")[0] for n in old if n.endswith(f"/{MANIFEST}")}
    return [n for n in old if n not in new and n != MANIFEST and n.split("/")[0] not in variants]


def _remove(store: Any, path: str, names: list[str]) -> None:
    for name in names:
        store.rm_file(f"{path}/{name}")


def _put(store: Any, file: Path, path: str) -> None:
    if not _has_buckets(store):
        store.makedirs(path.rpartition("/")[0], exist_ok=True)
    store.put_file(str(file), path)


def _has_buckets(store: Any) -> bool:
    names = store.protocol if isinstance(store.protocol, (tuple, list)) else (store.protocol,)
    return bool(OBJECT_STORES & set(names))


def _names(store: Any, path: str) -> list[str]:
    """Files below a path, named from it."""
    store.invalidate_cache()
    try:
        found = store.find(path)
    except FileNotFoundError:
        return []
    root = store._strip_protocol(path).rstrip("/") + "/"
    return [name.removeprefix(root) for name in found if name.startswith(root)]


def read_manifest(url: str) -> Manifest | None:
    """The manifest of results at an address; None where there is none or it is not whole.

    Raises
    ------
    RunError
        The store refuses or does not answer.
    """
    store, path = _opened(url, RunError)
    found = attempted(lambda: _read(store, f"{path}/{MANIFEST}"), RunError, f"{without_secrets(url)} cannot be read")
    if found is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / MANIFEST
        copy.write_bytes(found)
        return Manifest.read(copy)


def _read(store: Any, path: str) -> bytes | None:
    store.invalidate_cache()
    try:
        found: bytes = store.cat_file(path)
    except FileNotFoundError:
        return None
    return found


def is_current_there(url: str, wanted: str) -> bool:
    """Whether the results at an address are of the run with an id, and all their files are there."""
    manifest = read_manifest(url)
    if manifest is None or manifest.run_id != wanted:
        return False
    store, path = _opened(url, RunError)
    what = f"{without_secrets(url)} cannot be read"
    return set(manifest.outputs) <= set(attempted(lambda: _names(store, path), RunError, what))


def _opened(url: str, error: type[RunError] | type[UsageError]) -> tuple[Any, str]:
    store, path = opened(url, error)
    return store, path.rstrip("/")
