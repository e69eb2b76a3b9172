"""Rule: say what is in a file, from its structure alone."""

from __future__ import annotations

import ast
import re

from dsterm.demo.locate import find_one
from dsterm.demo.parsing import parse_python
from dsterm.demo.steps import Step, count, listing
from dsterm.demo.talk import Talk

_HEADING = re.compile(r"(#{1,4}) +(.+?)#*$")
_FENCE = re.compile(r"\s*(?:```|~~~)")
_KEY = re.compile(r"\[+([^\[\]]+)\]+\s*$|([\w.-]+)\s*[:=]")


def summarise(talk: Talk, name: str) -> Step:
    """The next step of summarising the file `name`."""
    path = find_one(talk, name)
    if isinstance(path, Step):
        return path
    text = talk.files()[path].text
    told = describe(path, text)
    return Step(
        thoughts=(
            f"I have `{path}`: {count(text.count(chr(10)), 'line')}.",
            "I am no model, so I tell what its structure shows: names, signatures, first lines of documentation.",
        ),
        doubts=("What the code means beyond that I can't judge, and I should not pretend to.",),
        text=told,
    )


def show(talk: Talk, name: str) -> Step:
    """The next step of showing the beginning of the file `name`."""
    path = find_one(talk, name)
    if isinstance(path, Step):
        return path
    lines = talk.files()[path].text.split("\n")[:40]
    longest = max((len(mark) for mark in re.findall(r"`+", "\n".join(lines))), default=0)
    fence = "`" * max(3, longest + 1)
    language = {"py": "python", "md": "markdown", "toml": "toml", "json": "json"}.get(path.rpartition(".")[2], "")
    return Step(
        thoughts=(f"`{path}` is read; its first lines answer the request.",),
        text=f"`{path}` begins so:\n\n{fence}{language}\n" + "\n".join(lines) + f"\n{fence}",
    )


def describe(path: str, text: str) -> str:
    """What `text` is made of, in Markdown."""
    size = count(text.count("\n"), "line")
    if path.endswith(".py"):
        tree = parse_python(text)
        if isinstance(tree, SyntaxError):
            return (
                f"**`{path}`**, {size}, does not parse: line {tree.lineno}: {tree.msg}. "
                f"Say `fix the syntax error in {path}` and I try."
            )
        return f"**`{path}`**, {size} of Python.\n\n{_describe_python(tree)}"
    if path.endswith((".md", ".markdown")):
        headings = _headings(text)
        contents = listing(headings, 30) if headings else "It has no headings."
        return f"**`{path}`**, {size} of Markdown.\n\n{_first_paragraph(text)}\n\n{contents}"
    keys = [match[1] or match[2] for match in map(_KEY.match, text.split("\n")) if match]
    if keys and path.endswith((".toml", ".yaml", ".yml", ".ini", ".cfg")):
        return f"**`{path}`**, {size} of settings:\n\n{listing([f'`{key}`' for key in keys], 30)}"
    return f"**`{path}`**, {size} of text. It begins: {_first_paragraph(text)}"


def _describe_python(module: ast.Module) -> str:
    parts = []
    if ast.get_docstring(module):
        parts.append(_first_sentence(module))
    imports = sorted({name for node in module.body for name in _imported(node)})
    if imports:
        parts.append(f"It imports {', '.join(f'`{name}`' for name in imports)}.")
    entries = [entry for node in module.body for entry in _entries(node)]
    parts.append("\n".join(entries) if entries else "It defines no functions and no classes.")
    return "\n\n".join(parts)


def _entries(node: ast.stmt) -> list[str]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return [f"- `{node.name}({ast.unparse(node.args)})`, line {node.lineno}{_documented(node)}"]
        case ast.ClassDef():
            inner = [f"  {entry}" for statement in node.body for entry in _entries(statement)]
            return [f"- class `{node.name}`, line {node.lineno}{_documented(node)}", *inner]
        case _:
            return []


def _documented(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> str:
    return f": {_first_sentence(node)}" if ast.get_docstring(node) else ""


def _first_sentence(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module) -> str:
    paragraph = (ast.get_docstring(node) or "").split("\n\n")[0]
    return " ".join(paragraph.split())


def _imported(node: ast.stmt) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [name.name for name in names]
        case ast.ImportFrom(module=module, level=level) if module != "__future__":
            return ["." * level + (module or "")]
        case _:
            return []


def _headings(text: str) -> list[str]:
    found, in_code = [], False
    for line in text.split("\n"):
        if _FENCE.match(line):
            in_code = not in_code
        match = None if in_code else _HEADING.match(line)
        if match:
            found.append(f"{'  ' * (len(match[1]) - 1)}{match[2].strip()}")
    return found


def _first_paragraph(text: str) -> str:
    paragraphs = [" ".join(block.split()) for block in re.split(r"\n\s*\n", text)]
    plain = [block for block in paragraphs if block and not block.startswith(("#", "[", "!", "`", "<", "---"))]
    return plain[0][:400] if plain else ""
