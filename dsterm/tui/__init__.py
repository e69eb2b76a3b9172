"""The Textual screen: shows envelopes, sends intents.

Textual reads its limits from the environment when it is first imported, so they are set here, before any module of this
room imports it: Esc must be told from Alt+key within 25 ms, for a turn has to stop within 100.
"""

from __future__ import annotations

import os

os.environ.setdefault("ESCDELAY", "25")
