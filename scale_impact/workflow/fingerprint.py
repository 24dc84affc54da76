"""What a run's numbers depend on, as hashes: equal inputs, equal run id; and what the hashes are of.

Only what can change a number, a figure or a text of the results counts. Comments, layout and the order
of keys do not; nor do cards and indicators that a study does not use, Markdown and outputs of a
template, where a data file lies (its content counts), and the parts of the package that no notebook
can import.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import time
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from scale_impact.core import keys
from scale_impact.core.catalogue.indicator import load_indicators, meaning
from scale_impact.core.catalogue.measure import load_measure, said
from scale_impact.core.manifest import text_hash
from scale_impact.core.source import Source, load_source, reading
from scale_impact.core.template import read_template
from scale_impact.sources import cards, digest
from scale_impact.workflow.cells import cells_of
from scale_impact.workflow.hashes import entries, hashes_of
from scale_impact.workflow.modules import local_modules
from scale_impact.workflow.runs import Run

NUMERIC = ("numpy", "pandas", "scipy", "linearmodels", "dowhy", "econml", "statsmodels", "scikit-learn", "matplotlib")
"""Packages whose version may change a number or a figure."""

OUTSIDE = ("cli/", "workflow/")
"""Rooms of this package that a notebook cannot import (import-linter sees to it)."""

PLAN = "plan.json"
"""The frozen plan in a study's folder: deviations from it are said in results."""


Known = dict[tuple[Any, ...], dict[str, Any]]
"""What runs of one batch share, looked up once: the same template, cards, data and package."""


def inputs_of(run: Run, known: Known | None = None) -> dict[str, Any]:
    """Hashes of all that goes into a run, and the versions that make its numbers.

    Parameters
    ----------
    known:
        Filled, and used again for further runs of one look at a project; None looks anew.

    Raises
    ------
    ScaleImpactError
        The template, a card or the data cannot be read.
    """
    known = {} if known is None else known
    key = _shared_key(run)
    if key not in known:
        shared = {name: _hash(part) for name, part in _shared(run).items()}
        known[key] = {**shared, "data": data_of(run), "package": package_hash(), "versions": versions()}
    return {**known[key], "study": _hash(_own(run)), **_plan(run)}


def details_of(run: Run) -> dict[str, Any]:
    """What the hashes of a run's inputs are of; that of its data is in ``data_detail``."""
    template = [[cell.hash, cell.number, cell.line] for cell in cells_of(run.template)]
    return {**_shared(run), "template": template, "study": _own(run), "package": package_files()}


def run_id(inputs: dict[str, Any]) -> str:
    """Short hash of the inputs."""
    return _hash(inputs)[:16]


def _hash(value: Any) -> str:
    return text_hash(json.dumps(value, sort_keys=True))


# ---- the parts -----------------------------------------------------------------------------------------


def _own(run: Run) -> dict[str, Any]:
    """What a run shares with no other: names and resolved settings."""
    found = {"study": run.study.slug, "variant": run.study.variant, **resolved(run)}
    found |= {"records": records} if (records := _records(run)) else {}
    return found | ({"others": others} if (others := _others(run)) else {})


def _others(run: Run) -> dict[str, Any]:
    """What a run reads of other studies: hashes of their rows, and what is said of the measures that these name, by place."""
    project, found = run.study.project, dict[str, Any]()
    for other in run.study.others.values():
        found |= {project.relative(path): hashes_of(project.root).file(path) for path in other.results}
        found |= {project.relative(path): _content(_measure, path) for path in other.cards}
    return found | {project.relative(path): hashes_of(project.root).file(path) for path in run.study.papers}


def _records(run: Run) -> dict[str, str | None]:
    """Hashes of the records that estimators and checks of a run read beside the data; None where there is no such file."""
    settings, root = run.study.settings, run.study.project.root
    chosen = [("estimators", "fit", c) for c in settings.estimators] + [("checks", "run", c) for c in settings.checks]
    named = {path for room, does, c in chosen for _, path in keys.records(room, c.name, does, c.options)}
    files = [(root / path).with_suffix(".json") for path in sorted(named)]
    return {f.name: text_hash(f.read_text(encoding="utf-8")) if f.is_file() else None for f in files}


def _shared_key(run: Run) -> tuple[Any, ...]:
    """What a run names of its project."""
    settings = run.study.settings
    return (run.study.project.root, settings.template, settings.measure, settings.source, *_indicator_names(run))


def _indicator_names(run: Run) -> list[str]:
    """Indicators of a run's outcomes, and those of the rows that it reads of other studies."""
    read = {name for other in run.study.others.values() for name in other.indicators}
    return sorted({outcome.indicator for outcome in run.study.outcomes} | read)


def _shared(run: Run) -> dict[str, Any]:
    """What a run has of its project, but for data, package and versions, as JSON knows it."""
    project = run.study.project
    catalogue = _content(_indicators, project.indicators)
    return {
        "template": [cell.hash for cell in cells_of(run.template)],
        "modules": _modules(run.template, project.root),
        "measure": {} if run.study.measure_card is None else _content(_measure, run.study.measure_card),
        "indicators": {name: catalogue[name] for name in _indicator_names(run) if name in catalogue},
        "source": {} if run.study.source_card is None else _content(_source, run.study.source_card),
        "made_of": _made_of(run),
    }


def _made_of(run: Run) -> dict[str, dict[str, Any]]:
    """How the cards are read that the source is made from, by name."""
    if run.study.source_card is None:
        return {}
    root, where = run.study.project.root, card_place(run)
    below = [card for card in cards(card_of(run), root, where) if card != where]
    return {Path(card).stem: _content(_component, root / card) for card in below}


def _modules(template: Path, root: Path) -> dict[str, str]:
    """Hashes of the project's own Python files that a template imports or runs."""
    files = local_modules(read_template(template).code, root)
    return {path.relative_to(root).as_posix(): hashes_of(root).file(path) for path in files}


def resolved(run: Run) -> dict[str, Any]:
    """The resolved settings of a run; which other runs there are is no setting of one that has a name among them."""
    others = {"variants", "grid"} if run.study.combination is not None else {"variants"}
    return run.study.settings.model_dump(mode="json", exclude=others)


def _content(load: Any, path: Path) -> Any:
    """What a file says; each content is parsed once a process."""
    try:
        text = path.read_bytes()
    except OSError:
        text = b""  # the loader says what is wrong
    return load(path, text)


@lru_cache(maxsize=256)
def _measure(path: Path, text: bytes) -> dict[str, Any]:
    return said(load_measure(path))


@lru_cache(maxsize=8)
def _indicators(path: Path, text: bytes) -> dict[str, dict[str, Any]]:
    return {name: meaning(indicator) for name, indicator in load_indicators(path).items()}


@lru_cache(maxsize=256)
def _source(path: Path, text: bytes) -> dict[str, Any]:
    return reading(load_source(path))


@lru_cache(maxsize=256)
def _component(path: Path, text: bytes) -> dict[str, Any]:
    """What a card below says that can change a result: the meaning of its columns is shown nowhere."""
    found = reading(load_source(path))
    columns = {name: {k: v for k, v in c.items() if k != "meaning"} for name, c in found["columns"].items()}
    return {**found, "columns": columns}


@lru_cache(maxsize=256)
def _card(path: Path, text: bytes) -> Source:
    return load_source(path)


def card_of(run: Run) -> Source:
    """The card of a run's source; errors as ``load_source``."""
    card: Source = _content(_card, run.study.project.source(run.study.settings.source))
    return card


def _plan(run: Run) -> dict[str, str]:
    """Hash of the frozen plan, where a study has one."""
    path = os.path.join(run.study.folder, PLAN)
    return {"plan": hashes_of(run.study.project.root).file(Path(path))} if os.path.isfile(path) else {}


# ---- data ----------------------------------------------------------------------------------------------


NO_DATA = "none: published rows alone are read"
"""In place of the hash of data, where a study looks at none of its own."""


def data_of(run: Run) -> str:
    """SHA-256 of a run's data, or that it looks at none. Of files that are kept only where they fit their card, the card's.

    Raises
    ------
    SourceError
        There is no such file, or it cannot be read.
    """
    if run.study.source_card is None:
        return NO_DATA
    root = run.study.project.root
    return digest(card_of(run), root, card_place(run), hashes_of(root).data)


def card_place(run: Run) -> str:
    """The path of the card of a run's source, from the project's folder."""
    return f"data/sources/{run.study.settings.source}.yaml"


# ---- code ----------------------------------------------------------------------------------------------


def package_hash() -> str:
    """Hash of what a notebook can import of this package."""
    return _package(_second())[0]


def package_files() -> dict[str, str]:
    """Short hash of each file of this package that a notebook can import."""
    return dict(_package(_second())[1])


def _second() -> int:
    """Changes once a second: a batch of hours sees an edited package, a plan of 1,000 runs reads it once or twice."""
    return int(time.monotonic())


@lru_cache(maxsize=1)
def _package(second: int) -> tuple[str, dict[str, str]]:
    root = str(Path(__file__).resolve().parents[1])
    names = sorted(n for n, _ in entries(root) if n.endswith(".py") and not n.startswith(OUTSIDE))
    files = {name: _code(os.path.join(root, name)) for name in names}
    return _hash(files), files


def _code(path: str) -> str:
    """Short hash of a file of code, whatever its ends of lines."""
    with open(path, "rb") as file:
        return hashlib.sha256(file.read().replace(b"\r\n", b"\n")).hexdigest()[:16]


@cache
def versions() -> dict[str, str]:
    """Versions of Python and of the packages that make numbers."""
    found = {"python": platform.python_version()}
    for name in NUMERIC:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
