"""Cards: what study.yaml and source cards say, as they are written, of the data that published rows come from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scale_impact.core.changes import overlay
from scale_impact.core.project import Project
from scale_impact.core.yaml_file import read_yaml

Run = tuple[str, str | None]
"""A study's slug and its variant."""


@dataclass(frozen=True)
class Ground:
    """What the numbers of a run rest on, all the way down: a decision on its transfer, a transfer on its studies.

    Attributes
    ----------
    cards:
        The cards of its source and of those of the runs that it reads, with the cards that these are made of.
    simulated:
        Those of them that say that their data were simulated.
    runs:
        The run itself, then those whose numbers it reads.
    failed:
        Those of them of which a later run failed.
    """

    cards: tuple[str, ...]
    simulated: tuple[str, ...]
    runs: tuple[Run, ...]
    failed: tuple[Run, ...]


def run_name(run: Run) -> str:
    """A run as it is called: slug, or slug/variant."""
    return run[0] if run[1] is None else f"{run[0]}/{run[1]}"


@dataclass
class Cards:
    """Studies and source cards as they are written, each read once."""

    project: Project
    read: dict[Path, Mapping[str, Any]] = field(default_factory=dict)

    def raw(self, path: Path) -> Mapping[str, Any]:
        """Keys of a file; none where it is not there or broken, which `check` says."""
        if path not in self.read:
            self.read[path] = read_yaml(path)[0] if path.is_file() else {}
        return self.read[path]

    def title(self, slug: str, variant: str | None) -> str | None:
        """Title of a study."""
        title = self._keys(slug, variant).get("title")
        return None if title is None else str(title)

    def ground(self, slug: str, variant: str | None) -> Ground:
        """What a run rests on; the one place where simulated data and failed runs below it are found."""
        runs = self.reads(slug, variant)
        cards = tuple(dict.fromkeys(card for run in runs for card in self._own(run)))
        return Ground(
            cards, tuple(c for c in cards if self.simulated(c)), runs, tuple(run for run in runs if self.failed(run))
        )

    def reads(self, slug: str, variant: str | None) -> tuple[Run, ...]:
        """The run, then those whose numbers it reads, all the way down; a ring of studies ends where it meets itself.

        Of a study that is named without a variant, all published runs that may be meant: rather one mark too many than one too few.
        """
        found: dict[Run, None] = {}
        waiting: list[Run] = [(slug, variant)]
        while waiting:
            run = waiting.pop(0)
            if run not in found:
                found[run] = None
                waiting += self._read_by(self._keys(*run))
        return tuple(found)

    def unit_asked(self, slug: str, variant: str | None, city: str) -> tuple[str, str]:
        """What kind of unit a city is that asks, with the source that means it: as in the first run that it rests on and that knows it.

        That is a transfer, whose units are such cities, or a study that followed it; where there is none it is a ``city``.
        """
        for run in self.reads(slug, variant):
            keys = self._keys(*run)
            if keys.get("unit") and (_block(keys, "transfer") or self._followed(run, city)):
                return str(keys["unit"]), str(keys.get("source") or "")
        return "city", ""

    def _followed(self, run: Run, name: str) -> bool:
        """Whether a unit of a published run is called so."""
        path = self.project.studies / run[0] / "results" / (run[1] or "") / "units.jsonl"
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, ValueError):  # what is not whole is told where the run is read
            return False
        return any(f'"unit": {json.dumps(name, ensure_ascii=plain)}' in text for plain in (True, False))

    def failed(self, run: Run) -> bool:
        """Whether a run failed after the one whose rows are published."""
        slug, variant = run
        return bool(slug) and (self.project.studies / slug / "failed" / (variant or "") / "executed.ipynb").is_file()

    def follows(self, slug: str, variant: str | None) -> bool:
        """Whether units are followed over time; not where observations of one period are compared by their own exposure."""
        keys = self._keys(slug, variant)
        treatment = keys.get("treatment")
        compared = isinstance(treatment, Mapping) and bool({"exposure", "running"} & set(treatment))
        return not compared and keys.get("unit", "") is not None

    def _keys(self, slug: str, variant: str | None) -> dict[str, Any]:
        """Keys of a study, those of a variant laid over them; a combination of its grid has the study's."""
        raw = self.raw(self.project.studies / slug / "study.yaml") if slug else {}  # a damaged row may name none
        variants = raw.get("variants")
        name = (variant or "").partition("__")[0]
        changed = variants.get(name) if isinstance(variants, Mapping) else None
        return overlay(raw, changed if isinstance(changed, Mapping) else {})

    def _own(self, run: Run) -> tuple[str, ...]:
        """The card of a run's source, with all that it is made of."""
        source = self._keys(*run).get("source")
        return tuple(self._made_of([str(source)] if source else []))

    def _read_by(self, keys: Mapping[str, Any]) -> Iterator[Run]:
        """Runs whose numbers a study with these keys reads itself; evidence that is left out for being simulated is not read."""
        transfer, scaleup = _block(keys, "transfer"), _block(keys, "scaleup")
        for block in (transfer.get("transport"), scaleup.get("effect"), scaleup.get("pilot")):
            if isinstance(block, Mapping) and block.get("study"):
                yield from self._meant(str(block["study"]), block.get("variant"))
        named, asked = transfer.get("studies"), transfer.get("include")
        simulated_too = isinstance(asked, list) and "simulated" in asked
        for name in named if isinstance(named, list) else ():
            if isinstance(name, str):
                runs = self._meant(name)
                yield from (r for r in runs if simulated_too or not any(map(self.simulated, self._own(r))))

    def _meant(self, name: str, variant: Any = None) -> tuple[Run, ...]:
        """The published runs that a name may mean: the one that is named, else the main one, else all."""
        slug, _, own = name.partition("/")
        if own or variant:
            return ((slug, own or str(variant)),)
        results = self.project.studies / slug / "results"
        if not slug or (results / "estimates.jsonl").is_file():
            return ((slug, None),)
        found = sorted(path.parent.name for path in results.glob("*/estimates.jsonl"))
        return tuple((slug, one) for one in found) or ((slug, None),)

    def _made_of(self, names: Sequence[str]) -> dict[str, None]:
        """Cards with all that they are made of, each once; a ring ends where it meets itself."""
        found: dict[str, None] = {}
        waiting = list(names)
        while waiting:
            name = waiting.pop(0)
            if name in found:
                continue
            found[name] = None
            raw = self.raw(self.project.source(name))
            parts = [p.get("source") for p in raw.get("parts") or () if isinstance(p, Mapping)]
            waiting += [str(n) for n in (*(raw.get("tables") or ()), *parts) if n]
        return found

    def simulated(self, name: str) -> bool:
        """Whether a card says that its data were simulated."""
        return self.raw(self.project.source(name)).get("simulated") is True


def _block(keys: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A block of keys, as far as it is written as it should be."""
    found = keys.get(name)
    return found if isinstance(found, Mapping) else {}
