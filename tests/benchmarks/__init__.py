"""The benchmarks' own parts; those that are programs are found beside each other."""

import sys
from pathlib import Path

_PROGRAMS = str(Path(__file__).resolve().parents[2] / "contrib" / "benchmarks")
if _PROGRAMS not in sys.path:
    sys.path.append(_PROGRAMS)
