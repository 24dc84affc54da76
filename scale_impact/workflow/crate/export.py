"""Exporting a study as an RO-Crate: gathered, described, and written whole or not at all."""

from __future__ import annotations

import io
import json
import os
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from scale_impact.errors import RunError, UsageError
from scale_impact.workflow.crate.gather import Data, gather
from scale_impact.workflow.crate.items import Item, copy_chunks
from scale_impact.workflow.crate.metadata import metadata
from scale_impact.workflow.crate.names import LARGEST, METADATA, MOST, PREVIEW, README, clashes, few, name_problem
from scale_impact.workflow.crate.people import Citation, citation
from scale_impact.workflow.crate.preview import preview
from scale_impact.workflow.crate.published import Published, published
from scale_impact.workflow.crate.readme import readme
from scale_impact.workflow.fingerprint import Known
from scale_impact.workflow.runs import Run

EARLIEST, LATEST = (1980, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)
"""What a zip can give as the date of a file."""


@dataclass(frozen=True)
class Exported:
    """A crate that was written.

    Attributes
    ----------
    path:
        The zip.
    files, size:
        How many files it holds, and how many bytes it has.
    runs:
        How many runs' results.
    data:
        The sources, and what of them is in it.
    problems:
        What speaks against the results; empty unless they were exported as they are.
    """

    path: Path
    files: int
    size: int
    runs: int
    data: tuple[Data, ...]
    problems: tuple[str, ...]


def export(
    runs: Sequence[Run], out: Path | None = None, *, as_is: bool = False, with_data: bool = True, force: bool = False
) -> Exported:
    """Write the runs of one study, with all that a reviewer needs, into a zip.

    Parameters
    ----------
    runs:
        All runs of the study, as ``expand`` gives them.
    out:
        The zip; default ``<slug>.crate.zip`` in the working folder.
    as_is:
        Take results that are out of date or were changed by hand, and say so in the README.
    with_data:
        Put the data in.
    force:
        Replace the file where there is one.

    Raises
    ------
    UsageError
        Nothing is published, the results are not the study's, or the file cannot be written there; all problems at
        once, and nothing is written.
    RunError
        A file changed while it was copied, or the disk is full; nothing is left behind.
    """
    target = out if out is not None else Path(f"{runs[0].study.slug}.crate.zip")
    with _readable():
        results = _looked_at(runs, target, as_is=as_is, force=force)
        there = [result for result in results if result.manifest]
        items, data = _gathered(there, target, with_data=with_data)
        doubts = tuple(p for r in results for p in r.problems)
        complete = _complete(there, items, data, doubts)
        _write(target, complete, max(r.ended for r in there))
    return Exported(target, len(complete), target.stat().st_size, len(there), tuple(data), doubts)


@contextmanager
def _readable() -> Iterator[None]:
    """Say which file could not be read: one may vanish while a run publishes."""
    try:
        yield
    except OSError as error:
        raise RunError(
            f"{error.filename} cannot be read: {error.strerror}. Export again when nothing writes to the study."
        ) from error


def _looked_at(runs: Sequence[Run], target: Path, *, as_is: bool, force: bool) -> list[Published]:
    """The published results of all runs, where they and the zip's place are fit."""
    shared: Known = {}
    results = [published(run, shared) for run in runs]
    taken_as_is = as_is and any(result.manifest for result in results)
    doubts = [] if taken_as_is else [p for result in results for p in result.problems]
    if problems := [*_target_problems(target, force=force), *_advised(doubts, results)]:
        raise UsageError(problems, where=f"export of {runs[0].study.slug}")
    return results


def _gathered(results: Sequence[Published], target: Path, *, with_data: bool) -> tuple[list[Item], list[Data]]:
    """The files of the crate, where a crate can hold them."""
    items, data = gather(results, with_data=with_data)
    if problems := [*_item_problems(items), *_own_problems(target, items)]:
        raise UsageError(few(problems), where=f"export of {results[0].run.study.slug}")
    return items, data


# ---- what speaks against it ----------------------------------------------------------------------------


def _target_problems(target: Path, *, force: bool) -> list[str]:
    """Why the zip cannot stand where it is asked for."""
    if target.is_dir():
        return [f"{target} is a folder. Name a file: --out {target / 'study.crate.zip'}"]
    if target.exists() and not force:
        return [f"{target} is there already. Give --force to replace it, or another name: --out FILE.zip"]
    if not target.parent.is_dir():
        return [f"There is no folder {target.parent}. Make it, or name another file: --out FILE.zip"]
    return []


def _advised(doubts: list[str], results: Sequence[Published]) -> list[str]:
    """What speaks against results; the last says what can be done where there are any."""
    if not doubts or not any(result.manifest for result in results):
        return few(doubts)
    *others, last = few(doubts)
    return [*others, f"{last} To export the results as they are, with a README that says so: --as-is"]


def _item_problems(items: Sequence[Item]) -> list[str]:
    """Files that a crate cannot hold, so that whoever opens it is not refused."""
    reserved = [METADATA, PREVIEW, README]
    found = [f"{item.place}: its name {problem}." for item in items if (problem := name_problem(item.place))]
    found += clashes([*(item.place for item in items), *reserved])
    found += [f"{i.place} is a link. Put the file itself there." for i in items if i.kind != "data" and _is_link(i)]
    sizes = sum(item.size for item in items if not _is_link(item) or item.kind == "data")
    if sizes > LARGEST:
        found.append(
            f"It would hold {sizes / 2**30:.1f} GiB; a crate holds {LARGEST / 2**30:g} GiB. Give --without-data."
        )
    if len(items) + len(reserved) > MOST:
        found.append(f"It would hold {len(items) + len(reserved):,} files; a crate holds {MOST:,}.")
    return found


def _is_link(item: Item) -> bool:
    return isinstance(item.content, Path) and item.content.is_symlink()


def _own_problems(target: Path, items: Sequence[Item]) -> list[str]:
    """The zip must not replace one of the files that it is made of."""
    own = target.resolve()
    if any(isinstance(i.content, Path) and i.content.resolve() == own for i in items):
        return [f"{target} is one of the files that go into the crate. Name another: --out FILE.zip"]
    return []


# ---- writing -------------------------------------------------------------------------------------------


def _complete(
    results: Sequence[Published], items: Sequence[Item], data: Sequence[Data], doubts: Sequence[str]
) -> list[Item]:
    """All files of the crate, with README, metadata and page, in order of their names."""
    made_by: Citation = citation(items)
    text = readme(results, items, data, made_by, doubts).encode()
    described = [*items, Item(README, text, "text", "What this is and how to replicate it")]
    graph = metadata(results, described, data, made_by, max(r.ended for r in results))
    about = "Describes the crate"
    return sorted(
        [
            *described,
            Item(METADATA, _json(graph).encode(), "text", about),
            Item(PREVIEW, preview(graph).encode(), "text", about),
        ],
        key=lambda item: item.place,
    )


def _json(graph: dict[str, Any]) -> str:
    return json.dumps(graph, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _write(target: Path, items: Iterable[Item], when: datetime) -> None:
    """Write beside the target, then put it in place."""
    with _aside(target) as file:
        with zipfile.ZipFile(file, "w") as archive:
            for item in items:
                _add(archive, item, when)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def _aside(target: Path) -> Iterator[IO[bytes]]:
    """A file beside the target that takes its place when it is whole, and is gone when it is not."""
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}. Name another file: --out FILE.zip") from error
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file
        os.chmod(name, 0o644)
        os.replace(name, target)
    except OSError as error:
        raise RunError(f"{target} cannot be written: {error.strerror or error}. Nothing was left there.") from error
    finally:
        with suppress(FileNotFoundError):
            os.unlink(name)


def _add(archive: zipfile.ZipFile, item: Item, when: datetime) -> None:
    """Add a file, with the crate's date and plain permissions: the same content gives the same bytes."""
    moment = min(max(when.timetuple()[:6], EARLIEST), LATEST)
    entry = zipfile.ZipInfo(item.place, date_time=moment)
    entry.compress_type = zipfile.ZIP_STORED if item.packed else zipfile.ZIP_DEFLATED
    entry.create_system, entry.external_attr, entry.file_size = 3, 0o100644 << 16, item.size
    with archive.open(entry, "w") as packed, _content(item) as source:
        copied = copy_chunks(source, packed)
    if copied != item.sha256:
        raise RunError(f"{item.place} changed while it was copied. Export again when nothing writes to it.")


def _content(item: Item) -> IO[bytes]:
    return io.BytesIO(item.content) if isinstance(item.content, bytes) else item.content.open("rb")
