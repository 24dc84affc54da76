"""Reading YAML 1.2 files, and turning what a model finds wrong into sentences for their author."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from scale_impact.core.words import nearest
from scale_impact.core.yaml_reader import Unreadable, load
from scale_impact.errors import ScaleImpactError

PLAIN = {
    "model_type": "should be keys and values",
    "dict_type": "should be keys and values",
    "list_type": "should be a list: [a, b], or a line `- a` for each",
    "tuple_type": "should be a list: [a, b], or a line `- a` for each",
    "string_type": "should be a text",
    "too_short": "should have at least one entry",
}
"""What to say where pydantic's words are a programmer's."""

HINT = (
    "Check that keys of one level are indented alike (by spaces, not tabs), that a space follows each colon, and that text with "
    "': ' or a sign such as % at its start is in quotes."
)

Model = TypeVar("Model", bound="Record")


class Record(BaseModel):
    """A frozen record read from a file; keys that it does not know are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=False)


def read_yaml(path: Path) -> tuple[dict[str, Any], list[str]]:
    """The mapping of a YAML 1.2 file, and what is wrong with it as YAML."""
    try:
        raw = load(path.read_text(encoding="utf-8"))
    except Unreadable as error:
        return {}, [_yaml_problem(error)]
    except UnicodeDecodeError:
        return {}, ["The file is not UTF-8 text. Save it as UTF-8."]
    except OSError as error:
        return {}, [f"The file cannot be read: {error.strerror}."]
    if not isinstance(raw, dict):
        return {}, [f"The file holds {'nothing' if raw is None else type(raw).__name__}, not keys and values."]
    return raw, []


def parse_scalar(text: str) -> Any:
    """What ``--set`` gives, read as in a file: ``0.9`` a number, ``true`` a truth value, ``no`` and ``06037`` texts."""
    try:
        return load(text)
    except Unreadable:
        return text


def validate(model: type[Model], raw: Mapping[str, Any]) -> tuple[Model | None, list[str]]:
    """The record, or all problems in sentences."""
    try:
        return model.model_validate(dict(raw)), []
    except ValidationError as error:
        return None, list(dict.fromkeys(_sentence(model, dict(e)) for e in error.errors(include_url=False)))


def load_record(model: type[Model], path: Path, error: type[ScaleImpactError], thing: str) -> Model:
    """Read a card; all problems at once, as the error given."""
    if not path.is_file():
        raise error(f"There is no {thing} {path.name}.")
    raw, problems = read_yaml(path)
    record, more = validate(model, raw) if not problems else (None, [])
    if record is None:
        raise error([*problems, *more], where=place(path))
    return record


def place(path: Path) -> str:
    """A card's path from its project: data/sources/air.yaml."""
    return "/".join(path.parts[-3:])


def _yaml_problem(error: Unreadable) -> str:
    where = f"line {error.line}: " if error.line is not None else ""
    return f"{where}not readable as YAML: {error.problem}. {HINT}"


def _sentence(model: type[BaseModel], error: dict[str, Any]) -> str:
    location = [str(part) for part in error["loc"] if not _is_tag(part)]
    where, key = ".".join(location), location[-1] if location else ""
    if error["type"] == "extra_forbidden":
        known = _fields_at(model, error["loc"][:-1])
        return f"{where}: there is no such key. {nearest(key, known)}"
    if error["type"] == "missing":
        return f"{where}: this key is missing."
    message = PLAIN.get(error["type"]) or error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    seen = error.get("input")
    shown = f" (it is {seen!r})" if not isinstance(seen, (Mapping, Sequence)) or isinstance(seen, str) else ""
    text = message if error["type"] == "value_error" else f"{message[:1].lower()}{message[1:]}{shown}."
    return f"{where}: {text}" if where else text


def _is_tag(part: Any) -> bool:
    """Whether pydantic put the part into the location for a kind of type, not for a key."""
    return isinstance(part, str) and ("[" in part or part.startswith("function-"))


def _fields_at(model: type[BaseModel], location: tuple[Any, ...]) -> list[str]:
    """Names of the fields of the record at a location."""
    for part in location:
        field = model.model_fields.get(str(part))
        inner = _record_in(field.annotation) if field is not None else None
        if inner is not None:
            model = inner
    return list(model.model_fields)


def _record_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        found = _record_in(part)
        if found is not None:
            return found
    return None
