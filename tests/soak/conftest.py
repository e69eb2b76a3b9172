from __future__ import annotations

import sys
from pathlib import Path

# What reads the record of a demo server is shared with the end-to-end tests.
sys.path.append(str(Path(__file__).parents[1] / "e2e"))
