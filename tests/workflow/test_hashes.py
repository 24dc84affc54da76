"""Hashes are remembered while files stay as they are, and never longer."""

import json
import os
import time

import pytest

from scale_impact.core.manifest import file_hash
from scale_impact.workflow import hashes
from scale_impact.workflow.hashes import Hashes, folder_stamp, hashes_of, stamp

HOUR_AGO = time.time() - 3600


@pytest.fixture
def aged(tmp_path, monkeypatch):
    """A project whose file `data/a.csv` seems to be older than two seconds; how often it was read."""
    path = tmp_path / "data" / "a.csv"
    path.parent.mkdir()
    path.write_text("one")
    monkeypatch.setattr(hashes, "RACY", -3600 * 10**9)
    reads = []

    def counting(file):
        reads.append(file)
        return file_hash(file)

    monkeypatch.setattr(hashes, "file_hash", counting)
    return path, reads


def remember(root, paths):
    """Hash files and keep that for other processes, as `plan` and `run` do."""
    known = hashes_of(root)
    for path in paths:
        known.file(path)
    known.save()


def opened(root):
    """What another process would know."""
    hashes_of.cache_clear()
    return hashes_of(root)


def test_a_file_that_did_not_change_is_read_once_by_all_processes(aged, tmp_path):
    path, reads = aged
    known = opened(tmp_path)
    assert known.file(path) == known.file(path) == file_hash(path)
    known.save()
    assert opened(tmp_path).file(path) == file_hash(path)
    assert len(reads) == 1


def test_a_file_that_changed_is_read_again(aged, tmp_path):
    path, reads = aged
    known = opened(tmp_path)
    known.file(path)
    path.write_text("two")
    assert known.file(path) == file_hash(path)
    assert len(reads) == 2


def test_a_file_put_in_the_place_of_another_with_its_size_and_time_is_read_again(aged, tmp_path):
    path, _ = aged
    known = opened(tmp_path)
    known.file(path)
    before = path.stat()
    other = tmp_path / "other"
    other.write_text("two")
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    os.replace(other, path)
    assert path.stat().st_mtime_ns == before.st_mtime_ns
    assert known.file(path) == file_hash(path)


def test_a_file_of_the_last_two_seconds_is_never_trusted(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("one")
    known = opened(tmp_path)
    known.file(path)
    assert known.recall(str(path), stamp(path)) is None
    known.save()
    assert not (tmp_path / ".scale-impact").exists()


def test_what_is_kept_names_no_absolute_path_and_is_ignored_by_git(aged, tmp_path):
    path, _ = aged
    outside = tmp_path.parent / f"{tmp_path.name}-outside.csv"
    outside.write_text("x")
    remember(tmp_path, [path, outside])
    text = (tmp_path / ".scale-impact/hashes.json").read_text()
    assert next(iter(json.loads(text))) == "data/a.csv"
    assert str(tmp_path.parent) not in text
    assert (tmp_path / ".scale-impact/.gitignore").read_text() == "*\n"


@pytest.mark.parametrize("damaged", ["", "{", "[]", '{"data/a.csv": 3}', '{"data/a.csv": ["x"]}', "\0"])
def test_a_damaged_memory_is_forgotten(aged, tmp_path, damaged):
    path, _ = aged
    (tmp_path / ".scale-impact").mkdir()
    (tmp_path / ".scale-impact/hashes.json").write_text(damaged)
    known = opened(tmp_path)
    assert known.file(path) == file_hash(path)
    known.save()
    assert opened(tmp_path).known


def test_two_processes_keep_what_each_learnt(aged, tmp_path):
    path, _ = aged
    second = tmp_path / "data" / "b.csv"
    second.write_text("two")
    one, other = Hashes(str(tmp_path)), Hashes(str(tmp_path))
    one.file(path)
    other.file(second)
    one.save()
    other.save()
    assert set(opened(tmp_path).known) == {"data/a.csv", "data/b.csv"}


def test_what_a_killed_process_left_half_written_blocks_nobody_for_long(aged, tmp_path):
    path, _ = aged
    part = tmp_path / ".scale-impact/hashes.part"
    part.parent.mkdir()
    part.write_text("{")
    remember(tmp_path, [path])
    assert not (tmp_path / ".scale-impact/hashes.json").exists()  # it may be another process, writing now
    os.utime(part, (HOUR_AGO, HOUR_AGO))
    hashes_of.cache_clear()
    remember(tmp_path, [path])
    assert sorted(p.name for p in part.parent.iterdir()) == [".gitignore", "hashes.json"]


def test_a_project_that_cannot_be_written_is_no_error(aged, tmp_path):
    path, _ = aged
    (tmp_path / ".scale-impact").write_text("a file where the folder should be")
    remember(tmp_path, [path])
    assert (tmp_path / ".scale-impact").is_file()


def test_the_stamp_of_a_folder_tells_changes_in_its_depth_but_not_of_hidden_files(tmp_path):
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures/a.svg").write_text("a")
    before = folder_stamp(tmp_path)
    (tmp_path / ".ipynb_checkpoints").mkdir()
    (tmp_path / ".ipynb_checkpoints/a.ipynb").write_text("a")
    assert folder_stamp(tmp_path) == before
    (tmp_path / "figures/b.svg").write_text("b")
    assert folder_stamp(tmp_path) != before
    with pytest.raises(FileNotFoundError):
        folder_stamp(tmp_path / "absent")
