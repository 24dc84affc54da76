"""``import scale_impact`` against ``import pandas``, and the command line's help."""

from __future__ import annotations

import os
import subprocess
import sys

from benchmarks.timing import in_turn, line

CLI = "import sys; sys.argv = ['scale-impact', '--help']; from scale_impact.cli import main; main()"
USED = "import scale_impact as si; si.Panel, si.Design, si.estimate"


def main() -> bool:
    """Print the table; whether all limits are held."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}

    def python(code: str) -> None:
        subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)

    pandas, ours = in_turn(lambda: python("import pandas"), lambda: python("import scale_impact"))
    print(f"\nimport pandas takes {pandas:.2f} s in a process of its own")
    held = line("import scale_impact", ours / pandas, 1.3, "x pandas")
    _, used = in_turn(lambda: python("import pandas"), lambda: python(USED))
    held &= line("the same, with Panel, Design and estimate used", used / pandas, 1.3, "x pandas")
    _, shown = in_turn(lambda: python("import pandas"), lambda: python(CLI))
    return line("scale-impact --help, wall time", shown, 0.5, "s") and held


if __name__ == "__main__":
    main()
