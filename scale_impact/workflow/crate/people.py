"""Who made a study, and under which licence: what CITATION.cff says, as entities of a crate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from scale_impact.core.yaml_file import read_yaml
from scale_impact.workflow.crate.items import Item


@dataclass(frozen=True)
class Citation:
    """What CITATION.cff says: authors as entities, and the SPDX name of the licence; empty where it says nothing."""

    authors: tuple[dict[str, Any], ...] = ()
    licence: str = ""


def citation(items: Sequence[Item]) -> Citation:
    """The citation file among the files of a crate, read."""
    found = next((i.content for i in items if i.place == "CITATION.cff"), None)
    raw, _ = read_yaml(found) if isinstance(found, Path) else ({}, [])
    authors, licence = raw.get("authors"), raw.get("license")
    made = [_author(a) for a in authors if isinstance(a, Mapping)] if isinstance(authors, list) else []
    return Citation(tuple(a for a in made if a["name"]), licence if isinstance(licence, str) else "")


def _author(raw: Mapping[str, Any]) -> dict[str, Any]:
    """A person by given and family name, an organization by its name."""
    person = [str(raw[k]) for k in ("given-names", "name-particle", "family-names", "name-suffix") if raw.get(k)]
    name = " ".join(person) or str(raw.get("name") or raw.get("alias") or "")
    orcid = str(raw["orcid"]) if raw.get("orcid") else None
    entity = {"@id": orcid or f"#{quote(name)}", "@type": "Person" if person else "Organization", "name": name}
    return entity | ({"affiliation": str(raw["affiliation"])} if raw.get("affiliation") else {})
