"""The one module that a notebook imports: a study's data, estimates, checks, figures and results.

    session = open_session(study, variant=variant, overrides=overrides, given=globals())
    panel, design = session.panel(), session.design()
    effects = session.estimate()
    checks = session.check()
    session.save()

Each answer is computed once an outcome and remembered. Files are written only where the notebook
was told to (``out``), or by ``scale-impact run``, which publishes them.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scale_impact.checks import check as run_check
from scale_impact.checks import option_names as check_options
from scale_impact.core import keys, machine
from scale_impact.core.assemble import checks_of, design_of, options_of, panel_of, refuse_as_primary
from scale_impact.core.catalogue.indicator import Indicator
from scale_impact.core.check import Check
from scale_impact.core.cohorts import cohort_moments
from scale_impact.core.design import Design
from scale_impact.core.effect import Effect, Estimate
from scale_impact.core.evidence import (
    PUT_TOGETHER,
    SCALED,
    Origin,
    answer_row,
    check_row,
    city_row,
    estimate_rows,
    index_row,
    pilot_rows,
    power_rows,
    specification_row,
    unanswered_row,
    unit_rows,
)
from scale_impact.core.experiment.power import is_asked
from scale_impact.core.exposure_tables import described_exposure, exposure_means
from scale_impact.core.frozen_plan import Adherence, adherence
from scale_impact.core.given import study_for
from scale_impact.core.panel import Panel
from scale_impact.core.pilot.blind import before_start
from scale_impact.core.project import OUT_VARIABLE, RUN_VARIABLE
from scale_impact.core.simulated import NO_RESULT, as_notice, refuse_to_publish, simulated_data, simulation_seed
from scale_impact.core.source import Source, load_source, repairs
from scale_impact.core.study import Choice, Outcome, Study, describe
from scale_impact.core.study_names import CALLS
from scale_impact.core.words import effect_unit, some, within_sentence
from scale_impact.errors import EstimationError, UsageError
from scale_impact.estimators import estimate, option_names
from scale_impact.evidence.reading import in_words
from scale_impact.evidence.store import write_rows
from scale_impact.inference import judged, overall_judge
from scale_impact.sources import cards, explained, read

if TYPE_CHECKING:
    import pandas as pd
    from IPython.display import Markdown
    from matplotlib.figure import Figure

    from scale_impact.benchmarking import Benchmark
    from scale_impact.core.building.coverage import Coverage
    from scale_impact.core.causal.graphs.adjustment import Adjustment
    from scale_impact.core.experiment.power.plan import PowerPlan
    from scale_impact.core.joint_test import LeftOut
    from scale_impact.core.pilot.plan import PilotPlan
    from scale_impact.core.profile.profile import Profile
    from scale_impact.core.specifications import SpecificationCurve
    from scale_impact.core.streams_parquet import ParquetTable
    from scale_impact.core.synthetic.counterfactual import Counterfactual
    from scale_impact.core.synthetic.placebos import Placebos
    from scale_impact.curve import Candidate, Panels
    from scale_impact.deciding import Decision
    from scale_impact.transferring import Transfer


def open_session(
    study: str,
    *,
    variant: str | None = None,
    out: str | None = None,
    overrides: Mapping[str, Any] | None = None,
    given: Mapping[str, Any] | None = None,
) -> Session:
    """Open a study for a notebook.

    Parameters
    ----------
    study:
        A slug under studies/ or a path.
    variant:
        One of its variants.
    out:
        Folder for results; None writes nothing, unless ``scale-impact run`` asks for it.
    overrides:
        Scalars of study.yaml to change, by key.
    given:
        The notebook's variables: those named like a scalar of study.yaml override it, and so do the
        template's own parameters. That is how ``papermill -p level 0.9`` works; a name that it was
        given and nobody knows is an error.

    Raises
    ------
    StudyError
        The study, or a value given for it, is not as it should be.
    """
    loaded = study_for(study, variant=variant, overrides=overrides or {}, given=given or {})
    if loaded.variants and loaded.variant not in loaded.variants:
        raise UsageError(f"{loaded.slug} has variants; name one: {some(loaded.variants, 12)}.")
    _prepare_display()
    session = Session(loaded, out or os.environ.get(OUT_VARIABLE))
    _say_that_it_is_simulated()
    return session


def _say_that_it_is_simulated() -> None:
    """In a dry run the notebook says so, whatever its cells show."""
    seed = simulation_seed()
    if seed is not None:
        from IPython.display import display

        display(_markdown(as_notice(seed)))


def _prepare_display() -> None:
    """In a notebook: figures as the pictures that are saved, sentences in tables unshortened."""
    import pandas as pd
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is None or shell.display_formatter is None:
        return
    from scale_impact.figures import shown

    pd.set_option("display.max_colwidth", None)
    warnings.filterwarnings("ignore", message="IProgress not found")  # progress bars of packages, which nobody sees
    pictures = shell.display_formatter.formatters["image/png"]
    pictures.for_type_by_name("matplotlib.figure", "Figure", shown)


WAYS: Mapping[str, Any] = {"draws": 500, "alpha": 0.05, "left_out": "dealt"}
"""How a specification curve is tested unless a study says otherwise."""

CURVE = "specification_curve"
"""The check and the figure of all specifications of a grid."""

OF_PEOPLE = ("adoption_curve",)
"""Figures of a scale-up that count who takes part, and no money."""

PROFILE = "multiple_testing"
"""The check of each outcome among all outcomes of the study, which comes with their profile."""


class Session:
    """A study at work. Methods take an outcome's column; default the primary outcome."""

    def __init__(self, study: Study, out: str | None) -> None:
        self.study = study
        self.out = Path(out) if out else None
        self._seed = simulation_seed()
        self._known: dict[tuple[str, str], Any] = {}
        self._profiled: dict[str, Any] | None = None  # how a profile was made, where one was asked for

    # ---- what the study asks ----------------------------------------------------------------

    @property
    def outcomes(self) -> list[str]:
        """Columns of the outcomes, the primary one first."""
        return [o.column for o in self.study.outcomes]

    @property
    def parameters(self) -> dict[str, Any]:
        """The template's own parameters, typed: as the notebook or the study set them, else their defaults."""
        return self.study.parameters

    @property
    def estimator_names(self) -> list[str]:
        """The estimators with their options in words, the primary one first."""
        return [describe(c) for c in self.study.settings.estimators]

    def question(self) -> Markdown:
        """Title, question, measure and outcome, as text."""
        from scale_impact.core.catalogue.measure import load_measure

        settings = self.study.settings
        if settings.benchmark is not None:
            return _markdown(f"## {settings.title}\n\n{settings.question}\n\n{self.benchmark().judged_by()}")
        measure = load_measure(self.study.project.measure(settings.measure))
        outcomes = "; ".join(f"**{self.indicator(o).name}** (column `{o}`, {self.unit(o)})" for o in self.outcomes)
        return _markdown(
            f"## {settings.title}\n\n{settings.question}\n\n"
            f"**The measure: {measure.title}.** {measure.what.strip()}\n\n"
            f"**How it should work.** {measure.mechanism.strip()}\n\n"
            f"**Outcomes.** {outcomes}{self._of_plan()}"
        )

    def _of_plan(self) -> str:
        """That outcomes are simulated, and how the study stands to its frozen plan; nothing where there is none."""
        notice = [] if self._seed is None else [as_notice(self._seed)]
        found = self._plan()
        said = [] if found is None else [f"**Plan.** {' '.join(found.words)}"]
        return "".join(f"\n\n{text}" for text in (*notice, *said))

    def _plan(self) -> Adherence | None:
        found: Adherence | None = self._once("plan", "", lambda: adherence(self.study))
        return found

    def source_note(self) -> Markdown:
        """Where the data come from and what the columns mean."""
        if self.study.source_card is None:
            return _markdown("The study looks at no data of its own: it reads what other studies have published.")
        source, *others = self._cards()
        rows = "\n".join(f"| `{name}` | {c.unit} | {c.meaning} |" for name, c in source.columns.items())
        made_of = "".join(f"\n\nMade from: {_whence(other)}" for other in others)
        repaired = "".join(
            f"\n\n- The source `{each.folder}` {said}." for each in (source, *others) for said in repairs(each)
        )
        table = f"\n\n| column | unit | meaning |\n|---|---|---|\n{rows}"
        return _markdown(f"{_whence(source)}{made_of}{repaired}{table}")

    def _cards(self) -> list[Source]:
        """The study's source, then those that it is made from."""
        project, name = self.study.project, self.study.settings.source
        return list(cards(load_source(project.source(name)), project.root, f"data/sources/{name}.yaml").values())

    def indicator(self, outcome: str | None = None) -> Indicator:
        """The catalogue's entry of an outcome."""
        return self.study.indicator(self._outcome(outcome))

    def unit(self, outcome: str | None = None) -> str:
        """The unit of effects on an outcome."""
        return self.study.unit_of(self._outcome(outcome))

    # ---- data, estimates, checks ------------------------------------------------------------

    def data(self) -> pd.DataFrame | ParquetTable:
        """The source's columns, after its hash was compared with the card's; where they are streamed, their files."""
        frame: pd.DataFrame | ParquetTable = self._once("data", "", self._read)
        return frame

    def _read(self) -> pd.DataFrame | ParquetTable:
        """The data, in a dry run with simulated outcomes: all that the notebook sees passes here.

        Where a pilot is planned, rows from its start on are cut off first.
        """
        found = read(self.study.project.source(self.study.settings.source), self.study.project.root)
        if hasattr(found, "iloc"):
            found = before_start(found, self.study.settings)
        return found if self._seed is None else simulated_data(self.study, found, self._seed)

    def coverage(self) -> Coverage:
        """Which values of the source there are, unit by unit and period by period, and why others are missing."""
        from scale_impact.core.building.coverage import coverage

        project, (unit, period) = self.study.project, self._followed()

        def make() -> Coverage:
            gaps, notes = explained(project.source(self.study.settings.source), project.root, unit, period)
            return coverage(self.data(), unit, period, gaps=gaps, notes=notes)

        found: Coverage = self._once("coverage", "", make)
        return found

    def oddities(self) -> pd.DataFrame:
        """Values of the source that look odd, with the reason; none of them is changed."""
        from scale_impact.core.building.oddities import oddities

        frame, (unit, period) = self.data(), self._followed()
        if not hasattr(frame, "iloc"):
            raise UsageError("The data are streamed, and single values are not looked at in them.")
        found: pd.DataFrame = self._once("oddities", "", lambda: oddities(frame, unit, period))
        return found

    def _followed(self) -> tuple[str, str]:
        """Columns of unit and period."""
        settings = self.study.settings
        if settings.unit is None:
            raise UsageError("The study follows no units over time, so there are no units by periods to be covered.")
        return settings.unit, settings.period

    def panel(self, outcome: str | None = None) -> Panel:
        """The panel of an outcome."""
        chosen = self._outcome(outcome)
        panel: Panel = self._once("panel", chosen.column, lambda: panel_of(self.study, self.data(), chosen))
        return panel

    def design(self, outcome: str | None = None) -> Design:
        """Who is compared with whom."""
        column = self._outcome(outcome).column
        design: Design = self._once("design", column, lambda: design_of(self.study, self.panel(column)))
        return design

    def estimate(self, outcome: str | None = None) -> list[Effect]:
        """One effect an estimator of the study, the primary one first."""
        self._refuse_planned()
        self._refuse_other_kinds()
        column = self._outcome(outcome).column
        chosen = self.study.settings.estimators
        refuse_as_primary(self.study, self.design(column))
        effects: list[Effect] = self._once(
            "effects", column, lambda: [self._judged(k, column) for k in range(len(chosen))]
        )
        return effects

    def check(self, outcome: str | None = None) -> list[Check]:
        """One check of the primary estimate for each check of the study, and those that belong to its estimators."""
        chosen = self._outcome(outcome)
        column = chosen.column
        if self._is_planned:
            return [self._check_of_trial(column) if is_asked(self.parameters) else self._check_of_pilot(column)]
        if self._unanswered(chosen) is not None:
            return [self._check_of_profile(column)]
        checks: list[Check] = self._once(
            "checks", column, lambda: [self._check(c, column) for c in self._checks(column)]
        )
        if self._profiled is None or any(c.check == PROFILE for c in checks):
            return checks
        return [*checks, self._check_of_profile(column)]

    def profile(self, *, draws: int | None = None, alpha: float | None = None) -> Profile:
        """All outcomes on one scale, with an index a dimension and p-values for all of them together.

        Options that are not given are those of the last profile, else of the check ``multiple_testing``. An outcome that cannot be
        estimated keeps its place with the reason.
        """
        from scale_impact.core.profile.making import ALPHA, DRAWS, Answer, Maker, make_profile

        given = {k: v for k, v in {"draws": draws, "alpha": alpha}.items() if v is not None}
        usual = {"draws": DRAWS, "alpha": ALPHA} | _options(self.study.settings.checks, PROFILE)
        ways = (self._profiled or usual) | given

        def answer(outcome: Outcome) -> Answer:
            column = outcome.column
            return Answer(self.panel(column), self.design(column), self._primary(column))

        def make() -> Profile:
            return make_profile(Maker(self.study, self.data(), answer, self._fit_judged, **ways))

        found: Profile = self._once(f"profile {ways}", "", make)
        self._profiled = ways
        return found

    def profile_in_words(self) -> Markdown:
        """What the profile says, as text."""
        from scale_impact.core.profile.words import sentences

        return _markdown("\n".join(f"- {said}" for said in sentences(self.profile())))

    def specifications(self, outcome: str | None = None) -> SpecificationCurve:
        """The estimates of all combinations of the study's grid, without a test of them; errors as ``curve.candidates``."""
        column = self._outcome(outcome).column
        from scale_impact.curve import curve_of

        found: SpecificationCurve = self._once(
            "curve", column, lambda: curve_of(self._candidates(column), self.study.settings.level)
        )
        return found

    @property
    def outcomes_with_a_curve(self) -> list[str]:
        """Outcomes of which the grid is a curve: the first alone where the grid itself tries outcomes."""
        return [o for o in self.outcomes if self._has_curve(o)]

    def joint_test(
        self, outcome: str | None = None, *, draws: int | None = None, alpha: float | None = None,
        left_out: LeftOut | None = None,
    ) -> SpecificationCurve:  # fmt: skip
        """The curve with its joint test (``core.joint_test``); options are those of the check unless they are given."""
        column = self._outcome(outcome).column
        given = {k: v for k, v in {"draws": draws, "alpha": alpha, "left_out": left_out}.items() if v is not None}
        usual = _options(self.study.settings.checks, CURVE)
        ways = {k: {**usual, **given}.get(k, v) for k, v in WAYS.items()}

        from scale_impact.curve import tested

        def make() -> SpecificationCurve:
            curve, found = self.specifications(column), self._candidates(column)
            return tested(curve, found, self.study, self._panels(), **ways)

        found: SpecificationCurve = self._once(f"curve tested {ways}", column, make)
        return found

    def _candidates(self, outcome: str) -> tuple[Candidate, ...]:
        from scale_impact.curve import candidates

        found: tuple[Candidate, ...] = self._once(
            "candidates", outcome, lambda: candidates(self.study, self._outcome(outcome), self._panels())
        )
        return found

    def _panels(self) -> Panels:
        def data(study: Study) -> Any:
            source = study.settings.source
            return (
                self.data()
                if source == self.study.settings.source
                else self._once("data", source, Session(study, None).data)
            )

        from scale_impact.curve import shared_panels

        panels: Panels = self._once("panels", "", lambda: shared_panels(data))
        return panels

    def _check_of_profile(self, outcome: str) -> Check:
        """The check that comes with a profile, as the profile was made; of an outcome without an estimate it says why."""
        from scale_impact.checks.multiple_testing import of_profile

        return of_profile(self.profile(**(self._profiled or {})), outcome)

    def _has_curve(self, outcome: str) -> bool:
        """Whether the study's grid is one curve of this outcome: it is not if each combination is a run of its own."""
        combinations = self.study.combinations if self.study.combination is None else ()
        of_outcomes = bool(combinations) and "outcome" in combinations[0].choices
        return bool(combinations) and (not of_outcomes or outcome == self.outcomes[0])

    def _checks(self, outcome: str) -> list[Choice]:
        """The study's checks, those that its estimators need, and that of its curve."""
        found = checks_of(self.study, self.design(outcome))
        named = any(c.name == CURVE for c in found)
        return found if named or not self._has_curve(outcome) else [*found, Choice(name=CURVE)]

    def by_weights(self, outcome: str | None = None) -> list[tuple[str, Effect]]:
        """Effects that weight cohorts and periods differently, each with the names of all that weight so."""
        groups: list[tuple[list[str], Effect]] = []
        for name, effect in zip(self.estimator_names, self.estimate(outcome), strict=True):
            same = next((names for names, other in groups if _equal(effect.weights, other.weights)), None)
            if same is not None:
                same.append(name)
            elif effect.weights is not None or not groups:
                groups.append(([name], effect))
        return [(", ".join(names), effect) for names, effect in groups]

    def checks_with_a_figure(self, outcome: str | None = None) -> list[Check]:
        """The checks that found something to draw: each has the figure of its own name."""
        from scale_impact.figures import names, value_names

        drawn = [n for n in names() if value_names(n) == ("check",)]
        return [c for c in self.check(outcome) if c.check in drawn and c.details]

    def _fit(self, choice: Choice, panel: Panel, design: Design) -> Effect:
        return estimate(choice.name, panel, design, **options_of(self.study, choice, option_names(choice.name)))

    def _plain(self, k: int, outcome: str) -> Effect:
        """The k-th estimate without the study's inference."""
        choice = self.study.settings.estimators[k]
        effect: Effect = self._once(
            f"plain {k}", outcome, lambda: self._fit(choice, self.panel(outcome), self.design(outcome))
        )
        return effect

    def _judged(self, k: int, outcome: str) -> Effect:
        """The k-th estimate with the study's inference; checks fit without it."""
        panel, design = self.panel(outcome), self.design(outcome)
        effect: Effect = self._once(
            f"judged {k}", outcome, lambda: self._with_inference(k, self._plain(k, outcome), panel, design)
        )
        return effect

    def _with_inference(self, k: int, effect: Effect, panel: Panel, design: Design) -> Effect:
        """An effect of the k-th estimator with the study's inference."""
        settings = self.study.settings
        inference = {settings.inference.name: settings.inference.options}
        return judged(
            effect, panel, design, lambda p, d: self._fit(settings.estimators[k], p, d), inference,
            seed=settings.seed, primary=k == 0,
        )  # fmt: skip

    def _primary(self, outcome: str) -> Effect:
        """The primary estimate alone, where the others may not exist."""
        self._refuse_planned()
        refuse_as_primary(self.study, self.design(outcome))
        return self._judged(0, outcome)

    def _fit_judged(self, panel: Panel, design: Design) -> Effect:
        """The primary estimator on any panel, with the study's inference."""
        return self._with_inference(0, self._fit(self.study.settings.estimators[0], panel, design), panel, design)

    def _check(self, choice: Choice, outcome: str) -> Check:
        panel, design = self.panel(outcome), self.design(outcome)
        options = options_of(self.study, choice, check_options(choice.name), self._outcome(outcome))
        refits = self._refits(outcome)
        refit = next(iter(refits.values()))
        has_grid = bool(self.study.combinations)
        return run_check(
            choice.name, panel, design, refit, refits=refits, judged=self._with_interval(refit, outcome),
            curve=partial(self.joint_test, outcome) if has_grid else None, profile=self.profile, **options,
        )  # fmt: skip

    def _with_interval(
        self, refit: Callable[[Panel, Design], Effect], outcome: str
    ) -> Callable[[Panel, Design], Effect]:
        """The primary estimator on any data, its overall effect with the kind of interval that it has in the study."""
        settings = self.study.settings

        def method() -> Callable[..., Effect]:
            inference = {settings.inference.name: settings.inference.options}
            return overall_judge(
                self._plain(0, outcome), self.panel(outcome), self.design(outcome), refit, inference, seed=settings.seed
            )

        return lambda p, d: self._once("method", outcome, method)(refit(p, d), p, d, refit)

    def _refits(self, outcome: str) -> dict[str, Callable[[Panel, Design], Effect]]:
        """The estimators by name; the study's own panel and design are not estimated again."""

        def again(k: int, choice: Choice, panel: Panel, design: Design) -> Effect:
            known = panel is self.panel(outcome) and design is self.design(outcome)
            return self._plain(k, outcome) if known else self._fit(choice, panel, design)

        return {describe(c): partial(again, k, c) for k, c in enumerate(self.study.settings.estimators)}

    # ---- cities and what they would have been ------------------------------------------------

    def donors(self, outcome: str | None = None) -> pd.DataFrame:
        """Weights of the donors by estimator (and treated unit), and what the data say of them; see ``core.synthetic.tables``."""
        from scale_impact.core.synthetic.tables import described, donor_table

        table = donor_table(dict(zip(self.estimator_names, self.estimate(outcome), strict=True))).round(4)
        return described(table, self.panel(outcome))

    def balance(self, outcome: str | None = None) -> pd.DataFrame | Markdown:
        """Predictors of the treated, of its synthetic twin and of the donors; a sentence where outcomes alone are matched."""
        import pandas as pd

        tables = {name: found.predictors for name, _, found in self._matching(outcome)}
        if not tables:
            return _markdown("No estimator of the study matches predictors: they follow the outcome's path alone.")
        table = pd.concat(tables, names=["estimator"]).reset_index("estimator")
        return table.set_index(["estimator", "treated", "predictor"])

    def with_predictors(self, outcome: str | None = None) -> list[tuple[str, Effect]]:
        """Effects that rest on predictors, with the estimators' names."""
        return [(name, effect) for name, effect, _ in self._matching(outcome)]

    def _matching(self, outcome: str | None) -> list[tuple[str, Effect, Counterfactual]]:
        pairs = zip(self.estimator_names, self.estimate(outcome), strict=True)
        known = [(name, effect, effect.counterfactual) for name, effect in pairs if effect.counterfactual is not None]
        return [(name, effect, found) for name, effect, found in known if found.predictors is not None]

    def by_unit(self, outcome: str | None = None) -> pd.DataFrame:
        """The effect on each treated unit by estimator, where there are several; no row where there is one."""
        import pandas as pd

        found = {
            name: pd.Series(family.values, index=list(family.names))
            for name, effect in zip(self.estimator_names, self.estimate(outcome), strict=True)
            for family in effect.curves.values()
            if family.kind == "unit"
        }
        return pd.DataFrame(found).rename_axis("treated")

    def placebos(self, outcome: str | None = None) -> Placebos | str:
        """The primary estimate's gaps among those of donors in the treated units' place; a sentence why there are none."""
        from scale_impact.core.synthetic.placebos import in_space

        column = self._outcome(outcome).column

        def make() -> Placebos | str:
            refit, seed = next(iter(self._refits(column).values())), self.study.settings.seed
            try:
                return in_space(self._plain(0, column), self.panel(column), self.design(column), refit, seed=seed)
            except EstimationError as error:
                return " ".join(error.problems)

        found: Placebos | str = self._once("placebos", column, make)
        return found

    # ---- what is assumed ---------------------------------------------------------------------

    def graph(self, outcome: str | None = None) -> Adjustment:
        """The study's causal graph in its own names, with its treatment and outcome.

        Raises
        ------
        DesignError
            The study has no graph, or one that does not fit the data.
        """
        from scale_impact.core.causal.graphs.data import study_graph

        found: Adjustment = self._once(
            "graph", self._outcome(outcome).column, lambda: study_graph(self.panel(outcome), self.design(outcome))
        )
        return found

    def covariate_balance(self, outcome: str | None = None) -> pd.DataFrame | Markdown:
        """Means of covariates among the exposed and the others, before and after the primary estimate weights them; a sentence where there are none."""
        from scale_impact.core.causal.balancing.tables import balance_table

        check = self._asked_of_all("balance", self._outcome(outcome).column)
        return balance_table(check) if check.details.get("rows") else _markdown(check.reason)

    def identification(self, outcome: str | None = None) -> Check:
        """What the study's graph says of its effect, whether the study checks it or not; ``inapplicable`` without a graph."""
        return self._asked_of_all("identification", self._outcome(outcome).column)

    def _asked_of_all(self, name: str, outcome: str) -> Check:
        """A check that a template shows whether the study names it or not."""
        chosen = next((c for c in self.study.settings.checks if c.name == name), Choice(name=name))
        found: Check = self._once(f"check {name}", outcome, lambda: self._check(chosen, outcome))
        return found

    def assumptions(self, outcome: str | None = None) -> Markdown:
        """What the graph claims, and whether that tells the effect, as text; that there is no graph, where there is none."""
        from scale_impact.core.causal.graphs.words import assumptions

        design = self.design(outcome)
        if design.graph is None:
            return _markdown(
                "The study draws no graph: its covariates are held constant without a claim why these (`graph` in study.yaml)."
            )
        return _markdown(
            "\n".join(f"- {said}" for said in assumptions(self.graph(outcome), changes=design.exposed is None))
        )

    # ---- for whom ----------------------------------------------------------------------------

    def subgroups(self, outcome: str | None = None) -> pd.DataFrame:
        """Effects of groups by context, by estimator; no row where no estimator tells any."""
        import pandas as pd

        rows = [
            {"estimator": of, "group": name, **self._in_row(each)}
            for of, effect in zip(self.estimator_names, self.estimate(outcome), strict=True)
            for family in effect.curves.values()
            if family.kind == "subgroup"
            for name, each in zip(family.names, family, strict=True)
        ]
        columns = ["group", "estimator", "estimate", "std_error", "ci_low", "ci_high", "reason"]
        order = list(dict.fromkeys(r["group"] for r in rows))
        return pd.DataFrame(sorted(rows, key=lambda r: order.index(r["group"])), columns=columns).set_index(columns[:2])

    def ends(self, outcome: str | None = None) -> pd.DataFrame:
        """Mean contexts of those who should gain least and most, as the check ``gates`` found them.

        What gains are is the direction of the outcome in the catalogue; where it has none, those with the lowest and the highest effects.
        """
        from scale_impact.core.causal.for_whom.words import ends

        return ends(self.check(outcome))

    def for_whom(self, outcome: str | None = None) -> Markdown:
        """Whether the effect differs, by how much, and who should have the measure, as text."""
        from scale_impact.core.causal.for_whom.words import for_whom

        return _markdown("\n".join(f"- {said}" for said in for_whom(self.check(outcome))))

    # ---- before a pilot -----------------------------------------------------------------------

    @property
    def _is_planned(self) -> bool:
        """Whether nobody is treated yet."""
        return self.study.settings.treatment.planned is not None

    def _refuse_planned(self) -> None:
        if self._is_planned:
            raise UsageError(
                "Nobody is treated yet (treatment.planned), so there is no effect. Use the template pilot_design, or "
                "session.pilot_design()."
            )

    def _refuse_other_kinds(self) -> None:
        kind = self.study.settings.kind
        if not self.study.settings.estimators:
            raise UsageError(f"The study is a {kind} and names no estimators. Use session.{CALLS[kind]}().")

    def pilot_design(self, outcome: str | None = None) -> PilotPlan:
        """Which units to choose as pilots and how long to run, from the periods before the planned start alone.

        Raises
        ------
        UsageError
            The study is of a measure that some have already.
        """
        from scale_impact.core.pilot.making import plan_of

        if not self._is_planned:
            raise UsageError(
                "The study says who is treated. Before a pilot write `treatment: {planned: PERIOD}`, the period from which it may "
                "run."
            )
        chosen = self._outcome(outcome)
        column, first = chosen.column, self.study.settings.estimators[0]

        def fit(panel: Panel, design: Design, options: Mapping[str, Any]) -> Effect:
            return self._fit(first.model_copy(update={"options": dict(options)}), panel, design)

        def make() -> PilotPlan:
            panel, design, log = self.panel(column), self.design(column), chosen.scale == "log"
            return plan_of(panel, design, self.study.settings, self.parameters, fit, log=log)

        found: PilotPlan = self._once("pilot", column, make)
        return found

    def pilot_in_words(self, outcome: str | None = None) -> Markdown:
        """The recommended pilot with its reasons, what it would miss, and who would be compared, as text."""
        from scale_impact.core.pilot.words import sentences

        return self._told(sentences(self.pilot_design(outcome), self.unit(outcome)))

    def _check_of_pilot(self, outcome: str) -> Check:
        from scale_impact.core.pilot.words import as_check

        return as_check(self.pilot_design(outcome), self.unit(outcome))

    def _pilot_rows(self, outcome: Outcome) -> list[dict[str, Any]]:
        primary = outcome.column == self.outcomes[0]
        name = self.study.settings.estimators[0].name
        return pilot_rows(self._origin(outcome), self.pilot_design(outcome.column), name, primary=primary)

    def power_analysis(self, outcome: str | None = None) -> PowerPlan:
        """What trials of a measure would notice, each simulated as it will be run; parameters are the template's.

        Raises
        ------
        UsageError
            The study is of a measure that some have already.
        """
        from scale_impact.core.experiment.power.plan import make_plan
        from scale_impact.core.experiment.power.question import question_of

        if not self._is_planned:
            raise UsageError(
                "The study says who is treated. Before a trial write `treatment: {planned: PERIOD}`, the period from which it may run."
            )
        chosen = self._outcome(outcome)
        column, settings = chosen.column, self.study.settings

        def make() -> PowerPlan:
            panel = self.panel(column)
            question = question_of(panel, settings, self.parameters, log=chosen.scale == "log")
            return make_plan(question, settings, self._fit_judged, column, panel.notes)

        found: PowerPlan = self._once("power", column, make)
        return found

    def power_in_words(self, outcome: str | None = None) -> Markdown:
        """The recommended trial with its reasons and limits, as text."""
        from scale_impact.core.experiment.power.words import sentences

        return self._told(sentences(self.power_analysis(outcome), self.unit(outcome)))

    def _told(self, sentences: Sequence[str]) -> Markdown:
        """The first sentence, the others in a list below it, and how the study stands to its plan."""
        first, *rest = sentences
        return _markdown(f"{first}\n\n" + "\n".join(f"- {said}" for said in rest) + self._of_plan())

    def _check_of_trial(self, outcome: str) -> Check:
        from scale_impact.core.experiment.power.words import as_check

        return as_check(self.power_analysis(outcome), self.unit(outcome))

    def _trial_rows(self, outcome: Outcome) -> list[dict[str, Any]]:
        primary = outcome.column == self.outcomes[0]
        name = self.study.settings.estimators[0].name
        return power_rows(self._origin(outcome), self.power_analysis(outcome.column), name, primary=primary)

    # ---- to read ----------------------------------------------------------------------------

    def design_note(self, outcome: str | None = None) -> Markdown:
        """Who is treated when, who is compared, and what was left out, as text."""
        from scale_impact.core.catalogue.small_counts import advice

        indicator = self.indicator(outcome)
        small = f"\n- {advice(indicator)}" if indicator.small_count else ""
        return _markdown(_describe(self.panel(outcome), self.design(outcome)) + small)

    def means(self, outcome: str | None = None) -> pd.DataFrame:
        """Mean outcome by cohort and period, or by exposure: what every estimate is made from."""
        import pandas as pd

        panel, design = self.panel(outcome), self.design(outcome)
        if design.exposed is not None:
            return exposure_means(panel, design, self.study.settings.covariates)
        rows = pd.Index([design.cohort_name(g) for g in range(len(design.starts))], name="first treated")
        return pd.DataFrame(
            cohort_moments(panel, design).means, index=rows, columns=pd.Index(panel.periods, name=panel.period)
        )

    def estimates(self, outcome: str | None = None) -> pd.DataFrame:
        """The overall effects side by side."""
        import pandas as pd

        found = [r for r in self._effect_rows(self._outcome(outcome)) if r["kind"] == "overall"]
        rows = [{**row, "estimator": name} for row, name in zip(found, self.estimator_names, strict=True)]
        columns = ["estimator", "role", "estimate", "std_error", "ci_low", "ci_high", "p_value", "inference"]
        return pd.DataFrame(rows, columns=columns).set_index("estimator")

    def summaries(self, outcome: str | None = None) -> pd.DataFrame:
        """Further single numbers by estimator (a level and a slope, a sum, other averages); a reason where one has no standard error."""
        import pandas as pd

        rows = [
            {"estimator": of, "name": name.replace("_", " "), **self._in_row(each)}
            for of, effect in zip(self.estimator_names, self.estimate(outcome), strict=True)
            for name, each in effect.summaries.items()
        ]
        columns = ["estimator", "name", "estimate", "std_error", "ci_low", "ci_high", "reason"]
        return pd.DataFrame(rows, columns=columns).set_index(["estimator", "name"])

    def _in_row(self, estimate: Estimate) -> dict[str, Any]:
        """An estimate as columns of a table, with the interval of the study's level."""
        low, high = estimate.interval(self.study.settings.level) or (None, None)
        said = {"ci_low": low, "ci_high": high, "reason": estimate.reason or ""}
        return {"estimate": estimate.value, "std_error": estimate.std_error, **said}

    def verdicts(self, outcome: str | None = None) -> pd.DataFrame:
        """The checks with verdict and reason."""
        import pandas as pd

        found = [(c.check, c.verdict, c.reason) for c in self.check(outcome)]
        return pd.DataFrame(found, columns=["check", "verdict", "reason"]).set_index("check")

    def notes(self, outcome: str | None = None) -> Markdown:
        """What a reader of the numbers has to know, each note once, with the estimators that it is about."""
        about: dict[str, list[str]] = {}
        for name, effect in zip(self.estimator_names, self.estimate(outcome), strict=True):
            for note in effect.notes:
                about.setdefault(note, []).append(name)
        everyone = len(self.estimator_names)
        heads = {note: "" if len(who) == everyone else f"**{', '.join(who)}**: " for note, who in about.items()}
        lines = [f"- {head}{note}" for note, head in heads.items()]
        return _markdown("\n".join(lines) or "Nothing was left out and no estimator has a warning.")

    def answer(self, outcome: str | None = None) -> Markdown:
        """The primary estimate in words, with the checks that a reader must know of."""
        row = self._effect_rows(self._outcome(outcome))[0]
        checks = self.check(outcome)
        lines = [f"**{in_words(row, self.indicator(outcome).name)}**", ""]
        lines += [f"{row['estimand']} by {row['estimator']}; {row['n_treated']:,} treated of {row['n_units']:,}.", ""]
        lines += [f"- **{c.check} {c.verdict}**: {c.reason}" for c in checks if c.verdict in ("fail", "inconclusive")]
        quiet = [f"{c.check} {c.verdict}" for c in checks if c.verdict in ("pass", "inapplicable")]
        lines += [f"- {', '.join(quiet)}"] if quiet else []
        lines += [f"- {note}" for note in self.design(outcome).notes]
        return _markdown("\n".join(lines) + self._of_plan())

    def curve_in_words(self, outcome: str | None = None) -> Markdown:
        """What the specification curve and its joint test say, as text."""
        return _markdown("\n".join(f"- {said}" for said in self.joint_test(outcome).sentences()))

    def figure(
        self, name: str, *values: Any, outcome: str | None = None, stem: str | None = None, **options: Any
    ) -> Figure:
        """Draw a figure, with intervals of the study's level; it is saved too where results are written."""
        from scale_impact.figures import figure, save
        from scale_impact.figures import option_names as figure_options

        column = self._outcome(outcome).column
        if "level" in figure_options(name):
            options.setdefault("level", self.study.settings.level)
        drawn = figure(name, *values, unit=_axis(self, column, name, values), source=self._source_line(), **options)
        if self.out is not None:
            safe = re.sub(r"[^\w-]+", "_", column)
            save(drawn, self.out / "figures", stem or (name if column == self.outcomes[0] else f"{name}_{safe}"))
        return drawn

    def _source_line(self) -> str:
        card = self.study.source_card
        title = load_source(card).title if card is not None else self._read_of_others()
        return f"Source: {title}." + ("" if self._seed is None else " Simulated outcomes: no result.")

    def _read_of_others(self) -> str:
        """What a study without data of its own reads."""
        return (
            self.scale_up().source
            if self.study.settings.kind == "scaleup"
            else f"published effects ({some(sorted(self.study.reads), 3) or 'papers'})"
        )

    # ---- to keep ----------------------------------------------------------------------------

    def save(self) -> str:
        """Write estimates.jsonl and checks.jsonl of all outcomes; says where."""
        if self.out is None:
            return "Nothing was written: this notebook was not told where (out is None). `scale-impact run` publishes results."
        if self._seed is not None:
            refuse_to_publish(self.out, self.study.project)
        make = {"measure": self._rows, "benchmark": self._rows_of_cities}
        estimates, checks = make.get(self.study.settings.kind, self._rows_of_answers)()
        self.out.mkdir(parents=True, exist_ok=True)
        write_rows(self.out / "estimates.jsonl", estimates)
        write_rows(self.out / "checks.jsonl", checks)
        if units := self._unit_rows():
            write_rows(self.out / "units.jsonl", units)
        if RUN_VARIABLE in os.environ:
            machine.note(self.out)
        return f"{len(estimates)} estimates and {len(checks)} checks written."

    def _rows(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Rows of estimates and checks of all outcomes."""
        estimates = [row for o in self.study.outcomes for row in self._estimate_rows(o)] + self._index_rows()
        checks = [
            check_row(self._origin(o), c, self.study.settings.estimators[0].name)
            for o in self.study.outcomes
            for c in self.check(o.column)
        ]
        return estimates, checks

    def _rows_of_cities(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Rows of estimates and checks of a benchmark."""
        origin, found = self._origin(self.study.outcomes[0]), self.benchmark()
        estimates = [city_row(origin, number, self.study.settings.level) for number in found.numbers()]
        return estimates, [check_row(origin, check, "benchmark") for check in found.checks()]

    def _rows_of_answers(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Rows of estimates and checks of a transfer or a scale-up."""
        origin, level = self._origin(self.study.outcomes[0]), self.study.settings.level
        made: dict[str, tuple[str, Callable[[], Any]]] = {
            "transfer": (PUT_TOGETHER, self.transfer),
            "scaleup": (SCALED, self.scale_up),
        }
        name, answer = made[self.study.settings.kind]
        found = answer()
        estimates = [answer_row(origin, number, name, level) for number in found.numbers()]
        return estimates, [check_row(origin, check, name) for check in found.checks()]

    def transfer(self) -> Transfer:
        """What the next city may expect: effects of single cities, pooled, for the city that asks, with the track record.

        Raises
        ------
        UsageError
            The study has no key ``transfer``.
        """
        from scale_impact.transferring import Transfer

        if self.study.settings.transfer is None:
            raise UsageError(
                "The study has no key `transfer`. Use the template transfer with a study that has one (docs/transfer.md)."
            )
        found: Transfer = self._once(
            "transfer", "", lambda: Transfer(self.study, None if self.study.source_card is None else self.data())
        )
        return found

    def scale_up(self) -> Decision:
        """From the effect of a pilot to the decision for a city: outlook, ledger by partner, what to measure next, the rule.

        Raises
        ------
        UsageError
            The study has no key ``scaleup``.
        """
        from scale_impact.deciding import Decision

        if self.study.settings.scaleup is None:
            raise UsageError(
                "The study has no key `scaleup`. Use the template scale_up with a study that has one (docs/scaleup.md)."
            )
        found: Decision = self._once("scale-up", "", lambda: Decision(self.study, os.environ.get(RUN_VARIABLE)))
        return found

    def benchmark(self) -> Benchmark:
        """A city among comparable cities: scores, peers, context adjustment, frontier, rank bands, robustness, change.

        Raises
        ------
        UsageError
            The study evaluates a measure and is no benchmark.
        """
        from scale_impact.benchmarking import Benchmark

        if self.study.settings.benchmark is None:
            raise UsageError(
                "The study evaluates a measure and has no key `benchmark`. Use the template benchmark with a study that has one."
            )
        found: Benchmark = self._once("benchmark", "", lambda: Benchmark(self.study, self.data()))
        return found

    def why_here(self) -> Markdown:
        """One page on the benchmark's city in plain words: where it stands, how sure that is, and why."""
        return _markdown(self.benchmark().page())

    def _unit_rows(self) -> list[dict[str, Any]]:
        """Who was studied and who treated; nothing before a pilot, of a benchmark, and where no unit is known by name."""
        settings = self.study.settings
        if settings.kind in ("benchmark", "scaleup") or (settings.transfer is not None and settings.transfer.from_rows):
            return []
        if self._is_planned or self.panel().streamed:
            return []
        return unit_rows(self._origin(self.study.outcomes[0]), self.design(), self.panel().followed)

    def _estimate_rows(self, outcome: Outcome) -> list[dict[str, Any]]:
        if self._is_planned:
            return self._trial_rows(outcome) if is_asked(self.parameters) else self._pilot_rows(outcome)
        if (reason := self._unanswered(outcome)) is not None:
            name, level = self.study.settings.estimators[0].name, self.study.settings.level
            return [unanswered_row(self._origin(outcome), name, reason, level)]
        return self._effect_rows(outcome) + self._specification_rows(outcome)

    def _unanswered(self, outcome: Outcome) -> str | None:
        """Why a further outcome of a profile has no estimate; None where it has one, or where no profile was asked for."""
        if self._profiled is None or outcome.column == self.outcomes[0]:
            return None
        line = self.profile(**self._profiled).line(outcome.column)
        return line.why_not if line.effect is None and line.estimate.value is None else None

    def _index_rows(self) -> list[dict[str, Any]]:
        """One row an index of a dimension; nothing where no profile was asked for."""
        if self._profiled is None:
            return []
        primary, level = self.estimate()[0], self.study.settings.level
        origin = self._origin(self.study.outcomes[0])
        return [index_row(origin, line, primary, level) for line in self.profile(**self._profiled).indices]

    def _specification_rows(self, outcome: Outcome) -> list[dict[str, Any]]:
        """One row a specification, in the order of the grid; nothing where there is no curve."""
        if not self._has_curve(outcome.column):
            return []
        curve = self.specifications(outcome.column)
        return [specification_row(self._origin(self._outcome(s.outcome)), s, curve.level) for s in curve.specifications]

    def _effect_rows(self, outcome: Outcome) -> list[dict[str, Any]]:
        first = outcome.column == self.outcomes[0]
        effects = self.estimate(outcome.column)
        return [
            row
            for k, e in enumerate(effects)
            for row in estimate_rows(self._origin(outcome), e, primary=first and k == 0)
        ]

    def _origin(self, outcome: Outcome) -> Origin:
        found, run = self._plan(), os.environ.get(RUN_VARIABLE)
        plan, departs = (None, None) if found is None else (found.plan.id, found.deviations)
        return Origin(self.study, run, outcome, plan, departs if self._seed is None else NO_RESULT)

    def _outcome(self, column: str | None) -> Outcome:
        found = [o for o in self.study.outcomes if column in (None, o.column)]
        if not found:
            raise UsageError(f"The study has no outcome {column!r}. It has {', '.join(self.outcomes)}.")
        return found[0]

    def _once(self, what: str, of: str, make: Any) -> Any:
        if (what, of) not in self._known:
            self._known[what, of] = make()
        return self._known[what, of]


def _whence(source: Source) -> str:
    """A source in a sentence: title, origin, licence, and that it must not be handed on."""
    said = [f"**{source.title.strip().rstrip('.')}.**", f"{source.origin.strip().rstrip('.')}."]
    said += [f"Vintage: {source.vintage}."] if source.vintage else []
    said += [f"Licence: {source.licence.strip().rstrip('.')}."]
    said += [] if source.redistribute else ["The data themselves are not published here."]
    return " ".join(said)


def _options(choices: Sequence[Choice], name: str) -> dict[str, Any]:
    """Options of the first choice of a name; none where it is not there."""
    return next((dict(c.options) for c in choices if c.name == name), {})


def _equal(a: pd.DataFrame | None, b: pd.DataFrame | None) -> bool:
    """Whether two estimates weight cohorts and periods alike."""
    if a is None or b is None:
        return False
    one, other = a.align(b, fill_value=0.0)
    return bool((abs(one - other) < 1e-9).all(axis=None))


def _markdown(text: str) -> Markdown:
    from IPython.display import Markdown

    return Markdown(text)


def _axis(session: Session, outcome: str, figure: str, values: tuple[Any, ...]) -> str:
    """What an axis shows: the outcome where a figure draws the panel or says ``OUTCOME_AXIS = True``, else the effect on it."""
    from scale_impact.core.profile.profile import UNIT, Profile

    if values and isinstance(values[0], Profile):
        return f"Effect, {UNIT}"
    kind = session.study.settings.kind
    if kind != "measure":
        answers: dict[str, Callable[[], Any]] = {
            "benchmark": session.benchmark, "transfer": session.transfer, "scaleup": session.scale_up,
        }  # fmt: skip
        if figure in OF_PEOPLE:
            return session.scale_up().chosen.reach.unit
        return str(answers[kind]().unit)
    name, unit = session.indicator(outcome).name, session.unit(outcome)
    if (values and isinstance(values[0], Panel)) or keys.marked("figures", figure, "OUTCOME_AXIS"):
        return f"{name}, {unit}"
    return f"Effect on {within_sentence(name)}, {effect_unit(unit)}"


def _describe(panel: Panel, design: Design) -> str:
    if design.exposed is not None:
        return described_exposure(panel, design)
    counts = [int(n) for n in cohort_moments(panel, design).units]
    what = f"units ({panel.unit})" if panel.unit else "observations"
    table = [
        f"| first treated | {what} |",
        "|---|---|",
        *(f"| {design.cohort_name(g)} | {n:,} |" for g, n in enumerate(counts)),
    ]
    text = f"{panel.n_periods} periods ({panel.period}). {_comparison(panel, design)}"
    said = "\n".join(f"- {note}" for note in design.notes) or "- Nothing was left out."
    return "\n".join(table) + f"\n\n{text}\n\n{said}"


def _comparison(panel: Panel, design: Design) -> str:
    """Who is compared with whom, and what standard errors are clustered by."""
    if design.control == "none":
        return "There is nobody to compare with: the treated are compared with their own course before the measure."
    compared = "those never treated" if design.control == "never" else "those not treated yet"
    return f"The treated are compared with {compared}. {_dependence(panel, design)}"


def _dependence(panel: Panel, design: Design) -> str:
    by = design.cluster or panel.unit
    return f"Standard errors are clustered by {by}." if by else "Each observation stands for itself."
