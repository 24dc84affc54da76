"""Which runs are out of date, what changed, and what it was before."""

import json
import os
import shutil
import subprocess
from datetime import UTC, datetime

import pytest

from scale_impact.core.manifest import Manifest
from scale_impact.core.study import Study
from scale_impact.errors import SourceError, StudyError
from scale_impact.workflow import fingerprint, hashes
from scale_impact.workflow.environment import manifest_of
from scale_impact.workflow.fingerprint import inputs_of, run_id
from scale_impact.workflow.hashes import hashes_of
from scale_impact.workflow.runs import Run
from scale_impact.workflow.staleness import look
from tests.panels import ROOT
from tests.projects import COLUMNS, QUICK, notebook, towns

WHEN = datetime(2026, 11, 22, tzinfo=UTC)


def run_of(place, slug="towns", **options):
    folder = place.root / "studies" / slug
    return Run(Study.load(folder, **options), folder)


def published(run):
    """Results of a run as if it had been executed: two files and the manifest."""
    (run.results / "figures").mkdir(parents=True)
    (run.results / "estimates.jsonl").write_text("{}\n")
    (run.results / "figures" / "raw_trends.svg").write_text("<svg/>")
    manifest = manifest_of(
        run, inputs_of(run), folder=run.results, started=WHEN, seconds=1.0, threads=1, warm=False, peak_memory=None
    )
    manifest.write(run.results / "manifest.json")
    return run


@pytest.fixture
def made(place):
    """The small project with a template of few cells, and results of its study."""
    place.study(template="quick")
    published(run_of(place))
    return place


def said(place, **options):
    found = look(run_of(place, **options))
    return found.state, list(found.reasons)


def jobs(value):
    """The towns, with the jobs of town 00003 in 2004 given."""
    frame = towns()
    frame.loc[15, "jobs"] = value
    return frame


# ---- states -----------------------------------------------------------------------------------------------


def test_results_of_the_same_inputs_are_up_to_date(made):
    found = look(run_of(made))
    assert (found.state, found.reasons, found.is_current) == ("up to date", (), True)
    assert found.run_id == Manifest.read(made.results / "manifest.json").run_id == run_id(inputs_of(run_of(made)))


def test_a_study_without_results_was_never_run(place):
    assert said(place) == ("never run", [])
    place.results.mkdir()
    assert said(place) == ("never run", [])


def test_a_run_that_failed_and_has_no_results_failed_before(place):
    (place.root / "studies/towns/failed").mkdir()
    (place.root / "studies/towns/failed/executed.ipynb").write_text("{}")
    assert said(place) == ("failed before", ["the last attempt failed; see studies/towns/failed/executed.ipynb"])


def test_a_run_that_is_out_of_date_says_that_its_last_attempt_failed(made):
    (made.root / "studies/towns/failed").mkdir()
    made.study(template="quick", level=0.9)
    state, reasons = said(made)
    assert state == "out of date"
    assert reasons == ["level: 0.9, was 0.95", "the last attempt failed; see studies/towns/failed"]


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda r: (r / "estimates.jsonl").write_text("[]\n"), "results: estimates.jsonl was changed by hand"),
        (lambda r: (r / "figures/raw_trends.svg").unlink(), "results: figures/raw_trends.svg is missing"),
        (lambda r: shutil.rmtree(r / "figures"), "results: figures/raw_trends.svg is missing"),
        (lambda r: (r / "notes.txt").write_text("mine"), "results: notes.txt was added by hand"),
        (lambda r: (r / "manifest.json").write_text("{"), "results: manifest.json cannot be read"),
        (lambda r: (r / "manifest.json").unlink(), "results: manifest.json is missing"),
    ],
    ids=["changed", "missing", "folder missing", "added", "manifest damaged", "manifest missing"],
)
def test_a_results_folder_changed_by_hand_is_said_with_the_file(made, edit, reason):
    edit(made.results)
    assert said(made) == ("changed by hand", [reason])


def test_what_an_editor_hides_in_the_results_is_no_change(made):
    (made.results / ".ipynb_checkpoints").mkdir()
    (made.results / ".ipynb_checkpoints/executed-checkpoint.ipynb").write_text("{}")
    assert said(made)[0] == "up to date"


def test_results_that_are_out_of_date_and_were_changed_by_hand_are_said_to_be_both(made):
    (made.results / "estimates.jsonl").write_text("")
    made.study(template="quick", seed=1)
    assert said(made) == ("out of date", ["seed: 1, was 20251122", "results: estimates.jsonl was changed by hand"])


@pytest.mark.parametrize("slug", ["indiana-enterprise-zones", "north-andover-incinerator"])
def test_a_manifest_of_an_earlier_version_is_read_and_said_to_be_one(place, slug):
    shutil.copytree(ROOT / "studies" / slug, place.root / "studies" / slug)
    path = place.root / "studies" / slug / "results/manifest.json"
    content = json.loads(path.read_text())
    early = {k: v for k, v in content.items() if k not in ("details", "threads", "warm", "peak_memory", "format")}
    early["run_id"] = "0123456789abcdef"
    early["inputs"]["versions"]["pandas"] = "2.2.3"
    path.write_text(json.dumps(early))
    state, reasons = said(place, slug=slug)
    now = fingerprint.versions()["pandas"]
    assert state == "out of date"
    assert f"pandas {now}, was 2.2.3" in reasons
    assert "made by an earlier version of scale_impact, whose manifest does not say what else changed" in reasons


# ---- reasons ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"level": 0.9}, "level: 0.9, was 0.95"),
        ({"seed": 7}, "seed: 7, was 20251122"),
        ({"design": {"control": "not_yet"}}, "design.control: not_yet, was never"),
        ({"design": {"control": "never", "cluster": "town"}}, "design.cluster: town, was none"),
        ({"covariates": ["people"], "estimators": ["callaway_santanna"]}, "covariates: [people], was []"),
        (
            {"estimators": ["twfe", "callaway_santanna"]},
            "estimators: [twfe, callaway_santanna], was [callaway_santanna, twfe]",
        ),
        ({"checks": ["leave_one_out"]}, "checks: [leave_one_out], was [pre_trends]"),
        (
            {"estimators": [{"callaway_santanna": {"method": "reg"}}, "twfe"]},
            "estimators: [callaway_santanna {method: reg}, twfe], was [callaway_santanna, twfe]",
        ),
        ({"treatment": {"first_treated": "start"}}, "treatment.first_treated: start, was none"),
        ({"inference": "analytic"}, "inference: analytic, was auto"),
        ({"outcomes": [{"column": "people", "indicator": "inhabitants"}]}, "outcomes.0.column: people, was jobs"),
        ({"title": "T" * 100}, f"title: {'T' * 59}…, was Do zones bring jobs?"),
    ],
)
def test_a_setting_that_changed_is_said_with_what_it_was(made, change, reason):
    made.study(template="quick", **change)
    state, reasons = said(made)
    assert state == "out of date"
    assert reason in reasons


def test_a_value_from_the_command_line_is_said_like_one_of_the_file(made):
    assert said(made, overrides={"level": 0.9}) == ("out of date", ["level: 0.9, was 0.95"])


def test_versions_are_said(made, monkeypatch):
    before = fingerprint.versions()
    monkeypatch.setattr(fingerprint, "versions", lambda: {**before, "pandas": "9.9", "new": "1"})
    assert said(made)[1] == [f"pandas 9.9, was {before['pandas']}", "new 1, was not there"]


def test_cells_are_named_by_number_and_first_line(made):
    cells = [*QUICK[:2], "session.estimates().T", "1 + 1", QUICK[3]]
    made.template(*cells)
    assert said(made)[1] == [
        "template quick.ipynb: code cell 3 (`session.estimates().T`) changed",
        "template quick.ipynb: code cell 4 (`1 + 1`) is new",
    ]
    made.template(QUICK[0], QUICK[1], QUICK[3])
    assert said(made)[1] == ["template quick.ipynb: code cell 3 (`session.estimates()`) is gone"]


def test_comments_words_tags_and_outputs_of_a_template_change_nothing(made):
    path = made.root / "notebooks/quick.ipynb"
    content = json.loads(notebook(*QUICK))
    content["cells"][2]["source"] = "# the estimates\nsession.estimates( )  # side by side"
    content["cells"][2]["metadata"] = {"tags": ["mine"]}
    content["cells"][2]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x"}]
    content["cells"].insert(1, {"cell_type": "markdown", "id": "m", "metadata": {}, "source": "New words"})
    path.write_text(json.dumps(content))
    assert said(made)[0] == "up to date"


def test_files_of_the_package_are_named(made, monkeypatch):
    files = fingerprint.package_files()
    now = {**files, "core/bands.py": "0", "checks/mine.py": "0"}
    del now["core/panel.py"]
    monkeypatch.setattr(fingerprint, "_package", lambda second: ("another", now))
    assert said(made)[1] == [
        "package: core/bands.py changed", "package: checks/mine.py new", "package: core/panel.py gone",
    ]  # fmt: skip


def test_cards_and_indicators_are_said_key_by_key(made):
    measure = made.root / "data/measures/enterprise_zone.yaml"
    measure.write_text(measure.read_text().replace("title: Enterprise zone", "title: Zone"))
    catalogue = made.root / "data/indicators/catalogue.csv"
    catalogue.write_text(catalogue.read_text().replace("jobs,Jobs,economy", "jobs,Work,economy"))
    made.data(towns(), origin="another office", columns={**COLUMNS, "people": {"unit": "people", "meaning": "Souls"}})
    assert said(made)[1] == [
        "data/measures/enterprise_zone.yaml: title: Zone, was Enterprise zone",
        "data/indicators/catalogue.csv: jobs.name: Work, was Jobs",
        "data/sources/towns.yaml: origin: another office, was made by a test",
        "data/sources/towns.yaml: columns.people.meaning: Souls, was Inhabitants",
    ]


def test_of_many_changes_of_a_part_the_first_are_named(made):
    columns = {name: {**column, "meaning": "Another"} for name, column in COLUMNS.items()}
    made.data(towns(), origin="b", licence="c", columns=columns)
    reasons = said(made)[1]
    assert len(reasons) == 8
    assert reasons[-1] == "source: 2 more changes"


def test_a_frozen_plan_is_named(made):
    (made.root / "studies/towns/plan.json").write_text("{}")
    assert said(made)[1] == ["plan: the frozen plan (plan.json) is new"]


def test_what_changed_while_a_run_was_made_is_found_although_it_is_not_described(place):
    place.study(template="quick")
    run = run_of(place)
    inputs = inputs_of(run)
    place.template(*QUICK, "1 + 1")
    run.results.mkdir()
    made = manifest_of(
        run, inputs, folder=run.results, started=WHEN, seconds=1.0, threads=1, warm=False, peak_memory=None
    )
    made.write(run.results / "manifest.json")
    assert "template" not in made.details
    assert said(place) == ("out of date", ["template changed"])


def test_an_edited_run_id_is_said(made):
    path = made.results / "manifest.json"
    path.write_text(path.read_text().replace(Manifest.read(path).run_id, "0123456789abcdef"))
    assert said(made) == ("out of date", ["its record was edited: the run id is not that of its inputs"])


# ---- data -------------------------------------------------------------------------------------------------


def test_a_number_that_changed_in_the_data_is_named_and_put_back_it_is_up_to_date(made):
    file = made.root / "data/files/towns.csv"
    before = file.read_bytes()
    file.write_text(jobs(13.5).to_csv(index=False))
    state, reasons = said(made)
    assert state == "out of date"
    assert reasons[0] == "data: data/files/towns.csv changed: jobs of town 00003 in 2004: 13.5, was another value"
    assert reasons[1].startswith(
        "data/sources/towns.yaml describes another file than towns.csv, so `run` refuses it: sha256 is "
    )
    file.write_bytes(before)
    assert said(made) == ("up to date", [])


def test_with_the_new_hash_in_the_card_only_the_number_is_said(made):
    made.data(jobs(13.5))
    assert said(made)[1] == ["data: data/files/towns.csv changed: jobs of town 00003 in 2004: 13.5, was another value"]


def git(root, *words):
    identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *identity, *words], cwd=root, check=True, capture_output=True)


def test_what_a_number_was_is_taken_from_git_where_git_has_that_very_file(place):
    git(place.root, "init", "-q")
    place.study(template="quick")
    place.data(jobs(12.5))
    git(place.root, "add", ".")
    git(place.root, "commit", "-q", "-m", "first")
    published(run_of(place))
    place.data(jobs(13.5))
    assert said(place)[1] == ["data: data/files/towns.csv changed: jobs of town 00003 in 2004: 13.5, was 12.5"]
    git(place.root, "commit", "-q", "-a", "-m", "second")
    assert said(place)[1] == ["data: data/files/towns.csv changed: jobs of town 00003 in 2004: 13.5, was 12.5"]


def test_rows_written_in_another_order_are_said_to_be_the_same_values(made):
    made.data(towns().iloc[::-1])
    (reason,) = said(made)[1]
    assert reason.startswith("data: data/files/towns.csv changed: the same values, written another way")


def test_data_that_cannot_be_read_any_more_are_said_to_be(made):
    made.data(text="not,a\ntable\x00of,towns,,,\n")
    assert said(made)[1][0].startswith("data: data/files/towns.csv changed")


def test_data_that_are_gone_are_an_error_because_nothing_could_be_run(made):
    (made.root / "data/files/towns.csv").unlink()
    with pytest.raises(SourceError, match=r"There is no file data/files/towns\.csv"):
        look(run_of(made))


def test_a_template_that_is_gone_is_an_error(made):
    run = run_of(made)
    (made.root / "notebooks/quick.ipynb").unlink()
    with pytest.raises(StudyError, match="This is no notebook"):
        look(run)


def test_parquet_data_are_named_like_others_and_streamed_ones_by_their_file(place):
    frame = towns()
    place.data(frame, file="data/files/towns.parquet")
    for stream in (False, True):
        published_anew(place, frame, stream)
        frame.assign(jobs=jobs(13.5)["jobs"]).to_parquet(place.root / "data/files/towns.parquet")
        card(place, stream)
        said_of = said(place)[1][0]
        place_named = ": jobs of town 00003 in 2004: 13.5, was another value"
        assert said_of == f"data: data/files/towns.parquet changed{'' if stream else place_named}"


def published_anew(place, frame, stream):
    shutil.rmtree(place.results, ignore_errors=True)
    frame.to_parquet(place.root / "data/files/towns.parquet")
    card(place, stream)
    place.study(template="quick")
    published(run_of(place))


def card(place, stream):
    content = (place.root / "data/files/towns.parquet").read_bytes()
    place.data(text=content, file="data/files/towns.parquet", kind="parquet", stream=stream)


# ---- remembering ------------------------------------------------------------------------------------------


def test_results_are_read_once_while_they_lie_untouched(made, monkeypatch):
    monkeypatch.setattr(hashes, "RACY", -(10**12))  # as if they were old
    assert said(made)[0] == "up to date"
    hashes_of(made.root).save()
    hashes_of.cache_clear()  # as in another process
    with monkeypatch.context() as unreadable:
        unreadable.setattr(Manifest, "read", None)
        assert said(made)[0] == "up to date"
        (made.results / "manifest.json").touch()
        with pytest.raises(TypeError):
            said(made)
    assert said(made)[0] == "up to date"


def test_an_edit_that_keeps_size_and_time_is_seen(made, monkeypatch):
    monkeypatch.setattr(hashes, "RACY", -(10**12))
    path = made.results / "estimates.jsonl"
    assert said(made)[0] == "up to date"
    before = path.stat()
    path.write_text("[]\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert said(made) == ("changed by hand", ["results: estimates.jsonl was changed by hand"])
