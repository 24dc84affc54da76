"""Why a run is out of date, in words: what is another than when its results were made, and what it was then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

from scale_impact.core.manifest import FORMAT, Manifest
from scale_impact.core.words import plain, some
from scale_impact.workflow.data_detail import data_changes
from scale_impact.workflow.fingerprint import details_of
from scale_impact.workflow.runs import Run

Mapped = Mapping[str, Any]

CARDS = {"measure": "data/measures/{}.yaml", "source": "data/sources/{}.yaml"}

LONG = 60
"""Letters of a text that are shown."""

ORDER = (
    "study",
    "data",
    "template",
    "modules",
    "measure",
    "indicators",
    "source",
    "made_of",
    "plan",
    "package",
    "versions",
)
"""Parts in the order in which they are said: what a user changes most comes first."""

MOST = 8
"""Changes of one part that are named; of more, the first and how many there are."""


def reasons(run: Run, manifest: Manifest, inputs: Mapped) -> list[str]:
    """What differs between a run as it is and the manifest of its results, one sentence a change."""
    was = manifest.inputs
    if manifest.format < FORMAT:
        return [
            *_versions(was, inputs),
            "made by an earlier version of scale_impact, whose manifest does not say what else changed",
        ]
    now = details_of(run)
    changed = [part for part in ORDER if was.get(part) != inputs.get(part)]
    said = [sentence for part in changed for sentence in _few(part, _part(run, manifest, inputs, now, part))]
    return said or ["its record was edited: the run id is not that of its inputs"]


def _part(run: Run, manifest: Manifest, inputs: Mapped, now: Mapped, part: str) -> list[str]:
    """What changed in a part; in general words where its manifest keeps no detail."""
    if part == "data":
        return data_changes(run, manifest)
    if part == "versions":
        return _versions(manifest.inputs, inputs)
    if part == "plan":
        return _plan(manifest.inputs, inputs)
    before = manifest.details.get(part)
    found = list(DETAILED[part](run, before, now[part])) if before is not None else []
    return found or [f"{part} changed"]


def _few(part: str, found: Sequence[str]) -> list[str]:
    if len(found) <= MOST:
        return list(found)
    return [*found[: MOST - 1], f"{part}: {len(found) - MOST + 1} more changes"]


def _versions(was: Mapped, now: Mapped) -> list[str]:
    before = was.get("versions")
    return _mapping({}, now["versions"]) if not isinstance(before, dict) else _mapping(before, now["versions"], " ")


def _plan(was: Mapped, now: Mapped) -> list[str]:
    before, after = was.get("plan"), now.get("plan")
    what = "is new" if before is None else "is gone" if after is None else "changed"
    return [f"plan: the frozen plan (plan.json) {what}"]


# ---- parts ---------------------------------------------------------------------------------------------


def _template(run: Run, was: Any, now: Any) -> Iterator[str]:
    """Cells that changed, are new or gone, by number among the code cells and first line."""
    name = run.template.name
    matcher = SequenceMatcher(None, [c[0] for c in was], [c[0] for c in now], autojunk=False)
    for kind, i, j, k, m in matcher.get_opcodes():
        if kind == "equal":
            continue
        both = min(j - i, m - k)
        yield from (f"template {name}: {_cell(cell)} changed" for cell in now[k : k + both])
        yield from (f"template {name}: {_cell(cell)} is new" for cell in now[k + both : m])
        yield from (f"template {name}: {_cell(cell)} is gone" for cell in was[i + both : j])


def _cell(cell: Sequence[Any]) -> str:
    return f"code cell {cell[1]} (`{cell[2]}`)"


def _study(run: Run, was: Any, now: Any) -> Iterator[str]:
    yield from _mapping(was, now)


def _measure(run: Run, was: Any, now: Any) -> Iterator[str]:
    yield from (f"{CARDS['measure'].format(run.study.settings.measure)}: {s}" for s in _mapping(was, now))


def _source(run: Run, was: Any, now: Any) -> Iterator[str]:
    yield from (f"{CARDS['source'].format(run.study.settings.source)}: {s}" for s in _mapping(was, now))


def _made_of(run: Run, was: Any, now: Any) -> Iterator[str]:
    """Cards that the source is made from."""
    for name in {**was, **now}:
        card = CARDS["source"].format(name)
        if name not in now or name not in was:
            yield f"{card}: the source is {'not made of it any more' if name in was else 'made of it too'}"
        else:
            yield from (f"{card}: {s}" for s in _mapping(was[name], now[name]))


def _indicators(run: Run, was: Any, now: Any) -> Iterator[str]:
    yield from (f"data/indicators/catalogue.csv: {s}" for s in _mapping(was, now))


def _package(run: Run, was: Any, now: Any) -> Iterator[str]:
    """Files of the package that changed, are new or gone."""
    yield from (f"package: {said}" for said in _files(was, now))


def _modules(run: Run, was: Any, now: Any) -> Iterator[str]:
    """The same of the project's own Python files."""
    yield from _files(was, now)


def _files(was: Any, now: Any) -> Iterator[str]:
    kinds = {
        "changed": [n for n in now if n in was and now[n] != was[n]],
        "new": [n for n in now if n not in was],
        "gone": [n for n in was if n not in now],
    }
    yield from (f"{some(names)} {kind}" for kind, names in kinds.items() if names)


DETAILED = {
    "study": _study, "template": _template, "modules": _modules, "measure": _measure, "indicators": _indicators, "source": _source,
    "made_of": _made_of, "package": _package,
}  # fmt: skip


# ---- mappings ------------------------------------------------------------------------------------------


def _mapping(was: Mapped, now: Mapped, colon: str = ": ") -> list[str]:
    """``level: 0.95, was 0.9`` for each entry that differs."""
    before, after = dict(_leaves(was)), dict(_leaves(now))
    keys = dict.fromkeys([*after, *before])
    changed = [k for k in keys if before.get(k) != after.get(k) or (k in before) != (k in after)]
    return [f"{k}{colon}{_value(after, k)}, was {_value(before, k)}" for k in changed]


def _leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Entries of nested mappings by dotted key; lists of records by number, other lists whole."""
    if isinstance(value, Mapping) and not _is_choice(value):
        entries = ((str(key), inner) for key, inner in value.items())
    elif isinstance(value, list) and value and all(isinstance(v, Mapping) and not _is_choice(v) for v in value):
        entries = ((str(k), inner) for k, inner in enumerate(value))
    else:
        yield place, value
        return
    for key, inner in entries:
        yield from _leaves(inner, f"{place}.{key}" if place else key)


def _is_choice(value: Mapped) -> bool:
    """Whether a mapping is an estimator, a check or a method with its options."""
    return set(value) == {"name", "options"}


def _value(entries: Mapped, key: str) -> str:
    return _words(entries[key]) if key in entries else "not there"


def _words(value: Any) -> str:
    """A value as its author would write it, shortened where it is long."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(_words, value))}]"
    if isinstance(value, Mapping):
        return (
            _choice(value)
            if _is_choice(value)
            else "{" + ", ".join(f"{k}: {_words(v)}" for k, v in value.items()) + "}"
        )
    text = " ".join(plain(value).split())
    return text if len(text) <= LONG else f"{text[: LONG - 1]}…"


def _choice(value: Mapped) -> str:
    options = {str(k): v for k, v in value["options"].items()}
    return f"{value['name']} {_words(options)}" if options else str(value["name"])
