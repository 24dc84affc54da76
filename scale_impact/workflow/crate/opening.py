"""Opening a crate that a stranger sent: unpacked into a folder of its own, or refused with all that is wrong with it."""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scale_impact.errors import UsageError
from scale_impact.workflow.crate.names import LARGEST, METADATA, MOST, clashes, few, name_problem
from scale_impact.workflow.scratch import scratch

SMALL = 256 * 2**20
"""Bytes up to which it does not matter how far a crate unfolds."""

FURTHEST = 200
"""How many times its own size a larger crate may have when it is unpacked: data and text reach 5 to 50."""

CHUNK = 2**20


@contextmanager
def opened(path: str | Path) -> Iterator[Path]:
    """The folder that a crate was unpacked into, for as long as the ``with`` lasts; then it is removed.

    Nothing is executed, and nothing is written outside that folder: entries that climb, links, names that mean
    other files elsewhere, and archives that unfold without end are refused before anything is written.

    Raises
    ------
    UsageError
        The file is not there, is no zip or no crate, or has entries that cannot be trusted; all problems at once.
    """
    crate = Path(path)
    with _archive(crate) as archive, scratch(large=True) as made:
        folder = made.resolve() / "crate"  # beside the lock
        folder.mkdir()
        if problems := _problems(archive, crate, folder):
            raise UsageError(few(problems), where=crate.name)
        _unpack(archive, folder, crate.name)
        yield folder


@contextmanager
def _archive(crate: Path) -> Iterator[zipfile.ZipFile]:
    """The zip, closed afterwards."""
    try:
        archive = zipfile.ZipFile(crate)
    except FileNotFoundError as error:
        raise UsageError(f"There is no file {crate}. Name the zip that `scale-impact export` wrote.") from error
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise UsageError(
            f"{crate.name} is no readable zip ({error}). Get it again, or ask its author for the file that "
            "`scale-impact export` wrote."
        ) from error
    with archive:
        yield archive


def _problems(archive: zipfile.ZipFile, crate: Path, folder: Path) -> list[str]:
    entries = archive.infolist()
    if len(entries) > MOST:
        return [f"It has {len(entries):,} entries; a crate has at most {MOST:,}."]
    files = [e.orig_filename for e in entries if not e.is_dir()]
    found = [problem for entry in entries for problem in _entry_problems(entry)]
    found += clashes(files) + _size_problems(entries, crate, folder)
    if METADATA not in files:
        found.append(f"It is no RO-Crate: there is no {METADATA} at its root.")
    return found


def _entry_problems(entry: zipfile.ZipInfo) -> Iterator[str]:
    """What is wrong with one entry; its name is the one written in the archive, before Python shortens it."""
    name = entry.orig_filename
    if problem := name_problem(name):
        yield f"The name {name[:200]!r} {problem}."
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        yield f"{name[:200]!r} is a {'link' if stat.S_ISLNK(kind) else 'device'}, not a file."
    if entry.flag_bits & 0x1:
        yield f"{name[:200]!r} is encrypted."


def _size_problems(entries: list[zipfile.ZipInfo], crate: Path, folder: Path) -> list[str]:
    """Sizes as the archive declares them; no entry gives more bytes than it declares."""
    size, packed = sum(e.file_size for e in entries), max(crate.stat().st_size, 1)
    if size > LARGEST:
        return [f"Unpacked it has {size / 2**30:,.1f} GiB; at most {LARGEST / 2**30:g} GiB are unpacked."]
    if size > SMALL and size > FURTHEST * packed:
        return [f"It unfolds to {size / packed:,.0f} times its size; more than {FURTHEST} times is refused."]
    if size > (free := shutil.disk_usage(folder).free):
        return [
            f"Unpacked it takes {size / 2**20:,.0f} MiB, and {folder.parent} has {free / 2**20:,.0f} MiB left. Name a folder "
            "with more room in the variable TMPDIR."
        ]
    return []


def _unpack(archive: zipfile.ZipFile, folder: Path, name: str) -> None:
    """Write each entry as a new plain file; permissions and owners of the archive are not taken over."""
    for entry in archive.infolist():
        target = folder / entry.orig_filename
        try:
            if entry.is_dir():
                target.mkdir(parents=True, exist_ok=True)
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(entry) as packed, target.open("xb") as file:
                shutil.copyfileobj(packed, file, CHUNK)
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError) as error:
            raise UsageError(
                f"{name} cannot be unpacked: {entry.filename!r}: {error}. If it is damaged, get it again."
            ) from error
