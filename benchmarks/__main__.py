"""``python -m benchmarks``: every benchmark's table, with this machine's ratios."""

from __future__ import annotations

import os
import platform
import sys

from benchmarks import imports, memory, moments, panels


def main() -> int:
    """Print all tables; 1 where a stated limit is missed."""
    print(f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    held = [part.main() for part in (moments, memory, panels, imports)]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main())
