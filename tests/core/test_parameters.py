"""The parameters cell: names, types and defaults, read without running it; and what a study gives for them."""

from datetime import date

import pytest

from scale_impact.core.changes import scalar_keys
from scale_impact.core.parameters import cell_problems, declared, given_problems
from scale_impact.core.study import Study
from scale_impact.errors import StudyError
from tests.projects import QUICK

CELL = """\
# What to run
study = "towns"  # a name
variant = None
out = None
overrides = {}
level = 0.95
window: int = 3
start: date = "2001-01-01"
share: float | None = None
kinds: list[str] = ["a"]
mode: Literal["fast", "slow"] = "fast"
flag = True
name = 'x'
"""


def own(cell=CELL):
    return {p.name: p for p in declared(cell) if p.own}


# ---- reading --------------------------------------------------------------------------------------


def test_names_types_and_defaults_are_read(place):
    found = own()
    assert {n: (p.shown, p.default) for n, p in found.items()} == {
        "window": ("int", 3), "start": ("date", "2001-01-01"), "share": ("float | None", None), "kinds": ("list[str]", ["a"]),
        "mode": ("Literal['fast', 'slow']", "fast"), "flag": ("bool", True), "name": ("str", "x"),
    }  # fmt: skip
    assert [p.name for p in declared(CELL) if not p.own] == ["study", "variant", "out", "overrides", "level"]
    assert cell_problems(CELL) == []


def test_the_cell_is_not_run(tmp_path):
    declared(f"study = open({str(tmp_path / 'x')!r}, 'w')\nn: print('no') = 1")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "fits", "not_"),
    [
        ("x: int = 1", [0, -5], [1.5, "1", True, None, [1]]),
        ("x = 1", [7], [1.5, "1", True, None]),
        ("x: float = 1.0", [2, 0.5], ["1", True, None]),
        ("x = 'a'", ["", "06037"], [6037, None, True]),
        ("x: bool = False", [True], [0, 1, "true", None]),
        ("x: str | None = None", [None, "a"], [5]),
        ("x: Optional[int] = None", [None, 5], ["a", 1.5]),
        ("x: date = '2001-01-01'", ["2003-07-01"], ["2003-13-01", "soon", 2003, None]),
        ("x: list[int] = []", [[1, 2], []], [[1, "a"], 1, "ab"]),
        ("x: tuple[int, ...] = (1,)", [[1, 2]], [["a"], 1]),
        ("x: dict[str, float] = {}", [{"a": 1}], [{"a": "b"}, []]),
        ("x: Literal[1, 2] = 1", [2], [3, "1"]),
        ("x: 'int | str' = 1", [1, "a"], [None, 1.5]),
        ("x: datetime.date = '2001-01-01'", ["2003-07-01"], [5]),
        ("x = [1, 2]", [[], ["a"]], [1, "a", {}]),
    ],
)
def test_a_value_is_of_the_declared_type_or_is_refused(line, fits, not_):
    (parameter,) = declared(line)
    assert [v for v in fits if parameter.misfit(v)] == []
    assert [v for v in not_ if not parameter.misfit(v)] == []


def test_a_date_is_handed_on_as_a_date():
    assert own()["start"].typed("2003-07-01") == date(2003, 7, 1)


# ---- what is wrong with a cell ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("x = None", "Parameter x has no known type: its default does not tell it."),
        ("x = some_function()", "Parameter x has no known type"),
        ("x: Frame = None", "Parameter x has no known type: its annotation Frame is none of int, float"),
        ("x: int = 'a'", "Parameter x: its default should be int (it is 'a')."),
        ("x: date = '2001-13-01'", "Parameter x: its default should be date (it is '2001-13-01')."),
        ("level = 'high'", "Parameter level is a key of study.yaml, and its default should be"),
        ("level = 95", "Parameter level is a key of study.yaml, and its default should be"),
        ("control = 'nevr'", "Parameter control is a key of study.yaml"),
        ("seed: int = 1.5", "Parameter seed is a key of study.yaml"),
        ("x = (", "The parameters cell is no Python: line 2"),
    ],
)
def test_a_parameter_that_cannot_be_checked_is_refused_with_what_to_write(line, words):
    (found,) = cell_problems(f"study = 'towns'\n{line}")
    assert words in found


def test_a_cell_that_takes_no_study_is_refused():
    assert "declares no `study`" in cell_problems("level = 0.9")[0]


def test_scalars_of_the_study_may_be_declared_with_their_own_values():
    good = {"level": 0.9, "seed": 1, "control": "'never'", "cluster": None, "inference": "'auto'", "first_period": 2001}
    assert set(good) <= set(scalar_keys())
    assert cell_problems("study = 'towns'\n" + "\n".join(f"{k} = {v}" for k, v in good.items())) == []


# ---- what a study gives ---------------------------------------------------------------------------------


def test_unknown_missing_and_mistyped_parameters_are_said_at_once_with_the_nearest_name():
    cell = CELL + "needed: int\n"
    given = {"windw": 3, "window": "three", "level": 0.9, "study": "x", "mode": "medium"}
    assert given_problems(declared(cell), given) == [
        "parameters.windw: the template has no such parameter. Did you mean 'window'?",
        "parameters.level: it is a key of study.yaml, no parameter of the template. Write it as `level`.",
        "parameters.study: it is set by the session. Leave it out.",
        "parameters.window: should be int (it is 'three').",
        "parameters.mode: should be Literal['fast', 'slow'] (it is 'medium').",
        "parameters.needed: the template needs it (int). Add it: parameters: {needed: ...}.",
    ]


@pytest.fixture
def windowed(place):
    place.template(f"{QUICK[0]}\nwindow: int = 3\nkinds: list[str] = []", *QUICK[1:])
    return place


def test_a_study_sets_parameters_of_its_template_and_the_others_keep_their_defaults(windowed):
    windowed.study(template="quick", parameters={"window": 5})
    assert Study.load("towns").parameters == {"window": 5, "kinds": []}


@pytest.mark.parametrize("key", ["window", "parameters.window"])
def test_a_parameter_is_set_from_outside_by_its_name(windowed, key):
    windowed.study(template="quick", parameters={"window": 5})
    study = Study.load("towns", overrides={key: 7})
    assert study.parameters["window"] == 7
    assert study.settings.parameters == {"window": 7}


def test_a_parameter_set_from_outside_is_checked_like_the_file(windowed):
    windowed.study(template="quick")
    with pytest.raises(StudyError) as caught:
        Study.load("towns", overrides={"window": "x", "windw": 1, "kinds": ["a"]})
    assert list(caught.value.problems) == [
        "windw: there is no such scalar to set. Did you mean 'window'?",
        "parameters.window: should be int (it is 'x').",
    ]


def test_parameters_that_the_template_does_not_declare_are_an_error_of_the_study(place):
    place.study(parameters={"window": 5})
    with pytest.raises(StudyError, match=r"parameters.window: the template has no such parameter"):
        Study.load("towns")


def test_a_parameter_may_be_an_axis_of_the_grid_and_part_of_a_variant(windowed):
    windowed.study(template="quick", grid={"window": [3, 5]}, variants={"a": {"parameters": {"kinds": ["x"]}}})
    study = Study.load("towns", variant="a__window-5")
    assert study.parameters == {"window": 5, "kinds": ["x"]}
    windowed.study(template="quick", grid={"window": [3, "x"]})
    with pytest.raises(StudyError, match=r"grid.window.1: parameters.window: should be int \(it is 'x'\)"):
        Study.load("towns")
