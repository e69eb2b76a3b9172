from __future__ import annotations

import sys
from pathlib import Path

# The program and the demo server as processes, and what reads their record, are shared with the end-to-end tests.
sys.path.append(str(Path(__file__).parents[1] / "e2e"))
