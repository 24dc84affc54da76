"""What a study has published, what was changed by hand, and with which settings it is executed again."""

import json

import pytest

from scale_impact.core.manifest import Manifest
from scale_impact.errors import StudyError
from scale_impact.workflow.fingerprint import details_of
from scale_impact.workflow.runs import expand
from scale_impact.workflow.verify.record import Record, records, set_values, tasks
from scale_impact.workflow.verify.surroundings import changes
from tests.projects import sha256


def publish(folder, *, details=None, **more):
    """Results of which the manifest says what they are."""
    (folder / "figures").mkdir(parents=True)
    (folder / "estimates.jsonl").write_text('{"estimate": 1}\n')
    (folder / "checks.jsonl").write_text("")
    (folder / "figures" / "a.svg").write_text("<svg/>")
    outputs = {p.relative_to(folder).as_posix(): sha256(p) for p in folder.rglob("*") if p.is_file()}
    given = {"inputs": {}, "environment": {}, "seed": 1, "started": "", "seconds": 1.0, **more}
    made = Manifest(run_id="aa", study="towns", variant=None, outputs=outputs, details=details or {}, **given)
    made.write(folder / "manifest.json")
    return folder


# ---- changed by hand ------------------------------------------------------------------------------


def test_results_as_they_were_published_are_whole(tmp_path):
    assert Record.read(publish(tmp_path / "results")).damage == ()


def test_each_file_that_was_changed_or_removed_is_said(tmp_path):
    folder = publish(tmp_path / "results")
    (folder / "estimates.jsonl").write_text('{"estimate": 2}\n')
    (folder / "figures" / "a.svg").unlink()
    first, second = Record.read(folder).damage
    assert first.startswith("estimates.jsonl was changed by hand: its sha256 is ")
    assert second == "figures/a.svg is gone; the manifest says that it was published."


@pytest.mark.parametrize("text", ["", "{", '{"run_id": 3}', "[]"])
def test_results_without_a_whole_manifest_are_damaged(tmp_path, text):
    folder = publish(tmp_path / "results")
    (folder / "manifest.json").write_text(text)
    found = Record.read(folder)
    assert found.manifest is None
    assert "manifest.json is missing or damaged" in found.damage[0]


def test_an_empty_folder_has_published_nothing(tmp_path):
    (tmp_path / "results").mkdir()
    assert Record.read(tmp_path / "results") is None
    assert records(tmp_path) == {}


def test_variants_have_records_of_their_own_and_figures_are_none(tmp_path):
    publish(tmp_path / "results" / "early")
    publish(tmp_path / "results" / "late")
    (tmp_path / "results" / "figures").mkdir()
    assert set(records(tmp_path)) == {"early", "late"}


# ---- which runs there are -------------------------------------------------------------------------


def task(**wanted):
    (found,) = [t for t in tasks(["towns"]) if t.name == wanted.get("name", "towns")]
    return found


def test_a_study_that_never_ran_has_a_run_and_no_record(place):
    found = task()
    assert (found.record, found.trouble) == (None, None)
    assert found.run.name == "towns"


def test_a_study_that_cannot_be_read_any_more_has_a_record_and_the_reason(place):
    publish(place.results)
    place.study(template="gone")
    found = task()
    assert found.run is None
    assert "there is no template 'gone'" in found.trouble


def test_a_study_that_lost_its_file_is_found_by_what_it_published(place):
    publish(place.results)
    (place.root / "studies/towns/study.yaml").unlink()
    (found,) = tasks([])
    assert (found.name, found.run, found.trouble) == ("towns", None, "study.yaml is gone.")


def test_a_variant_that_study_yaml_has_no_more_is_said(place):
    publish(place.results / "early")
    place.study(variants={"late": {"level": 0.9}})
    assert {t.name: t.trouble for t in tasks(["towns"])} == {
        "towns/late": None,
        "towns/early": "study.yaml has no variant 'early' any more (it has: late).",
    }


def test_a_run_that_became_variants_is_said(place):
    publish(place.results)
    place.study(variants={"late": {"level": 0.9}})
    assert task().trouble == "study.yaml has variants now: late."


def test_an_unknown_study_is_an_error_that_names_the_nearest(place):
    with pytest.raises(StudyError, match="Did you mean 'towns'"):
        tasks(["town"])


# ---- with which settings --------------------------------------------------------------------------


def published_with(place, **overrides):
    """The manifest's details of the study as it is, run with ``--set``."""
    (run,), _ = expand(["towns"], overrides)
    publish(place.results, details=json.loads(json.dumps(details_of(run))))


def test_a_run_is_executed_with_the_settings_that_it_was_published_with(place):
    published_with(place, level=0.9, control="not_yet")
    found = task()
    assert dict(found.run.study.overrides) == {"level": 0.9, "design.control": "not_yet"}
    assert found.run.study.settings.level == 0.9


def test_settings_that_were_edited_since_are_executed_as_published(place):
    published_with(place)
    place.study(level=0.8, seed=5, title="Another title")
    assert dict(task().run.study.overrides) == {"level": 0.95, "seed": 20251122}


def test_a_method_of_inference_is_set_by_its_name(place):
    published_with(place)
    place.study(inference="jackknife")
    assert dict(task().run.study.overrides) == {"inference": "auto"}


def test_settings_that_cannot_be_set_from_outside_stay_as_they_are_now(place):
    published_with(place)
    place.study(treatment={"first_treated": "start"}, estimators=["twfe"])
    found = task()
    assert found.trouble is None
    assert [c.name for c in found.run.study.settings.estimators] == ["twfe"]


@pytest.mark.parametrize("details", [None, {"study": "a hash"}, {"study": {}}])
def test_a_manifest_that_does_not_tell_settings_changes_none(place, details):
    publish(place.results, details=details)
    assert task().run.study.overrides == ()


def test_lists_are_no_scalars():
    assert set_values({"level": 0.9, "estimators": [1]}, {"level": 0.9, "estimators": [2]}) == {}


# ---- surroundings ---------------------------------------------------------------------------------


def manifest(folder, **more):
    return Record.read(publish(folder, **more)).manifest


def test_what_differs_between_two_machines_is_said_in_words(tmp_path):
    then = {
        "inputs": {"data": "a" * 64, "versions": {"python": "3.11.7", "numpy": "2.4.6"}},
        "environment": {"cpu": "x"},
    }
    now = {
        "inputs": {"data": "b" * 64, "versions": {"python": "3.11.7", "numpy": "2.3.0"}},
        "environment": {"cpu": "x"},
    }
    found = changes(manifest(tmp_path / "then", **then), manifest(tmp_path / "now", **now))
    assert [c.words for c in found] == ["data: aaaaaaaaaaaa... → bbbbbbbbbbbb...", "numpy: 2.4.6 → 2.3.0"]


def test_what_one_manifest_does_not_say_is_passed_over(tmp_path):
    then = manifest(tmp_path / "then", environment={"cpu": None, "blas": "openblas"})
    assert changes(then, manifest(tmp_path / "now", environment={"cpu": "x"})) == ()


def test_hashes_of_another_version_of_the_manifest_are_not_compared(tmp_path):
    then = manifest(tmp_path / "then", inputs={"template": "a" * 64, "data": "a" * 64}, format=1)
    now = manifest(tmp_path / "now", inputs={"template": "b" * 64, "data": "b" * 64}, format=2)
    assert [c.what for c in changes(then, now)] == ["data"]


def test_of_lists_only_what_one_side_has_is_said(tmp_path):
    then = manifest(tmp_path / "then", environment={"variables": ["LANG", "OMP", "SCALE_IMPACT_OUT"]})
    now = manifest(tmp_path / "now", environment={"variables": ["LANG", "SCALE_IMPACT_CHANGED_DATA"]})
    assert [c.words for c in changes(then, now)] == ["environment variables that are set: OMP → none"]
    assert changes(then, now, set_here=frozenset({"OMP"})) == ()
