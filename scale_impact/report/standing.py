"""What a reader has to know of a run beside its numbers: frozen or not, failed since, checks failed, simulated; and how credible it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from scale_impact.core.words import some
from scale_impact.evidence.cards import Ground, run_name
from scale_impact.evidence.credibility import HIGHEST, Credibility, of_study
from scale_impact.evidence.standing import MARKS, WORST
from scale_impact.report.answers import kind_of, main_rows
from scale_impact.report.pages import VERDICTS
from scale_impact.report.published import Row, RunRead
from scale_impact.report.summary import Mark

FAILED_CHECKS = "checks failed"
SIMULATED = "simulated data"


def marks(run: RunRead, ground: Ground) -> tuple[Mark, ...]:
    """Marks of a run and of what it rests on, the gravest first."""
    return tuple(_marks(run, ground))


def _marks(run: RunRead, ground: Ground) -> Iterator[Mark]:
    if ground.simulated:
        cards = f" (it rests on {some(ground.simulated, 5)})" if len(ground.runs) > 1 else ""
        yield Mark(SIMULATED, MARKS["simulated"] + cards, "bad")
    if run.problems:
        yield Mark("results not whole", "see what is wrong here", "bad")
    if run.failed:
        yield Mark(
            "the last run failed",
            "these results are of the one before" if run.ran else "there is no earlier one",
            "bad",
        )
    elif not run.ran:
        yield Mark("not run yet", "", "open")
    if below := [run_name(one) for one in ground.failed if one != ground.runs[0]]:
        yield Mark("a study that it reads failed", f"{some(below, 5)}: what is read is of the run before", "bad")
    failed = dict.fromkeys(str(c["check"]).replace("_", " ") for c in run.checks if c["verdict"] == "fail")
    if failed:
        yield Mark(FAILED_CHECKS, ", ".join(failed), "bad")
    yield from _planned(run)


def _planned(run: RunRead) -> Iterator[Mark]:
    """How the run stands to a plan."""
    deviations = next((str(r["deviations"]) for r in run.estimates if r["deviations"]), "")
    if deviations:
        yield Mark("deviates from its plan", deviations, "open")
    elif any(r["plan"] for r in run.estimates):
        yield Mark("plan frozen beforehand", "", "good")
    elif run.estimates and kind_of(run) == "measure":
        yield Mark("no frozen plan", MARKS["unfrozen"])


def credibility(run: RunRead) -> Credibility | None:
    """The level of the main answer with its rule; None where the run answers no question about an effect."""
    main = main_rows(run)
    if kind_of(run) != "measure" or not main:
        return None
    row = main[0]
    keys = None if run.study is None else run.study.settings
    followed = keys is None or (keys.unit is not None and not keys.treatment.is_exposure)
    return of_study(
        str(row["estimator"]), worst([c for c in run.checks if c["outcome"] == row["outcome"]]), followed=followed
    )


def worst(checks: Iterable[Row]) -> dict[str, str]:
    """Verdict by check; of one check for several estimators the worst."""
    found: dict[str, str] = {}
    for check in checks:
        name, verdict = str(check["check"]), str(check["verdict"])
        found[name] = min(found.get(name, verdict), verdict, key=WORST.index)
    return found


def level_words(level: int | None) -> str:
    """A level for reading."""
    return "no level" if level is None else f"{level} of {HIGHEST}"


def verdicts(checks: Sequence[Row]) -> tuple[tuple[str, int], ...]:
    """How many checks ended how."""
    count = Counter(str(c["verdict"]) for c in checks)
    return tuple((v, count[v]) for v in VERDICTS if count[v])
