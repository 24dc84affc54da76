"""Temporary folders that dead processes leave are removed, those of the living are not."""

import os
import tempfile
import time
from pathlib import Path

import pytest

from scale_impact.workflow.locks import hold
from scale_impact.workflow.scratch import PREFIX, scratch, sweep

pytestmark = pytest.mark.skipif(os.name != "posix", reason="files are locked where there is flock")


@pytest.fixture
def room(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("scale_impact.workflow.scratch._short", lambda: str(tmp_path))
    return tmp_path


def test_a_folder_is_gone_afterwards_even_when_something_raised(room):
    def fill_and_fail():
        with scratch() as folder:
            (folder / "socket").write_text("")
            raise ValueError

    with pytest.raises(ValueError):
        fill_and_fail()
    assert not list(room.iterdir())


def test_folders_of_the_dead_are_swept_and_those_of_the_living_and_of_others_stay(room):
    dead, living, young, foreign = (room / f"{PREFIX}{n}" for n in ("dead", "living", "young", "x"))
    for folder in (dead, living, young):
        folder.mkdir()
    (dead / "lock").write_text("")
    foreign.symlink_to(Path(__file__).parent)
    with hold(living / "lock"):
        sweep()
        assert {p.name for p in room.iterdir()} == {living.name, young.name, foreign.name}
    assert Path(__file__).is_file()


def test_folders_of_other_names_are_nobodys_business(room):
    other = room / "scale-impact-verify-x"
    other.mkdir()
    os.utime(other, (time.time() - 3600, time.time() - 3600))
    sweep()
    assert other.is_dir()
