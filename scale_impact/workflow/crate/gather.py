"""What goes into a crate: results, study, templates, cards, data, and the software, each file once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import packages_distributions, version
from pathlib import Path

from scale_impact.core.source import Source, load_source
from scale_impact.core.streams_parquet import files_of
from scale_impact.core.template import read_template
from scale_impact.errors import ScaleImpactError
from scale_impact.sources import cards, items
from scale_impact.workflow.crate.items import Item, files_below
from scale_impact.workflow.crate.published import Published
from scale_impact.workflow.crate.software import SETUP, software
from scale_impact.workflow.modules import local_modules

READ_COPIES = "data/files"
"""Where copies of data lie that the study reads from elsewhere, such as from an installed package."""

OWN = ("LICENSE", "CITATION.cff")
"""Files that a project may have of its own; otherwise the package's go along."""

STUDY_FILES = {
    "study.yaml": "The study: question, data, design, estimators, checks",
    "README.md": "What its author says of it",
    "plan.json": "The analysis plan as it was frozen, with its amendments",
    "plan.md": "The frozen analysis plan, to read",
}


@dataclass(frozen=True)
class Data:
    """A source, and what of it is in the crate.

    Attributes
    ----------
    name:
        Key of its card.
    card:
        The card.
    read_from:
        Where the study reads it, in words.
    files:
        Its files in the crate; none where the data are left out.
    copied:
        Whether they are copies for reading: the study reads the data elsewhere.
    missing:
        Why there are none; empty where there are.
    """

    name: str
    card: Source
    read_from: str
    files: tuple[Item, ...] = ()
    copied: bool = False
    missing: str = ""


def gather(results: Sequence[Published], *, with_data: bool) -> tuple[list[Item], list[Data]]:
    """The files of a crate but for its README and metadata, in order of their places, and what they hold of the data."""
    names = sorted({name for r in results for name in sources_of(r)})
    data = [_data(results[0], name, with_data=with_data) for name in names]
    own = _own(results[0])
    items = [
        *(item for result in results for item in _of_run(result)),
        *_study_files(results[0]),
        *(item for each in data for item in each.files),
        *own,
        *software(results[0].run.study.slug, frozenset(item.place for item in own)),
    ]
    once = {item.place: item for item in reversed(items)}
    return [once[place] for place in sorted(once)], data


def _of_run(result: Published) -> Iterable[Item]:
    """Results, template and cards of a run."""
    run, study, project = result.run, result.run.study, result.run.study.project
    for path in result.files:
        yield Item(f"{result.place}/{path.as_posix()}", result.run.results / path, "results", _about(path))
    named = {
        project.template(study.settings.template): ("template", "The notebook that is executed"),
        project.indicators: ("card", "The indicators, with unit and direction"),
    }
    measure = ("card", "What was done, how it should work, what it should move")
    if study.measure_card is not None:
        named[study.measure_card] = measure
    read = ("card", "What this run reads of another study")
    named |= {path: read for other in study.others.values() for path in other.results}
    named |= dict.fromkeys(study.papers, read)
    named |= dict.fromkeys((card for other in study.others.values() for card in other.cards), measure)
    whence = ("card", "Where the data come from, licence, hash and columns")
    named |= {project.source(name): whence for name in sources_of(result)}
    modules = local_modules(read_template(run.template).code, project.root)
    named |= dict.fromkeys(modules, ("template", "Code that the notebook imports or runs"))
    for path, (kind, about) in named.items():
        yield Item(project.relative(path), path, "template" if kind == "template" else "card", about)


def _about(path: Path) -> str:
    if path.parts[0] == "figures":
        return f"Figure {path.stem}"
    return {
        "executed.ipynb": "The notebook, run",
        "estimates.jsonl": "Every estimate, a line each",
        "checks.jsonl": "Every check with its verdict, a line each",
        "units.jsonl": "Who was studied, and since when each was treated, a line each",
        "manifest.json": "What went into the run, with what it was made, and hashes of what came out",
    }.get(path.as_posix(), "Result of the run")


def _study_files(result: Published) -> Iterable[Item]:
    """study.yaml and what its author put beside it: a README, a frozen plan. Results are taken run by run."""
    folder = result.run.study.folder
    for path in files_below(folder):
        name = path.relative_to(folder)
        if name.parts[0] in ("results", "failed") or name.name.endswith(".crate.zip"):
            continue
        about = STUDY_FILES.get(name.as_posix(), "Beside the study")
        yield Item(f"studies/{folder.name}/{name.as_posix()}", path, "study", about)


def _own(result: Published) -> list[Item]:
    root = result.run.study.project.root
    return [Item(name, root / name, "setup", SETUP[name]) for name in OWN if (root / name).is_file()]


# ---- data ---------------------------------------------------------------------------------------------


def sources_of(result: Published) -> list[str]:
    """Names of the source of a run and of those that it is made from."""
    project, name = result.run.study.project, result.run.study.settings.source
    if not name:
        return []
    return [
        Path(card).stem for card in cards(load_source(project.source(name)), project.root, f"data/sources/{name}.yaml")
    ]


def _data(result: Published, name: str, *, with_data: bool) -> Data:
    """A source's data: at their own place where they lie in the project, otherwise as copies for reading."""
    project = result.run.study.project
    root, card = project.root, load_source(project.source(name))
    origin = _origin(card)
    if not with_data:
        return Data(name, card, origin, missing="left out on purpose")
    if not card.redistribute:
        return Data(name, card, origin, missing="the licence does not say that they may be handed on")
    if not card.pieces:
        return Data(name, card, origin, missing="made from the other sources whenever they are read")
    try:
        paths = [item.path(root) for item in items(card, root, f"data/sources/{name}.yaml") if item.source is card]
        files = [f for path in paths for f in ([path] if path.is_file() else files_of(path))]
    except ScaleImpactError as error:
        return Data(name, card, origin, missing=f"not found: {' '.join(error.problems)}")
    inside = card.kind != "package" and all(f.is_relative_to(root) for f in files)
    found = tuple(Item(_place(f, root, name, inside), f, "data", card.title) for f in files)
    return Data(name, card, origin, found, copied=not inside)


def _place(path: Path, root: Path, name: str, inside: bool) -> str:
    if inside:
        return path.relative_to(root).as_posix()
    return f"{READ_COPIES}/{name}/{path.name}"


def _origin(card: Source) -> str:
    """Where the study reads the data."""
    if not card.pieces:
        return f"the sources {', '.join(card.components)}"
    files = ", ".join(piece.file for piece in card.pieces)
    if card.kind != "package" or card.package is None:
        return files
    known = packages_distributions().get(card.package, [])
    return f"{files} of the Python package {card.package}" + (f" {version(known[0])}" if known else "")
