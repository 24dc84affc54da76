"""Benchmark: a study's cities, made from its data, and each step with the study's options, computed once.

    benchmark = session.benchmark()
    benchmark.scores, benchmark.peers, benchmark.adjustment, benchmark.bands, ...

Stands between the session and the room ``benchmark``, as ``curve`` does for specifications.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.benchmark.cities import Cities, ContextColumn, Criterion
from scale_impact.benchmark.numbers import numbers
from scale_impact.core import keys
from scale_impact.core.evidence import CityNumber
from scale_impact.core.sample import restricted
from scale_impact.core.settings import BenchmarkChoices, Outcome
from scale_impact.core.source import Source, load_source
from scale_impact.core.streams_parquet import ParquetTable
from scale_impact.core.study import Study
from scale_impact.core.study_names import STEPS
from scale_impact.core.words import nearest, number, plain
from scale_impact.errors import DataError, DesignError, ScaleImpactError, StudyError, UsageError
from scale_impact.evidence.adoptions import adoptions_of

if TYPE_CHECKING:
    import pandas as pd
    from IPython.display import Markdown

    from scale_impact.benchmark.adjustment import ContextAdjustment
    from scale_impact.benchmark.against_peers import Profile
    from scale_impact.benchmark.change import Changes
    from scale_impact.benchmark.frontier import Frontier
    from scale_impact.benchmark.peers import Peers
    from scale_impact.benchmark.rank_bands import RankBands
    from scale_impact.benchmark.robustness import Robustness
    from scale_impact.benchmark.scores import Scores
    from scale_impact.benchmark.tried_by_peers import Adoption, PeersTried
    from scale_impact.core.check import Check

Floats = NDArray[np.float64]


OF_HUNDRED = ("goalposts", "minmax", "percentile", "scaled")
"""Scales from 0 to 100."""


SHOWN = 21
"""Cities in a table of a notebook."""


@dataclass(frozen=True)
class Benchmark:
    """A study's benchmark; what is asked for first is computed first, and once.

    Attributes
    ----------
    study:
        A study with the key ``benchmark``.
    data:
        The columns of its source.

    Raises
    ------
    DataError, DesignError
        From the attribute that is asked for: what is wrong with the table, or what a step cannot answer.
    """

    study: Study
    data: pd.DataFrame | ParquetTable

    @property
    def chosen(self) -> BenchmarkChoices:
        """The study's choices."""
        chosen = self.study.settings.benchmark
        if chosen is None:
            raise UsageError(
                "The study evaluates a measure and has no key `benchmark`. Use the template benchmark with a study that has one."
            )
        return chosen

    # ---- the cities -------------------------------------------------------------------------

    @cached_property
    def cities(self) -> Cities:
        """The cities in the period that is judged."""
        return self._cities(self.at)

    @cached_property
    def at(self) -> Any:
        """The period that is judged."""
        return self._period(self.chosen.at, "at") if self.chosen.at is not None else self._periods[-1]

    @cached_property
    def label(self) -> str:
        """The city that the page is about, as it is shown."""
        wanted, names = plain(self.chosen.city), self._names
        found = names.get(wanted) or (wanted if wanted in names.values() else None)
        if found is None or found not in self.cities.labels:
            raise DesignError(
                f"benchmark.city: {wanted!r} is no {self.study.settings.unit} of {plain(self.at)}. "
                f"{nearest(wanted, [*names, *names.values()])}"
            )
        return found

    @cached_property
    def _frame(self) -> pd.DataFrame:
        """The rows of the study's sample."""
        if isinstance(self.data, ParquetTable):
            raise DesignError(
                "A benchmark looks at single cities, and the data are streamed. Say `stream: false` in the source's card."
            )
        return restricted(self.data, self.study.settings).frame

    @cached_property
    def _periods(self) -> list[Any]:
        return list(np.sort(self._frame[self.study.settings.period].dropna().unique()))

    def _period(self, wanted: Any, key: str) -> Any:
        found = {plain(p): p for p in self._periods}
        if plain(wanted) not in found:
            raise DesignError(
                f"benchmark.{key}: {plain(wanted)!r} is no period of the data. {nearest(plain(wanted), found)}"
            )
        return found[plain(wanted)]

    @cached_property
    def _names(self) -> dict[str, str]:
        """The name that is shown of each unit, by the unit as text; two that are called alike show the unit too."""
        unit, names = str(self.study.settings.unit), self.chosen.names
        units = [plain(u) for u in self._frame[unit].dropna().unique()]
        if names is None:
            return {u: u for u in units}
        last = self._frame.dropna(subset=[unit, names]).drop_duplicates(unit, keep="last")
        shown = {plain(u): str(n) for u, n in zip(last[unit], last[names], strict=True)}
        called = list(shown.values())
        return {u: shown[u] if called.count(shown.get(u, "")) == 1 else f"{shown.get(u, '')} ({u})".strip() for u in units if u in shown} | {
            u: u for u in units if u not in shown
        }  # fmt: skip

    def _cities(self, period: Any) -> Cities:
        settings, frame = self.study.settings, self._frame
        city = str(settings.unit)
        shown = frame.assign(**{city: [self._names.get(plain(u)) for u in frame[settings.unit]]})
        return Cities.from_frame(
            shown, city=city, criteria=self.criteria, context=self.context, std_errors=self._std_errors,
            period=settings.period, at=period,
        )  # fmt: skip

    @cached_property
    def criteria(self) -> tuple[Criterion, ...]:
        """What cities are judged by."""
        found, problems = [], []
        for k, outcome in enumerate(self.study.outcomes):
            try:
                found.append(self._criterion(outcome))
            except DataError as error:
                problems += [f"outcomes.{k}: {p}" for p in error.problems]
        if problems:
            raise DesignError(problems)
        return tuple(found)

    def _criterion(self, outcome: Outcome) -> Criterion:
        per, times = outcome.per or "", 1.0 if outcome.times is None else outcome.times
        counted = {"exposure": per, "years": outcome.pooled} if outcome.pooled is not None else {"per": per}
        return Criterion.of(
            self.study.indicator(outcome),
            outcome.column,
            goalposts=outcome.goalposts,
            weight=outcome.weight or 1.0,
            factor=times,
            **counted,
        )

    @property
    def context(self) -> tuple[ContextColumn, ...]:
        """What cities are compared on, as the source's card describes it."""
        columns = self._card.columns
        return tuple(
            ContextColumn(c.column, _short(columns[c.column].meaning), columns[c.column].unit, c.kind)
            for c in self.chosen.context
        )

    @property
    def _std_errors(self) -> dict[str, str]:
        return {o.column: o.std_error for o in self.study.outcomes if o.std_error is not None}

    @cached_property
    def _card(self) -> Source:
        return load_source(self.study.project.source(self.study.settings.source))

    # ---- the steps --------------------------------------------------------------------------

    def _made(self, step: str, *data: Any, **more: Any) -> Any:
        """A step with the study's options, level and seed."""
        settings, function = self.study.settings, STEPS[step]
        known = keys.options("benchmark", step, function)
        given = getattr(self.chosen, step).get(
            "given"
        )  # a step that looks at some of the context takes logarithms of these
        log = [c.column for c in self.chosen.context if c.log and (given is None or c.column in given)]
        own = (("level", settings.level), ("seed", settings.seed), ("log", log))
        shared = {k: v for k, v in own if k in known}
        return keys.load("benchmark", step, function)(*data, **{**shared, **more, **getattr(self.chosen, step)})

    @cached_property
    def scores(self) -> Scores:
        """The scores of all cities."""
        made: Scores = self._made("scores", self.cities)
        return made

    @cached_property
    def peers(self) -> Peers:
        """Who is comparable."""
        self._needs_context("peers")
        made: Peers = self._made("peers", self.cities.context)
        return made

    @cached_property
    def adjustment(self) -> ContextAdjustment:
        """The index beside what the context lets expect."""
        self._needs_context("adjustment")
        made: ContextAdjustment = self._made("adjustment", self.cities.context, self.scores.index, self._errors)
        return made

    @cached_property
    def frontier(self) -> Frontier:
        """How far each city is from the best."""
        names = list(self.scores.dimensions)
        made: Frontier = self._made("frontier", self.scores.dimension_scores, self.cities.context, names)
        return made

    @cached_property
    def bands(self) -> RankBands:
        """The ranks that each city can have."""
        made: RankBands = self._made(
            "rank_bands", self.cities.labels, self.scores.index, self._errors, self.scores.draws
        )
        return made

    @cached_property
    def robustness(self) -> Robustness:
        """How much the choices decide."""
        made: Robustness = self._made("robustness", self.scores)
        return made

    @cached_property
    def changes(self) -> Changes | None:
        """What has changed since the earlier period; None where the study names none."""
        if self.chosen.before is None:
            return None
        before = self._period(self.chosen.before, "before")
        earlier: Scores = self._made("scores", self._cities(before))
        made: Changes = self._made("change", {plain(before): earlier, plain(self.at): self.scores})
        return made

    @cached_property
    def profile(self) -> Profile:
        """The city's scores beside those of its peers; beside all cities where it has no peers."""
        from scale_impact.benchmark.against_peers import against_all, against_peers

        alone = self.label in self.peers.why_not
        return against_all(self.label, self.scores) if alone else against_peers(self.label, self.scores, self.peers)

    @property
    def changes_beside_peers(self) -> Changes | None:
        """What has changed in the city and in those of its peers that have a change."""
        found = self.changes
        return (
            None
            if found is None
            else found.take([c for c in (self.label, *self.peers.of(self.label)) if c in found.labels])
        )

    @property
    def _errors(self) -> Floats | None:
        return None if self.scores.draws is None else self.scores.std_errors

    def _needs_context(self, step: str) -> None:
        if not self.cities.context.columns:
            raise DesignError(
                "benchmark.context: no context is named, so nobody can be called comparable. Name columns that a city cannot choose."
            )

    @cached_property
    def tried(self) -> PeersTried | None:
        """What the city's peers tried; None where the study names no studies of measures."""
        if not self.chosen.measures:
            return None
        from scale_impact.benchmark.tried_by_peers import tried_by_peers

        return tried_by_peers(self.peers, self.label, self._adoptions)

    @property
    def _adoptions(self) -> list[Adoption]:
        """What the studies named have published, each city by the name that is shown here."""
        project = self.study.project
        return [each for slug in self.chosen.measures for each in adoptions_of(project, slug, self._names)]

    # ---- in words and rows ------------------------------------------------------------------

    @property
    def unit(self) -> str:
        """What the index is measured in."""
        return (
            "points of 100"
            if self.scores.recipe.normaliser in OF_HUNDRED
            else f"Index, by {self.scores.recipe.normaliser}"
        )

    def judged_by(self) -> str:
        """What cities are judged by and compared on, as text."""
        rows = [f"| {c.dimension} | {c.name} | {c.unit} | {_way(c)} | {_posts(c)} |" for c in self.criteria]
        told = "\n".join(["| dimension | indicator | unit | better | 0 and 100 |", "|---|---|---|---|---|", *rows])
        context = "; ".join(
            f"{c.meaning or c.column}{f' ({c.unit})' if c.kind == 'number' and c.unit else ''}" for c in self.context
        )
        return f"**What cities are judged by.**\n\n{told}\n\n**What they are compared on.** {context or 'Nothing: no context is named'}."

    def page(self) -> str:
        """One page on the city in plain words."""
        from scale_impact.benchmark.page import page

        return page(
            self.label, self.scores, peers=self.peers, adjustment=self.adjustment, bands=self.bands, frontier=self.frontier,
            robustness=self.robustness, changes=self.changes, tried=self.tried,
        )  # fmt: skip

    # ---- what a notebook shows --------------------------------------------------------------

    def notes(self) -> Markdown:
        """What was done to the table and to the scores."""
        return _listed([*self.cities.notes, *self.scores.notes], "Nothing was left out, imputed or clipped.")

    def peers_in_words(self) -> Markdown:
        """Who the city's peers are and where they differ, a line each."""
        found, label = self.peers, self.label
        fewer = [found.fewer[label]] if label in found.fewer else []
        return _listed([*found.in_words(label), *fewer, *found.notes])

    def peers_table(self) -> pd.DataFrame:
        """What each peer has in common with the city and where it differs."""
        return self.peers.explain(self.label).set_index(["peer", "column"])

    def peers_again(self) -> pd.DataFrame:
        """How often each of the city's peers is found again."""
        from scale_impact.benchmark.peers import stability

        return stability(self.peers, cities=[self.label], seed=self.study.settings.seed).table()

    def scores_table(self) -> pd.DataFrame:
        """Ranks and scores of the best, of the worst, and of those next to the city; of all in ``scores.table()``."""
        return self._excerpt(self.scores.table().sort_values(["rank", "city"]), "rank")

    def league_table(self) -> pd.DataFrame:
        """Bands of the best, of the worst, and of those next to the city; of all in ``league.standings(bands).frame``."""
        from scale_impact.benchmark.league import standings

        return self._excerpt(standings(self.bands).frame, "rank")

    def context_table(self) -> pd.DataFrame:
        """Raw and for the context, likewise; of all in ``adjustment.table()``."""
        return self._excerpt(self.adjustment.table().sort_values(["adjusted_rank", "city"]), "adjusted_rank")

    def _excerpt(self, frame: pd.DataFrame, by: str) -> pd.DataFrame:
        """The first, the last and those around the city of a frame in its order; without a place in it, the city comes last."""
        import pandas as pd

        from scale_impact.benchmark.league import excerpt

        placed = frame[frame[by].notna()].reset_index(drop=True)
        own = placed.index[placed["city"] == self.label]
        rows = placed.iloc[excerpt(len(placed), SHOWN, int(own[0]) if len(own) else None)]
        unplaced = frame[(frame["city"] == self.label) & frame[by].isna()]
        return (rows if unplaced.empty else pd.concat([rows, unplaced])).set_index("city")

    def context_in_words(self) -> Markdown:
        """How much the situation explains, and what the city is for its own."""
        return _listed([self.adjustment.explain(self.label), *self.adjustment.notes])

    def frontier_table(self) -> pd.DataFrame:
        """Those nearest to the best that is reached, the farthest, and those next to the city; of all in ``frontier.table()``."""
        table = self.frontier.table()
        return self._excerpt(table.sort_values("index", ascending=False, kind="stable"), "index")

    def frontier_in_words(self) -> Markdown:
        """Who defines the city's target."""
        return _listed([*self.frontier.in_words(self.label), *self.frontier.notes])

    def robustness_in_words(self) -> Markdown:
        """What the choices decide, for all cities and for this one."""
        found, label = self.robustness, self.label
        own = [f"{label} has no rank. {found.why_not[label]}"] if label in found.why_not else found.sentences(label)
        return _listed([*own, *found.sentences(), *found.notes])

    def change_in_words(self) -> Markdown:
        """What has changed; that nothing was asked for, where the study names no earlier period."""
        if self.changes is None:
            return _listed(["The study names no earlier period (`benchmark.before`)."])
        return _listed([*self.changes.sentences(self.label), *self.changes.summary()])

    def tried_in_words(self) -> Markdown:
        """What the city's peers tried, and what happened."""
        if self.tried is None:
            return _listed(["The study names no studies of measures (`benchmark.measures`)."])
        return _listed(self.tried.sentences())

    def verdicts(self) -> pd.DataFrame:
        """The checks with verdict and reason."""
        import pandas as pd

        found = [(c.check, c.verdict, c.reason) for c in self.checks()]
        return pd.DataFrame(found, columns=["check", "verdict", "reason"]).set_index("check")

    # ---- what is published ------------------------------------------------------------------

    def checks(self) -> tuple[Check, ...]:
        """What the reader of a rank has to know, as verdicts."""
        return self.robustness.checks()

    def numbers(self) -> Iterator[CityNumber]:
        """The numbers that are published; see ``benchmark.numbers``."""
        beside = self.adjustment if self.context else None
        yield from numbers(self.label, self.scores, self.bands, beside, self.study.settings.level, self.unit)

    # ---- what is wrong ----------------------------------------------------------------------

    def problems(self) -> tuple[ScaleImpactError, ...]:
        """What is wrong with the table, the city, and the options of scores and peers; all at once."""
        return tuple(self._problems())

    def _problems(self) -> Iterator[ScaleImpactError]:
        asked: list[Callable[[], Any]] = [
            lambda: self.cities,
            lambda: self.label,
            lambda: self.scores,
            lambda: self.changes,
        ]
        asked += [lambda: self.peers, lambda: self.adjustment, lambda: self.tried]
        said: set[str] = set()  # what one step says of the table, the next one says again
        for step in asked:
            try:
                step()
            except ScaleImpactError as error:
                fresh = [p for p in error.problems if p not in said]
                said |= set(fresh)
                named = [f"benchmark: {p}" for p in fresh] if isinstance(error, UsageError) else fresh
                kind = StudyError if isinstance(error, UsageError) else type(error)
                yield from [kind(named)] if named else []


def _listed(sentences: Sequence[str], nothing: str = "") -> Markdown:
    """Sentences as a list, each once."""
    from IPython.display import Markdown

    lines = [s if s.startswith("- ") else f"- {s}" for s in dict.fromkeys(sentences)]
    return Markdown("\n".join(lines) or nothing)


def _short(meaning: str) -> str:
    """What a column holds, without what a card adds to it."""
    return re.split(r"[,;:(]", meaning)[0].strip()


def _way(criterion: Criterion) -> str:
    if criterion.direction == "target":
        return f"near {number(float(criterion.target or 0.0))}"
    return "more" if criterion.direction == "+" else "less"


def _posts(criterion: Criterion) -> str:
    if criterion.worst is None or criterion.best is None:
        return "not fixed"
    return f"{number(criterion.worst)} and {number(criterion.best)} ({criterion.goalposts})"
