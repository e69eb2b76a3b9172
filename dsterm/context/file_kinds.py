"""What a file is for, by the names that projects commonly use: source, tests or docs."""

from __future__ import annotations

import re

from dsterm.core.attachments import Preset


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_TEST_FOLDERS = _words(
    "test tests testing testdata test-data spec specs __tests__ __mocks__ __snapshots__ e2e fixtures unittests"
)
_DOC_FOLDERS = _words("doc docs documentation man manual manuals rfcs")
_TEST_NAMES = re.compile(
    r"test_.*|tests?\.\w+|conftest\.py|.*[_.-](?:test|tests|spec|specs|e2e)\.\w+|.*_(?:test|spec)_\w+\.\w+"
)
_TEST_CLASSES = re.compile(
    r".*[a-z0-9](?:Tests?|TestCase|Spec|IT)\.(?:java|kt|kts|scala|groovy|cs|fs|vb|php|swift|m|mm)"
)
"""Read with capitals and small letters apart: `UserTest.java` is a test, `latest.java` is none."""

_DOC_SUFFIXES = _words("md mdx markdown rst adoc asciidoc asc org pod rdoc textile tex man 1 5 7 8")
_DOC_NAMES = re.compile(
    r"(?:readme|changelog|changes|history|news|contributing|contributors|authors|maintainers|license|licence|copying|notice"
    r"|install|todo|security|support|code_of_conduct|upgrading|faq)(?:[._-].*)?"
)
_CODE_SUFFIXES = _words(
    "py pyi pyx pxd pxi ipynb js mjs cjs jsx ts mts cts tsx vue svelte astro html htm css scss sass less "
    "go rs java kt kts scala groovy clj cljs cljc edn c h cc cpp cxx c++ hh hpp hxx inl ipp m mm swift cs fs fsx fsi vb "
    "rb erb rake gemspec php phtml pl pm t raku lua r jl hs lhs elm ml mli re rei erl hrl ex exs heex nim zig d dart v vhd "
    "vhdl sv svh sh bash zsh fish ps1 psm1 bat cmd awk sed tcl sql graphql gql proto thrift fbs capnp avsc tf hcl nix "
    "cmake mk make ninja bzl bazel gradle sol vy wat asm s cu cuh cl glsl vert frag hlsl wgsl metal f f90 f95 f03 for "
    "pas ada adb ads cob cbl lisp lsp cl el scm ss rkt pro vim dockerfile jinja j2 tmpl mustache hbs ejs pug haml slim twig"
)
_BUILD_NAMES = _words(
    "makefile gnumakefile dockerfile containerfile cmakelists.txt meson.build build.ninja rakefile gemfile vagrantfile "
    "jenkinsfile procfile justfile pyproject.toml setup.cfg tox.ini package.json tsconfig.json cargo.toml go.mod go.work "
    "pom.xml build.xml composer.json mix.exs pubspec.yaml build build.bazel workspace configure.ac makefile.am"
)
_OTHER = ""


class FileKinds:
    """Tells the kind of one path after another; each folder is looked at once."""

    def __init__(self) -> None:
        self._folders: dict[str, str] = {"": _OTHER}

    def kind(self, path: str) -> str:
        """The value of Preset.SOURCE, TESTS or DOCS; empty for what is none of them, such as data and settings."""
        folder, _, name = path.rpartition("/")
        found = self._folder(folder)
        if found == Preset.TESTS:
            return found
        small = name.casefold()
        if self._is_test(name, small):
            return Preset.TESTS.value
        suffix = small.rpartition(".")[2] if "." in small else ""
        if found or suffix in _DOC_SUFFIXES or (_DOC_NAMES.fullmatch(small) and suffix not in _CODE_SUFFIXES):
            return Preset.DOCS.value
        if suffix in _CODE_SUFFIXES or small in _BUILD_NAMES:
            return Preset.SOURCE.value
        return _OTHER

    @staticmethod
    def _is_test(name: str, small: str) -> bool:
        if ("Test" in name or "Spec" in name or "IT." in name) and _TEST_CLASSES.fullmatch(name):
            return True
        # Most names are done with here: the expression is much dearer than these.
        if "test" not in small and "spec" not in small and "e2e" not in small:
            return False
        return small.rpartition(".")[2] in _CODE_SUFFIXES and _TEST_NAMES.fullmatch(small) is not None

    def _folder(self, folder: str) -> str:
        """What the nearest telling folder above makes of its files."""
        passed: list[str] = []
        at = folder
        while (found := self._folders.get(at)) is None:
            passed.append(at)
            at, _, name = at.rpartition("/")
            kind = _folder_kind(name.casefold())
            if kind:
                self._folders[passed[-1]] = kind
                at = passed[-1]
        self._folders.update(dict.fromkeys(passed, found))
        return found


def _folder_kind(name: str) -> str:
    """What a folder of this name, in small letters, makes of its files."""
    if name in _TEST_FOLDERS:
        return Preset.TESTS.value
    return Preset.DOCS.value if name in _DOC_FOLDERS else _OTHER
