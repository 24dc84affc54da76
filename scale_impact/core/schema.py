"""A JSON schema of study.yaml, for editors: from the model, and from what the project has to name."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from scale_impact.core import keys, scaleup_choices
from scale_impact.core.catalogue.indicator import load_indicators
from scale_impact.core.changes import KEY_BY_KEY, scalar_keys
from scale_impact.core.grid import LISTS, MAPPINGS, NO_AXIS, OF_STEPS, OTHER_NAMES
from scale_impact.core.parameters import Parameter, declared
from scale_impact.core.project import Project
from scale_impact.core.settings import BLOCKS, FOLDER_NAME, BenchmarkChoices, ContextChoice, Settings, TransferChoices
from scale_impact.core.study_names import CITY_EFFECTS, DATA, FUNCTIONS, NEEDED, STEPS, TRANSFER_STEPS
from scale_impact.core.template import read_template
from scale_impact.core.yaml_file import Record
from scale_impact.errors import ScaleImpactError

DRAFT = "https://json-schema.org/draft/2020-12/schema"

LABEL = {"type": ["string", "number"]}
"""A unit or a period."""

Schema = dict[str, Any]


def study_schema(project: Project) -> Schema:
    """The schema of a project's study.yaml files, JSON Schema draft 2020-12.

    Raises
    ------
    StudyError
        The catalogue of indicators is not as it should be.
    """
    whole = _record(Settings)
    properties = whole["properties"] | _named(project, whole["properties"])
    properties |= _chosen(properties)
    properties["benchmark"] = _block(BenchmarkChoices, properties["benchmark"], "benchmark", STEPS)
    properties["transfer"] = _transfer(properties["transfer"])
    properties["scaleup"] = _scaleup(properties["scaleup"])
    properties["treatment"] |= _one_way(properties["treatment"]["properties"])
    properties["variants"] |= _variants(properties)
    properties["grid"] |= _grid(properties)
    return {
        "$schema": DRAFT,
        "title": "study.yaml of scale_impact",
        **whole,
        "properties": properties,
        "allOf": [*(_of_a_kind(kind) for kind in NEEDED), *_of_templates(project)],
    }


def _of_a_kind(kind: str) -> Schema:
    """What a study of a kind needs beside what all need."""
    there = {"not": {"anyOf": [_has(name) for name in BLOCKS]}} if kind == "measure" else _has(kind)
    needed = [
        key for key in NEEDED[kind] if kind != "transfer" or key not in DATA
    ]  # one of published effects may have no data
    return {"if": there, "then": {"required": needed}}


# ---- the model ------------------------------------------------------------------------------------------


def _record(model: type[Record]) -> Schema:
    """The schema of a record, with what its keys are for."""
    made = model.model_json_schema()
    parts = made.pop("$defs", {})
    told = _told(model)
    properties = {
        name: {**_plain(_inlined(part, parts)), **({"description": told[name]} if name in told else {})}
        for name, part in made["properties"].items()
    }
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, Record):
            properties[name] = {**_record(field.annotation), "description": told[name]}
        elif name == "outcomes":
            properties[name]["items"] = _record(field.annotation.__args__[0])  # type: ignore[union-attr]
    kept: Schema = {k: made[k] for k in ("description", "type", "required", "additionalProperties") if k in made}
    return {**kept, "properties": properties}


def _told(model: type[Record]) -> dict[str, str]:
    """The text below each key of a model."""
    body = ast.parse(inspect.getsource(model).lstrip()).body[0]
    assert isinstance(body, ast.ClassDef)
    return {name: text for key, below in pairwise(body.body) for name, text in _text(key, below)}


def _text(key: ast.stmt, below: ast.stmt) -> Iterator[tuple[str, str]]:
    if isinstance(key, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
        yield ast.unparse(key.target), " ".join(str(below.value.value).split())


def _inlined(part: Any, parts: Mapping[str, Any]) -> Any:
    if isinstance(part, dict) and "$ref" in part:
        return _inlined(
            {**parts[part["$ref"].rpartition("/")[2]], **{k: v for k, v in part.items() if k != "$ref"}}, parts
        )
    if isinstance(part, dict):
        return {k: _inlined(v, parts) for k, v in part.items()}
    return [_inlined(v, parts) for v in part] if isinstance(part, list) else part


def _plain(part: Any, *, inside: bool = False) -> Any:
    """Without names that repeat the key; labels of units and periods as numbers and texts."""
    if part == {} and inside:
        return LABEL
    if isinstance(part, dict):
        return {k: _plain(v, inside=k in ("items", "anyOf")) for k, v in part.items() if k not in ("title", "default")}
    return [_plain(v, inside=inside) for v in part] if isinstance(part, list) else part


# ---- names of what there is -------------------------------------------------------------------------------


def _named(project: Project, properties: Schema) -> Schema:
    """The keys that name files of the project."""
    found: Schema = {
        key: {**properties[key], "enum": list(project.keys(f"{key}s"))} for key in ("template", "source", "measure")
    }
    outcomes = properties["outcomes"]
    columns = dict(outcomes["items"]["properties"])
    known = load_indicators(project.indicators)
    codes = sorted(i.code for i in known.values() if i.code)
    columns["indicator"] = {**columns["indicator"], "enum": [*sorted(known), *codes]}
    found["outcomes"] = {**outcomes, "items": {**outcomes["items"], "properties": columns}}
    cohorts = {"anyOf": [{"type": "object", "additionalProperties": LABEL}, {"type": "null"}]}
    treatment = properties["treatment"]
    found["treatment"] = {
        **treatment,
        "properties": {
            **treatment["properties"],
            "cohorts": {**cohorts, "description": treatment["properties"]["cohorts"]["description"]},
        },
    }
    return found


def _chosen(properties: Schema) -> Schema:
    """Estimators, checks and inference: names of files, with the options of their functions."""
    found: Schema = {
        room: {**properties[room], "items": _choice(room, function)} for room, function in FUNCTIONS.items()
    }
    methods = _choice("inference", "judge")
    first = {"enum": [*keys.INFERENCE, *methods["anyOf"][0]["enum"]]}
    told = properties["inference"]["description"]
    return {**found, "inference": {"description": told, "anyOf": [first, *methods["anyOf"][1:]]}}


def _choice(room: str, function: str) -> Schema:
    """A name, or a name with options."""
    names = list(keys.names(room))
    options = {name: {"anyOf": [_options(room, name, function), {"type": "null"}]} for name in names}
    several = {
        "type": "object",
        "properties": options,
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }
    alone = [n for n in names if not keys.missing_options(room, n, function, {})]
    return {"anyOf": [{"enum": alone}, several]}


def _options(room: str, name: str, function: str) -> Schema:
    found = keys.load(room, name, function)
    hints = keys.kinds(room, name, function)
    known = keys.options(room, name, function)
    needed = [o for o in known if keys.missing_options(room, name, function, dict.fromkeys(set(known) - {o}))]
    first = (found.__doc__ or "").strip().split("\n")[0]
    return {
        "type": "object",
        "description": first,
        "properties": {o: _of_kind(hints[o]) for o in known},
        "additionalProperties": False,
        **({"required": needed} if needed else {}),
    }


def _of_kind(kind: Any) -> Schema:
    """The schema of a type; a type that has none allows anything."""
    from pydantic import TypeAdapter
    from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError

    try:
        made = TypeAdapter(kind).json_schema()
    except (PydanticInvalidForJsonSchema, PydanticSchemaGenerationError):
        return {}
    found: Schema = _plain(_inlined(made, made.pop("$defs", {})))
    return found


def _block(model: type[Record], found: Schema, room: str, functions: Mapping[str, str]) -> Schema:
    """The keys of a block, its steps with the options of their functions."""
    whole = _record(model)
    own = whole["properties"]
    steps = {
        step: {**_options(room, step, function), "description": own[step]["description"]}
        | ({"type": ["object", "null"]} if "anyOf" in own[step] else {})
        for step, function in functions.items()
    }
    context = own["context"]
    either = {"anyOf": [{"type": "string"}, _record(ContextChoice)]}
    properties = {**own, **steps, "context": {**context, "items": either}}
    return {**whole, "description": found["description"], "properties": properties}


def _transfer(found: Schema) -> Schema:
    """The keys of a transfer; its effects have options of a file outside the room of its steps."""
    made = _block(TransferChoices, found, "synthesis", TRANSFER_STEPS)
    effects = {**_options(*CITY_EFFECTS), "description": made["properties"]["effects"]["description"]}
    return {**made, "properties": {**made["properties"], "effects": effects}}


def _scaleup(found: Schema) -> Schema:
    """The keys of a scale-up, each part with what its keys are for."""
    made = scaleup_choices.ScaleUp.model_json_schema()
    parts = {name: _explained(name, part) for name, part in made.pop("$defs").items()}
    shares = parts["Flow"]["properties"]
    for side in ("paid_by", "received_by"):
        shares[side] = {**shares[side], "anyOf": [{"type": "string"}, *shares[side]["anyOf"]]}
    parts["Quantity"] = {"anyOf": [{"type": "number"}, parts["Quantity"]]}  # a plain number where no range is given
    whole: Schema = _plain(_inlined(_explained("ScaleUp", made), parts))
    return {**whole, "description": found["description"]}


def _explained(name: str, part: Schema) -> Schema:
    """A part of a scale-up with the text below each of its keys."""
    model = getattr(scaleup_choices, name, None)
    if not (isinstance(model, type) and issubclass(model, Record)):
        return part
    told = _told(model)
    return {
        **part,
        "properties": {key: {**value, "description": told[key]} for key, value in part["properties"].items()},
    }


def _one_way(ways: Schema) -> Schema:
    """Treatment is said in exactly one way."""
    first = [w for w in ways if w not in ("starts", "threshold", "side", "exposure", "running")]
    given = [_has(w) for w in first] + [{"anyOf": [_has("exposure"), _has("running")]}]
    pairs = (("group", "starts"), ("running", "threshold"))
    return {"oneOf": given, "dependentRequired": {a: [b] for pair in pairs for a, b in (pair, pair[::-1])}}


def _has(way: str) -> Schema:
    """A key is there and says something."""
    return {"required": [way], "properties": {way: {"not": {"type": "null"}}}}


# ---- several runs -----------------------------------------------------------------------------------------


def _variants(properties: Schema) -> Schema:
    """Keys of variants: those of a study, none of them needed."""
    own = {k: v for k, v in properties.items() if k not in ("variants", "grid")}
    own |= {k: {**own[k], "required": []} for k in KEY_BY_KEY}  # a variant changes single parts of these
    changes = {"type": ["object", "null"], "properties": own, "additionalProperties": False}
    return {"additionalProperties": changes, "propertyNames": {"pattern": f"^{FOLDER_NAME}$"}}


def _grid(properties: Schema) -> Schema:
    """Axes: each a list of what its key may be."""
    axes = {"estimator": properties["estimators"]["items"], "outcome": {"type": "string"}}
    axes |= {name: _at(properties, name) for name in (*LISTS, *MAPPINGS, *OF_STEPS)}
    axes |= {f"{step}.{option}": kind for step in OF_STEPS for option, kind in axes[step]["properties"].items()}
    axes["without"] = axes["sample.without"]
    for short, place in scalar_keys().items():
        axes |= {name: _at(properties, place) for name in (short, place) if name not in NO_AXIS}
    exclude = {
        "type": "array",
        "items": {"type": "object", "minProperties": 1},
        "description": "Combinations to leave out.",
    }
    assert set(OTHER_NAMES) <= set(axes)
    return {
        "properties": {
            **{k: {"type": "array", "minItems": 1, "items": v} for k, v in axes.items()},
            "exclude": exclude,
        },
        "additionalProperties": {"type": "array", "minItems": 1},
    }


def _at(properties: Schema, place: str) -> Schema:
    """The schema of a key by its place; of treatment without the rule that one way is enough."""
    head, _, rest = place.partition(".")
    found: Schema = _at(properties[head]["properties"], rest) if rest else properties[head]
    return found


def _of_templates(project: Project) -> list[Schema]:
    """What ``parameters`` may hold, by template."""
    found = []
    for name in project.keys("templates"):
        try:
            own = [p for p in declared(read_template(project.template(name)).parameters) if p.own]
        except ScaleImpactError:
            continue
        known = {"properties": {p.name: _parameter(p) for p in own}, "additionalProperties": False}
        found.append(
            {
                "if": {"properties": {"template": {"const": name}}, "required": ["template"]},
                "then": {"properties": {"parameters": known}},
            }
        )
    return found


def _parameter(parameter: Parameter) -> Schema:
    return {} if parameter.kind is None else _of_kind(parameter.kind)
