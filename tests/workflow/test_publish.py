"""Tidy notebooks, and results that are swapped in whole."""

import json
from pathlib import Path

import pytest

from scale_impact.core.study import Study
from scale_impact.workflow.publish import mend, publish, tidy
from scale_impact.workflow.runs import Run

PNG = "iVBOR/home/ada/w0KGgo/AAAA/tmp//B=="


def tidied(tmp_path, *cells, root="/srv/city"):
    path = tmp_path / "executed.ipynb"
    path.write_text(
        json.dumps(
            {"cells": list(cells), "metadata": {"papermill": {"start_time": "now"}}, "nbformat": 4, "nbformat_minor": 5}
        )
    )
    tidy(path, Path(root))
    return json.loads(path.read_text(encoding="utf-8"))


def cell(*outputs, source="", **metadata):
    return {
        "cell_type": "code",
        "id": "x",
        "metadata": metadata,
        "execution_count": 1,
        "source": source,
        "outputs": list(outputs),
    }


def printed(text):
    return {"output_type": "stream", "name": "stdout", "text": [text]}


def test_times_and_papermills_notes_are_taken_out(tmp_path):
    given = cell(printed("5"), papermill={"duration": 1.5}, execution={"a": "b"}, tags=["kept"])
    found = tidied(tmp_path, given)
    assert found["cells"][0]["metadata"] == {"tags": ["kept"]}
    assert found["cells"][0]["outputs"] == [printed("5")]
    assert "papermill" not in json.dumps(found)


def test_the_cell_with_injected_parameters_has_a_fixed_name(tmp_path):
    given = {**cell(tags=["injected-parameters"]), "id": "3f9a-random"}
    assert tidied(tmp_path, given)["cells"][0]["id"] == "injected-parameters"


@pytest.mark.parametrize(
    ("text", "tidy_text"),
    [
        ("read /srv/city/data/a.csv", "read ./data/a.csv"),
        ("in /srv/city", "in ."),
        ("/srv/cityhall is another folder", "/srv/cityhall is another folder"),
        ("/home/ada/x", "~/x"),
        ("/home/adam/x", "/home/adam/x"),
        ("/tmp/ipykernel_4711/3578768647.py:1: UserWarning", "<cell>:1: UserWarning"),
    ],
)
def test_paths_of_the_machine_are_renamed_and_others_stay(tmp_path, monkeypatch, text, tidy_text):
    monkeypatch.setenv("HOME", "/home/ada")
    assert tidied(tmp_path, cell(printed(text)))["cells"][0]["outputs"][0]["text"] == [tidy_text]


def test_pictures_stay_byte_for_byte_even_where_they_spell_a_path(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    shown = {"output_type": "display_data", "metadata": {}, "data": {"image/png": PNG, "text/plain": ["/home/ada/x"]}}
    data = tidied(tmp_path, cell(shown))["cells"][0]["outputs"][0]["data"]
    assert data == {"image/png": PNG, "text/plain": ["~/x"]}


def test_a_home_at_the_root_of_the_file_system_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/")
    assert tidied(tmp_path, cell(source="a = 1 / 2  # and/or"))["cells"][0]["source"] == "a = 1 / 2  # and/or"


def staged(base, name, **files):
    folder = base / name
    folder.mkdir(parents=True)
    for file, text in files.items():
        (folder / file).write_text(text)
    return folder


def names(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def run_of(place, variant=None):
    folder = place.root / "studies" / "towns"
    return Run(Study.load(folder, variant=variant), folder)


def test_new_results_take_the_place_of_the_old_ones_whole(place):
    run = run_of(place)
    staged(run.base, "results", old="1", both="1")
    staged(run.base, "failed", notebook="1")
    publish(run, staged(run.base, ".results-x", new="2", both="2"))
    assert names(run.base) == ["results/both", "results/new", "study.yaml"]
    assert (run.results / "both").read_text() == "2"


def test_a_file_in_the_place_of_the_results_gives_way(place):
    run = run_of(place)
    run.results.write_text("a file")
    publish(run, staged(run.base, ".results-x", new="2"))
    assert names(run.base) == ["results/new", "study.yaml"]


def test_results_of_variants_that_are_gone_vanish_and_others_stay(place):
    place.study(variants={"early": {"level": 0.9}, "late": {}})
    run = run_of(place, "early")
    staged(run.base, "results/late", a="1")
    staged(run.base, "results/gone", **{"manifest.json": "1"})
    staged(run.base, "results/notes", kept="what somebody put there by hand")
    (run.base / "results/estimates.jsonl").write_text("of the time before there were variants")
    publish(run, staged(run.base, ".results-x", a="2"))
    assert names(run.base / "results") == ["early/a", "late/a", "notes/kept"]


def test_results_of_variants_vanish_when_the_study_has_none_any_more(place):
    run = run_of(place)
    staged(run.base, "results/early", a="1")
    publish(run, staged(run.base, ".results-x", a="2"))
    assert names(run.base / "results") == ["a"]


def left(run, ending=""):
    folder = run.work / f"{run.label}.abc{ending}"
    folder.mkdir(parents=True)
    (folder / "estimates.jsonl").write_text("{}")
    return folder


def test_folders_of_a_killed_run_are_removed(place):
    run = run_of(place)
    folder = left(run)
    mend(run)
    assert not folder.exists()


def test_results_that_a_killed_run_had_moved_aside_come_back(place):
    run = run_of(place)
    left(run, "-old")
    mend(run)
    assert (run.results / "estimates.jsonl").is_file()
    assert not list(run.work.iterdir())


def test_results_that_a_killed_run_had_replaced_are_removed(place):
    run = run_of(place)
    left(run, "-old")
    staged(run.base, "results", new="2")
    mend(run)
    assert names(run.base) == ["results/new", "study.yaml"]


def test_folders_of_another_variant_and_the_own_lock_stay(place):
    place.study(variants={"early": {}, "early-2": {}})
    ours, other = run_of(place, "early"), run_of(place, "early-2")
    kept = left(other)
    ours.lock.write_text("{}")
    mend(ours)
    assert kept.exists()
    assert ours.lock.exists()


@pytest.mark.parametrize(
    ("text", "tidy_text"),
    [
        ("Date:                Sun, Nov 22 2026   x", "Date:                -   x"),
        ("Date:                Sun, 22 Nov 2026", "Date:                -"),
        ("Time:                        09:37:08", "Time:                        -"),
        ("Wall time: 12.3 ms", "Wall time: -"),
        ("1.2 ms ± 3 µs per loop (mean ± std. dev. of 7 runs, 100 loops each)", "- per loop"),
        ("<object at 0x7f3a2c1d2e50>", "<object at 0x0>"),
        ("Time to start: 2001", "Time to start: 2001"),
    ],
)
def test_outputs_tell_neither_the_time_nor_where_things_lie_in_memory(tmp_path, text, tidy_text):
    assert tidied(tmp_path, cell(printed(text)))["cells"][0]["outputs"][0]["text"] == [tidy_text]


def test_what_a_cell_says_in_its_code_about_time_stays(tmp_path):
    source = 'print("Wall time: 3")'
    assert tidied(tmp_path, cell(source=source))["cells"][0]["source"] == source


def test_the_folder_in_which_results_are_collected_is_not_named(tmp_path):
    path = tmp_path / "executed.ipynb"
    text = f"written to {tmp_path}/.run/main.k3j2/figures"
    path.write_text(json.dumps({"cells": [cell(printed(text))], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}))
    tidy(path, tmp_path, tmp_path / ".run/main.k3j2")
    said = json.loads(path.read_text())["cells"][0]["outputs"][0]["text"]
    assert said == ["written to <scratch>/figures"]


def test_tables_that_pandas_styled_have_no_random_name(tmp_path):
    def styled(*names):
        html = "".join(f'<style>#{n}_row0 {{}}</style><table id="{n}"></table>' for n in names)
        return cell({"output_type": "display_data", "metadata": {}, "data": {"text/html": [html]}})

    one, other = (tidied(tmp_path, styled(*names)) for names in (("T_9496e", "T_426bc"), ("T_0a1b2", "T_fffff")))
    assert one == other
    assert "T_00000" in json.dumps(one)
    assert "T_00001" in json.dumps(one)
