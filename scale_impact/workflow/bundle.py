"""Runs in a parcel: what they read goes to another machine as one zip file, and what they leave comes back as one."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from scale_impact.core.source import load_source
from scale_impact.core.streams_parquet import files_of
from scale_impact.errors import UsageError
from scale_impact.sources import Item, cards, items
from scale_impact.workflow.runs import Run

LARGEST = 1 << 30
"""Bytes that may travel: the parcel is held whole by the scheduler and by each worker while it is unpacked."""

FETCHED_THERE = 100 << 20
"""Bytes from which on data of an address are left for the workers to download."""

NOT_SENT = ("results", "failed")
"""Folders of a study that runs write."""

LONG_AGO = (1980, 1, 1, 0, 0, 0)


def pack(runs: Iterable[Run]) -> bytes:
    """What runs read, as a zip file with paths from the project's folder: studies, templates, cards, catalogue, data.

    Data of installed packages stay where they are: the workers have the packages.

    Raises
    ------
    UsageError
        A file lies outside the project, or all together are too large to travel.
    """
    given = list(runs)
    files = {path: name for run in given for path, name in _files(run).items()}
    outside = sorted({str(path.name) for path, name in files.items() if name is None})
    if outside:
        raise UsageError(
            [
                f"{name} lies outside the project's folder, and only that is sent to workers. Put it inside."
                for name in outside
            ]
        )
    size = sum(path.stat().st_size for path in files)
    if size > LARGEST:
        raise UsageError(
            f"The runs read {size / 2**30:.1f} GiB, more than the {LARGEST / 2**30:.0f} GiB that are sent to workers. Put the data at an "
            "address (`file: s3://...` in the card), or use --shard on machines that share a file system."
        )
    return _zip((path, str(name)) for path, name in sorted(files.items()))


def zipped(folder: Path) -> bytes:
    """The files of a folder as a zip file; nothing where there are none."""
    files = sorted(p for p in folder.rglob("*") if p.is_file()) if folder.is_dir() else []
    return _zip((path, path.relative_to(folder).as_posix()) for path in files) if files else b""


def unpack(content: bytes, folder: Path) -> None:
    """Write the files of a zip file to a folder.

    Raises
    ------
    ValueError
        A name in it leads out of the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(io.BytesIO(content)) as parcel:
        for name in parcel.namelist():
            path = folder / name
            if not path.resolve().is_relative_to(folder.resolve()):
                raise ValueError(f"{name!r} leads out of its folder")
            path.parent.mkdir(parents=True, exist_ok=True)
            with parcel.open(name) as packed, path.open("wb") as file:
                shutil.copyfileobj(packed, file)


def _zip(files: Iterable[tuple[Path, str]]) -> bytes:
    """The same files give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as parcel:
        for path, name in files:
            with path.open("rb") as file, parcel.open(zipfile.ZipInfo(name, LONG_AGO), "w", force_zip64=True) as packed:
                shutil.copyfileobj(file, packed)
    return buffer.getvalue()


def _files(run: Run) -> dict[Path, str | None]:
    """What a run reads, with its path from the project's folder; None where it lies outside."""
    project = run.study.project
    card = run.study.source_card
    paths = [
        run.template,
        *([] if card is None else [card]),
        project.indicators,
        *([] if run.study.measure_card is None else [run.study.measure_card]),
    ]
    for other in run.study.others.values():  # its study.yaml for what is said where it has not been run
        plan = project.studies / other.study / "study.yaml"
        paths += [*([plan] if plan.is_file() else []), *other.files]
    paths += [
        *_of_study(run.study.folder),
        *run.study.papers,
        *(() if card is None else _of_source(card, project.root)),
    ]
    root = project.root.resolve()
    return {path: _from(root, path) for path in paths}


def _from(root: Path, path: Path) -> str | None:
    whole = path.parent.resolve() / path.name  # a link to a file is sent as the file
    return whole.relative_to(root).as_posix() if whole.is_relative_to(root) else None


def _of_study(folder: Path) -> Iterator[Path]:
    """Files of a study's folder, but for those that runs write and hidden ones."""
    for entry in folder.iterdir():
        if entry.name in NOT_SENT or entry.name.startswith("."):
            continue
        yield from (p for p in ([entry] if entry.is_file() else entry.rglob("*")) if p.is_file())


def _of_source(card: Path, root: Path) -> list[Path]:
    """The cards that a card is made from, and the files of all that the workers cannot get themselves."""
    source, where = load_source(card), f"data/sources/{card.name}"
    files = [path for item in items(source, root, where) for path in _of_data(item, root)]
    return [*(root / other for other in cards(source, root, where) if other != where), *files]


def _of_data(item: Item, root: Path) -> list[Path]:
    if item.source.kind == "package":
        return []
    path = item.path(root)
    files = [path] if path.is_file() else [Path(p) for p in files_of(path)]
    return [] if item.source.is_remote and path.stat().st_size > FETCHED_THERE else files
