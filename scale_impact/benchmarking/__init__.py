"""Benchmark: a study's cities, made from its data, and each step with the study's options, computed once.

    benchmark = session.benchmark()
    benchmark.scores, benchmark.peers, benchmark.adjustment, benchmark.bands, ...

Stands between the session and the room ``benchmark``, as ``curve`` does for specifications.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from scale_impact.benchmark.cities import Cities, Criterion
from scale_impact.benchmark.numbers import numbers
from scale_impact.benchmarking.table import Table
from scale_impact.core import keys
from scale_impact.core.check import Check
from scale_impact.core.evidence import CityNumber
from scale_impact.core.streams_parquet import ParquetTable
from scale_impact.core.study import Study
from scale_impact.core.study_names import STEPS
from scale_impact.core.words import number, plain
from scale_impact.errors import DataError, DesignError, EstimationError, ScaleImpactError, StudyError, UsageError
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
    from scale_impact.benchmark.tried_by_peers import PeersTried

Floats = NDArray[np.float64]


LEFT_OUT = "The study leaves it out."

KEY = {"bands": "rank_bands", "changes": "change", "tried": "measures", "label": "city"}
"""Keys of a study, where steps are called otherwise here."""

OF_HUNDRED = ("goalposts", "minmax", "percentile", "scaled")
"""Scales from 0 to 100."""


SHOWN = 21
"""Cities in a table of a notebook."""


@dataclass(frozen=True)
class Benchmark:
    """A study's benchmark; what is asked for first is computed first, and once.

    A step that the table cannot answer, or that the study leaves out (``frontier: null``), is None, and ``left_out`` says why. Scores,
    bands and peers are what a benchmark is made of: without them there is none.

    Attributes
    ----------
    study:
        A study with the key ``benchmark``.
    data:
        The columns of its source.

    Raises
    ------
    DataError, DesignError, UsageError
        From the attribute that is asked for: what is wrong with the table, or with the options of a step.
    """

    study: Study
    data: pd.DataFrame | ParquetTable

    @cached_property
    def table(self) -> Table:
        """The cities as the study names them."""
        return Table(self.study, self.data)

    @property
    def cities(self) -> Cities:
        """The cities in the period that is judged."""
        return self.table.cities

    @property
    def label(self) -> str:
        """The city that the page is about, as it is shown."""
        return self.table.label

    @cached_property
    def left_out(self) -> dict[str, str]:
        """Steps that have no answer, each with the reason; filled as steps are asked for."""
        return {}

    @property
    def unanswered(self) -> dict[str, str]:
        """Steps that the table cannot answer, of those that were asked for."""
        return {
            step: why for step, why in self.left_out.items() if step in STEPS and why != LEFT_OUT and step != "change"
        }

    # ---- the steps --------------------------------------------------------------------------

    def _made(self, step: str, *data: Any) -> Any:
        """A step with the study's options, level and seed."""
        settings, function = self.study.settings, STEPS[step]
        known, own = keys.options("benchmark", step, function), self._own(step)
        shared = {"level": settings.level, "seed": settings.seed, "log": self._logs(own), "draws": self._draws(step)}
        given = {k: v for k, v in {**shared, **own}.items() if k in known and v is not None}
        if "log" in own and "log" in known:
            given["log"] = list(dict.fromkeys([*self._logs(own), *own["log"]]))
        return keys.load("benchmark", step, function)(*data, **given)

    def _own(self, step: str) -> dict[str, Any]:
        """The options that the study gives to a step."""
        return dict(getattr(self.table.chosen, step) or {})

    def _logs(self, own: Mapping[str, Any]) -> list[str]:
        """Context that is compared by ratios; a step that looks at some of the context takes logarithms of these alone."""
        given = own.get("given")
        return [c.column for c in self.table.chosen.context if c.log and (given is None or c.column in given)]

    def _draws(self, step: str) -> int | None:
        """Draws of the index, where the study names none: more where its level asks for the ends of their distribution."""
        return max(500, math.ceil(2 / (1 - self.study.settings.level))) if step == "scores" else None

    def _answer(self, step: str, make: Callable[[], Any]) -> Any:
        """A step, or None with the reason: what the study asks for by options has to be answered, what comes by itself need not."""
        if getattr(self.table.chosen, step) is None:
            self.left_out[step] = LEFT_OUT
            return None
        try:
            return make()
        except (DesignError, DataError, EstimationError) as error:
            if self._own(step):
                raise
            self.left_out[step] = " ".join(error.problems)
            return None

    @cached_property
    def scores(self) -> Scores:
        """The scores of all cities."""
        made: Scores = self._made("scores", self.cities)
        return made

    @cached_property
    def bands(self) -> RankBands:
        """The ranks that each city can have."""
        made: RankBands = self._made(
            "rank_bands", self.cities.labels, self.scores.index, self._errors, self.scores.draws
        )
        return made

    @cached_property
    def peers(self) -> Peers:
        """Who is comparable."""
        made: Peers = self._made("peers", self.cities.context)
        return made

    @cached_property
    def adjustment(self) -> ContextAdjustment | None:
        """The index beside what the context lets expect."""
        data = (self.cities.context, self.scores.index, self._errors)
        made: ContextAdjustment | None = self._answer("adjustment", lambda: self._made("adjustment", *data))
        return made

    @cached_property
    def frontier(self) -> Frontier | None:
        """How far each city is from the best."""
        from scale_impact.benchmark.enveloping.of_scores import dimension_draws

        names, unsure = list(self.scores.dimensions), dimension_draws(self.scores)
        data = (self.scores.dimension_scores, self.cities.context, names, *unsure)
        made: Frontier | None = self._answer("frontier", lambda: self._made("frontier", *data))
        return made

    @cached_property
    def robustness(self) -> Robustness | None:
        """How much the choices decide."""
        scores = self.scores
        made: Robustness | None = self._answer("robustness", lambda: self._made("robustness", scores))
        return made

    @cached_property
    def changes(self) -> Changes | None:
        """What has changed since the earlier period."""
        if self.table.before is None:
            self.left_out["change"] = "The study names no earlier period (`benchmark.before`)."
            return None
        if self.table.chosen.change is None:
            self.left_out["change"] = LEFT_OUT
            return None
        now, before = self.scores, self.table.earlier
        with self.table.about_before():
            earlier: Scores = self._made("scores", before)
        made: Changes = self._made("change", {plain(self.table.before): earlier, plain(self.table.at): now})
        return made

    @cached_property
    def tried(self) -> PeersTried | None:
        """What the city's peers tried."""
        if not self.table.chosen.measures:
            self.left_out["tried"] = "The study names no studies of measures (`benchmark.measures`)."
            return None
        from scale_impact.benchmark.tried_by_peers import tried_by_peers

        project, names = self.study.project, self.table.names
        found = [each for slug in self.table.chosen.measures for each in adoptions_of(project, slug, names)]
        return tried_by_peers(self.peers, self.label, found)

    @property
    def _errors(self) -> Floats | None:
        return None if self.scores.draws is None else self.scores.std_errors

    # ---- beside its peers -------------------------------------------------------------------

    @cached_property
    def profile(self) -> Profile:
        """The city's scores beside those of its peers; beside all cities where it has no peers."""
        from scale_impact.benchmark.against_peers import against_all, against_peers

        alone = self.label in self.peers.why_not
        return against_all(self.label, self.scores) if alone else against_peers(self.label, self.scores, self.peers)

    @property
    def changes_beside_peers(self) -> Changes | None:
        """What has changed in the city and in those of its peers that have a change; None where there is none."""
        found = self.changes
        if found is None:
            return None
        near = [c for c in (self.label, *self.peers.of(self.label)) if c in found.labels]
        return found.take(near) if near else None

    # ---- in words and rows ------------------------------------------------------------------

    @property
    def unit(self) -> str:
        """What the index is measured in."""
        recipe = self.scores.recipe
        hundred = recipe.normaliser in OF_HUNDRED and recipe.scale in (None, (0.0, 100.0))
        if "copeland" in (recipe.aggregation, recipe.upper):
            return "points, wins less losses"
        return "points of 100" if hundred else f"points, by {recipe.normaliser.replace('_', ' ')}"

    def judged_by(self) -> str:
        """What cities are judged by and compared on, as text."""
        rows = [f"| {c.dimension} | {c.name} | {c.unit} | {_way(c)} | {_posts(c)} |" for c in self.table.criteria]
        told = "\n".join(["| dimension | indicator | unit | better | 0 and 100 |", "|---|---|---|---|---|", *rows])
        context = "; ".join(
            f"{c.meaning or c.column}{f' ({c.unit})' if c.kind == 'number' and c.unit else ''}"
            for c in self.table.context
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

    def context_table(self) -> pd.DataFrame | Markdown:
        """Raw and for the context, likewise; of all in ``adjustment.table()``."""
        if self.adjustment is None:
            return self._none("adjustment")
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
        found = self.adjustment
        return self._none("adjustment") if found is None else _listed([found.explain(self.label), *found.notes])

    def frontier_table(self) -> pd.DataFrame | Markdown:
        """Those nearest to the best that is reached, the farthest, and those next to the city; of all in ``frontier.table()``."""
        if self.frontier is None:
            return self._none("frontier")
        table = self.frontier.table()
        return self._excerpt(table.sort_values("index", ascending=False, kind="stable"), "index")

    def frontier_in_words(self) -> Markdown:
        """Who defines the city's target."""
        found = self.frontier
        return self._none("frontier") if found is None else _listed([*found.in_words(self.label), *found.notes])

    def robustness_in_words(self) -> Markdown:
        """What the choices decide, for all cities and for this one."""
        found, label = self.robustness, self.label
        if found is None:
            return self._none("robustness")
        own = [f"{label} has no rank. {found.why_not[label]}"] if label in found.why_not else found.sentences(label)
        return _listed([*own, *found.sentences(), *found.notes])

    def change_in_words(self) -> Markdown:
        """What has changed; that nothing was asked for, where the study names no earlier period."""
        if self.changes is None:
            return self._none("change")
        return _listed([*self.changes.sentences(self.label), *self.changes.summary()])

    def tried_in_words(self) -> Markdown:
        """What the city's peers tried, and what happened."""
        return self._none("tried") if self.tried is None else _listed(self.tried.sentences())

    def _none(self, step: str) -> Markdown:
        """Why there is no answer."""
        return _listed([self.left_out[step]])

    def verdicts(self) -> pd.DataFrame:
        """The checks with verdict and reason."""
        import pandas as pd

        found = [(c.check, c.verdict, c.reason) for c in self.checks()]
        return pd.DataFrame(found, columns=["check", "verdict", "reason"]).set_index("check")

    # ---- what is published ------------------------------------------------------------------

    def checks(self) -> tuple[Check, ...]:
        """What the reader of a rank has to know, as verdicts."""
        if self.robustness is None:
            return (Check.inapplicable("weight_robustness", self.left_out["robustness"]),)
        return self.robustness.checks()

    def numbers(self) -> Iterator[CityNumber]:
        """The numbers that are published; see ``benchmark.numbers``."""
        beside = self.adjustment
        yield from numbers(self.label, self.scores, self.bands, beside, self.study.settings.level, self.unit)

    # ---- what is wrong ----------------------------------------------------------------------

    def problems(self) -> tuple[ScaleImpactError, ...]:
        """What is wrong with the table, the city, and the options of steps; all at once, and nothing twice."""
        return tuple(self._problems())

    def _problems(self) -> Iterator[ScaleImpactError]:
        steps = (
            "cities",
            "label",
            "scores",
            "bands",
            "peers",
            "adjustment",
            "frontier",
            "robustness",
            "changes",
            "tried",
        )
        said: set[str] = set()  # what one step says of the table, the next one says again
        for step in steps:
            try:
                getattr(self, step)
            except ScaleImpactError as error:
                fresh = [p for p in error.problems if p not in said]
                said |= set(fresh)
                if isinstance(error, UsageError):
                    yield from [StudyError([f"benchmark.{KEY.get(step, step)}: {p}" for p in fresh])] if fresh else []
                else:
                    yield from [type(error)(fresh)] if fresh else []


def _listed(sentences: Sequence[str], nothing: str = "") -> Markdown:
    """Sentences as a list, each once."""
    from IPython.display import Markdown

    lines = [s if s.startswith("- ") else f"- {s}" for s in dict.fromkeys(sentences)]
    return Markdown("\n".join(lines) or nothing)


def _way(criterion: Criterion) -> str:
    if criterion.direction == "target":
        return f"near {number(float(criterion.target or 0.0))}"
    return "more" if criterion.direction == "+" else "less"


def _posts(criterion: Criterion) -> str:
    if criterion.worst is None or criterion.best is None:
        return "not fixed"
    return f"{number(criterion.worst)} and {number(criterion.best)} ({criterion.goalposts})"
