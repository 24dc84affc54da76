"""Files as readers want them: taken out of their zip file, unpacked, and with the ending that tells their format."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from scale_impact.core.words import nearest, some
from scale_impact.errors import SourceError
from scale_impact.sources._pulling.first_bytes import ending, looks_like
from scale_impact.sources._reading.formats import PACKED, format_of

LARGEST = 20 * 1024**3
"""Bytes that a packed table may have: a small file can be made to unpack to any size."""

OPEN: dict[str, Callable[[Path], IO[bytes] | Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}

ENDING = {"csv": ".csv", "excel": ".xlsx", "parquet": ".parquet", "json": ".json", "geojson": ".json", "stata": ".dta"}


@contextmanager
def readable(path: Path, format: str | None, member: str | None = None) -> Iterator[Path]:
    """The table of a file, under a name that tells what it is, while the block runs.

    Parameters
    ----------
    path:
        The file as it came; it stays as it is.
    format:
        Its format, where the card names one: csv, excel, parquet, json, geojson, stata.
    member:
        Which file of a zip file is meant; default the only one, or the only table.

    Raises
    ------
    SourceError
        It cannot be unpacked, or it is not clear which file of it is meant.
    """
    with tempfile.TemporaryDirectory(prefix="scale-impact-") as folder:
        try:
            yield _named(_unpacked(path, format, member, Path(folder)), format, Path(folder))
        except (zipfile.BadZipFile, lzma.LZMAError, zlib.error, gzip.BadGzipFile, EOFError) as error:
            raise SourceError(f"{path.name} cannot be unpacked ({type(error).__name__}: {error}).") from error


def _unpacked(path: Path, format: str | None, member: str | None, folder: Path) -> Path:
    with path.open("rb") as file:
        head = file.read(200)
    if looks_like(head) == "zip" and format != "excel" and format_of(path.name.lower().removesuffix(".zip")) != "excel":
        return _from_zip(path, member, folder)
    known = format or format_of(path.name)
    unpack = OPEN.get(ending(head))
    if unpack is None or known in ("csv", None):  # CSV is read packed, too
        return path
    target = folder / _without_packing(path.name)
    with unpack(path) as inside, target.open("wb") as file:
        _copy(inside, file, path.name)
    return target


def _without_packing(name: str) -> str:
    stem, dot, last = name.rpartition(".")
    return stem if dot and last.lower() in PACKED else name


def _copy(inside: IO[bytes] | Any, file: IO[bytes], name: str) -> None:
    while chunk := inside.read(1 << 20):
        if file.tell() + len(chunk) > LARGEST:
            raise SourceError(f"{name} would have more than {LARGEST:,} bytes unpacked. Unpack it by hand.")
        file.write(chunk)


def _named(path: Path, format: str | None, folder: Path) -> Path:
    """The file under a name that ends as its format wants it; addresses such as ``.../download/17`` do not say."""
    with path.open("rb") as file:
        packed = ending(file.read(8)) if format == "csv" else ""
    fits = format_of(path.name) == ("json" if format == "geojson" else format) and path.name.lower().endswith(packed)
    if format not in ENDING or fits:
        return path
    target = folder / f"{path.name}{ENDING[format]}{packed}"
    try:
        target.symlink_to(path.resolve())
    except OSError:  # some systems let nobody make links
        shutil.copyfile(path, target)
    return target


# ---- zip files -------------------------------------------------------------------------------------------


def _from_zip(path: Path, member: str | None, folder: Path) -> Path:
    """A file of a zip file, under its bare name."""
    with zipfile.ZipFile(path) as packed:
        found = _member(packed, member, path.name)
        if found.flag_bits & 1:
            raise SourceError(
                f"{path.name}: {found.filename} is encrypted. Unpack it by hand, and give the card its `file`."
            )
        target = folder / Path(found.filename).name
        with packed.open(found) as inside, target.open("wb") as file:
            _copy(inside, file, f"{path.name}: {found.filename}")
        return target


def _member(packed: zipfile.ZipFile, asked: str | None, name: str) -> zipfile.ZipInfo:
    """The file that is asked for; otherwise the only one, or the only one of a known format."""
    files = {m.filename: m for m in packed.infolist() if not m.is_dir() and not _is_litter(m.filename)}
    if asked is not None and asked in files:
        return files[asked]
    by_name = [file for file in files if Path(file).name == asked]
    tables = [file for file in files if format_of(file)]
    for found in (by_name, list(files), tables):
        if len(found) == 1:
            return files[found[0]]
    if asked is not None:
        raise SourceError(f"{name} holds no file {asked!r}. {nearest(asked, files)}")
    what = (
        f"{len(files)} files: {some(sorted(files), 20)}. Name one: `query: {sorted(files)[0]}`" if files else "no file"
    )
    raise SourceError(f"{name} holds {what}.")


def _is_litter(name: str) -> bool:
    """What systems add to zip files."""
    return name.startswith("__MACOSX/") or Path(name).name.startswith(".")
