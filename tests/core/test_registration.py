"""The plan as a text for a registry: what the study knows is filled in, what only its author knows is marked."""

import re

import pytest

from scale_impact.core.frozen_plan import FrozenPlan, Version, content
from scale_impact.core.registration import MARK, amendment, as_text, left_to_write
from scale_impact.core.study import Study

FOUND = {
    "units": 12, "treated": 6, "periods": 6, "first": "2001", "last": "2006", "observations": 72, "clusters": 12,
    "cohorts": {"2003": 3, "2004": 3, "never treated": 6}, "notes": ["Gary was left out."],
}  # fmt: skip
DONE = {"done": True, "runs": 1, "seed": 7}


def version(*, results=None, dry_run=DONE, found=FOUND, after=None, reason=None):
    study = Study.load("towns")
    runs = [Study.load("towns", variant=v) for v in study.variants] or [study]
    around = {"results": results, "dry_run": dry_run, "found": found, "commit": "c0ffee", "dirty": True}
    return Version.sealed({**content(study, runs), **around}, "2026-03-01T12:30:00+00:00", after=after, reason=reason)


def section(text, heading):
    """What stands under a heading."""
    return re.split(r"^#{2,3} ", text, flags=re.MULTILINE)[
        [part.split("\n")[0] for part in re.split(r"^#{2,3} ", text, flags=re.MULTILINE)].index(heading)
    ].split("\n", 1)[1].strip()  # fmt: skip


@pytest.fixture
def rich(place):
    """A study with a bit of everything."""
    place.study(
        outcomes=[{"column": "jobs", "indicator": "jobs"}, {"column": "people", "indicator": "inhabitants"}],
        covariates=["start"],
        estimators=[{"callaway_santanna": {"method": "reg"}}, {"callaway_santanna": {"method": "ipw"}}],
        checks=["pre_trends", {"honest_did": {"window": [-2, 2]}}],
        design={"control": "not_yet", "anticipation": 1, "balance": "drop", "missing": "drop"},
        sample={"last_period": 2005, "without": ["00003"]},
        level=0.9,
        variants={"wide": {"level": 0.99}, "same": {}},
    )
    return place


def test_the_questions_of_the_registries_are_all_there(rich):
    headings = re.findall(r"^#{2,3} (.+)$", as_text(FrozenPlan((version(),))), flags=re.MULTILINE)
    assert headings == [
        "1. Study information", "Title", "Authors", "Research question", "Hypotheses",
        "2. Data", "Data set", "Access", "Existing data and prior knowledge",
        "3. Variables", "The measure", "Outcomes", "Covariates", "Unit and period",
        "4. Design and sample", "Study type and assignment", "Comparison", "Sample", "Sample size rationale and power",
        "Stopping rule",
        "5. Analysis", "Statistical models", "Inference criteria", "Data exclusion", "Missing data", "Checks of assumptions",
        "Robustness", "Exploratory analyses",
        "6. Other", "Code", "Parameters of the template",
        "7. Fields of the AEA RCT Registry",
    ]  # fmt: skip


def test_what_the_study_knows_is_filled_in(rich):
    sealed = version()
    text = as_text(FrozenPlan((sealed,)))
    assert text.startswith("# Analysis plan: Do zones bring jobs?\n\nFrozen on 2026-03-01 12:30 UTC by scale_impact ")
    assert sealed.hash in text
    assert section(text, "Research question") == "Did the zones of six towns bring jobs?"
    assert section(text, "Outcomes").splitlines() == [
        "- **Primary**: Jobs, column `jobs`: Jobs at the end of the year (unit jobs; more is better)",
        "- Secondary: Inhabitants, column `people`: Inhabitants at the end of the year (unit people)",
    ]
    assert "units that are not treated yet" in section(text, "Comparison")
    assert section(text, "Sample").splitlines()[0] == (
        "12 units, 6 periods (2001 to 2006), 72 observations; 6 units treated."
    )
    assert "- first treated 2003: 3\n- first treated 2004: 3\n- never treated: 6\n- Gary was left out." in text
    assert section(text, "Statistical models").splitlines() == [
        "- **primary**: `callaway_santanna` (method reg)",
        "- comparison: `callaway_santanna` (method ipw)",
    ]
    assert "Two-sided intervals of level 0.9; inference `auto`" in section(text, "Inference criteria")
    assert section(text, "Data exclusion").splitlines() == [
        "- last period: 2005",
        "- without: [00003]",
        "- balance: units that are not observed in each period are left out",
    ]
    assert section(text, "Missing data").startswith("Rows without an outcome are taken as cells that were not observed")
    assert section(text, "Checks of assumptions").splitlines() == ["- `pre_trends`", "- `honest_did` (window [-2, 2])"]
    assert "- `wide`: level 0.99\n- `same`: as the study itself" in section(text, "Robustness")
    assert "Git commit: `c0ffee`, with changes that were not committed" in section(text, "Code")


def test_the_hypotheses_name_the_way_in_which_each_indicator_should_go(place):
    card = place.root / "data/measures/enterprise_zone.yaml"
    text = "title: Zone\nwhat: a zone\nmechanism: x\nexpected: "
    card.write_text(text + "{jobs: up, unemployment: down}\n")
    told = section(as_text(FrozenPlan((version(),))), "Hypotheses")
    assert told.startswith("By its card the measure should move: jobs (up), unemployment (down).")
    card.write_text(text + "[jobs, unemployment]\n")
    told = section(as_text(FrozenPlan((version(),))), "Hypotheses")
    assert told.startswith("By its card the measure should move: jobs, unemployment.")


def test_a_grid_is_told_by_its_choices_what_is_left_out_and_how_many_runs_that_makes(place):
    place.study(
        grid={
            "control": ["never", "not_yet"],
            "estimator": ["imputation", {"callaway_santanna": {"method": "ipw"}}],
            "exclude": [{"control": "not_yet", "estimator": "imputation"}],
        }
    )
    assert section(as_text(FrozenPlan((version(),))), "Robustness").splitlines() == [
        "What is not named is as above.",
        "",
        "- control: [never, not_yet]",
        "- estimator: [imputation, {callaway_santanna: {method: ipw}}]",
        "- left out: {control: not_yet, estimator: imputation}",
        "- all combinations, 3 runs",
    ]


def test_what_only_the_author_knows_is_marked_and_counted(rich):
    text = as_text(FrozenPlan((version(),)))
    for heading in ("Authors", "Access", "Study type and assignment", "Sample size rationale and power"):
        assert section(text, heading).startswith(f"`{MARK}")
    assert f"{MARK}each hypothesis as a testable statement" in section(text, "Hypotheses")
    assert f"{MARK}how several outcomes" in section(text, "Inference criteria")
    assert left_to_write(text) == text.count(MARK) - 1  # one explains the mark
    assert left_to_write(text.replace(f"{MARK}abstract>", "Zones were studied.")) == left_to_write(text) - 1


def test_a_dry_run_says_what_it_looked_at(rich):
    said = section(as_text(FrozenPlan((version(),))), "Existing data and prior knowledge")
    assert "no results of this study had been published" in said.lower()
    assert "tried out (1 run, seed 7) on simulated outcomes" in said
    assert "which rows are missing, and whether a column holds finite numbers, whole numbers, only 0 and 1" in said


def test_a_plan_after_results_says_so_on_top_and_among_prior_knowledge(rich):
    text = as_text(FrozenPlan((version(results="Results had been published since 2026-01-01."),)))
    assert "**Results existed when this plan was frozen:** Results had been published" in text.split("## 1.")[0]
    assert section(text, "Existing data and prior knowledge").startswith("Registration following analysis of the data.")


def test_a_plan_before_its_data_counts_nothing_and_leaves_it_to_the_author(rich):
    text = as_text(FrozenPlan((version(found=None, dry_run={"done": False, "why": "there is no file."}),)))
    assert section(text, "Sample").startswith(f"`{MARK}units, periods")
    assert "The plan was not tried out: there is no file." in section(text, "Existing data and prior knowledge")
    assert f"| Planned number of clusters | `{MARK}expected number>` |" in text


def test_an_amendment_says_when_why_and_what_was_before(rich):
    first = version()
    rich.study(level=0.8, design={"control": "never"}, variants={"wide": {"level": 0.99}}, template="quick")
    second = version(after=first, reason="a referee asked", results="Results had been published since 2026-01-01.")
    text = amendment(first, second, 1)
    assert text.startswith(
        f"## Amendment 1\n\nFrozen on 2026-03-01 12:30 UTC; SHA-256 `{second.hash}`. Reason: a referee asked"
    )
    assert "**Results existed when it was frozen:** Results had been published since 2026-01-01." in text
    for line in (
        "level: 0.8, was 0.9",
        "covariates: [], was [start]",
        "template: quick, was staggered_did",
        "runs: same gone",
    ):
        assert f"- {line}" in text
    assert as_text(FrozenPlan((first, second))).endswith(text)
