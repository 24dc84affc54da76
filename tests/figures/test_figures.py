"""The figures' room: keys, pages, files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scale_impact import figures
from scale_impact.errors import UsageError

LABELS = {"unit": "claims, log", "source": "Department of Labor"}


def test_importing_the_figures_does_not_import_matplotlib():
    code = (
        "import sys, scale_impact.figures as f; [f.load(n) for n in f.names()]; sys.exit('matplotlib' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_making_a_figure_does_not_import_pyplot(tmp_path):
    code = (
        "import sys, scale_impact.figures as f; from scale_impact.core.check import Check;"
        "fig = f.figure('leave_one_out', Check.inapplicable('leave_one_out', 'One city.'), unit='u', source='s');"
        f"f.save(fig, {str(tmp_path)!r}, 'x'); sys.exit('matplotlib.pyplot' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_each_figure_has_a_draw_and_a_test_file():
    for name in figures.names():
        assert callable(figures.load(name))
        assert (Path(__file__).parent / f"test_{name}.py").exists(), name


def test_helpers_are_no_figures():
    assert "_style" not in figures.names()
    assert "event_path" in figures.names()


def test_a_misspelt_figure_names_the_nearest():
    with pytest.raises(UsageError, match="Did you mean 'event_path'"):
        figures.load("event_pth")


def test_a_misspelt_option_names_the_nearest(effects):
    with pytest.raises(UsageError, match=r"takes no option 'levl'\. Did you mean 'level'"):
        figures.figure("event_path", effects["twfe"], levl=0.9, **LABELS)


def test_too_few_values_are_refused_by_name(staggered):
    with pytest.raises(UsageError, match="raw_trends shows panel and design"):
        figures.figure("raw_trends", staggered[0], **LABELS)


def test_options_and_values_are_read_from_the_signature():
    assert figures.value_names("treatment_timing") == ("panel", "design")
    assert figures.option_names("event_path") == ("level", "band")


def test_a_page_carries_unit_source_and_title(staggered):
    fig = figures.figure("raw_trends", *staggered, title="Claims fell", **LABELS)
    assert fig.axes[0].get_ylabel() == "claims, log"
    assert fig.get_supxlabel() == "Source: Department of Labor"
    assert fig.get_suptitle() == "Claims fell"
    assert tuple(fig.get_size_inches()) == (7, 4)


def test_a_source_is_not_introduced_twice(staggered):
    fig = figures.figure("raw_trends", *staggered, unit="u", source="Sources: A and B")
    assert fig.get_supxlabel() == "Sources: A and B"


def test_dollars_in_a_unit_stay_dollars(staggered, page):
    fig = figures.figure("raw_trends", *staggered, unit="US$ per $ of GDP", source="s")
    label = fig.axes[0].yaxis.label
    assert label.get_text() == "US$ per $ of GDP"
    assert not label.get_parse_math()


@pytest.mark.parametrize("kind", ["svg", "png"])
def test_a_figure_saved_twice_has_the_same_bytes(staggered, tmp_path, kind):
    fig = figures.figure("raw_trends", *staggered, **LABELS)
    figures.save(fig, tmp_path / "a", "trends")
    figures.save(fig, tmp_path / "b", "trends")
    again = figures.figure("raw_trends", *staggered, **LABELS)
    figures.save(again, tmp_path / "c", "trends")
    a, b, c = ((tmp_path / folder / f"trends.{kind}").read_bytes() for folder in "abc")
    assert a == b == c


def test_another_process_with_other_settings_saves_the_same_bytes(tmp_path):
    code = (
        "import sys, matplotlib; matplotlib.rcParams['font.size'] = float(sys.argv[2]);"
        "matplotlib.rcParams['svg.hashsalt'] = sys.argv[2];"
        "from scale_impact import figures; from scale_impact.core.check import Check;"
        "rows = [{'left_out': str(k), 'estimate': k / 7, 'ci_low': k / 7 - 1, 'ci_high': k / 7 + 1} for k in range(9)];"
        "check = Check('leave_one_out', 'pass', '', details={'full': .5, 'level': .95, 'std_error': .4, 'rows': rows});"
        "figures.save(figures.figure('leave_one_out', check, unit='u', source='s'), sys.argv[1], 'x')"
    )
    for seed in ("1", "2"):
        folder = str(tmp_path / seed)
        subprocess.run([sys.executable, "-c", code, folder, seed], env={"PYTHONHASHSEED": seed}, check=True)
    for name in ("x.svg", "x.png"):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


def test_saved_files_hold_no_date_and_no_software(staggered, tmp_path):
    svg, png = figures.save(figures.figure("raw_trends", *staggered, **LABELS), tmp_path / "new" / "folder", "t")
    assert (svg.name, png.name) == ("t.svg", "t.png")
    assert b"<dc:date>" not in svg.read_bytes()
    assert b"Software" not in png.read_bytes()


def test_a_png_is_1050_by_600_pixels(staggered):
    png = figures.render(figures.figure("raw_trends", *staggered, **LABELS), "png")
    assert (int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")) == (1050, 600)


def test_the_users_matplotlib_settings_are_left_alone(staggered):
    import matplotlib

    before = dict(matplotlib.rcParams)
    figures.render(figures.figure("raw_trends", *staggered, **LABELS), "svg")
    assert dict(matplotlib.rcParams) == before


def test_a_notebook_shows_the_saved_picture_until_the_figure_is_changed(staggered, tmp_path, monkeypatch):
    fig = figures.figure("raw_trends", *staggered, unit="log(jobs)", source="Source: a test.")
    drawn = []
    monkeypatch.setattr(
        figures, "render", lambda fig, kind="png", render=figures.render: drawn.append(kind) or render(fig, kind)
    )
    figures.save(fig, tmp_path, "x")
    assert figures.shown(fig) == (tmp_path / "x.png").read_bytes()
    assert drawn == ["svg", "png"]
    fig.axes[0].set_title("changed by a reader")
    assert figures.shown(fig) != (tmp_path / "x.png").read_bytes()
    assert drawn == ["svg", "png", "png"]


def test_a_figure_that_was_not_saved_is_drawn_when_it_is_shown(staggered):
    fig = figures.figure("raw_trends", *staggered, unit="log(jobs)", source="Source: a test.")
    assert figures.shown(fig) == figures.render(fig)
