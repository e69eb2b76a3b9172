"""The outline of a file: its signatures or headings, from the tokens of its language."""

from __future__ import annotations

VERSION = "1"
"""Part of the name under which tokens of outlines are kept: raise it when an outline comes out otherwise than before."""


class TokenOutline:
    """Makes outlines; safe in any thread."""

    def outline(self, path: str, text: str) -> str:
        """The signatures in `text`, a line each, inner ones indented; empty where there are none, the language isn't
        known, or reading it takes far too long.
        """
        from dsterm.render.outline_languages import outline_lines  # noqa: PLC0415  with the first outline

        lines = [line.rstrip() for line in outline_lines(path, text.replace("\r\n", "\n"))]
        return "".join(f"{line}\n" for line in lines if line.strip())
