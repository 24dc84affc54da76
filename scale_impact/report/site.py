"""The report: all studies, measures and cities of a project as static pages that need no server and ask for nothing from elsewhere."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

from scale_impact.core.catalogue.indicator import Indicator, load_indicators
from scale_impact.core.catalogue.measure import Measure, load_measure
from scale_impact.core.evidence_map import By, EvidenceMap
from scale_impact.core.project import Project
from scale_impact.core.source import Source, load_source
from scale_impact.core.study_names import Holdings
from scale_impact.errors import UsageError
from scale_impact.evidence.papers import paper_names, paper_rows
from scale_impact.report.city_pages import write_cities
from scale_impact.report.downloads import PARTS, keep_rows, write_downloads
from scale_impact.report.map_page import write_map
from scale_impact.report.measure_pages import write_measures
from scale_impact.report.overview import write_overview
from scale_impact.report.pages import ASSETS, fitting, page, write_page
from scale_impact.report.published import Row, StudyRead, read_study, tolerant
from scale_impact.report.slugs import slug
from scale_impact.report.sound import sound_copy
from scale_impact.report.study_pages import write_study
from scale_impact.report.summary import File, Summary
from scale_impact.report.writing import place_for, write_mark, written_aside

FORMAT = 1

Card = TypeVar("Card", Measure, Source)

ALONE = 24
"""Studies up to which one process writes all pages: starting others would take longer."""

Crate = Callable[[str, Path], str | None]
"""Writes the crate of a study into a folder and gives its name; None where there is none."""


@dataclass(frozen=True)
class Written:
    """What was written, and what is wrong with what it was made of.

    Attributes
    ----------
    folder, start:
        The report, and the page to open.
    studies, pages, size:
        How many studies and pages, and the bytes of all files.
    problems:
        Sentences on studies, cards and files that are not as they should be; their pages say the same.
    """

    folder: Path
    start: Path
    studies: int
    pages: int
    size: int
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Holding:
    """What pages of several studies show: cards and catalogue, as far as they can be read."""

    indicators: dict[str, Indicator]
    measures: dict[str, Measure]
    sources: dict[str, Source]
    papers: tuple[Row, ...]
    problems: tuple[str, ...]


def write_site(project: Project, out: Path, *, crate: Crate | None = None, processes: int | None = None) -> Written:
    """Write the report of a project: aside first, then in the place of the one before.

    Parameters
    ----------
    project:
        The project.
    out:
        The folder; it must be new, empty, or an earlier report.
    crate:
        Writes the replication package of a study, by slug, into a folder; without it studies have none.
    processes:
        How many at once; default the processors of this machine. The pages do not depend on it.

    Raises
    ------
    UsageError
        The folder holds something else, or cannot be written.
    """
    if processes is not None and processes < 1:
        raise UsageError(f"processes is {processes}; give 1 or more.")
    target, held = place_for(project, out), _held(project)
    with written_aside(target) as aside:
        shutil.copytree(ASSETS, aside / "assets")
        studies = _studies(project, aside, held, crate, processes)
        pages = sum(s.pages for s in studies) + _write_shared(project, aside, held, studies)
        write_mark(aside, format=FORMAT, studies=len(studies), pages=pages)
        size = sum(path.stat().st_size for path in aside.rglob("*") if path.is_file())
    problems = [*held.problems, *(f"{s.slug}: {p}" for s in studies for p in s.problems)]
    return Written(target, target / "index.html", len(studies), pages, size, tuple(problems))


def _held(project: Project) -> Holding:
    """Cards and catalogue; what cannot be read is a problem and no end."""
    problems: list[str] = []
    indicators = tolerant(lambda: load_indicators(project.indicators), problems) or {}
    measures = _cards(project, "measures", lambda name: load_measure(project.measure(name)), problems)
    sources = _cards(project, "sources", lambda name: load_source(project.source(name)), problems)
    papers = [
        row for name in paper_names(project) for row in tolerant(partial(paper_rows, project, [name]), problems) or []
    ]
    shown = tuple(row for row in papers if row["role"] != "secondary")
    return Holding(indicators, measures, sources, shown, tuple(dict.fromkeys(problems)))


def _cards(project: Project, kind: str, load: Callable[[str], Card], problems: list[str]) -> dict[str, Card]:
    found: dict[str, Card | None] = {name: tolerant(partial(load, name), problems) for name in project.keys(kind)}
    return {name: card for name, card in found.items() if card is not None}


def _write_shared(project: Project, out: Path, held: Holding, studies: Sequence[Summary]) -> int:
    """The pages that are about several studies; how many."""
    files = write_downloads(out)
    broken = [*held.problems, *(f"{s.slug}: {p}" for s in studies for p in s.problems)]
    pages = write_overview(out, studies, held.measures, held.indicators, broken, len(held.papers))
    pages += write_measures(out, held.measures, held.indicators, studies, held.papers)
    pages += write_cities(out, studies)
    maps, wrong = _maps(project, out, held, studies)
    pages += write_map(out, maps, {s.slug for s in studies}, wrong)
    shutil.rmtree(out / PARTS)
    return pages + _write_data(out, files, held.sources)


def _maps(
    project: Project, out: Path, held: Holding, studies: Sequence[Summary]
) -> tuple[dict[By, EvidenceMap], list[str]]:
    """The evidence map by dimension and by indicator; where something is broken, of what is not."""
    from scale_impact.evidence.map import evidence_map

    kinds: tuple[By, ...] = ("dimension", "indicator")
    problems: list[str] = []
    broken = bool(held.problems) or any(s.problems for s in studies)
    names = [s.slug for s in studies]
    read = (
        tolerant(
            lambda: sound_copy(project, out / PARTS / "sound", out / PARTS, names, _readable(project, held)), problems
        )
        if broken
        else project
    )
    maps = None if read is None else tolerant(lambda: {by: evidence_map(read, by=by) for by in kinds}, problems)
    return maps or {}, problems


def _readable(project: Project, held: Holding) -> list[Path]:
    """Cards and files of published numbers that could be read."""
    cards = [*map(project.measure, held.measures), *map(project.source, held.sources)]
    return [
        *cards,
        *(project.papers / f"{row['file']}.csv" for row in {str(r["file"]): r for r in held.papers}.values()),
    ]


def _write_data(out: Path, files: Sequence[File], sources: Mapping[str, Source]) -> int:
    listed = [
        {"name": name, "title": s.title, "origin": s.origin, "licence": s.licence, "vintage": s.vintage}
        for name, s in sources.items()
    ]

    def render(most: int) -> str:
        return page(
            "data.html.j2", "../", here="Data", files=files, sources=listed[:most], more=max(len(listed) - most, 0)
        )

    write_page(out / "data" / "index.html", fitting(render))
    return 1


# ---- studies, one by one or several at once ------------------------------------------------------------


def _studies(project: Project, out: Path, held: Holding, crate: Crate | None, processes: int | None) -> list[Summary]:
    """Write the pages of all studies; what the shared pages say of each, in order."""
    names = list(enumerate(project.keys("studies")))
    crates = dict(_crates(out, [name for _, name in names], crate))
    jobs = [(k, name, crates.get(name)) for k, name in names]
    at_once = min(processes or os.cpu_count() or 1, max(len(jobs) // ALONE, 1))
    if at_once == 1:
        holdings = Holdings(project)
        return [_study(project, out, held.indicators, holdings, job) for job in jobs]
    with ProcessPoolExecutor(
        at_once, get_context("spawn"), initializer=_begin, initargs=(project, out, held.indicators)
    ) as pool:
        return list(pool.map(_next, jobs, chunksize=8))


def _crates(out: Path, names: Sequence[str], crate: Crate | None) -> Iterator[tuple[str, str]]:
    """Crates are written first: who makes them need not be known to other processes."""
    for name in names if crate is not None else ():
        assert crate is not None
        folder = out / "studies" / slug(name)
        folder.mkdir(parents=True)
        made = crate(name, folder)
        if made is not None:
            yield name, made


_state: dict[str, object] = {}
"""Of a process that writes studies: what all of them share."""


def _begin(project: Project, out: Path, indicators: dict[str, Indicator]) -> None:
    _state["study"] = partial(_study, project, out, indicators, Holdings(project))


def _next(job: tuple[int, str, str | None]) -> Summary:
    written: Callable[..., Summary] = _state["study"]  # type: ignore[assignment]
    return written(job)


def _study(
    project: Project, out: Path, indicators: dict[str, Indicator], holdings: Holdings, job: tuple[int, str, str | None]
) -> Summary:
    number, name, crate = job
    study = read_study(project, name, holdings)
    keep_rows(out, number, _rows(study))
    return write_study(project, study, indicators, out, crate)


def _rows(study: StudyRead) -> dict[str, list[Row]]:
    """Rows of all runs of a study, by table."""
    return {
        "estimates": [row for run in study.runs for row in run.estimates],
        "checks": [row for run in study.runs for row in run.checks],
    }
