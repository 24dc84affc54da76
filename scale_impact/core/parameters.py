"""Parameters: what a template's parameters cell declares, with types, and what is given for it.

    # the cell                            # study.yaml
    window: int = 3                       parameters: {window: 5, start: 2004-07-01}
    start: date = "2001-01-01"

The cell is read, not run. A name is one of the session's (``study``, ``variant``, ``out``,
``overrides``), a scalar of study.yaml, or the template's own. Its type is its annotation, or its
default's.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache, lru_cache
from typing import Annotated, Any, Literal, Optional, Union, get_args

from scale_impact.core.changes import scalar_keys
from scale_impact.core.settings import Settings
from scale_impact.core.words import nearest
from scale_impact.core.yaml_file import Record

SESSION = ("study", "variant", "out", "overrides")
"""Names that every parameters cell may declare: what ``open_session`` takes."""

KINDS: dict[str, Any] = {
    "int": int, "float": float, "str": str, "bool": bool, "list": list, "dict": dict, "tuple": tuple, "set": set,
    "date": date, "datetime": datetime, "Literal": Literal, "Optional": Optional, "Union": Union, "Any": Any, "None": None,
}  # fmt: skip
"""What an annotation may be made of."""


@dataclass(frozen=True)
class Parameter:
    """A name that a parameters cell declares.

    Attributes
    ----------
    name:
        The variable.
    kind:
        Its type; None where neither an annotation nor a default says it.
    shown:
        The type as a reader knows it.
    default:
        Its value where none is given; a date and other expressions as None.
    required:
        Whether it has no default.
    """

    name: str
    kind: Any
    shown: str
    default: Any = None
    required: bool = False

    @property
    def own(self) -> bool:
        """Whether it is the template's own, which a study sets under ``parameters``."""
        return self.name not in SESSION and self.name not in scalar_keys()

    def misfit(self, value: Any) -> str | None:
        """Why a value is none for this parameter; None where it is one."""
        return None if self.kind is None else _misfit(self.kind, self.shown, value)

    def typed(self, value: Any) -> Any:
        """A value as its type has it: a date for the text of one."""
        return (
            value if self.kind is None or self.misfit(value) else _adapter(self.kind).validate_json(json.dumps(value))
        )


# ---- reading the cell --------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def declared(cell: str) -> tuple[Parameter, ...]:
    """The parameters that a cell declares, in its order; none where it is no Python."""
    found: dict[str, Parameter] = {}
    for node in _statements(cell):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found[node.target.id] = _annotated(node.target.id, node)
        elif isinstance(node, ast.Assign):
            found |= {t.id: _plain(t.id, node.value) for t in node.targets if isinstance(t, ast.Name)}
    return tuple(found.values())


def _statements(cell: str) -> list[ast.stmt]:
    try:
        return ast.parse(cell).body
    except (SyntaxError, ValueError):
        return []


def _annotated(name: str, node: ast.AnnAssign) -> Parameter:
    shown = ast.unparse(node.annotation)
    try:
        kind = _kind(node.annotation)
    except (TypeError, KeyError, ValueError):
        kind = None
    default = _literal(node.value)
    return Parameter(name, kind, shown, default, node.value is None)


def _plain(name: str, value: ast.expr) -> Parameter:
    default = _literal(value)
    kind = None if default is None else type(default)
    return Parameter(name, kind, "unknown" if kind is None else kind.__name__, default)


def _literal(node: ast.expr | None) -> Any:
    """The value of a literal; None for other expressions."""
    try:
        return None if node is None else ast.literal_eval(node)
    except ValueError:
        return None


def _kind(node: ast.expr) -> Any:
    """The type that an annotation names, put together from known parts: nothing of the cell is run."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return _kind(ast.parse(node.value, mode="eval").body)
    if isinstance(node, ast.Constant) and node.value is None:
        return None
    if isinstance(node, ast.Name):
        return KINDS[node.id]
    if isinstance(node, ast.Attribute):
        return KINDS[node.attr]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return Union[_kind(node.left), _kind(node.right)]  # noqa: UP007 -- made while running
    if isinstance(node, ast.Subscript):
        return _subscripted(node)
    raise ValueError(ast.unparse(node))


def _subscripted(node: ast.Subscript) -> Any:
    outer = _kind(node.value)
    parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    inner = tuple(ast.literal_eval(p) if outer is Literal else ... if _is_dots(p) else _kind(p) for p in parts)
    return outer[inner if len(inner) > 1 else inner[0]]


def _is_dots(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


# ---- what is wrong with a cell --------------------------------------------------------------------------


def cell_problems(cell: str) -> list[str]:
    """What is wrong with a parameters cell: no Python, types that cannot be known, defaults of another type."""
    try:
        ast.parse(cell)
    except SyntaxError as error:
        return [f"The parameters cell is no Python: line {error.lineno}: {error.msg}."]
    found = declared(cell)
    problems = [p for parameter in found for p in _parameter_problems(parameter)]
    if "study" not in {p.name for p in found}:
        problems.append("The parameters cell declares no `study`, so the study could not be handed to the notebook.")
    return problems


def _parameter_problems(parameter: Parameter) -> list[str]:
    name, default = parameter.name, parameter.default
    if name in SESSION:
        return []
    if not parameter.own:
        wrong = None if parameter.required else scalar_misfit(name, default)
        return [f"Parameter {name} is a key of study.yaml, and its default {wrong}"] if wrong else []
    if parameter.kind is None:
        how = (
            f"its annotation {parameter.shown} is none of {', '.join(KINDS)} and what they make up"
            if parameter.shown != "unknown"
            else "its default does not tell it"
        )
        return [f"Parameter {name} has no known type: {how}. Annotate it, such as `{name}: int | None = None`."]
    if default is not None and (wrong := parameter.misfit(default)):
        return [f"Parameter {name}: its default {wrong}"]
    return []


def scalar_misfit(name: str, value: Any) -> str | None:
    """Why a value is none for a scalar of study.yaml, in words; None where it is one."""
    kind = _kind_at(Settings, scalar_keys()[name].split("."))
    return _misfit(kind, f"of the type of `{scalar_keys()[name]}`", value, strict=False)


def _kind_at(model: type[Record], path: Sequence[str]) -> Any:
    """The type of a key of the model, with its bounds."""
    field = model.model_fields[path[0]]
    if len(path) > 1:
        inner = [k for k in get_args(field.annotation) if k is not type(None)] or [field.annotation]
        return _kind_at(inner[0], path[1:])
    kind: Any = field.annotation
    for mark in field.metadata:
        kind = Annotated[kind, mark]
    return kind


# ---- what is given --------------------------------------------------------------------------------------


def given_problems(parameters: Sequence[Parameter], given: Mapping[str, Any]) -> list[str]:
    """What is wrong with a study's ``parameters``: unknown, missing and mistyped ones, all at once."""
    own = {p.name: p for p in parameters if p.own}
    problems = [_unknown(str(name), own) for name in given if name not in own]
    problems += [
        f"parameters.{name}: {wrong}"
        for name, value in given.items()
        if name in own and (wrong := own[name].misfit(value)) is not None
    ]
    return problems + [
        f"parameters.{name}: the template needs it ({p.shown}). Add it: parameters: {{{name}: ...}}."
        for name, p in own.items()
        if p.required and name not in given
    ]


def _unknown(name: str, own: Mapping[str, Parameter]) -> str:
    if name in scalar_keys():
        return f"parameters.{name}: it is a key of study.yaml, no parameter of the template. Write it as `{scalar_keys()[name]}`."
    if name in SESSION:
        return f"parameters.{name}: it is set by the session. Leave it out."
    return f"parameters.{name}: the template has no such parameter. {nearest(name, own)}"


@cache
def _adapter(kind: Any) -> Any:
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def _misfit(kind: Any, shown: str, value: Any, *, strict: bool = True) -> str | None:
    """Why a value that a file can hold is not of a type. Dates are texts there, and whole numbers may stand for others."""
    from pydantic import ValidationError

    try:
        _adapter(kind).validate_json(json.dumps(value), strict=strict)
    except (ValidationError, TypeError):
        return f"should be {shown} (it is {value!r})."
    return None
