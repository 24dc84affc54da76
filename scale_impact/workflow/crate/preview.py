"""The page that shows a crate's metadata to people."""

from __future__ import annotations

import json
from typing import Any

from scale_impact.workflow.crate.page import page


def preview(graph: dict[str, Any]) -> str:
    """``ro-crate-preview.html``: static HTML 5 that holds the metadata too, as RO-Crate 1.1 asks for.

    Parameters
    ----------
    graph:
        The content of ``ro-crate-metadata.json``.
    """
    entities = {entity["@id"]: entity for entity in graph["@graph"]}
    root = entities["./"]
    parts = [entities[part["@id"]] for part in root["hasPart"]]
    return page(
        "ro-crate-preview.html.j2",
        root=root, licence=entities[root["license"]["@id"]], cite_as=_cite_as(root, entities),
        actions=[entities[reference["@id"]] for reference in root["mentions"]], files=parts,
        software=[_software(e) for e in entities.values() if e["@type"] in ("SoftwareApplication", "ComputerLanguage")],
        json=_for_script(graph),
    )  # fmt: skip


def _software(entity: dict[str, Any]) -> dict[str, str]:
    version = entity.get("softwareVersion", entity.get("version", ""))
    return {"name": entity["name"], "version": version, "url": entity.get("url", "")}


def _cite_as(root: dict[str, Any], entities: dict[str, Any]) -> str:
    authors = ", ".join(str(entities[reference["@id"]]["name"]) for reference in root.get("author", []))
    return (
        f"{authors or 'Unnamed authors'} ({root['datePublished'][:4]}). {root['name']} Replication package (RO-Crate)."
    )


def _for_script(graph: dict[str, Any]) -> str:
    """JSON that cannot end the script element that it stands in."""
    text = json.dumps(graph, indent=1, ensure_ascii=False, sort_keys=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
