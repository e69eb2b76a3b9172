"""Python source to a syntax tree, without warnings and without a crash, whatever the source is."""

from __future__ import annotations

import ast
import warnings


def parse_python(text: str) -> ast.Module | SyntaxError:
    """The tree of `text`, or why there is none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text)
        except SyntaxError as error:
            return error
        except (ValueError, RecursionError, MemoryError):
            return SyntaxError("it can't be parsed")
