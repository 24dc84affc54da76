"""Figures: one file each, and the file name is the key.

``draw(value, ..., ax, *, options)``: the caller owns figure and file. ``figure`` makes a page of
it, with unit and source; ``save`` writes it, equal bytes for equal figures.

Nothing here imports matplotlib before something is drawn.
"""

from __future__ import annotations

import inspect
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from weakref import WeakKeyDictionary

from scale_impact.core import keys
from scale_impact.core.words import nearest
from scale_impact.errors import StreamedError, UsageError
from scale_impact.figures import _style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HEIGHT = 4.0
"""Inches; a figure file with a function ``height(*values)`` says otherwise."""


def names() -> tuple[str, ...]:
    """Keys of all figures."""
    return keys.names("figures")


def load(name: str) -> Callable[..., None]:
    """The ``draw`` of a figure."""
    return keys.load("figures", name, "draw")


def option_names(name: str) -> tuple[str, ...]:
    """Options that a figure takes."""
    return tuple(o for o in keys.options("figures", name, "draw") if o != "unit")


def value_names(name: str) -> tuple[str, ...]:
    """Values that a figure shows, in order."""
    parameters = inspect.signature(load(name)).parameters.values()
    return tuple(p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD and p.name != "ax")


def figure(name: str, *values: Any, unit: str, source: str, title: str | None = None, **options: Any) -> Figure:
    """A figure of its own, with the unit on its axis and its source at the bottom.

    Parameters
    ----------
    name:
        Key of the figure: a file of ``scale_impact/figures/``.
    values:
        What it shows; see ``value_names``.
    unit:
        The outcome's unit, as the axis should say it.
    source:
        Where the numbers come from.
    title:
        A heading; None where the text around the figure has it.
    options:
        Options of the figure, such as ``level=0.9``.

    Returns
    -------
    A matplotlib Figure 7 inches wide and 4 high, higher where it has many rows. Pyplot does not
    know it, so nothing shows it twice.

    Raises
    ------
    UsageError
        No such figure or option, or another number of values.
    """
    if problems := [*_wrong_values(name, values), *_unknown_options(name, options)]:
        raise UsageError(problems)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with _style.theme():
        fig = Figure(figsize=(_style.WIDTH, _height(name, values)), layout="constrained")
        FigureCanvasAgg(fig)
        axes = fig.add_subplot()
        try:
            load(name)(*values, axes, unit=unit, **options)
        except StreamedError as error:
            axes.clear()
            _style.say(axes, " ".join(error.problems))
        _style.source_line(fig, source)
        if title:
            _style.title_line(fig, title)
        return _settled(fig)


def save(fig: Figure, folder: str | Path, stem: str) -> tuple[Path, Path]:
    """Write ``stem.svg`` and ``stem.png``; the same figure gives the same bytes.

    Returns the two paths. The folder is made where it is missing.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    paths = folder / f"{stem}.svg", folder / f"{stem}.png"
    paths[0].write_bytes(render(fig, "svg"))
    picture = render(fig, "png")
    paths[1].write_bytes(picture)
    fig.stale = False  # from here on: whether it was changed after it was saved
    _saved[fig] = picture
    return paths


_saved: WeakKeyDictionary[Figure, bytes] = WeakKeyDictionary()
"""Figures with the picture that was saved of them; drawing them takes a third of a notebook's time."""


def shown(fig: Figure) -> bytes:
    """The figure as a notebook shows it: the picture that was saved, drawn again where it was changed since."""
    return render(fig) if fig.stale or fig not in _saved else _saved[fig]


def render(fig: Figure, kind: Literal["svg", "png"] = "png") -> bytes:
    """The figure as the bytes that ``save`` writes."""
    buffer = io.BytesIO()
    undated = {"svg": {"Date": None, "Creator": None}, "png": {"Software": None}}[kind]
    with _style.theme():
        fig.savefig(buffer, format=kind, dpi=150, metadata=undated)
    return buffer.getvalue()


def _height(name: str, values: tuple[Any, ...]) -> float:
    height: Callable[..., float] | None = getattr(sys.modules[load(name).__module__], "height", None)
    return HEIGHT if height is None else height(*values)


def _settled(fig: Figure) -> Figure:
    """The figure with its layout made once: later drawings, at any resolution, keep it."""
    fig.draw_without_rendering()
    fig.set_layout_engine("none")
    return fig


def _wrong_values(name: str, values: tuple[Any, ...]) -> list[str]:
    wanted = value_names(name)
    if len(values) == len(wanted):
        return []
    return [f"figure {name} shows {' and '.join(wanted)} ({len(wanted)}); {len(values)} given."]


def _unknown_options(name: str, options: dict[str, Any]) -> list[str]:
    known = option_names(name)
    return [f"figure {name} takes no option {o!r}. {nearest(o, known)}" for o in options if o not in known]
