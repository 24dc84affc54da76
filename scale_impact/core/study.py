"""Study: the one declarative file of an evaluation, read whole, with all problems at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from scale_impact.core.catalogue.indicator import Indicator, load_indicators
from scale_impact.core.changes import dotted, overlay, scalar_keys, set_scalar
from scale_impact.core.grid import Combination, Grid, apply, overlaps, own_values, read_grid, value_problems
from scale_impact.core.other_study import OtherStudy
from scale_impact.core.parameters import Parameter, declared, given_problems
from scale_impact.core.project import Project, study_folder
from scale_impact.core.scaleup_choices import EffectRow
from scale_impact.core.settings import Choice, DesignChoices, Outcome, Sample, Settings, Treatment, describe
from scale_impact.core.study_names import (
    Holdings,
    by_key,
    contradictions,
    graph_problems,
    of_another_kind,
    source_problems,
    unit_problems,
    unknown_names,
)
from scale_impact.core.template import Template
from scale_impact.core.words import nearest
from scale_impact.core.yaml_file import read_yaml, validate
from scale_impact.errors import StudyError

__all__ = [
    "Choice", "Combination", "DesignChoices", "Outcome", "Sample", "Settings", "Study", "StudyFile", "Treatment",
    "describe", "scalar_keys",
]  # fmt: skip


@dataclass(frozen=True)
class StudyFile:
    """A study.yaml, parsed once whatever the number of its runs.

    Attributes
    ----------
    folder:
        Where it lies.
    raw:
        Its keys.
    overrides:
        Scalars set from outside, by key.
    holdings:
        What its project has to name.
    """

    folder: Path
    raw: Mapping[str, Any]
    overrides: Mapping[str, Any]
    holdings: Holdings

    @classmethod
    def read(
        cls, name: str | Path, overrides: Mapping[str, Any] | None = None, holdings: Holdings | None = None
    ) -> StudyFile:
        """Read a study by slug or path; ``holdings`` may be those of another study of the project.

        Raises
        ------
        StudyError
            There is no such study, or it is no YAML.
        """
        folder = study_folder(name)
        raw, problems = read_yaml(folder / "study.yaml")
        if problems:
            raise StudyError(problems, where=_shown(folder))
        if holdings is None or folder.parent != holdings.project.studies:
            holdings = Holdings(Project.find(folder))
        return cls(folder, raw, dict(overrides or {}), holdings)

    def __reduce__(self) -> tuple[Any, ...]:
        """Sent to another process as it was read: what was found out of it would be a multiple of it."""
        return StudyFile, (self.folder, self.raw, self.overrides, Holdings(self.holdings.project))

    # ---- its runs ---------------------------------------------------------------------------

    @cached_property
    def names(self) -> dict[str, tuple[str | None, str | None]]:
        """The runs that have a name, each with its variant and the name of its combination."""
        return dict(self._named)

    @cached_property
    def _named(self) -> list[tuple[str, tuple[str | None, str | None]]]:
        found: list[tuple[str, tuple[str | None, str | None]]] = []
        for variant in self.variants or (None,):
            combined = () if self._whole_grid(variant) else self.grid.names
            found += [(_joined(variant, name), (variant, name)) for name in combined]
            found += [(variant, (variant, None))] if variant is not None and not combined else []
        return found

    @cached_property
    def _ambiguous(self) -> list[str]:
        """Variants that are called as a combination of another one."""
        others = {v: self.names[v] for v in self.variants if self.names.get(v, (v, None)) != (v, None)}
        return [
            f"variants.{v}: the combination {name} of variant {of} is called so too. Give the variant another name."
            for v, (of, name) in others.items()
        ]

    @cached_property
    def by_variant(self) -> dict[str | None, tuple[Combination, ...]]:
        """The variants (None: the study has none), each with the combinations that are runs of their own."""
        return {v: () if self._whole_grid(v) else self.combinations(v) for v in self.variants or (None,)}

    @cached_property
    def variants(self) -> tuple[str, ...]:
        """Names of the variants alone."""
        variants = self.raw.get("variants")
        return tuple(v for v in variants if isinstance(v, str)) if isinstance(variants, Mapping) else ()

    @cached_property
    def grid(self) -> Grid:
        """The grid, with what is wrong with how it is written."""
        return read_grid(self.raw, self._own_names(self.raw))

    def combinations(self, variant: str | None) -> tuple[Combination, ...]:
        """The grid's combinations; whether one is the study's own is said of the variant's keys."""
        if not self.grid.axes:
            return ()
        keys = self.keys(variant)[0]
        own = own_values(self.grid, keys, lambda raw: validate(Settings, raw)[0], self._own_names(keys))
        return self.grid.combinations(own)

    def _whole_grid(self, variant: str | None) -> bool:
        """Whether the template evaluates the grid itself, in one run."""
        template = self._template(self.keys(variant)[0]) if self.grid.axes else None
        return template is not None and template.whole_grid

    # ---- its keys ---------------------------------------------------------------------------

    def keys(self, variant: str | None) -> tuple[dict[str, Any], list[str]]:
        """The keys with those of a variant and the overrides laid over them, and what is wrong with these."""
        keys, problems = self._of_variant(variant)
        for key, value in self.overrides.items():
            keys, wrong = set_scalar(keys, key, value, self._own_names(keys))
            problems += wrong or self._sets_an_axis(key, self._own_names(keys))
        return keys, problems

    def _of_variant(self, variant: str | None) -> tuple[dict[str, Any], list[str]]:
        """The file with a variant's keys laid over it."""
        raw, variants = self.raw, self.raw.get("variants") or {}
        if variant is None:
            return dict(raw), []
        if variant not in self.variants:
            return dict(raw), [f"variants: there is no variant {variant!r}. {nearest(variant, self.names)}"]
        changes = variants[variant] or {}
        if not isinstance(changes, Mapping):
            return dict(raw), []  # the keys' own check says what is wrong with it
        if own := [key for key in ("variants", "grid") if key in changes]:
            return dict(raw), [
                f"variants.{variant}.{k}: a variant has no {k} of its own. Leave the key out." for k in own
            ]
        return overlay(raw, changes), []

    def _sets_an_axis(self, key: str, own: tuple[str, ...]) -> list[str]:
        place = dotted(key, own, self.raw)
        return [
            f"{key}: it is an axis of the grid ({axis.name}), which sets it in each run. Change the grid instead."
            for axis in self.grid.axes
            if overlaps(place, axis.target)
        ]

    def declared(self, keys: Mapping[str, Any]) -> tuple[Parameter, ...]:
        """What the parameters cell of the template declares."""
        template = self._template(keys)
        return () if template is None else declared(template.parameters)

    def _parameter_problems(self, keys: Mapping[str, Any]) -> list[str]:
        """What is wrong with what is given for the template's own parameters."""
        given, template = keys.get("parameters", {}), self._template(keys)
        return given_problems(declared(template.parameters), given) if template and isinstance(given, Mapping) else []

    def _own_names(self, keys: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(p.name for p in self.declared(keys) if p.own)

    def _template(self, keys: Mapping[str, Any]) -> Template | None:
        """The template; None where it is missing or broken, which is said elsewhere."""
        return self.holdings.template(keys.get("template"))

    # ---- its studies ------------------------------------------------------------------------

    def study(self, name: str | None = None) -> Study:
        """The study, or that of a variant or combination by the name of its run.

        Raises
        ------
        StudyError
            As ``Study.load``.
        """
        variant, combined = self.names.get(str(name), (name, None))
        keys, problems = self.keys(variant)
        own = self._judged(keys, variant, problems, _where(self.folder, variant), grid=True)
        if combined is None:
            return own
        return own.with_combination(next(c for c in self.combinations(variant) if c.name == combined))

    def _judged(
        self, keys: dict[str, Any], variant: str | None, problems: list[str], where: str, *, grid: bool = False
    ) -> Study:
        """The study of some keys; all problems at once."""
        problems = [*problems, *self._ambiguous]
        settings, wrong = self._settings(keys, alone=variant is None)
        settings = None if settings is None else by_key(self.holdings, settings)
        problems = [*problems, *of_another_kind(keys), *wrong, *unknown_names(self.holdings, keys, self.folder.name)]
        problems += contradictions(settings) if settings is not None else []
        problems += self._parameter_problems(keys)
        problems += self._grid_problems(keys) if grid else []
        if settings is not None and not problems:
            problems = [*unit_problems(self.holdings, settings), *graph_problems(self.holdings, settings)]
        if problems or settings is None:
            raise StudyError(list(dict.fromkeys([*problems, *source_problems(self.holdings, keys)])), where=where)
        return Study(self.folder, settings, variant, tuple(sorted(self.overrides.items())), None, self, keys)

    def _settings(self, keys: Mapping[str, Any], *, alone: bool) -> tuple[Settings | None, list[str]]:
        """Settings of some keys. A run's variants and grid are the file's, which are looked at once, not once a run."""
        if alone:
            return validate(Settings, keys)
        settings, wrong = validate(Settings, {k: v for k, v in keys.items() if k not in ("variants", "grid")})
        listed, _ = self._lists
        return None if settings is None else settings.model_copy(update=listed), [*self._lists[1], *wrong]

    @cached_property
    def _lists(self) -> tuple[dict[str, Any], list[str]]:
        """``variants`` and ``grid`` of the file as the model has them, and what is wrong with how they are written."""
        settings, wrong = validate(Settings, self.raw)
        listed = {} if settings is None else {"variants": settings.variants, "grid": settings.grid}
        return listed, [p for p in wrong if p.startswith(("variants", "grid"))]

    def _grid_problems(self, keys: Mapping[str, Any]) -> list[str]:
        def judge(raw: Mapping[str, Any]) -> list[str]:
            wrong = self._settings(raw, alone=False)[1]
            return [*wrong, *self._parameter_problems(raw), *unknown_names(self.holdings, raw, self.folder.name)]

        if len(self.names) < len(self._named):
            return ["variants: with the grid, two runs would have the same name. Call a variant differently."]
        return [*self.grid.problems, *value_problems(self.grid, keys, judge, self._own_names(keys))]


@dataclass(frozen=True)
class Study:
    """A study, with one of its variants or combinations and any overrides applied.

    Attributes
    ----------
    folder:
        Where study.yaml lies.
    settings:
        The resolved keys.
    variant:
        Name of the variant, the grid's combination, or both; None where the study has none.
    overrides:
        Values set from outside, by dotted key.
    combination:
        The grid's combination that is laid over the other keys.
    """

    folder: Path
    settings: Settings
    variant: str | None
    overrides: tuple[tuple[str, Any], ...]
    combination: Combination | None
    _file: StudyFile = field(repr=False, compare=False)
    _own: Mapping[str, Any] = field(repr=False, compare=False)

    @classmethod
    def load(cls, name: str | Path, *, variant: str | None = None, overrides: Mapping[str, Any] | None = None) -> Study:
        """Read a study by slug or path.

        Parameters
        ----------
        name:
            A slug under studies/, a folder, or a study.yaml.
        variant:
            One of its variants, or a combination of its grid by its name.
        overrides:
            Scalars to change, by key (``level``), dotted key (``design.control``) or the last
            part of one where it is unique (``control``).

        Raises
        ------
        StudyError
            Keys that are unknown, missing or of the wrong kind; names that do not exist. All
            problems at once.
        """
        return StudyFile.read(name, overrides).study(variant)

    @property
    def slug(self) -> str:
        """Name of the study: its folder's."""
        return self.folder.name

    @property
    def project(self) -> Project:
        """The project around the study."""
        return self._file.holdings.project

    @property
    def variants(self) -> tuple[str, ...]:
        """Names of its runs: variants, the grid's combinations, or both; none where there is one run."""
        return tuple(self._file.names)

    @property
    def outcomes(self) -> list[Outcome]:
        """Its outcomes; the first is the primary one."""
        return self.settings.outcomes

    def indicator(self, outcome: Outcome) -> Indicator:
        """The catalogue's entry for an outcome."""
        return load_indicators(self.project.indicators)[outcome.indicator]

    @property
    def measure_card(self) -> Path | None:
        """The card of its measure; None where it evaluates none."""
        return self.project.measure(self.settings.measure) if self.settings.measure else None

    @property
    def source_card(self) -> Path | None:
        """The card of its source; None where it looks at no data of its own."""
        return self.project.source(self.settings.source) if self.settings.source else None

    @property
    def others(self) -> dict[str, OtherStudy]:
        """Studies whose results it reads, by slug."""
        chosen = self.settings.benchmark
        found = {} if chosen is None else {slug: OtherStudy(self.project, slug) for slug in chosen.measures}
        return found | {slug: OtherStudy(self.project, slug, whole=True) for slug in self._put_together}

    @property
    def reads(self) -> frozenset[str]:
        """Studies whose results it reads, by slug; a variant that it names plays no part."""
        return frozenset(other.study for other in self.others.values())

    @property
    def _put_together(self) -> list[str]:
        """Studies whose effects a transfer or a scale-up reads, without their variants."""
        transfer, scaleup = self.settings.transfer, self.settings.scaleup
        chosen = (
            []
            if transfer is None
            else [*transfer.studies, *([] if transfer.transport is None else [transfer.transport.study])]
        )
        named = [name.partition("/")[0] for name in chosen]
        rows = () if scaleup is None else (scaleup.effect, scaleup.pilot)
        return list(dict.fromkeys([*named, *(row.study for row in rows if isinstance(row, EffectRow))]))

    @property
    def papers(self) -> tuple[Path, ...]:
        """Files with evidence of others that it reads."""
        chosen = self.settings.transfer
        return () if chosen is None else tuple(self.project.papers / f"{name}.csv" for name in chosen.papers)

    def unit_of(self, outcome: Outcome) -> str:
        """The unit of effects on an outcome."""
        unit = self.indicator(outcome).unit
        return f"log({unit})" if outcome.scale == "log" else unit

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """The template's own parameters: those that the study sets, else their defaults, of the declared types."""
        given = self.settings.parameters
        declared = self._file.declared({"template": self.settings.template})
        return {p.name: p.typed(given.get(p.name, p.default)) for p in declared if p.own}

    @cached_property
    def combinations(self) -> tuple[Combination, ...]:
        """The combinations of its grid; none without a grid."""
        return self._file.combinations(self._variant)

    @property
    def _variant(self) -> str | None:
        """The variant alone, without a combination."""
        return self.variant if self.combination is None else self._file.names[str(self.variant)][0]

    def with_combination(self, combination: Combination) -> Study:
        """The study with a combination of its grid.

        Raises
        ------
        StudyError
            The combination's keys contradict each other, or the study's.
        """
        file, variant = self._file, self._variant
        name = _joined(variant, combination.name)
        keys = apply(self._own, combination.choices, file._own_names(self._own))
        found = file._judged(keys, name, [], _where(file.folder, name))
        return replace(found, combination=combination, _own=self._own)


def _joined(variant: str | None, combination: str) -> str:
    """The folder of a combination's results."""
    return combination if variant is None else f"{variant}__{combination}"


def _shown(folder: Path) -> str:
    return f"{folder.parent.name}/{folder.name}/study.yaml"


def _where(folder: Path, variant: str | None) -> str:
    return _shown(folder) + (f", variant {variant}" if variant else "")
