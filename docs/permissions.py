"""Writes the table in docs/permissions.md anew, from what the code decides."""

from __future__ import annotations

import re
from pathlib import Path

from dsterm.policy.permission_table import permission_table


def main() -> None:
    """Replace the table, which is the first one on the page."""
    page = Path(__file__).with_name("permissions.md")
    text = page.read_text("utf-8")
    page.write_text(re.sub(r"(?m)(?:^\|.*\n)+|^TABLE\n", lambda _: permission_table(), text, count=1), "utf-8")


if __name__ == "__main__":
    main()
