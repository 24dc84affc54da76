"""README.md of a crate, in the form of the social science data editors' template.

Source: Vilhuber, Koren, Llull, Connolly and Morrow, template README for social science replication packages,
https://doi.org/10.5281/zenodo.7293838
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from scale_impact.core.words import counted, some
from scale_impact.workflow.crate.exhibits import Exhibit, exhibits
from scale_impact.workflow.crate.gather import STUDY_FILES, Data
from scale_impact.workflow.crate.items import Item
from scale_impact.workflow.crate.methods import methods
from scale_impact.workflow.crate.names import few
from scale_impact.workflow.crate.page import as_code, in_bytes, page
from scale_impact.workflow.crate.people import Citation
from scale_impact.workflow.crate.published import Published
from scale_impact.workflow.crate.software import package_version

TIMES = (
    ("<10 minutes", 600), ("10-60 minutes", 3600), ("1-2 hours", 7200), ("2-8 hours", 28800), ("8-24 hours", 86400),
    ("1-3 days", 259200), ("3-14 days", 1209600), ("> 14 days", float("inf")),
)  # fmt: skip
SPACES = (
    ("< 25 MBytes", 25e6), ("25 MB - 250 MB", 25e7), ("250 MB - 2 GB", 2e9), ("2 GB - 25 GB", 25e9),
    ("25 GB - 250 GB", 25e10), ("> 250 GB", float("inf")),
)  # fmt: skip
"""The template's boxes, each with where it ends (seconds, bytes)."""

ANSWERS = 12
"""Runs whose answer the overview gives; all have theirs in estimates.jsonl."""


def readme(
    results: Sequence[Published],
    items: Sequence[Item],
    data: Sequence[Data],
    made_by: Citation,
    problems: Sequence[str],
) -> str:
    """The README of a crate.

    Parameters
    ----------
    results:
        The runs.
    items:
        Every file but this one and the metadata.
    data:
        The sources.
    made_by:
        Licence of the code.
    problems:
        What speaks against the results, where they are exported all the same.
    """
    study, shown = results[0].run.study, _exhibits(results)
    size, seconds = sum(item.size for item in items), sum(r.seconds for r in results)
    return page(
        "README.md.j2",
        title=study.settings.title, question=" ".join(study.settings.question.split()), slug=study.slug, problems=few(problems),
        answers=_answers(results), duration=_duration(seconds),
        templates=[i.place for i in items if i.kind == "template"],
        sources=[_source(d) for d in data], datasets=[row for d in data for row in _datasets(d)],
        any_data=any(d.files for d in data),
        **_software(results, items), seeds=sorted({r.run.study.settings.seed for r in results}),
        times=_ticked(TIMES, seconds), spaces=_ticked(SPACES, size), size=size, files=len(items) + 3,
        machines=_machines(results), runs=[_run(r) for r in results],
        study_files=[i for i in items if i.kind == "study" and i.about != STUDY_FILES["study.yaml"]],
        code_licence=_code_licence(items, made_by), steps=_steps(study.slug, data),
        exhibits=shown, figures=_count(shown, "Figure"), tables=_count(shown, "Table"), references=_references(data), methods=methods(results),
    )  # fmt: skip


# ---- what came out -------------------------------------------------------------------------------------


def _answers(results: Sequence[Published]) -> list[dict[str, str]]:
    shown = [{"name": r.run.name, "words": _answer(r)} for r in results[:ANSWERS]]
    more = len(results) - len(shown)
    return shown + ([{"name": "...", "words": f"and {more:,} more runs"}] if more else [])


def _answer(result: Published) -> str:
    """The primary estimate of a run in words."""
    from scale_impact.evidence.reading import in_words, numbers
    from scale_impact.evidence.store import read_rows

    study = result.run.study
    try:
        rows = read_rows(result.run.results / "estimates.jsonl")
        row = next(r for r in rows if r["role"] == "primary" and r["kind"] == "overall")
        words = in_words(row, study.indicator(study.outcomes[0]).name)
        return f"{words} {row['estimand']} by {row['estimator']}, {row['outcome_unit']}: {numbers(row)}"
    except (OSError, ValueError, KeyError, TypeError, StopIteration):
        return "its estimates.jsonl has no primary estimate that can be read."


def _exhibits(results: Sequence[Published]) -> list[dict[str, Any]]:
    """Tables of figures, tables and data; runs whose tables are equal share one."""
    groups: dict[str, tuple[list[str], list[dict[str, str]]]] = {}
    for result in results:
        rows = list(_exhibit_rows(result))
        groups.setdefault(json.dumps(rows), ([], rows))[0].append(result.run.name)
    return [{"runs": some(names, 8), "many": len(names), "rows": rows} for names, rows in groups.values()]


def _count(groups: Sequence[dict[str, Any]], kind: str) -> str:
    """How many figures or tables there are, in all runs."""
    number = sum(group["many"] * sum(row["label"].startswith(kind) for row in group["rows"]) for group in groups)
    return counted(number, kind.lower())


def _exhibit_rows(result: Published) -> Iterator[dict[str, str]]:
    counts: dict[str, int] = {}
    program = result.run.study.project.relative(result.run.template)
    for exhibit in exhibits(result.run.results, result.files):
        counts[exhibit.kind] = counts.get(exhibit.kind, 0) + 1
        yield {
            "label": f"{exhibit.kind} {counts[exhibit.kind]}",
            "program": program,
            "cell": _cell_words(exhibit),
            "file": exhibit.file,
            "note": _note(exhibit),
        }


def _cell_words(exhibit: Exhibit) -> str:
    if exhibit.cell is None:
        return "none"
    section = " ".join(exhibit.cell.section.split()).replace("|", "\\|")
    return f"In [{exhibit.cell.number}]" + (f", {section}" if section else "")


def _note(exhibit: Exhibit) -> str:
    if exhibit.cell is None:
        return "no cell shows it or names it"
    if exhibit.kind == "Data":
        return "written by this cell"
    if exhibit.kind == "Table":
        return f"shown by {as_code(exhibit.cell.last_line)}"
    return "" if exhibit.shown else "named in the cell's code; the cell does not show these bytes"


# ---- data ----------------------------------------------------------------------------------------------


def _source(source: Data) -> dict[str, Any]:
    card = source.card
    return {
        "name": source.name,
        "title": card.title,
        "origin": " ".join(card.origin.split()),
        "licence": " ".join(card.licence.split()),
        "citation": " ".join((card.citation or "").split()),
        "short_citation": " ".join((card.citation or card.origin).split()),
        "read_from": source.read_from,
        "sha256": card.sha256,
        "names": "; ".join(i.place.rsplit("/", 1)[-1] for i in source.files) or "Not provided",
        "location": "; ".join(sorted({i.place.rsplit("/", 1)[0] + "/" for i in source.files})) or source.read_from,
        "provided": str(bool(source.files)),
        "availability": _availability(source),
        "columns": [{"name": n, "unit": c.unit, "meaning": c.meaning} for n, c in card.columns.items()],
    }


def _availability(source: Data) -> str:
    """How a reader gets the data."""
    if source.files and source.copied:
        return f"a copy for reading is in this package: {some([i.place for i in source.files])}."
    if source.files:
        return "they are part of this package."
    if source.card.kind == "package":
        return f"they are not in this package ({source.missing}); `make setup` installs the Python package that ships them."
    if source.card.is_derived and not source.card.pieces:
        return "they are computed from other sources of this package whenever they are read."
    return f"they are not in this package ({source.missing}). {_to_get(source)}; their SHA-256 is compared before they are read."


def _to_get(source: Data) -> str:
    """What a replicator does to have data that are not in the package."""
    if source.card.is_pulled:
        return f"`.venv/bin/scale-impact data pull {source.name}` fetches them"
    return "It downloads them itself" if source.card.is_remote else f"Put them at `{source.read_from}`"


def _datasets(source: Data) -> Iterator[dict[str, str]]:
    notes = "copy for reading; the study reads " + source.read_from if source.copied else "read by the study"
    for item in source.files:
        about = f"{notes}; {in_bytes(item.size)}; SHA-256 {item.sha256}"
        yield {"file": item.place, "source": source.card.title, "notes": about, "provided": "Yes"}
    if not source.files:
        about = f"SHA-256 {source.card.sha256}"
        yield {"file": source.read_from, "source": source.card.title, "notes": about, "provided": "No"}


# ---- what made it --------------------------------------------------------------------------------------


def _software(results: Sequence[Published], items: Sequence[Item]) -> dict[str, Any]:
    """Versions as the first run's manifest gives them, and what differs from it."""
    first, places = results[0], {item.place: item for item in items}
    return {
        "python": first.versions.get("python", "(not recorded)"),
        "packages": [(n, v) for n, v in first.versions.items() if n != "python"],
        "package_version": package_version(),
        "lock": "uv.lock" if "uv.lock" in places else "requirements.txt",
        "conda": "environment.yml" in places,
        "software_notes": [*_other_versions(results), *_other_lock(results, places.get("uv.lock"))],
    }


def _other_versions(results: Sequence[Published]) -> Iterator[str]:
    first = results[0].versions
    for result in results[1:]:
        other = {n: v for n, v in result.versions.items() if first.get(n) != v}
        if other:
            yield f"`{result.run.name}` was run with {', '.join(f'{n} {v}' for n, v in other.items())}"


def _other_lock(results: Sequence[Published], lock: Item | None) -> Iterator[str]:
    """Runs that were made under another lock file: the versions above are still theirs."""
    differ = [r.run.name for r in results if lock is None or r.environment.get("lock") not in (None, lock.sha256)]
    if lock is not None and differ:
        yield (
            f"`uv.lock` was changed since {some(differ)} ran; where a version above differs from the lock's, the run's is the "
            "one above"
        )


def _machines(results: Sequence[Published]) -> list[dict[str, str]]:
    """The machines that the runs were made on, each once."""
    found: dict[str, list[str]] = {}
    for result in results:
        found.setdefault(_machine(result), []).append(result.run.name)
    return [{"words": words, "runs": some(names)} for words, names in found.items()]


def _machine(result: Published) -> str:
    """Processor, cores, system and numerical libraries, as far as the manifest has them."""
    known = result.environment
    parts = [str(known[key]) for key in ("cpu", "platform") if isinstance(known.get(key), str)]
    parts += [counted(known["cores"], "core")] if isinstance(known.get("cores"), int) else []
    parts += [f"{in_bytes(known['memory'])} of memory"] if isinstance(known.get("memory"), int) else []
    parts += [f"BLAS {words}" for words in _libraries(known.get("blas"))]
    threads = result.manifest.get("threads")
    parts += [f"{counted(threads, 'thread')} a run"] if isinstance(threads, int) else []
    return "; ".join(parts) or "a machine that the manifest does not describe"


def _libraries(blas: Any) -> list[str]:
    libraries = blas if isinstance(blas, list) else []
    named = [b for b in libraries if isinstance(b, dict) and b.get("name")]
    return list(
        dict.fromkeys(" ".join(str(b[k]) for k in ("name", "version", "architecture") if b.get(k)) for b in named)
    )


def _run(result: Published) -> dict[str, str]:
    memory = result.manifest.get("peak_memory")
    return {
        "name": result.run.name,
        "started": result.started.strftime("%Y-%m-%d %H:%M"),
        "seconds": f"{result.seconds:,.1f}",
        "memory": in_bytes(memory) if isinstance(memory, int) else "not recorded",
        "id": str(result.manifest["run_id"]),
    }


# ---- for the replicator --------------------------------------------------------------------------------


def _steps(slug: str, data: Sequence[Data]) -> list[str]:
    wanted = [d for d in data if not d.files and d.card.kind != "package" and d.card.pieces and not d.card.is_remote]
    return [
        "Unpack the package into a folder of its own and go there; Python 3.11, 3.12 or 3.13, make and a package index are needed.",
        *(_step(d) for d in wanted),
        f"`make verify`: sets everything up, executes `{slug}` again and prints the verdict, number by number.",
    ]


def _step(source: Data) -> str:
    if source.card.is_pulled:
        return f"Get {source.card.title}: `make setup`, then `.venv/bin/scale-impact data pull {source.name}`."
    return f"Get {source.card.title} ({' '.join(source.card.origin.split())}) and put it at `{source.read_from}`."


def _code_licence(items: Sequence[Item], made_by: Citation) -> str:
    licence = (
        f"The code is licensed under {made_by.licence}." if made_by.licence else "No licence is named in CITATION.cff."
    )
    return licence + (" See `LICENSE`." if any(i.place == "LICENSE" for i in items) else "")


def _references(data: Sequence[Data]) -> list[str]:
    cited = [" ".join((d.card.citation or f"{d.card.title}. {d.card.origin}.").split()) for d in data]
    return [
        *cited,
        "Lars Vilhuber, Miklós Koren, Joan Llull, Marie Connolly and Peter Morrow. Template README for social science replication "
        "packages. https://doi.org/10.5281/zenodo.7293838",
    ]


def _ticked(boxes: Sequence[tuple[str, float]], value: float) -> list[tuple[str, bool]]:
    """The template's boxes, with the one that a value falls into ticked."""
    right = next(label for label, end in boxes if value < end)
    return [(label, label == right) for label, _ in boxes]


def _duration(seconds: float) -> str:
    for unit, length in (("hour", 3600), ("minute", 60)):
        if seconds >= 1.5 * length:
            return counted(round(seconds / length), unit)
    return counted(max(1, round(seconds)), "second")
