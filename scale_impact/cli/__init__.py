"""The command line: ``scale-impact VERB``, one file a verb."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Annotated

import typer

from scale_impact.errors import ScaleImpactError

VERBS = (
    "new", "data", "check", "plan", "freeze", "run", "slurm", "status", "logs", "verify", "export", "evidence", "report", "doctor",
)  # fmt: skip
"""In the order of a study's life."""

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode="rich",
    help="Did a city's measure work? Write a study, check it, run it, read all results.",
    epilog="Exit codes: 0 done; 2 usage; 10 study file; 11 source or data; 12 design; 13 estimation; 14 a run failed; 15 not verified.",
)
for _verb in VERBS:
    _found = getattr(import_module(f"scale_impact.cli.{_verb}"), _verb)
    if isinstance(_found, typer.Typer):  # a verb with verbs of its own
        app.add_typer(_found, name=_verb)
    else:
        app.command(_verb)(_found)


@app.callback()
def _options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an expected error.")] = False,
) -> None:
    """Did a city's measure work? Write a study, check it, run it, read all results."""


def main() -> None:
    """Run the command line: an expected error prints its message and gives its exit code."""
    arguments = [a for a in sys.argv[1:] if a != "--debug"]
    try:
        app(arguments)
    except ScaleImpactError as error:
        from scale_impact.cli._output import show_error

        show_error(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
