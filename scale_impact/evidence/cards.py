"""Cards: what study.yaml and source cards say, as they are written, of the data that published rows come from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scale_impact.core.project import Project
from scale_impact.core.yaml_file import read_yaml


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

    def of_study(self, slug: str, variant: str | None) -> tuple[str | None, tuple[str, ...]]:
        """Title of a study, and the cards of its data: its own, those of studies whose numbers it puts together, and what they are made of."""
        title = self._keys(slug, variant).get("title")
        return None if title is None else str(title), tuple(self._made_of(self._sources(slug, variant, set())))

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
        return {**raw, **(changed if isinstance(changed, Mapping) else {})}

    def _sources(self, slug: str, variant: str | None, seen: set[str]) -> list[str]:
        """Sources of a study, and of those that it reads; a ring of studies ends where it meets itself."""
        if slug in seen:
            return []
        seen.add(slug)
        keys = self._keys(slug, variant)
        own = [str(keys["source"])] if keys.get("source") else []
        return [*own, *(name for other in _read_by(keys) for name in self._sources(*other, seen))]

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


def _read_by(keys: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    """Studies whose numbers a transfer or a scale-up reads, each with its variant, as far as they are written as they should be."""
    transfer, scaleup = (
        block if isinstance(block := keys.get(name), Mapping) else {} for name in ("transfer", "scaleup")
    )
    rows = [
        r for r in (transfer.get("transport"), scaleup.get("effect"), scaleup.get("pilot")) if isinstance(r, Mapping)
    ]
    named = transfer.get("studies")
    listed = [name.partition("/") for name in (named if isinstance(named, list) else []) if isinstance(name, str)]
    found = [(str(r["study"]), str(r["variant"]) if r.get("variant") else None) for r in rows if r.get("study")]
    return [
        *((slug, variant or None) for slug, _, variant in listed),
        *((slug.partition("/")[0], variant) for slug, variant in found),
    ]
