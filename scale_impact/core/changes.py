"""What is laid over the keys of study.yaml: a variant's keys, and scalars set from outside."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from scale_impact.core.settings import BLOCKS, DesignChoices, Treatment, kind_of
from scale_impact.core.words import nearest

KEY_BY_KEY = ("design", "sample", "parameters", *BLOCKS)
"""Keys of which a variant or a combination replaces single parts; everything else is replaced whole."""


OF_BLOCKS = ("city",)
"""Scalars of a benchmark, a transfer or a scale-up that can be named in short; ``at`` and ``before`` are parameters of templates."""


def overlay(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Lay keys over others."""
    merged = {**base, **changes}
    for key in KEY_BY_KEY:
        if isinstance(base.get(key), Mapping) and isinstance(changes.get(key), Mapping):
            merged[key] = {**base[key], **changes[key]}
    return merged


def scalar_keys() -> dict[str, str]:
    """Scalars of study.yaml that have one place: short name to dotted key."""
    top = ("title", "question", "measure", "template", "source", "unit", "period", "inference", "level", "seed")
    short = {name: name for name in top}
    short |= {name: f"sample.{name}" for name in ("first_period", "last_period")}
    short |= {name: f"design.{name}" for name in DesignChoices.model_fields}
    short |= {name: f"benchmark.{name}" for name in OF_BLOCKS}
    return short | {name: f"treatment.{name}" for name in Treatment.model_fields if name != "cohorts"}


def dotted(key: str, own: Collection[str] = (), raw: Mapping[str, Any] | None = None) -> str:
    """The place of a scalar that is named in short; ``own`` are parameters of the template, ``raw`` the keys of the study."""
    kind = kind_of(raw or {})
    if key in OF_BLOCKS and kind in BLOCKS:
        return f"{kind}.{key}"
    return scalar_keys().get(key, f"parameters.{key}" if key in own else key)


def set_scalar(
    raw: Mapping[str, Any], key: str, value: Any, own: Collection[str] = ()
) -> tuple[dict[str, Any], list[str]]:
    """Set one scalar by key; a new mapping, and what is wrong."""
    place = dotted(key, own, raw)
    if place in (f"parameters.{name}" for name in own):  # of any type: the template's declaration says which
        there = raw.get("parameters")
        return {
            **raw,
            "parameters": {**(there if isinstance(there, Mapping) else {}), place.split(".", 1)[1]: value},
        }, []
    if isinstance(value, (Mapping, list, tuple)):
        return dict(raw), [f"{key}: only scalars can be set from outside (given {value!r})."]
    if place.split(".")[0] in ("variants", "grid"):
        return dict(raw), [f"{key}: variants and grids say which runs there are; they are not set from outside."]
    changed = None if "." not in place and place not in scalar_keys() else put(raw, place.split("."), value)
    if changed is None:
        known = [*scalar_keys(), *scalar_keys().values(), *own, *(f"parameters.{n}" for n in own)]
        return dict(raw), [f"{key}: there is no such scalar to set. {nearest(key, known)}"]
    return changed, []


def put(node: Any, path: list[str], value: Any) -> Any:
    """A copy of nested mappings and lists with one leaf set; None where the path does not exist."""
    if not path:
        return value if not isinstance(node, (Mapping, list)) else None
    head, rest = path[0], path[1:]
    if isinstance(node, list):
        if not head.isdecimal() or int(head) >= len(node):
            return None
        changed = put(node[int(head)], rest, value)
        return None if changed is None else [*node[: int(head)], changed, *node[int(head) + 1 :]]
    if node is None or isinstance(node, Mapping):
        return _put_key(dict(node or {}), head, rest, value)
    return None


def _put_key(node: dict[str, Any], head: str, rest: list[str], value: Any) -> dict[str, Any] | None:
    if not rest:
        return None if isinstance(node.get(head), (Mapping, list)) else {**node, head: value}
    changed = put(node.get(head), rest, value)
    return None if changed is None else {**node, head: changed}
