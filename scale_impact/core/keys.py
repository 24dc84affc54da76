"""The file name is the key: which estimators, checks, figures, sources a room holds."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, datetime
from functools import cache, wraps
from importlib import import_module
from pkgutil import iter_modules
from types import SimpleNamespace, UnionType
from typing import Annotated, Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

from annotated_types import Ge, Gt, Lt

from scale_impact.core.words import nearest, slip
from scale_impact.errors import UsageError

Share = Annotated[float, Gt(0), Lt(1)]
"""An option between 0 and 1, such as a level."""

Count = Annotated[int, Ge(1)]
"""An option that counts things, 1 or more."""

Seed = Annotated[int, Ge(0)]
"""An option that random draws begin with: the same seed, the same draws."""

Column = Annotated[str, "column of the data"]
"""An option that names a column, which the source's card has to describe."""

RecordPath = Annotated[str, "record of an assignment"]
"""An option that names a record of the project, whose content counts as that of the data does."""

Label = str | int | float | date
"""An option that names a unit or a period, as its author wrote it; ``core.words.plain`` makes it the text that is looked up."""


FILLED = ("refits", "judged", "curve", "profile")
"""Keyword-only parameters that a session fills and that are no options of a file: all estimators of the study by name,
the primary one with the study's kind of interval, the specification curve of the study's grid, the profile of its outcomes."""

SHARED = ("covariates", "level", "seed", "better")
"""Options that take a study's value where they are not given; ``better`` that of the outcome's indicator."""


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


def marked(room: str, name: str, constant: str) -> bool:
    """Whether the file of a key has a constant that is true, such as ``OPTIMISED``; without it, no."""
    return name in names(room) and bool(getattr(import_module(f"scale_impact.{room}.{name}"), constant, False))


def options(room: str, name: str, function: str) -> tuple[str, ...]:
    """Options of a key: the keyword-only parameters of its function, but for those that a session fills."""
    return tuple(p for p in _keyword_only(room, name, function) if p not in FILLED)


def filled(room: str, name: str, function: str) -> tuple[str, ...]:
    """What a key's function wants a session to fill."""
    return tuple(p for p in _keyword_only(room, name, function) if p in FILLED)


def missing_options(room: str, name: str, function: str, given: Mapping[str, Any]) -> list[str]:
    """Options without a default that are not given."""
    parameters = _keyword_only(room, name, function)
    needed = [p for p in parameters if parameters[p].default is inspect.Parameter.empty and p not in (*FILLED, *SHARED)]
    return [f"{name} needs the option {o!r}: write {name}: {{{o}: ...}}." for o in needed if o not in given]


def columns(room: str, name: str, function: str, given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Options given to a key that name columns, each with the columns that it names."""
    return _of_kind(Column, room, name, function, given)


def records(room: str, name: str, function: str, given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Options given to a key that name records, each with its path."""
    return _of_kind(RecordPath, room, name, function, given)


def _of_kind(kind: Any, room: str, name: str, function: str, given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Options given to a key that are of a marked kind, each with its values."""
    hints = kinds(room, name, function)
    mark = get_args(kind)[1]
    named = [(o, v) for o, v in given.items() if o in options(room, name, function) and _is_marked(hints[o], mark)]
    return [(o, c) for o, v in named for c in (v if isinstance(v, list) else [v]) if isinstance(c, str)]


def _is_marked(kind: Any, mark: str) -> bool:
    return mark in getattr(kind, "__metadata__", ()) or any(_is_marked(part, mark) for part in get_args(kind))


def _keyword_only(room: str, name: str, function: str) -> dict[str, inspect.Parameter]:
    return _only_by_keyword(load(room, name, function))


def _only_by_keyword(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    return {p.name: p for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY}


def kinds(room: str, name: str, function: str) -> dict[str, Any]:
    """The kind of each option of a key; what the function takes beside options may be known to type checkers alone."""
    return _kinds(load(room, name, function), _keyword_only(room, name, function))


def _kinds(function: Callable[..., Any], options: Collection[str]) -> dict[str, Any]:
    found = inspect.unwrap(function)
    own = {p: kind for p, kind in found.__annotations__.items() if p in options}
    return get_type_hints(SimpleNamespace(__annotations__=own), found.__globals__, include_extras=True)


def unknown_options(room: str, name: str, function: str, given: Mapping[str, Any]) -> list[str]:
    """What is wrong with the names of options given to a key."""
    known = options(room, name, function)
    return [f"{name} takes no option {o!r}. {nearest(o, known)}" for o in given if o not in known]


def wrong_options(room: str, name: str, function: str, given: Mapping[str, Any]) -> list[str]:
    """What is wrong with names and values of options that a file gives to a key."""
    problems = unknown_options(room, name, function, given) + missing_options(room, name, function, given)
    known = {o: v for o, v in given.items() if o in options(room, name, function)}
    return problems + [f"{name}: {p}" for p in misfits(load(room, name, function), known)]


def misfits(function: Callable[..., Any], given: Mapping[str, Any]) -> list[str]:
    """What is wrong with the values of a function's options, by their type hints; what else is given is not looked at."""
    parameters = inspect.signature(function).parameters.values()
    words = {
        p.name for p in parameters if str(p.annotation).startswith("Literal[")
    }  # data may stand beside such a choice
    hints = _kinds(function, {*_only_by_keyword(function), *words})
    return [f"{o} {p}" for o, v in given.items() if o in hints and (p := _misfit(hints[o], v)) is not None]


P = ParamSpec("P")
R = TypeVar("R")


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """A function that refuses, when called, the options that a study file would refuse.

    Python takes any word for a ``Literal``, and what is then computed is something else than what was asked. Tuples and arrays
    stand for lists in a call, and numbers of numpy for those of Python.

    Raises
    ------
    UsageError
        From the call: options that the function does not take, or values that are not of their kind; all of them at once.
    """
    known = inspect.signature(function).parameters
    name = function.__name__

    @wraps(function)
    def called(*data: P.args, **given: P.kwargs) -> R:
        problems = [f"{name} takes no option {o!r}. {nearest(o, known)}" for o in given if o not in known]
        problems += [f"{name}: {p}" for p in misfits(function, _by_name(known, data, given))]
        if problems:
            raise UsageError(problems)
        return function(*data, **given)

    return called


def _by_name(names: Iterable[str], data: Iterable[Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What is given to a call, by name; of what is given by its place only words, as the rest is data."""
    words = {n: v for n, v in zip(names, data, strict=False) if isinstance(v, str)}
    return words | {o: _as_written(v) for o, v in given.items()}


def _as_written(value: Any) -> Any:
    """A value of a call as it would come from a file: lists, mappings, numbers and dates of Python."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Mapping):
        return {_as_written(k): _as_written(v) for k, v in value.items()}
    if isinstance(value, datetime):
        return value.date()
    return [_as_written(v) for v in value] if isinstance(value, (list, tuple)) else value


INFERENCE = ("analytic", "auto")
"""What can stand in place of a method of inference: intervals as the estimator makes them, or by the design."""


def wrong_inference(name: str, given: Mapping[str, Any]) -> list[str]:
    """What is wrong with a choice of inference: its name, and names and values of its options."""
    if name in INFERENCE:
        return [f"{name} takes no options ({', '.join(given)} given). Name a method to set options."] if given else []
    if name not in names("inference"):
        return [f"there is no method {name!r}. {nearest(name, (*INFERENCE, *names('inference')))}"]
    return wrong_options("inference", name, "judge", given)


@cache
def _adapter(kind: Any) -> Any:
    """What checks values of a kind; making one takes a while."""
    from pydantic import TypeAdapter

    return TypeAdapter(kind)


def _misfit(kind: Any, value: Any) -> str | None:
    """Why a value is not of a kind, in words; None where it is."""
    from pydantic import ValidationError

    if _holds_nan(value):  # it is below and above nothing, so that it would pass all bounds or none
        return f"is {value!r}: nan is no number."
    try:
        _adapter(kind).validate_python(value, strict=True)
    except ValidationError as error:
        found = error.errors(include_url=False)
        bound = next((e for e in found if e["type"] in BOUNDS), None)
        if bound is None and (_has_choice(kind) or found[0]["type"] in NO_LIST):
            return f"is {value!r}: it should be {_wanted(kind)}.{_meant(kind, value)}"
        what = (bound or found[0])["msg"].replace(" after validation", "")
        _, should, rest = what.partition("should ")
        return (
            f"is {value!r}: it {should}{rest}.{_meant(kind, value)}"
            if should
            else f"is {value!r}: {what[:1].lower()}{what[1:]}."
        )
    return None


def _holds_nan(value: Any) -> bool:
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return (isinstance(value, float) and value != value) or any(map(_holds_nan, parts))


def _meant(kind: Any, value: Any) -> str:
    """Which of the words that a value may be was probably meant; nothing where none is near."""
    words = [str(w) for k in _branches(kind) if get_origin(k) is Literal for w in get_args(k)]
    near = slip(value, words, alike=0.6) if isinstance(value, str) else None
    return "" if near is None else f" Did you mean {near!r}?"


BOUNDS = ("greater_than", "greater_than_equal", "less_than", "less_than_equal", "too_short", "too_long")
"""What is wrong with a value of the right kind, as pydantic calls it."""

NO_LIST = ("sequence_str", "is_instance_of")
"""That a value is no sequence, which pydantic says in words of Python."""

WORDS: Mapping[Any, tuple[str, str]] = {
    str: ("a text", "texts"), int: ("a whole number", "whole numbers"), float: ("a number", "numbers"),
    bool: ("true or false", "true or false"), date: ("a date", "dates"),
}  # fmt: skip
"""Kinds of values in words, one and several."""


def _branches(kind: Any) -> tuple[Any, ...]:
    """The kinds that a value may be of, but for none at all."""
    if get_origin(kind) is Annotated:
        return _branches(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        return tuple(b for k in get_args(kind) if k is not type(None) for b in _branches(k))
    return (kind,)


def _has_choice(kind: Any) -> bool:
    """Whether values of a kind, or in it, may be of several kinds: what is said of one of them alone misleads then."""
    branches = _branches(kind)
    inner = () if get_origin(branches[0]) is Literal else get_args(branches[0])
    return len(branches) > 1 or any(map(_has_choice, inner))


def _wanted(kind: Any, *, many: bool = False) -> str:
    """What a value has to be, in words."""
    said = [words for k in _branches(kind) for words in _one_wanted(k, many=many)]
    if {str, int, float, date} <= set(_branches(kind)):
        said = ["names, numbers or dates" if many else "a name, a number or a date"]
    *first, last = dict.fromkeys(said)
    return f"{', '.join(first)} or {last}" if first else last


def _one_wanted(kind: Any, *, many: bool) -> list[str]:
    if get_origin(kind) is Literal:
        return [str(word) for word in get_args(kind)]
    if kind in WORDS:
        return [WORDS[kind][many]]
    of = get_args(kind)
    if issubclass(get_origin(kind) or kind, Mapping):
        return ["mappings" if many else "a mapping"]
    lists = "lists" if many else "a list"
    return [f"{lists} of {_wanted(of[0], many=True)}" if of and of[0] is not Any else lists]
