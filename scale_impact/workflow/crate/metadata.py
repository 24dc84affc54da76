"""The metadata of a crate: its files, runs, data and software as linked entities (RO-Crate 1.1, Process Run Crate 0.5).

Source: https://w3id.org/ro/crate/1.1, https://w3id.org/ro/wfrun/process/0.5
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from scale_impact.workflow.crate.gather import Data, sources_of
from scale_impact.workflow.crate.items import Item
from scale_impact.workflow.crate.people import Citation
from scale_impact.workflow.crate.published import Published
from scale_impact.workflow.crate.software import package_version

if TYPE_CHECKING:
    from rocrate.rocrate import ROCrate

PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
TERMS = {"sha256": "http://schema.org/sha256"}
"""Terms that the context of RO-Crate 1.1 does not have."""

Reference = dict[str, str]


def metadata(
    results: Sequence[Published], items: Sequence[Item], data: Sequence[Data], made_by: Citation, when: datetime
) -> dict[str, Any]:
    """The content of ``ro-crate-metadata.json``.

    Parameters
    ----------
    results:
        The runs, one ``CreateAction`` each.
    items:
        Every file of the crate but the metadata and its page.
    data:
        The sources.
    made_by:
        Authors and licence.
    when:
        When the last run ended: the crate's date, so that the same results give the same bytes.
    """
    from rocrate.model.preview import Preview
    from rocrate.rocrate import ROCrate

    crate = ROCrate()
    crate.add(Preview(crate))
    crate.metadata.extra_terms.update(TERMS)
    _root(crate, results, data, made_by, when)
    sources = {item.place: source for source in data for item in source.files}
    for item in items:
        crate.add_file(dest_path=item.place, properties=_file(item, results, sources.get(item.place)))
    for entity in _context(results, data, made_by):
        crate.add_jsonld(dict(entity))
    made: dict[str, Any] = crate.metadata.generate()
    return made


def _root(
    crate: ROCrate, results: Sequence[Published], data: Sequence[Data], made_by: Citation, when: datetime
) -> None:
    """The crate as a whole."""
    settings, root = results[0].run.study.settings, crate.root_dataset
    root["name"] = settings.title
    root["description"] = (
        f"{settings.question} Data, notebook, software and results of the study {results[0].run.study.slug}, with all that "
        "is needed to execute it again and to compare every number."
    )
    root["datePublished"] = when.isoformat()
    root["license"] = _ref(_licence(made_by)["@id"])
    root["author"] = [_ref(a["@id"]) for a in made_by.authors]
    root["conformsTo"] = _ref(PROFILE)
    root["mentions"] = [_ref(_action_id(result)) for result in results]
    root["citation"] = [_ref(_citation_id(d)) for d in data if d.card.citation]


# ---- files --------------------------------------------------------------------------------------------


def _file(item: Item, results: Sequence[Published], source: Data | None) -> dict[str, Any]:
    """What is said of a file; ``source`` is the one that it holds data of."""
    entity: dict[str, Any] = {
        "name": item.place.rsplit("/", 1)[-1],
        "description": item.about,
        "encodingFormat": item.format,
        "contentSize": str(item.size),
        "sha256": item.sha256,
    }
    if source is not None:
        entity |= {"license": _ref(_licence_id(source)), "variableMeasured": _columns(source)}
    users = [r for r in results if item.kind == "template" and _template(r) == item.place]
    return entity | (_workflow(users[0]) if users else {})


def _workflow(result: Published) -> dict[str, Any]:
    """The notebook as the tool that was executed."""
    return {
        "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
        "name": f"Notebook {result.run.study.settings.template}",
        "version": str(dict(result.manifest.get("inputs") or {}).get("template") or result.manifest["run_id"])[:16],
        "programmingLanguage": _ref(_python_id(result)),
        "softwareRequirements": [_ref(identity) for identity, _, _ in _packages(result)],
    }


def _columns(source: Data) -> list[Reference]:
    return [_ref(_column_id(source, name)) for name in source.card.columns]


# ---- everything else ----------------------------------------------------------------------------------


def _context(results: Sequence[Published], data: Sequence[Data], made_by: Citation) -> list[dict[str, Any]]:
    """Entities that are no files of the crate, each once."""
    found = [
        {"@id": PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"},
        _licence(made_by),
        *made_by.authors,
        *(entity for source in data for entity in _of_data(source)),
        *(entity for result in results for entity in _of_result(result, data)),
    ]
    return list({str(entity["@id"]): entity for entity in found}.values())


def _licence(made_by: Citation) -> dict[str, Any]:
    """The licence of the crate; data have their own."""
    if not made_by.licence:
        about = "No licence is named in CITATION.cff. Each data file has the licence that its entity names."
        return {"@id": "#licence", "@type": "CreativeWork", "name": "Not stated", "description": about}
    about = "Of code, notebooks and texts. Each data file has the licence that its entity names."
    identity = f"https://spdx.org/licenses/{quote(made_by.licence)}"
    return {"@id": identity, "@type": "CreativeWork", "name": made_by.licence, "description": about}


def _of_data(source: Data) -> Iterator[dict[str, Any]]:
    """Licence, citation and columns of a source; the data themselves where they are left out."""
    card = source.card
    yield {
        "@id": _licence_id(source),
        "@type": "CreativeWork",
        "name": f"Licence of {card.title}",
        "description": card.licence,
    }
    if card.citation:
        yield {"@id": _citation_id(source), "@type": "CreativeWork", "name": " ".join(card.citation.split())}
    for name, column in card.columns.items():
        yield {
            "@id": _column_id(source, name), "@type": "PropertyValue", "name": name, "description": column.meaning,
            "unitText": column.unit,
        }  # fmt: skip
    if not source.files:
        yield {
            "@id": _data_id(source), "@type": "CreativeWork", "name": card.title, "sha256": str(card.sha256),
            "description": f"Not in this crate. Origin: {card.origin}. The study reads {source.read_from}.",
            "license": _ref(_licence_id(source)), "variableMeasured": _columns(source),
        }  # fmt: skip


def _of_result(result: Published, data: Sequence[Data]) -> Iterator[dict[str, Any]]:
    """A run, its parameters, and the software that it was made with."""
    parameters = list(_parameters(result))
    yield _action(result, data, parameters)
    yield from parameters
    yield {
        "@id": _python_id(result), "@type": "ComputerLanguage", "name": "Python",
        "version": result.versions.get("python", ""), "url": "https://www.python.org/",
    }  # fmt: skip
    for identity, name, version in _packages(result):
        entity = {"@id": identity, "@type": "SoftwareApplication", "name": name, "softwareVersion": version}
        yield entity | ({"url": identity} if identity.startswith("https://") else {})


def _action(result: Published, data: Sequence[Data], parameters: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The execution of a template."""
    study, project = result.run.study, result.run.study.project
    sources = [d for d in data if d.name in sources_of(result)]
    used = [
        f"studies/{study.slug}/study.yaml",
        *(project.relative(project.source(d.name)) for d in sources),
        *([] if study.measure_card is None else [project.relative(study.measure_card)]),
        project.relative(project.indicators),
        *(item.place for d in sources for item in d.files),
    ]
    return {
        "@id": _action_id(result),
        "@type": "CreateAction",
        "name": f"Run of {result.run.name}",
        "description": f"scale-impact run {study.slug}; run id {result.manifest['run_id']}; {result.seconds:g} s",
        "startTime": result.started.isoformat(),
        "endTime": result.ended.isoformat(),
        "instrument": _ref(quote(_template(result))),
        "object": [
            *(_ref(quote(place)) for place in used),
            *(_ref(_data_id(d)) for d in sources if not d.files),
            *(_ref(str(p["@id"])) for p in parameters),
        ],
        "result": [_ref(quote(f"{result.place}/{path.as_posix()}")) for path in result.files],
    }


def _parameters(result: Published) -> Iterator[dict[str, Any]]:
    """The resolved keys of the study, one by one; lists stay whole, as JSON."""
    settings = result.run.study.settings.model_dump(mode="json", exclude={"variants", "grid"})
    for key, value in _leaves(settings):
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        yield {
            "@id": f"#{quote(result.run.name)}/{quote(key)}", "@type": "PropertyValue", "name": key, "value": text,
        }  # fmt: skip


def _leaves(value: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, inner in value.items():
        if isinstance(inner, Mapping) and inner:
            yield from _leaves(inner, f"{above}{key}.")
        else:
            yield f"{above}{key}", inner


# ---- names of entities --------------------------------------------------------------------------------


def _ref(identity: str) -> Reference:
    return {"@id": identity}


def _template(result: Published) -> str:
    return result.run.study.project.relative(result.run.template)


def _action_id(result: Published) -> str:
    return f"#run-{quote(result.run.name)}"


def _python_id(result: Published) -> str:
    return f"#python-{quote(result.versions.get('python', 'unknown'))}"


def _packages(result: Published) -> list[tuple[str, str, str]]:
    """Identity, name and version of the package and of those that make its numbers."""
    ours = package_version()
    numeric = [(n, v) for n, v in result.versions.items() if n != "python"]
    return [
        (f"#scale_impact-{quote(ours)}", "scale_impact", ours),
        *((f"https://pypi.org/project/{quote(n)}/{quote(v)}/", n, v) for n, v in numeric),
    ]


def _licence_id(source: Data) -> str:
    return f"#licence-{quote(source.name)}"


def _citation_id(source: Data) -> str:
    return f"#citation-{quote(source.name)}"


def _data_id(source: Data) -> str:
    return f"#data-{quote(source.name)}"


def _column_id(source: Data, name: str) -> str:
    return f"#{quote(source.name)}/{quote(name)}"
