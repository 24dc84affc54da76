"""Fingerprints of a notebook's variables, taken inside its kernel after each cell.

The text of this file is evaluated there (``trace.PROBE``), so it imports the standard library only, finds
NumPy and pandas among what the notebook has imported, and leaves nothing behind: no variable, no draw
from a generator, no import that was not there.

Equal fingerprints mean equal values: of numbers to the last bit, of frames and arrays with their
types, of sets and mappings in any order, of objects by what they hold; addresses in memory do not
enter. What is too deep or too large is cut at the same place in each run. Figures are not looked at:
their files are compared.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import types
from collections.abc import Callable, Container, Iterable, Mapping
from typing import Any

DEEPEST, MOST, LONGEST = 14, 100_000, 120
"""Levels that are followed, values that are looked at in one variable, and letters of a value that are shown."""

SKIPPED = ("matplotlib", "mpl_toolkits", "IPython", "ipykernel", "traitlets", "threading", "_thread", "logging", "_io")
"""Packages whose objects are compared otherwise (pictures) or belong to the kernel."""

HISTORY = re.compile(r"_+\d*|_i+\d*|_[ido]h|__\w+__|In|Out")
"""IPython's own variables."""

OUT = "SCALE_IMPACT_OUT"
"""Names the folder of a run's results, which is another one each time."""

SCALARS = (bool, int, float, complex, str, bytes, type(None))


def snapshot(variables: Mapping[str, Any], hidden: Container[str] = ()) -> str:
    """The variables of a notebook and the global random states, as JSON: name to [type, value or size, fingerprint, parts]."""
    names = sorted(n for n in variables if n not in hidden and not HISTORY.fullmatch(n))
    walk = Walk()
    found = {n: walk.entry(variables[n]) for n in names if not issubclass(type(variables[n]), types.ModuleType)}
    return json.dumps({**found, **_global_states()})


def _global_states() -> dict[str, list[Any]]:
    """States of the generators that code draws from when it is given none; only where they are imported."""
    states: dict[str, Any] = {}
    if (plain := sys.modules.get("random")) is not None:
        states["<random>"] = plain.getstate()
    if (numpy := sys.modules.get("numpy.random")) is not None:
        states["<numpy.random>"] = numpy.get_state(legacy=True)
    return {name: ["global random state", "", Walk().of(state), {}] for name, state in states.items()}


def _parts(value: Any) -> Mapping[Any, Any]:
    """Columns of a frame, fields of an object, items of a mapping, by name; few enough to be named."""
    if _is(value, "pandas", "DataFrame"):
        parts = {c: value.iloc[:, k] for k, c in enumerate(value.columns)}
    elif type(value) is dict:
        parts = value
    else:
        known = _opaque(value) or any(matches(value) for matches, _ in KINDS)
        parts = {} if known else _fields(value)
    return parts if len(parts) <= 200 else {}


def _words(value: Any) -> str:
    """The value where it is short, otherwise its size."""
    if isinstance(value, SCALARS) or _is(value, "numpy", "generic"):
        return _local(repr(value))[:LONGEST]
    shape = getattr(value, "shape", None) if type(value).__module__.split(".")[0] in ("numpy", "pandas") else None
    if isinstance(shape, tuple):
        return " x ".join(map(str, shape))
    return f"{len(value)} items" if isinstance(value, (list, tuple, dict, set, frozenset)) else ""


def _local(text: str) -> str:
    """A text without the run's own folder, which is another one each time."""
    folder = os.environ.get(OUT)
    return text.replace(folder, "<out>") if folder else text


def _type(value: Any) -> str:
    return type(value).__qualname__


def _is(value: Any, package: str, name: str) -> bool:
    """Whether a value is of a class of a package, without importing it."""
    kind = getattr(sys.modules.get(package), name, None)
    return isinstance(kind, type) and isinstance(value, kind)


def _opaque(value: Any) -> bool:
    """What is known by its kind alone: figures, the kernel's objects, files, threads."""
    return type(value).__module__.split(".")[0] in SKIPPED


def _fields(value: Any) -> dict[str, Any]:
    """What an object holds: its dictionary and its slots; of a dataclass the fields.

    Times are left out: a fitted model of linearmodels remembers when it was fitted.
    """
    if isinstance(value, (type, *FUNCTIONS)):
        return {}
    if hasattr(type(value), "__dataclass_fields__"):
        return {n: getattr(value, n) for n in type(value).__dataclass_fields__ if hasattr(value, n)}
    slots = [s for c in type(value).__mro__ for s in _slots(c)]
    held = {**{s: getattr(value, s) for s in slots if hasattr(value, s)}, **getattr(value, "__dict__", {})}
    return {n: v for n, v in held.items() if not _is(v, "datetime", "datetime")}


def _slots(kind: type) -> list[str]:
    """Names of a class's own slots that hold values."""
    own = kind.__dict__.get("__slots__", ()) if kind.__module__ != "builtins" else ()
    return [s for s in ((own,) if isinstance(own, str) else own) if s not in ("__dict__", "__weakref__")]


FUNCTIONS: tuple[type, ...] = (types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.CodeType)


class Walk:
    """One fingerprint after another, with what was seen: shared values are hashed once, circles end."""

    def __init__(self) -> None:
        self.known: dict[int, tuple[Any, str]] = {}
        self.path: set[int] = set()
        self.left = MOST

    def entry(self, value: Any) -> list[Any]:
        """Type, value or size in words, fingerprint, and fingerprints of its parts where these have names."""
        self.left = MOST
        try:
            parts = {str(k): self.of(v) for k, v in _parts(value).items()}
            return [_type(value), _words(value), self.of(value), parts]
        except Exception as error:  # an object may refuse to be looked at; the notebook must go on
            return [_type(value), "", _digest("refused", type(error).__name__), {}]

    def of(self, value: Any) -> str:
        """Fingerprint of a value."""
        if isinstance(value, SCALARS):
            text = f"{type(value).__name__} {_local(repr(value))}"
            return text if len(text) < LONGEST else _digest(text)
        if id(value) in self.path or len(self.path) > DEEPEST or self.left <= 0:
            return "circle" if id(value) in self.path else "cut"
        if id(value) not in self.known:
            self.path.add(id(value))
            self.left -= 1
            try:
                found = self._look(value)
            except Exception as error:  # as in ``entry``: the rest of what holds it is looked at all the same
                found = _digest("refused", type(error).__name__, _type(value))
            self.path.discard(id(value))
            self.known[id(value)] = (value, found)  # the value is kept, so that its id is not used again
        return self.known[id(value)][1]

    def _look(self, value: Any) -> str:
        if type(value) in (list, tuple):  # as below, but at once: a notebook may hold very many
            return _digest(_type(value), self.each(value))
        for matches, look in KINDS:
            if matches(value):
                return _digest(_type(value), look(self, value))
        return _digest(type(value).__module__, _type(value), "" if _opaque(value) else self.pairs(_fields(value)))

    def each(self, values: Iterable[Any]) -> str:
        """Fingerprint of values in their order."""
        values = list(values)
        if len(values) > 50 and all(type(v) in SCALARS for v in values):
            self.left -= 1
            return _digest(_local(repr(values)))
        return _digest(*(self.of(v) for v in values))

    def any_order(self, values: Iterable[Any]) -> str:
        """Fingerprint of values in no order."""
        return _digest(*sorted(self.of(v) for v in values))

    def pairs(self, mapping: Mapping[Any, Any]) -> str:
        """Fingerprint of a mapping, whatever the order of its keys."""
        return _digest(*sorted(f"{self.of(k)}\0{self.of(v)}" for k, v in list(mapping.items())))

    def array(self, value: Any) -> str:
        """Fingerprint of an array: type, shape, bytes; of objects, each of them."""
        numpy = sys.modules["numpy"]
        mask = self.array(numpy.ma.getmaskarray(value)) if isinstance(value, numpy.ma.MaskedArray) else ""
        value = numpy.asarray(value)
        if value.dtype.hasobject:
            return _digest(mask, str(value.shape), self.each(value.ravel().tolist()))
        return _digest(mask, str(value.dtype), str(value.shape), numpy.ascontiguousarray(value).tobytes())

    def column(self, value: Any) -> str:
        """Fingerprint of a pandas array, index or series without its index."""
        kind = str(value.dtype)
        if kind == "category":
            return _digest(kind, self.array(value.codes), self.column(value.categories))
        numpy = sys.modules["numpy"]
        held = value.to_numpy() if isinstance(value.dtype, numpy.dtype) else numpy.asarray(value, dtype=object)
        return _digest(kind, self.array(held))

    def frame(self, value: Any) -> str:
        """Fingerprint of a frame: index, names and columns."""
        columns = [self.column(value.iloc[:, k].array) for k in range(value.shape[1])]
        return _digest(self.labels(value.index), self.labels(value.columns), *columns)

    def series(self, value: Any) -> str:
        """Fingerprint of a series: index, name and values."""
        return _digest(self.labels(value.index), self.of(value.name), self.column(value.array))

    def labels(self, value: Any) -> str:
        """Fingerprint of an index with its names."""
        levels = [value.get_level_values(k) for k in range(value.nlevels)]
        return _digest(self.each(value.names), *(self.column(level.array) for level in levels))

    def function(self, value: Any) -> str:
        """Fingerprint of a function: its name and what it does."""
        code = getattr(value, "__code__", None)
        held = getattr(value, "__defaults__", None)
        return _digest(getattr(value, "__qualname__", ""), self.code(code) if code else "", self.of(held))

    def code(self, value: types.CodeType) -> str:
        """Fingerprint of compiled code, which its own text would give with an address."""
        consts = [self.code(c) if isinstance(c, types.CodeType) else _digest(repr(c)) for c in value.co_consts]
        return _digest(value.co_code, repr(value.co_names), *consts)


KINDS: tuple[tuple[Callable[[Any], bool], Callable[[Walk, Any], str]], ...] = (
    (lambda v: _is(v, "numpy", "generic"), lambda walk, v: _digest(str(v.dtype), v.tobytes())),
    (lambda v: _is(v, "numpy", "ndarray"), lambda walk, v: walk.array(v)),
    (lambda v: _is(v, "pandas", "DataFrame"), lambda walk, v: walk.frame(v)),
    (lambda v: _is(v, "pandas", "Series"), lambda walk, v: walk.series(v)),
    (lambda v: _is(v, "pandas", "Index"), lambda walk, v: walk.labels(v)),
    (lambda v: _is(v, "pandas.api.extensions", "ExtensionArray"), lambda walk, v: walk.column(v)),
    (lambda v: _is(v, "numpy.random", "Generator"), lambda walk, v: walk.of(v.bit_generator.state)),
    (lambda v: _is(v, "numpy.random", "BitGenerator"), lambda walk, v: walk.of(v.state)),
    (lambda v: _is(v, "numpy.random", "RandomState"), lambda walk, v: walk.of(v.get_state(legacy=True))),
    (lambda v: _is(v, "random", "Random"), lambda walk, v: walk.of(v.getstate())),
    (lambda v: isinstance(v, (dict, types.MappingProxyType)), lambda walk, v: walk.pairs(v)),
    (lambda v: isinstance(v, (set, frozenset)), lambda walk, v: walk.any_order(v)),
    (lambda v: isinstance(v, (list, tuple)), lambda walk, v: walk.each(v)),
    (lambda v: isinstance(v, (bytearray, memoryview)), lambda walk, v: _digest(bytes(v))),
    (lambda v: isinstance(v, os.PathLike), lambda walk, v: _digest(_local(os.fspath(v)))),
    (lambda v: isinstance(v, types.MethodType), lambda walk, v: walk.of(v.__func__) + walk.of(v.__self__)),
    (lambda v: isinstance(v, FUNCTIONS), lambda walk, v: walk.function(v)),
    (lambda v: isinstance(v, types.ModuleType), lambda walk, v: v.__name__),
    (lambda v: isinstance(v, type), lambda walk, v: v.__module__),
    (lambda v: hasattr(type(v), "isoformat"), lambda walk, v: _digest(v.isoformat())),
    (lambda v: type(v).__name__ == "deque", lambda walk, v: walk.each(v)),
    (lambda v: type(v).__name__ == "partial", lambda walk, v: walk.each([v.func, v.args, v.keywords])),
)
"""How values of each kind are looked at; the first that fits. Others are looked at by what they hold."""


def _digest(*parts: str | bytes) -> str:
    """One fingerprint of several texts or bytes, each with its length, so that no two series run together."""
    found = hashlib.blake2b(digest_size=12)
    for part in parts:
        data = part if isinstance(part, bytes) else part.encode("utf-8", "surrogatepass")
        found.update(b"%d:" % len(data))
        found.update(data)
    return found.hexdigest()
