"""Standing: what is known of each run that has published rows, before its numbers are put together with others.

Whether its plan was frozen before the outcome was looked at, whether it failed since, whether checks that its design rests on fail,
whether its data were simulated, and whether its rows are effects at all. Marked evidence is shown with its marks, and left out of
synthesis unless it is asked for (``include``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scale_impact.core.evidence import NOTICED, RANKED
from scale_impact.core.project import Project
from scale_impact.evidence.cards import Cards, Run, run_name
from scale_impact.evidence.credibility import FAMILIES, FAMILY_OF, LOTTERY, Credibility, of_study

if TYPE_CHECKING:
    import pandas as pd

MARKS: dict[str, str] = {
    "unfrozen": "no analysis plan was frozen before the outcome was looked at",
    "failed": "a later run failed, of it or of a study that it reads, so that the rows may not be what the study now says",
    "simulated": "the data were simulated: a demonstration, and no evidence of anything",
    "failed_checks": "a check fails that the design rests on",
}
"""Why evidence is left out unless ``include`` names the mark."""

KINDS: dict[str, str] = {
    "measure": "effects of a measure",
    "pilot": "smallest effects that a planned pilot would notice",
    "benchmark": "a city among others",
    "transfer": "what another city may expect",
    "scaleup": "from a pilot to a decision",
    "none": "no rows",
}
"""What the rows of a run are; only those of ``measure`` are effects."""

KIND_OF_ESTIMATOR = {"benchmark": "benchmark", "synthesis": "transfer", "scaleup": "scaleup"}
KIND_OF_ESTIMAND = {NOTICED: "pilot", RANKED: "benchmark"}

STUDY_FIELDS = (
    "study", "variant", "run_id", "title", "kind", "measure", "indicator", "source", "data", "estimator", "estimand", "plan",
    "deviations", "frozen", "failed", "failed_checks", "simulated", "credibility", "rule", "marks", "rows",
)  # fmt: skip
"""Columns of the table ``studies``, one row a run."""


@dataclass(frozen=True)
class Standing:
    """What is known of one run.

    Attributes
    ----------
    study, variant, run_id:
        Which run.
    title, kind, measure, indicator:
        What it asks, what its rows are (see ``KINDS``), and of what: of the primary row.
    data_sets, data:
        The card of its source, the cards that this one is made of, and those of the studies that it reads; the hash of the data.
    estimator, estimand:
        Of the primary row.
    plan, deviations:
        Id of the frozen plan, and how the run departs from it.
    failed:
        Whether a run failed after the one whose rows are published, or one of a study that it reads.
    failed_checks:
        Checks of the primary outcome that fail and that its design rests on.
    simulated:
        Whether one of the cards that it rests on says so (``cards.Ground``).
    credibility:
        Level of the Maryland scale with its rule.
    rows:
        How many estimates it has published.
    """

    study: str
    variant: str | None
    run_id: str | None = None
    title: str | None = None
    kind: str = "none"
    measure: str | None = None
    indicator: str | None = None
    data_sets: tuple[str, ...] = ()
    data: str | None = None
    estimator: str | None = None
    estimand: str | None = None
    plan: str | None = None
    deviations: str | None = None
    failed: bool = False
    failed_checks: tuple[str, ...] = ()
    simulated: bool = False
    credibility: Credibility = field(default_factory=lambda: Credibility(None, ""))
    rows: int = 0

    @property
    def name(self) -> str:
        """The run as it is called: slug, or slug/variant."""
        return run_name((self.study, self.variant))

    @property
    def marks(self) -> tuple[str, ...]:
        """Why it is left out unless asked for, in the order of ``MARKS``."""
        given = {
            "unfrozen": self.kind == "measure" and self.plan is None, "failed": self.failed, "simulated": self.simulated,
            "failed_checks": bool(self.failed_checks),
        }  # fmt: skip
        return tuple(mark for mark in MARKS if given[mark])

    def row(self) -> dict[str, Any]:
        """A row of the table ``studies``."""
        known = {name: getattr(self, name) for name in STUDY_FIELDS if hasattr(self, name)}
        return {name: known.get(name) for name in STUDY_FIELDS} | {
            "source": self.data_sets[0] if self.data_sets else None, "frozen": self.plan is not None,
            "failed_checks": ", ".join(self.failed_checks) or None, "credibility": self.credibility.level,
            "rule": self.credibility.rule or None, "marks": ", ".join(self.marks) or None,
        }  # fmt: skip


def standings(project: Project, runs: pd.DataFrame, verdicts: pd.DataFrame) -> list[Standing]:
    """The standing of each run, by name; also of studies that have nothing but a failed run.

    Parameters
    ----------
    project:
        Where study.yaml, cards and failed runs lie.
    runs:
        The primary row of each run, with ``n_rows``: how many estimates it has published.
    verdicts:
        Checks: study, variant, outcome, check, verdict.
    """
    cards = Cards(project)
    by_run = _by_run(verdicts)
    found = [_standing(project, cards, row, by_run) for row in _records(runs)]
    known = {(s.study, s.variant) for s in found}
    found += [_without_rows(project, cards, run) for run in set(_failed(project.studies)) - known]
    return sorted(found, key=lambda s: (s.study, s.variant or ""))


def _standing(
    project: Project,
    cards: Cards,
    row: Mapping[str, Any],
    by_run: Mapping[Run, Mapping[str, dict[str, str]]],
) -> Standing:
    """The standing of one run, from its primary row."""
    run = (row["study"], row["variant"])
    checked = by_run.get(run, {}).get(row["outcome"], {})
    estimator = row["estimator"]
    kind = KIND_OF_ESTIMATOR.get(estimator) or KIND_OF_ESTIMAND.get(row["estimand"] or "", "measure")
    ground, data = cards.ground(*run), _data_hash(project, run)
    return Standing(
        *run, row["run_id"], cards.title(*run), kind, row["measure"], row["indicator"], ground.cards, data, estimator, row["estimand"],
        row["plan"], row["deviations"], bool(ground.failed), _resting_on(estimator, checked) if kind == "measure" else (),
        bool(ground.simulated),
        of_study(estimator, checked, followed=cards.follows(*run)) if kind == "measure" else Credibility(None, f"no effects: {KINDS[kind]}"),
        int(row["n_rows"]),
    )  # fmt: skip


def _without_rows(project: Project, cards: Cards, run: Run) -> Standing:
    """A study whose only run failed."""
    ground = cards.ground(*run)
    return Standing(
        *run, title=cards.title(*run), data_sets=ground.cards, failed=True, simulated=bool(ground.simulated)
    )


def _resting_on(estimator: str, checked: Mapping[str, str]) -> tuple[str, ...]:
    """Checks that fail and that cost the design a level (``credibility.FAMILIES``)."""
    families = [FAMILIES[FAMILY_OF[estimator]]] if estimator in FAMILY_OF else []
    drawn = checked.get("randomisation_balance", "inapplicable") != "inapplicable"
    names = [c for f in ([LOTTERY] if drawn else families) for c in f.harmed_by]
    return tuple(dict.fromkeys(c for c in names if checked.get(c) == "fail"))


WORST = ("fail", "inconclusive", "pass", "inapplicable")
"""Of several verdicts of one check that which stands first here counts."""


def _by_run(verdicts: pd.DataFrame) -> dict[Run, dict[str, dict[str, str]]]:
    """Verdicts by run, outcome and check; of one check for several estimators the worst."""
    found: dict[Run, dict[str, dict[str, str]]] = {}
    for row in _records(verdicts):
        of = found.setdefault((row["study"], row["variant"]), {}).setdefault(row["outcome"], {})
        name, verdict = row["check"], str(row["verdict"])
        worse = name not in of or (verdict in WORST and WORST.index(verdict) < WORST.index(of[name]))
        of[name] = verdict if worse and verdict in WORST else of.get(name, "inapplicable")
    return found


def _records(frame: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Rows as mappings, with None where nothing stands."""
    for row in frame.to_dict(orient="records"):
        yield {str(k): None if v is None or v != v else v for k, v in row.items()}


def _failed(studies: Path) -> Iterable[Run]:
    """Runs that failed after the one whose rows are published, if there is any."""
    for path in studies.glob("*/failed/**/executed.ipynb"):
        slug, _, *variant = path.parent.relative_to(studies).parts
        yield slug, "/".join(variant) or None


def _data_hash(project: Project, run: Run) -> str | None:
    """Hash of the data of a run, as its manifest has it; None where there is no readable one."""
    slug, variant = run
    path = project.studies / slug / "results" / (variant or "") / "manifest.json"
    try:
        found = json.loads(path.read_bytes())["inputs"]["data"]
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
    ):  # rows without a manifest are damaged in another way, which `verify` says
        return None
    return str(found)
