"""Results at an address: whole or not at all, and read back."""

import json
from dataclasses import replace
from pathlib import Path

import fsspec
import pytest

from scale_impact.core.manifest import Manifest, file_hash
from scale_impact.errors import RunError, UsageError
from scale_impact.workflow.runs import expand
from scale_impact.workflow.storage import (
    address,
    checked,
    is_current_there,
    is_url,
    kept_locally,
    read_manifest,
    upload,
)


def results(folder, run_id="r1", **files):
    """Results with a manifest that lists their hashes."""
    files = files or {"estimates": "1\n", "figures/a": "<svg/>"}
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    outputs = {n: file_hash(folder / n) for n in files}
    manifest = Manifest(
        run_id=run_id, study="towns", variant=None, inputs={}, environment={}, seed=1, started="2025-11-22", seconds=1.0,
        outputs=outputs,
    )  # fmt: skip
    manifest.write(folder / "manifest.json")
    return folder


@pytest.fixture(params=["memory", "file"])
def url(request, tmp_path):
    """An address of each of two stores, empty before and after."""
    if request.param == "file":
        yield f"file://{tmp_path}/store/batch/towns/results"
        return
    yield "memory://batch/towns/results"
    fsspec.filesystem("memory").store.clear()


def there(url):
    store, path = fsspec.core.url_to_fs(url)
    return {name.split("towns/results/")[1]: store.cat_file(name) for name in store.find(path)}


def test_uploaded_results_are_read_back_and_current(url, tmp_path):
    folder = results(tmp_path / "results")
    assert read_manifest(url) is None
    assert not is_current_there(url, "r1")
    upload(folder, url)
    assert there(url) == {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert read_manifest(url) == Manifest.read(folder / "manifest.json")
    assert is_current_there(url, "r1")
    assert not is_current_there(url, "r2")


def test_a_second_upload_leaves_nothing_of_the_first(url, tmp_path):
    upload(results(tmp_path / "one", estimates="1\n", **{"figures/old": "x"}), url)
    upload(results(tmp_path / "two", "r2", estimates="2\n", **{"figures/new": "y"}), url)
    assert set(there(url)) == {"estimates", "figures/new", "manifest.json"}
    assert there(url)["estimates"] == b"2\n"
    assert is_current_there(url, "r2")


def test_results_of_variants_below_stay(url, tmp_path):
    upload(results(tmp_path / "one"), f"{url}/wide")
    upload(results(tmp_path / "two"), url)
    assert "wide/estimates" in there(url)


def test_results_that_lost_a_file_are_not_current(url, tmp_path):
    upload(results(tmp_path / "one"), url)
    store, path = fsspec.core.url_to_fs(url)
    store.rm_file(f"{path}/figures/a")
    assert not is_current_there(url, "r1")


@pytest.mark.parametrize("stop", range(1, 6))
def test_an_upload_that_stops_anywhere_leaves_no_manifest_over_files_of_two_results(tmp_path, monkeypatch, stop):
    from fsspec.implementations.local import LocalFileSystem

    url = f"file://{tmp_path}/store/towns/results"
    upload(results(tmp_path / "one", estimates="1\n", checks="1\n", old="x"), url)
    left = {"steps": stop}

    def counted(name):
        plain = getattr(LocalFileSystem, name)

        def step(self, *given, **named):
            left["steps"] -= 1
            if left["steps"] < 0:
                raise PermissionError(name)
            return plain(self, *given, **named)

        return step

    for name in ("put_file", "rm_file"):
        monkeypatch.setattr(LocalFileSystem, name, counted(name))
    new = results(tmp_path / "two", "r2", estimates="2\n", checks="2\n", more="y")
    with pytest.raises(RunError, match="no permission"):
        upload(new, url)
    assert read_manifest(url) is None
    monkeypatch.undo()
    upload(new, url)
    manifest = read_manifest(url)
    assert manifest.run_id == "r2"
    folder = tmp_path / "store/towns/results"
    assert {n: file_hash(folder / n) for n in manifest.outputs} == manifest.outputs
    assert {p.name for p in folder.iterdir()} == {*manifest.outputs, "manifest.json"}


def test_results_without_a_manifest_are_not_uploaded(url, tmp_path):
    (tmp_path / "half").mkdir()
    (tmp_path / "half/estimates").write_text("1\n")
    with pytest.raises(RunError, match=r"has no manifest\.json"):
        upload(tmp_path / "half", url)
    assert there(url) == {}


def test_a_manifest_that_is_not_whole_is_none(url, tmp_path):
    upload(results(tmp_path / "one"), url)
    store, path = fsspec.core.url_to_fs(url)
    store.pipe_file(f"{path}/manifest.json", b'{"run_id": "r1", "stu')
    assert read_manifest(url) is None


def test_a_store_that_refuses_is_a_run_error_with_the_reason(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(RunError, match=r"Results cannot be written to file://.*/file/towns: ") as caught:
        upload(results(tmp_path / "one"), f"file://{tmp_path}/file/towns")
    assert caught.value.exit_code == 14


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://data.org/x", "files cannot be written there"),
        ("s3://AKIA:hunter2@bucket/x", "carries a user name or password"),
        ("s3://bucket/x?token=hunter2", "carries a credential (token)"),
        ("s3://bucket/x", "Install s3fs"),
        ("s4://bucket/x", "There is no protocol 's4'"),
        ("memory://a/../b", "has no `..`"),
    ],
)
def test_an_address_that_will_not_do_is_a_usage_error_that_repeats_no_secret(url, said):
    with pytest.raises(UsageError) as caught:
        checked(url)
    assert said in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_all_that_is_wrong_with_an_address_is_said_at_once():
    with pytest.raises(UsageError) as caught:
        checked("https://ada:hunter2@data.org/../x?token=1")
    assert len(caught.value.problems) == 4


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("s3://b/x", True),
        ("memory://x", True),
        ("out", False),
        ("/tmp/x", False),
        ("C:\\out", False),
        ("C:/out", False),
    ],
)
def test_paths_are_not_addresses(text, is_one):
    assert is_url(text) is is_one


def test_a_run_has_its_place_at_the_address_and_a_local_one(place):
    (run,), _ = expand(["towns"], {})
    assert address("memory://batch/", run) == "memory://batch/towns/results"
    assert kept_locally(run, Path("/x")).results == Path("/x/towns/results")
    wide = replace(run, study=replace(run.study, variant="wide"))
    assert address("memory://batch", wide) == "memory://batch/towns/results/wide"


def test_a_run_is_uploaded_as_it_was_published(place):
    """A real run's files, not a made-up folder's."""
    from scale_impact.workflow.execute import execute

    place.study(template="quick")
    (run,), _ = expand(["towns"], {})
    local = kept_locally(run, place.root / "scratch")
    execute(local)
    upload(local.results, address("memory://batch", run))
    identity = json.loads((local.results / "manifest.json").read_text())["run_id"]
    assert is_current_there("memory://batch/towns/results", identity)
    fsspec.filesystem("memory").store.clear()
