"""Grid: every combination of the choices that a study could have made.

    grid:
      control: [never, not_yet]
      estimator: [callaway_santanna, imputation]
      exclude:
        - {control: not_yet, estimator: imputation}

Each axis is a key with the values to try; a combination is laid over the study's keys and its name
is a folder of results: ``control-never__estimator-imputation``. Names stay when values are added.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

from scale_impact.core import keys
from scale_impact.core.changes import KEY_BY_KEY, dotted, overlay, put, scalar_keys
from scale_impact.core.settings import Choice, Settings, as_choice, describe
from scale_impact.core.study_names import STEPS
from scale_impact.core.words import nearest, plain

MOST_RUNS = 10_000
"""Combinations of one grid: more is a mistake in writing, or a design to be sampled."""

LONGEST_NAME = 80
"""Characters of a combination's name; longer ones end in a hash instead."""

LISTS = ("covariates", "checks", "sample.without", "benchmark.context")
"""Keys whose values on an axis are lists, taken whole."""

OTHER_NAMES = {"estimator": "estimators", "outcome": "outcomes", "without": "sample.without"}
"""Axes that have a name of their own, and the key that they set."""

MAPPINGS = ("sample", "design", "treatment", "parameters")
"""Keys whose values on an axis are mappings."""

OF_STEPS = tuple(f"benchmark.{step}" for step in STEPS)
"""Steps of a benchmark: their values on an axis are mappings of options, or null for those that can be left out."""

OF_CITIES = ("benchmark.city", "benchmark.names", "benchmark.at", "benchmark.before")
"""Scalars of a benchmark."""

NO_AXIS = ("title", "question", "template", "variants", "grid", "outcomes", "estimators")
"""Keys that are no choice of the analysis, or that have an axis of another name."""


@dataclass(frozen=True)
class Combination:
    """One combination of a grid.

    Attributes
    ----------
    name:
        Folder of its results, below the study's or the variant's.
    choices:
        Axis to value, as the file has them.
    label:
        The choices in words.
    base:
        Whether these are the study's own keys.
    """

    name: str
    choices: Mapping[str, Any]
    label: str
    base: bool = False


@dataclass(frozen=True)
class Axis:
    """A key with the values to try; ``target`` is its place in study.yaml."""

    name: str
    target: str
    values: tuple[Any, ...]

    @cached_property
    def short(self) -> str:
        """The axis as a part of a folder's name."""
        return _word(self.name.rpartition(".")[2])

    @cached_property
    def words(self) -> tuple[str, ...]:
        """Each value as a part of a folder's name; where two would be alike, with a hash."""
        found = [_word(_shape(self.name, v)) for v in self.values]
        often = Counter(found)
        return tuple(w if often[w] == 1 else f"{w}-{self._hash(k)}" for k, w in enumerate(found))

    @cached_property
    def marks(self) -> tuple[str, ...]:
        """Each value as a text by which two can be compared."""
        return tuple(_mark(self.name, v) for v in self.values)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Each value in words."""
        return tuple(f"{self.name} {_label(_shape(self.name, v))}" for v in self.values)

    def _hash(self, k: int) -> str:
        return hashlib.sha256(self.marks[k].encode()).hexdigest()[:6]


@dataclass(frozen=True)
class Grid:
    """The axes of a study, and what of their product is left out: axis to mark of its value.

    With problems it has no axes, and so no runs; ``sound`` are then those whose values can be looked at all the same.
    """

    axes: tuple[Axis, ...] = ()
    excluded: tuple[Mapping[str, str], ...] = ()
    problems: tuple[str, ...] = ()
    sound: tuple[Axis, ...] = ()

    def combinations(self, own: Mapping[str, int | None] | None = None) -> tuple[Combination, ...]:
        """All combinations that are not excluded; ``own`` says which value of each axis is the study's."""
        return tuple(self._combination(places, own or {}) for places in self._places) if self.axes else ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all combinations."""
        return tuple(self._names.values()) if self.axes else ()

    @cached_property
    def _places(self) -> tuple[tuple[int, ...], ...]:
        """Which value of each axis a combination has."""
        every = product(*(range(len(a.values)) for a in self.axes))
        return tuple(places for places in every if not any(_matches(e, self._marks(places)) for e in self.excluded))

    def _marks(self, places: tuple[int, ...]) -> dict[str, str]:
        return {a.name: a.marks[k] for a, k in zip(self.axes, places, strict=True)}

    @cached_property
    def _names(self) -> dict[tuple[int, ...], str]:
        """A name for each combination: words; a hash where there is no room for them, or two would be alike."""
        names = {p: _name([(a.short, a.words[k]) for a, k in zip(self.axes, p, strict=True)]) for p in self._places}
        often = Counter(names.values())
        return {
            p: n if n is not None and often[n] == 1 else _hashed(n or "run", self._marks(p)) for p, n in names.items()
        }

    def _combination(self, places: tuple[int, ...], own: Mapping[str, int | None]) -> Combination:
        chosen = list(zip(self.axes, places, strict=True))
        return Combination(
            self._names[places],
            {a.name: a.values[k] for a, k in chosen},
            "; ".join(a.labels[k] for a, k in chosen),
            all(own.get(a.name) == k for a, k in chosen),
        )


def read_grid(raw: Mapping[str, Any], own: tuple[str, ...] = ()) -> Grid:
    """The grid of a study's keys, with all that is wrong with it; ``own`` are parameters of the template."""
    given = raw.get("grid")
    if not isinstance(given, Mapping) or not given:
        return Grid()
    axes, problems = [], []
    for name, values in given.items():
        if name == "exclude":
            continue
        axis, wrong = _axis(str(name), values, raw, own)
        problems += wrong
        axes += [axis] if axis is not None else []
    problems += _overlapping(axes) + _too_many(axes)
    if not axes and not problems:
        problems.append("grid: it has no axis. Add one, such as control: [never, not_yet], or leave the key out.")
    if problems:
        return Grid(problems=tuple(problems), sound=tuple(axes))
    return _with_exclusions(tuple(axes), given.get("exclude"))


# ---- axes ----------------------------------------------------------------------------------------


def _axis(name: str, values: Any, raw: Mapping[str, Any], own: tuple[str, ...]) -> tuple[Axis | None, list[str]]:
    target = _target(name, raw, own)
    if target is None:
        return None, [f"grid.{name}: there is no such axis. {nearest(name, _known(raw, own))}"]
    if not isinstance(values, list) or not values:
        return None, [f"grid.{name}: should be a list of the values to try: [a, b] (it is {values!r})."]
    if wrong := [p for k, v in enumerate(values) if (p := _misshapen(name, target, k, v)) is not None]:
        return None, wrong
    axis = Axis(name, target, tuple(values))
    twice = [k for k, mark in enumerate(axis.marks) if mark in axis.marks[:k]]
    return axis, [f"grid.{name}.{k}: {_label(values[k])} stands here twice. Leave one out." for k in twice]


def _target(name: str, raw: Mapping[str, Any], own: tuple[str, ...]) -> str | None:
    """The place that an axis sets; None where there is none."""
    if name in OTHER_NAMES:
        return OTHER_NAMES[name]
    if name in NO_AXIS or name.split(".")[0] in ("variants", "grid"):
        return None
    place = dotted(name, own, raw)
    if place.startswith("benchmark.") and not _is_of_benchmark(place, raw):
        return None
    if place in (*LISTS, *MAPPINGS, *OF_STEPS) or place in scalar_keys().values():
        return place
    return place if "." in place and (_is_option(place) or put(raw, place.split("."), None) is not None) else None


def _is_of_benchmark(place: str, raw: Mapping[str, Any]) -> bool:
    """Whether a study is a benchmark, and a place in it is one of its choices."""
    chosen = place in (*OF_STEPS, *OF_CITIES) or _is_option(place) or overlaps(place, "benchmark.context")
    return chosen and isinstance(raw.get("benchmark"), Mapping)


def _is_option(place: str) -> bool:
    """Whether a place is an option of a benchmark's step, or lies in one."""
    head, _, rest = place.partition(".")
    step, _, option = rest.partition(".")
    return head == "benchmark" and step in STEPS and option.partition(".")[0] in _options(step)


def _options(step: str) -> tuple[str, ...]:
    return keys.options("benchmark", step, STEPS[step])


def _known(raw: Mapping[str, Any], own: tuple[str, ...]) -> list[str]:
    """Names that an axis can have."""
    found = [*OTHER_NAMES, "exclude", *LISTS, *MAPPINGS, *(k for k in scalar_keys() if k not in NO_AXIS), *own]
    if raw.get("benchmark") is None:
        return [name for name in found if not dotted(name, own, raw).startswith("benchmark.")]
    return [
        *found,
        *OF_CITIES,
        *OF_STEPS,
        *(f"benchmark.{step}.{option}" for step in STEPS for option in _options(step)),
    ]


def _misshapen(name: str, target: str, k: int, value: Any) -> str | None:
    """Why a value cannot be one of an axis, whatever it says."""
    if target in LISTS and not isinstance(value, list):
        return f"grid.{name}.{k}: should be a list, such as {name}: [[], [a, b]] (it is {value!r})."
    if name in MAPPINGS and not isinstance(value, Mapping):
        return f"grid.{name}.{k}: should be keys and values, such as {{}} for the study's own (it is {value!r})."
    if target in OF_STEPS and not isinstance(value, Mapping | None):
        return f"grid.{name}.{k}: should be options with values, such as {{}} for the study's own (it is {value!r})."
    free = target in (*LISTS, *MAPPINGS, *OF_STEPS, "estimators", "inference") or target.startswith("parameters.")
    free = free or _is_option(target)  # of what kind its values are, the step's function says
    if not free and isinstance(value, (list, Mapping)):
        return f"grid.{name}.{k}: should be a single value (it is {value!r})."
    return None


def _overlapping(axes: list[Axis]) -> list[str]:
    """Axes that set the same place: which of them is laid on top would decide."""
    return [
        f"grid.{other.name}: {axis.name} sets {'it' if axis.target == other.target else 'a part of it'} too. Leave one out."
        for k, other in enumerate(axes)
        for axis in axes[:k]
        if overlaps(axis.target, other.target)
    ]


def overlaps(one: str, other: str) -> bool:
    """Whether one place of study.yaml is the other or lies in it."""
    return f"{one}.".startswith(f"{other}.") or f"{other}.".startswith(f"{one}.")


def _too_many(axes: list[Axis]) -> list[str]:
    n = math.prod(len(a.values) for a in axes)
    sizes = " x ".join(str(len(a.values)) for a in axes)
    return (
        [f"grid: {sizes} are {n:,} runs, more than {MOST_RUNS:,}. Leave out values or axes."] if n > MOST_RUNS else []
    )


# ---- exclusions ----------------------------------------------------------------------------------


def _with_exclusions(axes: tuple[Axis, ...], given: Any) -> Grid:
    if given is None:
        return Grid(axes)
    if not isinstance(given, list):
        return Grid(
            problems=("grid.exclude: should be a list of combinations, such as `- {control: not_yet}` a line.",)
        )
    read = [_exclusion(axes, k, item) for k, item in enumerate(given)]
    grid = Grid(axes, tuple(marks for marks, _ in read))
    problems = [p for _, wrong in read for p in wrong] or _idle(grid)
    return Grid(problems=tuple(problems)) if problems else grid


def _exclusion(axes: tuple[Axis, ...], k: int, item: Any) -> tuple[dict[str, str], list[str]]:
    """Marks by axis of what an exclusion matches, and what is wrong with it."""
    where = f"grid.exclude.{k}"
    if not isinstance(item, Mapping) or not item:
        return {}, [f"{where}: should be axes with a value each, such as {{control: not_yet}} (it is {item!r})."]
    marks, problems = {}, []
    for name, value in item.items():
        axis = next((a for a in axes if str(name) in (a.name, a.target, a.name.rpartition(".")[2])), None)
        if axis is None:
            problems.append(f"{where}: {name} is no axis of this grid. {nearest(name, [a.name for a in axes])}")
        elif (mark := _mark(axis.name, value)) not in axis.marks:
            shown = [_label(_shape(axis.name, v)) for v in axis.values]
            problems.append(f"{where}: {axis.name} has no value {_label(value)}. {nearest(_label(value), shown)}")
        else:
            marks[axis.name] = mark
    return marks, problems


def _matches(exclusion: Mapping[str, str], marks: Mapping[str, str]) -> bool:
    return all(marks[axis] == mark for axis, mark in exclusion.items())


def _idle(grid: Grid) -> list[str]:
    """Exclusions that exclude nothing which another one does not, and exclusions that leave nothing."""
    problems = [
        f"grid.exclude.{k}: an earlier exclusion leaves nothing for it to match. Leave one out."
        for k, exclusion in enumerate(grid.excluded)
        if any(earlier.items() <= exclusion.items() for earlier in grid.excluded[:k])
    ]
    return problems if grid._places else [*problems, "grid: everything is excluded. Leave an exclusion out."]


# ---- laying a combination over a study -------------------------------------------------------------


def apply(raw: Mapping[str, Any], choices: Mapping[str, Any], own: tuple[str, ...] = ()) -> dict[str, Any]:
    """A study's keys with a combination's choices."""
    for axis, value in choices.items():
        raw = _applied(raw, axis, value, own)
    return dict(raw)


def _applied(raw: Mapping[str, Any], axis: str, value: Any, own: tuple[str, ...]) -> Mapping[str, Any]:
    if axis == "estimator":
        mark, there = _mark(axis, value), raw.get("estimators")
        others = [e for e in there if _mark(axis, e) != mark] if isinstance(there, list) else []
        return {**raw, "estimators": [value, *others]}
    if axis == "outcome":
        return {**raw, "outcomes": _outcome_first(raw.get("outcomes"), value)}
    if axis in KEY_BY_KEY and raw.get(axis) is not None:
        return overlay(raw, {axis: value})
    place = OTHER_NAMES.get(axis, dotted(axis, own, raw))
    if place in OF_STEPS and isinstance(value, Mapping):
        value = {**_mapping_at(raw, place), **value}
    if place.split(".")[0] in KEY_BY_KEY:
        laid: Mapping[str, Any] = _laid(raw, place.split("."), value)
        return laid
    return {**raw, place: value} if "." not in place else put(raw, place.split("."), value) or raw


def _mapping_at(raw: Mapping[str, Any], place: str) -> Mapping[str, Any]:
    found: Any = raw
    for key in place.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _laid(raw: Any, path: list[str], value: Any) -> Any:
    """A copy of nested mappings and lists with what stands at a path replaced whole; keys that are not there are made."""
    head, rest = path[0], path[1:]
    if isinstance(raw, list) and head.isdecimal() and int(head) < len(raw):
        return [_laid(part, rest, value) if k == int(head) and rest else part for k, part in enumerate(raw)]
    there = raw if isinstance(raw, Mapping) else {}
    return {**there, head: _laid(there.get(head), rest, value) if rest else value}


def _outcome_first(outcomes: Any, column: Any) -> Any:
    if not isinstance(outcomes, list):
        return outcomes
    chosen = [o for o in outcomes if isinstance(o, Mapping) and o.get("column") == column]
    return [*chosen, *(o for o in outcomes if o not in chosen)]


def value_problems(
    grid: Grid, raw: Mapping[str, Any], judge: Callable[[Mapping[str, Any]], list[str]], own: tuple[str, ...] = ()
) -> list[str]:
    """What is wrong with single values of axes: what ``judge`` says of the study with one, and not without."""
    known = set(judge(raw))
    return [
        f"grid.{axis.name}.{k}: {p}"
        for axis in grid.axes or grid.sound
        for k, value in enumerate(axis.values)
        for p in (_no_outcome(raw, axis, value) or judge(apply(raw, {axis.name: value}, own)))
        if p not in known
    ]


def _no_outcome(raw: Mapping[str, Any], axis: Axis, value: Any) -> list[str]:
    """What is wrong with an outcome that the study does not have."""
    outcomes = raw.get("outcomes")
    if axis.name != "outcome" or not isinstance(outcomes, list):
        return []
    columns = [str(o.get("column")) for o in outcomes if isinstance(o, Mapping)]
    if value in columns:
        return []
    return [f"{value!r} is no column of `outcomes`. {nearest(value, columns)} Or add it there."]


def own_values(
    grid: Grid,
    raw: Mapping[str, Any],
    resolve: Callable[[Mapping[str, Any]], Settings | None],
    own: tuple[str, ...] = (),
) -> dict[str, int | None]:
    """Which value of each axis is the study's own: the one that changes nothing; None where there is none."""
    same = resolve(raw)

    def is_own(axis: Axis, value: Any) -> bool:
        return same is not None and resolve(apply(raw, {axis.name: value}, own)) == same

    return {axis.name: next((k for k, v in enumerate(axis.values) if is_own(axis, v)), None) for axis in grid.axes}


# ---- names ---------------------------------------------------------------------------------------


def _shape(axis: str, value: Any) -> Any:
    """A value as it is compared and named: an estimator as its choice."""
    if axis in ("estimator", "inference"):
        try:
            return Choice.model_validate(as_choice(value))
        except ValueError:
            return value
    return value


def _mark(axis: str, value: Any) -> str:
    shaped = _shape(axis, value)
    return json.dumps(shaped.model_dump() if isinstance(shaped, Choice) else shaped, sort_keys=True, default=str)


def _name(chosen: list[tuple[str, str]]) -> str | None:
    """A folder's name: axes and values; values alone where that is too long; None where that is too long too."""
    whole, values = "__".join(f"{axis}-{word}" for axis, word in chosen), "__".join(word for _, word in chosen)
    return whole if len(whole) <= LONGEST_NAME else values if len(values) <= LONGEST_NAME else None


def _hashed(start: str, marks: Mapping[str, str]) -> str:
    digest = hashlib.sha256(json.dumps(marks, sort_keys=True).encode()).hexdigest()[:12]
    return f"{start[: LONGEST_NAME - 13].rstrip('-_')}-{digest}"


def _word(value: Any) -> str:
    """A value in small letters, digits, - and _."""
    if isinstance(value, Choice):
        return "-".join([value.name, *(f"{_word(k)}-{_word(v)}" for k, v in value.options.items())])
    if isinstance(value, Mapping):
        return "-".join(f"{_word(k)}-{_word(v)}" for k, v in value.items()) or "own"
    if isinstance(value, list):
        return "-".join(map(_word, value)) or "none"
    if value is None or isinstance(value, bool):
        return str(value).lower()
    text = unicodedata.normalize("NFKD", plain(value)).encode("ascii", "ignore").decode().lower()
    text = re.sub("^-", "minus-", text)
    found = re.sub(r"_+", "_", re.sub(r"[^a-z0-9_]+", "-", text)).strip("-_")
    return found or hashlib.sha256(str(value).encode()).hexdigest()[:6]


def _label(value: Any) -> str:
    """A value in words."""
    if isinstance(value, Choice):
        return describe(value)
    if isinstance(value, Mapping):
        return ", ".join(f"{k} {_label(v)}" for k, v in value.items()) or "own"
    if isinstance(value, list):
        return ", ".join(map(_label, value)) or "none"
    return "none" if value is None else plain(value)
