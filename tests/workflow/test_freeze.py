"""Freezing: what stands in the way, what a dry run sees, what is written."""

import json
import re
import subprocess

import matplotlib.figure
import pandas as pd
import pytest

from scale_impact.core.frozen_plan import read_plan, words
from scale_impact.core.simulated import SIMULATED_VARIABLE
from scale_impact.core.study import Study
from scale_impact.errors import RunError, SourceError, StudyError, UsageError
from scale_impact.session import open_session
from scale_impact.workflow.freeze import Ways, freeze, results_in
from tests.projects import QUICK, command, project, towns

UNTRIED = Ways(dry_run=False)

SPY = [
    *QUICK[:2],
    "import os\nfrom pathlib import Path\n"
    "seen = os.environ.get('SCALE_IMPACT_SIMULATED', 'real')\n"
    "session.data().to_csv(f'seen-{seen}.csv', index=False)\n"
    "Path(f'panel-{seen}.txt').write_text(repr(session.panel().values.tolist()))",
    "Path(f'said-{seen}.md').write_text(session.question().data + session.answer().data)",
    "session.save()",
]
"""A template that keeps what it saw, beside the project's folders."""


@pytest.fixture(scope="module")
def frozen(tmp_path_factory):
    """A study that was frozen, then run as planned, then run otherwise; tests only read it."""
    place = project(tmp_path_factory.mktemp("frozen") / "project")
    place.template(*SPY, name="spy")
    place.study(template="spy", seed=11)
    place.froze = command("freeze", "towns", cwd=place.root)
    place.after_freeze = place.snapshot()
    place.ran = command("run", "towns", cwd=place.root)
    place.other = command("run", "towns", "--set", "level=0.9", "--out", "try", cwd=place.root)
    assert [a.code for a in (place.froze, place.ran, place.other)] == [0, 0, 0], (place.froze, place.ran, place.other)
    return place


def rows(folder):
    return [json.loads(line) for line in (folder / "estimates.jsonl").read_text().splitlines()]


# ---- the dry run ------------------------------------------------------------------------------------------


def test_the_notebook_of_a_dry_run_sees_no_value_of_the_outcome_or_of_its_other_forms(frozen):
    seen, real = pd.read_csv(frozen.root / "seen-11.csv"), pd.read_csv(frozen.root / "seen-real.csv")
    assert len(seen) == len(real) == 72
    for hidden in ("jobs", "ljobs", "people"):
        assert not set(seen[hidden]) & set(real[hidden])
    for kept in ("town", "year", "zone"):
        assert seen[kept].tolist() == real[kept].tolist()
    values = json.loads((frozen.root / "panel-11.txt").read_text())
    assert sorted(values) == pytest.approx(sorted(seen["jobs"]), rel=1e-12)
    assert not set(values) & set(json.loads((frozen.root / "panel-real.txt").read_text()))


def test_the_notebook_of_a_dry_run_says_that_its_numbers_are_none(frozen):
    said = (frozen.root / "said-11.md").read_text()
    assert said.count("**Dry run: every outcome is simulated (seed 11)") == 2
    assert "Dry run" not in (frozen.root / "said-real.md").read_text()


def test_a_dry_run_publishes_nothing(frozen):
    written = {name for name in frozen.after_freeze if name.startswith("studies/")}
    assert written == {"studies/towns/study.yaml", "studies/towns/plan.json", "studies/towns/plan.md"}


def test_all_variants_are_tried_out_and_planned(place):
    place.template(*SPY[:2], "import os\nopen(f'ran-{variant}', 'w').close()", "session.save()", name="spy")
    place.study(template="spy", variants={"wide": {"level": 0.99}, "narrow": {"level": 0.5}})
    done = freeze("towns")
    assert done.tried == 2
    assert {p.name for p in place.root.glob("ran-*")} == {"ran-wide", "ran-narrow"}
    assert done.plan.last.plan["runs"] == {"wide": {"level": 0.99}, "narrow": {"level": 0.5}}


def test_a_dry_run_that_fails_says_in_which_cell_keeps_its_notebook_and_records_no_plan(place):
    place.template(*QUICK[:2], "# on to the answer\nanswer = 1 / 0", "session.save()", name="bad")
    place.study(template="bad")
    with pytest.raises(RunError) as failed:
        freeze("towns")
    text = str(failed.value)
    assert "dry run, cell " in text
    assert "(`answer = 1 / 0`): towns: the notebook raised" in text
    assert "ZeroDivisionError" in text
    kept = re.search(r"traceback is (\S+);", text).group(1)
    assert kept == "studies/towns/failed/dry-run-main.ipynb"
    assert "no plan was recorded" in text
    assert "simulated" in (place.root / kept).read_text()
    assert not list((place.root / "studies/towns").glob("plan*"))
    assert results_in(place.root / "studies/towns") is None


def test_the_hash_of_the_data_is_compared_before_anything_is_tried_out(place):
    path = place.root / "data/files/towns.csv"
    path.write_text(path.read_text().replace("2001", "1901"))
    with pytest.raises(SourceError, match=r"not the file that the card describes.*--without-dry-run"):
        freeze("towns")


def test_simulated_numbers_are_not_written_among_published_ones(place, monkeypatch):
    monkeypatch.setenv(SIMULATED_VARIABLE, "5")
    session = open_session("towns", out=str(place.results))
    with pytest.raises(UsageError, match=r"SCALE_IMPACT_SIMULATED is set.*studies/towns/results"):
        session.save()
    assert not place.results.exists()


def test_rows_and_figures_of_a_dry_run_say_that_they_are_none(place, monkeypatch, tmp_path):
    monkeypatch.setenv(SIMULATED_VARIABLE, "5")
    session = open_session("towns", out=str(tmp_path / "out"))
    session.save()
    assert {(r["plan"], r["deviations"]) for r in rows(tmp_path / "out")} == {(None, "simulated outcomes: no result")}
    drawn = session.figure("raw_trends", session.panel(), session.design())
    said = [t.get_text() for t in drawn.findobj(lambda artist: isinstance(artist, matplotlib.text.Text))]
    assert any(text.endswith("Simulated outcomes: no result.") for text in said)


def test_streamed_data_are_tried_out_only_in_memory(place):
    frame = towns()
    file = place.root / "data/files/towns.parquet"
    frame.to_parquet(file)
    from tests.projects import sha256

    place.data(frame)
    card = place.root / "data/sources/towns.yaml"
    text = card.read_text().replace("kind: csv", "kind: parquet\nstream: true").replace("towns.csv", "towns.parquet")
    card.write_text(re.sub(r"sha256: \w+", f"sha256: {sha256(file)}", text))
    place.study(inference="analytic", checks=[])
    with pytest.raises(SourceError, match=r"are streamed.*`stream: false`"):
        freeze("towns")
    freeze("towns", ways=UNTRIED)
    assert "are streamed" in read_plan(place.root / "studies/towns").last.plan["dry_run"]["why"]


# ---- what stands in the way -------------------------------------------------------------------------------


def test_a_study_with_errors_is_refused_with_all_of_them(place):
    place.study(estimators=["calaway"], source="twns")
    with pytest.raises(StudyError) as refused:
        freeze("towns")
    assert len(refused.value.problems) == 2


def test_a_study_whose_design_fails_is_refused_before_its_notebook_is_executed(place):
    place.study(treatment={"cohorts": {"Gary": 2003}})
    before = place.snapshot()
    with pytest.raises(Exception, match="Gary"):
        freeze("towns")
    assert place.snapshot() == before


def test_data_that_are_not_there_are_refused_unless_the_plan_goes_without_a_dry_run(place):
    (place.root / "data/files/towns.csv").unlink()
    with pytest.raises(SourceError, match=r"no file data/files/towns\.csv.*is not recorded.*--without-dry-run"):
        freeze("towns")
    plan = freeze("towns", ways=UNTRIED).plan.last.plan
    assert plan["dry_run"]["done"] is False
    assert "There is no file data/files/towns.csv" in plan["dry_run"]["why"]
    assert plan["found"] is None
    assert any(
        "was not tried out before it was frozen: its data could not be read" in w for w in words(Study.load("towns"))
    )


def test_a_plan_that_was_simply_not_tried_out_says_that(place):
    assert freeze("towns", ways=UNTRIED).plan.last.plan["dry_run"]["why"] == "it was frozen with --without-dry-run."


def test_published_results_refuse_a_plan_unless_it_says_that_they_existed(frozen, place):
    folder = place.results
    folder.mkdir()
    manifest = (frozen.results / "manifest.json").read_text()
    (folder / "manifest.json").write_text(
        re.sub(r'"started": "[^"]*"', '"started": "2026-02-03T04:05:06+00:00"', manifest)
    )
    since = "Results had been published since 2026-02-03 04:05 UTC at the latest (by the manifest)."
    with pytest.raises(UsageError) as refused:
        freeze("towns", ways=UNTRIED)
    assert since in str(refused.value)
    assert "--after-results" in str(refused.value)
    assert freeze("towns", ways=Ways(after_results=True, dry_run=False)).plan.last.plan["results"] == since
    assert (
        f"**Results existed when this plan was frozen:** {since}" in (place.root / "studies/towns/plan.md").read_text()
    )


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("results/manifest.json", "no manifest that can be read says since when"),
        ("results/early/estimates.jsonl", "no manifest that can be read says since when"),
        ("failed/executed.ipynb", "A run had failed, and its notebook"),
        ("failed/early/executed.ipynb", "A run had failed, and its notebook"),
    ],
)
def test_whatever_may_show_a_result_counts_as_one(file, says, place):
    path = place.root / "studies/towns" / file
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    assert says in results_in(place.root / "studies/towns")


def test_a_plan_is_never_overwritten(place):
    freeze("towns", ways=UNTRIED)
    before = place.snapshot()
    with pytest.raises(UsageError, match=r"Analysis plan frozen on .* never overwritten.*--amend"):
        freeze("towns", ways=UNTRIED)
    assert place.snapshot() == before


def test_a_plan_edited_by_hand_is_neither_amended_nor_overwritten(place):
    freeze("towns", ways=UNTRIED)
    path = place.root / "studies/towns/plan.json"
    path.write_text(path.read_text().replace("never", "not_yet"))
    for ways in (UNTRIED, Ways(amend="why not", dry_run=False)):
        with pytest.raises(StudyError, match="edited by hand"):
            freeze("towns", ways=ways)


def test_an_amendment_needs_a_plan_a_reason_and_a_change(place):
    with pytest.raises(UsageError, match="no frozen plan to amend"):
        freeze("towns", ways=Ways(amend="x", dry_run=False))
    freeze("towns", ways=UNTRIED)
    with pytest.raises(UsageError) as refused:
        freeze("towns", ways=Ways(amend=" ", dry_run=False))
    assert [p.split(".")[0] for p in refused.value.problems] == [
        "--amend has no reason",
        "Nothing differs from the frozen plan, so there is nothing to amend",
    ]


def test_an_amendment_is_added_to_the_history_and_to_the_authors_own_text(place):
    first = freeze("towns", ways=UNTRIED).plan.last
    text = place.root / "studies/towns/plan.md"
    text.write_text(text.read_text().replace("`<to be written: names, affiliations, contact>`", "Ada Lovelace, London"))
    place.study(level=0.9)
    done = freeze("towns", ways=Ways(amend="the editor asked", dry_run=False))
    assert done.plan.versions[0] == first
    assert read_plan(place.root / "studies/towns") == done.plan
    written = text.read_text()
    assert "Ada Lovelace, London" in written
    assert written.endswith("- level: 0.9, was 0.95\n")
    assert "Reason: the editor asked\n\n- level" in written


def test_a_text_that_was_removed_is_written_anew_with_its_amendments(place):
    freeze("towns", ways=UNTRIED)
    (place.root / "studies/towns/plan.md").unlink()
    place.study(level=0.9)
    freeze("towns", ways=Ways(amend="the editor asked", dry_run=False))
    text = (place.root / "studies/towns/plan.md").read_text()
    assert text.startswith("# Analysis plan")
    assert "## Amendment 1" in text


def test_a_folder_that_cannot_be_written_is_said(place, monkeypatch):
    def refuse(*arguments, **options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("scale_impact.workflow.freeze.tempfile.TemporaryDirectory", refuse)
    with pytest.raises(RunError, match="cannot be written to studies/towns: Permission denied"):
        freeze("towns", ways=UNTRIED)


def test_a_plan_that_another_process_wrote_meanwhile_stays(place, monkeypatch):
    from scale_impact.workflow import freeze as module

    monkeypatch.setattr(
        module, "_text", lambda *given: (place.root / "studies/towns/plan.json").write_text("theirs") and ""
    )
    with pytest.raises(UsageError, match="another process meanwhile"):
        freeze("towns", ways=UNTRIED)
    assert (place.root / "studies/towns/plan.json").read_text() == "theirs"


# ---- what is recorded -------------------------------------------------------------------------------------


def test_the_plan_counts_units_and_cohorts_without_looking_at_values(frozen):
    plan = read_plan(frozen.root / "studies/towns").last.plan
    assert {k: v for k, v in plan["found"].items() if k != "notes"} == {
        "units": 12, "treated": 6, "periods": 6, "first": "2001", "last": "2006", "observations": 72, "clusters": 12,
        "cohorts": {"2003": 3, "2004": 3, "never treated": 6},
    }  # fmt: skip
    assert plan["dry_run"] == {"done": True, "runs": 1, "seed": 11}
    assert plan["results"] is None


def test_commit_and_dirty_flag_are_recorded_where_there_is_git(place):
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c"]
    for words_ in (["init", "-q"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run([*git, *words_], cwd=place.root, check=True)
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=place.root, capture_output=True, text=True, check=True)
    plan = freeze("towns", ways=UNTRIED).plan.last.plan
    assert (plan["commit"], plan["dirty"]) == (head.stdout.strip(), False)
    place.study("villages")  # never committed
    plan = freeze("villages", ways=UNTRIED).plan.last.plan
    assert (plan["commit"], plan["dirty"]) == (head.stdout.strip(), True)


def test_overrides_are_part_of_the_plan(place):
    plan = freeze("towns", {"level": 0.9}, UNTRIED).plan.last.plan
    assert (plan["settings"]["level"], plan["overrides"]) == (0.9, {"level": 0.9})


def test_no_path_of_this_machine_is_recorded(frozen):
    text = frozen.after_freeze["studies/towns/plan.json"] + frozen.after_freeze["studies/towns/plan.md"]
    assert str(frozen.root).encode() not in text


# ---- later runs -------------------------------------------------------------------------------------------


def test_a_run_as_planned_says_so_in_rows_notebook_and_on_the_terminal(frozen):
    plan = read_plan(frozen.root / "studies/towns")
    assert {r["plan"] for r in rows(frozen.results)} == {plan.id}
    assert not any("planned" in (r["deviations"] or "") for r in rows(frozen.results))
    said = f"Analysis plan frozen on {plan.last.when} (id {plan.id}). This run follows it."
    assert (frozen.root / "said-real.md").read_text().count(said) == 0  # the last run wrote it, and deviates
    assert f"Note: {said}" in frozen.ran.out


def test_a_run_that_deviates_says_so_in_rows_notebook_and_on_the_terminal(frozen):
    plan = read_plan(frozen.root / "studies/towns")
    found = rows(frozen.root / "try/towns/results")
    assert {(r["plan"], r["deviations"].split("; since")[0]) for r in found} == {(plan.id, "level: 0.9, planned 0.95")}
    said = f"Analysis plan frozen on {plan.last.when} (id {plan.id}). This run deviates: level: 0.9, planned 0.95."
    assert (frozen.root / "said-real.md").read_text().count(said) == 2  # in the question and in the answer
    assert f"Note: {said}" in frozen.other.out
