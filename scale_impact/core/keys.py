"""The file name is the key: which estimators, checks, figures, sources a room holds."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Annotated, Any, get_type_hints

from annotated_types import Ge, Gt, Lt

from scale_impact.core.words import nearest
from scale_impact.errors import UsageError

Share = Annotated[float, Gt(0), Lt(1)]
"""An option between 0 and 1, such as a level."""

Count = Annotated[int, Ge(1)]
"""An option that counts things, 1 or more."""


@cache
def names(room: str) -> tuple[str, ...]:
    """Keys of a room: its modules, but for those that start with an underscore."""
    path = import_module(f"scale_impact.{room}").__path__
    return tuple(sorted(m.name for m in iter_modules(path) if not m.name.startswith("_")))


def load(room: str, name: str, function: str) -> Callable[..., Any]:
    """The function of a key, such as ``fit`` of an estimator."""
    if name not in names(room):
        thing = room.removesuffix("s")
        raise UsageError(f"There is no {thing} {name!r}. {nearest(name, names(room))}")
    found: Callable[..., Any] = getattr(import_module(f"scale_impact.{room}.{name}"), function)
    return found


def options(room: str, name: str, function: str) -> tuple[str, ...]:
    """Options of a key: the keyword-only parameters of its function."""
    parameters = inspect.signature(load(room, name, function)).parameters.values()
    return tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)


def unknown_options(room: str, name: str, function: str, given: Mapping[str, Any]) -> list[str]:
    """What is wrong with the names of options given to a key."""
    known = options(room, name, function)
    return [f"{name} takes no option {o!r}. {nearest(o, known)}" for o in given if o not in known]


def wrong_options(room: str, name: str, function: str, given: Mapping[str, Any]) -> list[str]:
    """What is wrong with names and values of options that a file gives to a key."""
    problems = unknown_options(room, name, function, given)
    hints = get_type_hints(load(room, name, function), include_extras=True)
    known = {o: v for o, v in given.items() if o in options(room, name, function)}
    return problems + [f"{name}: {o} {p}" for o, v in known.items() if (p := _misfit(hints[o], v)) is not None]


def _misfit(kind: Any, value: Any) -> str | None:
    """Why a value is not of a kind, in words; None where it is."""
    from pydantic import TypeAdapter, ValidationError

    try:
        TypeAdapter(kind).validate_python(value, strict=True)
    except ValidationError as error:
        what = error.errors(include_url=False)[0]["msg"].removeprefix("Input ")
        return f"is {value!r}: it {what[:1].lower()}{what[1:]}."
    return None
