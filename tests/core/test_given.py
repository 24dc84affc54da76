"""What a notebook's variables say of its study; what Papermill was given and nobody knows is an error."""

import subprocess
import sys

import pytest

from scale_impact.core.given import injected, study_for
from scale_impact.errors import StudyError
from scale_impact.session import open_session
from tests.projects import QUICK

CELL = f"{QUICK[0]}\nwindow: int = 3\nkinds: list[str] = []"


@pytest.fixture
def place(place):
    place.template(CELL, *QUICK[1:])
    place.study(template="quick", parameters={"window": 5})
    return place


def opened(given=(), *, overrides=(), cell=CELL, by_papermill=None):
    """The study as `open_session` reads it in a notebook: its variables, and the cells run so far."""
    variables = {"study": "towns", "variant": None, "out": None, "overrides": dict(overrides), "window": 3, "kinds": []}
    history = ["", cell]
    if by_papermill is not None:
        history.append("# Parameters\n" + "".join(f"{k} = {v!r}\n" for k, v in by_papermill.items()))
        variables |= by_papermill
    variables |= dict(given)
    return study_for(
        "towns", variant=None, overrides=dict(overrides), given={**variables, "In": [*history, "open_session"]}
    )


def problems(**options):
    with pytest.raises(StudyError) as caught:
        opened(**options)
    return list(caught.value.problems)


def test_a_name_that_papermill_was_given_and_nobody_knows_is_an_error_with_the_nearest(place):
    found = problems(by_papermill={"study": "towns", "windw": 4, "levl": 0.9, "level": 95})
    assert found == [
        "windw: there is no such scalar to set. Did you mean 'window'?",
        "levl: there is no such scalar to set. Did you mean 'level'?",
        "level: should be less than 1 (it is 95).",
    ]


def test_a_value_of_the_wrong_type_that_papermill_was_given_is_an_error(place):
    assert problems(by_papermill={"window": "06037", "control": "nevr"}) == [
        "design.control: should be 'never', 'not_yet' or 'none' (it is 'nevr').",
        "parameters.window: should be int (it is '06037').",
    ]
    assert problems(by_papermill={"level": [0.9]}) == ["level: only scalars can be set from outside (given [0.9])."]


def test_scalars_and_own_parameters_reach_the_study_by_plain_papermill(place):
    study = opened(by_papermill={"study": "towns", "level": 0.9, "window": 7, "kinds": ["a"]})
    assert study.settings.level == 0.9
    assert study.parameters == {"window": 7, "kinds": ["a"]}


def test_a_study_wins_over_the_default_of_the_cell(place):
    study = opened()
    assert study.parameters["window"] == 5
    assert study.overrides == ()


def test_a_default_that_papermill_was_given_wins_over_the_study(place):
    assert opened(by_papermill={"window": 3}).parameters["window"] == 3


def test_a_cell_changed_by_hand_wins_over_the_study(place):
    assert opened({"window": 4}, cell=CELL.replace("= 3", "= 4")).parameters["window"] == 4


def test_what_the_study_says_already_is_no_override(place):
    study = opened(by_papermill={"study": "towns", "window": 5})
    assert study.overrides == ()
    again = opened(overrides={"window": 8}, by_papermill={"window": 8, "overrides": {"window": 8}})
    assert again.overrides == (("window", 8),)
    assert again.parameters["window"] == 8


def test_a_parameter_that_a_template_needs_may_come_from_papermill(place):
    cell = f"{QUICK[0]}\nwindow: int"
    place.template(cell, *QUICK[1:])
    place.study(template="quick")
    assert opened(by_papermill={"window": 2}, cell=cell).parameters == {"window": 2}
    with pytest.raises(StudyError, match=r"parameters.window: the template needs it"):
        study_for("towns", variant=None, overrides={}, given={"In": [cell]})


def test_names_that_the_notebook_at_hand_declares_are_known_whatever_its_file_says(place):
    mine = CELL + "\nmy_own = 1"
    assert opened(by_papermill={"my_own": 2}, cell=mine).parameters["window"] == 5


def test_a_cell_of_the_author_that_looks_like_papermills_is_none():
    assert injected(["# Parameters\nstudy = 'x'\nanything = 1"]).names == ()
    assert injected(["# Parameters\nstudy = 'x'", "# Parameters\nanything = 1"]).names == ("anything",)


@pytest.mark.parametrize("history", [None, [], "x", [5, None]])
def test_without_a_history_there_is_nothing_to_find(history):
    assert injected(history).names == ()


def test_a_session_offers_the_parameters(place):
    assert open_session("towns").parameters == {"window": 5, "kinds": []}


def test_plain_papermill_stops_at_a_name_that_nobody_knows(place, tmp_path):
    set_ = [w for name, value in (("windw", "4"), ("level", "95"), ("window", "five")) for w in ("-p", name, value)]
    done = subprocess.run(
        [
            sys.executable, "-m", "papermill", "notebooks/quick.ipynb", str(tmp_path / "out.ipynb"), "-k", "python3",
            "--language", "python", "--no-progress-bar", *set_,
        ],
        cwd=place.root, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "windw: there is no such scalar to set. Did you mean 'window'?" in done.stderr
    assert "level: should be less than 1 (it is 95)." in done.stderr
    assert "parameters.window: should be int (it is 'five')." in done.stderr
