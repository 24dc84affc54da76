"""Surroundings: what differs between the published run and the one now, beside the numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scale_impact.core.manifest import Manifest

WORDS = {
    "template": "template (code cells)",
    "modules": "the project's own modules",
    "study": "settings of the study",
    "measure": "card of the measure",
    "indicators": "catalogue of indicators",
    "source": "card of the source",
    "data": "data",
    "package": "source of scale_impact",
    "python": "Python",
    "platform": "system",
    "lock": "uv.lock",
    "git_commit": "git commit",
    "git_dirty": "uncommitted changes",
    "cores": "cores",
    "cpu": "CPU",
    "blas": "BLAS",
    "threads": "threads",
    "memory": "memory in bytes",
    "variables": "environment variables that are set",
}

NOISE = ("warm",)
"""What differs in every verification, which is always cold."""

HASHED = tuple(WORDS[part] for part in ("template", "modules", "study", "measure", "indicators", "source", "package"))
"""Inputs of which a manifest holds hashes of what they say, not of their files."""

HASH = re.compile(r"[0-9a-f]{40,}")


@dataclass(frozen=True)
class Change:
    """Something that is not as it was: what, as it was published, as it is now."""

    what: str
    published: str
    now: str

    @property
    def words(self) -> str:
        """The change in one line."""
        return f"{self.what}: {self.published} → {self.now}"


def changes(published: Manifest, now: Manifest, *, set_here: frozenset[str] = frozenset()) -> tuple[Change, ...]:
    """What differs between two runs; what one of the two does not say is passed over.

    ``set_here`` are environment variables that the verification sets itself.
    """
    before, after = _facts(published, set_here), _facts(now, set_here)
    if published.format != now.format:  # another version of the package made its hashes of other texts
        before = {key: value for key, value in before.items() if key not in HASHED}
    return tuple(_change(key, before[key], after[key]) for key in before if _differs(key, before, after))


def _differs(key: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether a fact differs; a numerical library that one of the two had not loaded made no number."""
    one, other = before[key], after.get(key, before[key])
    if key == WORDS["blas"]:
        return not (set(one) <= set(other) or set(other) <= set(one))
    return bool(one != other)


def _change(what: str, published: Any, now: Any) -> Change:
    """A change; of lists only what is in one of the two."""
    if isinstance(published, list) and isinstance(now, list):
        one, other = [v for v in published if v not in now], [v for v in now if v not in published]
        return Change(what, ", ".join(map(str, one)) or "none", ", ".join(map(str, other)) or "none")
    return Change(what, _shown(published), _shown(now))


def _facts(manifest: Manifest, set_here: frozenset[str]) -> dict[str, Any]:
    """Everything a manifest says about a run's inputs and machine, flat, by name in words; versions once."""
    libraries = [_library(found) for found in manifest.environment.get("blas") or []]
    machine = {**manifest.environment, "blas": libraries, "threads": manifest.threads, "warm": manifest.warm}
    facts = [*_flat("", manifest.inputs), *_flat("", machine)]
    return {
        _name(key): _without_own(value, set_here)
        for key, value in facts
        if value is not None and not key.startswith(NOISE)
    }


def _library(found: Any) -> str:
    """A numerical library in words: openblas 0.3.28 (Haswell, threads 1)."""
    known = found if isinstance(found, Mapping) else {}
    return f"{known.get('name')} {known.get('version')} ({known.get('architecture')}, threads {known.get('threads')})"


def _without_own(value: Any, set_here: frozenset[str]) -> Any:
    """Lists of variables without those of this package, which a verification sets otherwise than a run."""
    if not isinstance(value, list):
        return value
    return [v for v in value if not str(v).startswith("SCALE_IMPACT_") and v not in set_here]


def _flat(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flat(f"{path}.{name}" if path else str(name), inner)
    else:
        yield path, value


def _name(key: str) -> str:
    """A key in words: versions by the package's name."""
    name = key.removeprefix("versions.").removeprefix("installed.")
    return WORDS.get(name, name)


def _shown(value: Any) -> str:
    text = str(value)
    return f"{text[:12]}..." if HASH.fullmatch(text) else text
