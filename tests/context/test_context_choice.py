from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsterm.context.choice import folder_sums, levels
from dsterm.context.file_kinds import FileKinds
from dsterm.context.path_globs import compile_globs, idle_globs
from dsterm.core.attachments import Level, PackChoice, Preset, SourceFile, Survey
from dsterm.core.errors import UsageError
from dsterm.core.left_out_reasons import BINARY, HOLDS_KEYS

PLAIN = (
    "README.md",
    "docs/guide.py",
    "src/app.py",
    "src/web/page.ts",
    "src/web/test_page.py",
    "tests/data.json",
    "data.csv",
)


def survey(*paths: str, changed: tuple[str, ...] = (), **reasons: str) -> Survey:
    by_path = dict.fromkeys(paths or PLAIN, "") | {
        name.replace("__", "/").replace("_dot_", "."): why for name, why in reasons.items()
    }
    files = tuple(SourceFile(path=path, tokens=10, reason=reason) for path, reason in sorted(by_path.items()))
    return Survey(source=".", folder=Path("/x"), files=files, changed=frozenset(changed))


def taken(of: Survey, **choice: object) -> list[str]:
    found = levels(of, PackChoice(**choice))  # type: ignore[arg-type]
    return [file.path for file, level in zip(of.files, found, strict=True) if level is not Level.OUT]


def test_all_that_nothing_speaks_against_goes_in() -> None:
    of = survey(uv_dot_lock="lock file")
    assert taken(of) == sorted(PLAIN)


@pytest.mark.parametrize(
    ("preset", "paths"),
    [
        (Preset.SOURCE, ["src/app.py", "src/web/page.ts"]),
        (Preset.TESTS, ["src/web/test_page.py", "tests/data.json"]),
        (Preset.DOCS, ["README.md", "docs/guide.py"]),
        (Preset.CHANGED, ["data.csv"]),
    ],
)
def test_presets_go_by_path(preset: Preset, paths: list[str]) -> None:
    assert taken(survey(changed=("data.csv", "gone.py")), preset=preset) == paths


def test_globs_narrow_and_a_named_file_is_taken_in_whatever_speaks_against_it() -> None:
    of = survey(*PLAIN, dist__app_dot_js="generated", logo_dot_png=BINARY)
    assert taken(of, include=("*.py",), exclude=("src/web/",)) == ["docs/guide.py", "src/app.py"]
    assert taken(of, include=("dist/app.js", "data.csv")) == ["data.csv", "dist/app.js"]
    assert taken(of, include=("dist/", "logo.png")) == []
    big = survey(*PLAIN, big_dot_txt="1,215,790 bytes, over the limit of 1,000,000")
    assert taken(big, include=("big.txt",)) == []
    assert taken(big, include=("big.txt",), levels={"big.txt": Level.FULL}) == []


def test_a_file_decides_for_itself_a_folder_for_what_nothing_speaks_against() -> None:
    of = survey(*PLAIN, src__lock_dot_py="generated", src__logo_dot_png=BINARY)
    by_hand = {"": Level.OUT, "src/": Level.OUTLINE, "src/web/": Level.LISTED, "src/app.py": Level.FULL}
    found = dict(zip([file.path for file in of.files], levels(of, PackChoice(levels=by_hand)), strict=True))
    assert found == dict.fromkeys(found, Level.OUT) | {
        "src/app.py": Level.FULL,
        "src/web/page.ts": Level.LISTED,
        "src/web/test_page.py": Level.LISTED,
    }
    forced = levels(of, PackChoice(levels={"src/lock.py": Level.FULL, "src/logo.png": Level.FULL}))
    assert forced[[file.path for file in of.files].index("src/lock.py")] is Level.FULL
    assert forced[[file.path for file in of.files].index("src/logo.png")] is Level.OUT


def test_secrets_come_with_a_word_only() -> None:
    of = survey("a.py", _dot_env=HOLDS_KEYS)
    assert taken(of) == ["a.py"]
    assert taken(of, takes_secrets=True) == [".env", "a.py"]


def test_sums_are_rolled_up_by_folder() -> None:
    of = survey()
    chosen = levels(of, PackChoice(exclude=("src/app.py",), levels={"docs/": Level.OUTLINE, "data.csv": Level.LISTED}))
    sums = folder_sums(of, chosen, {})
    assert set(sums) == {"", "docs/", "src/", "src/web/", "tests/"}
    assert (sums["src/"].full, sums["src/"].out, sums["src/"].tokens) == (2, 1, 20)
    assert (sums[""].taken, sums[""].listed, sums[""].tokens, sums[""].uncounted) == (5, 1, 40, 1)
    assert folder_sums(of, chosen, {"docs/guide.py": 3})["docs/"].tokens == 3


@pytest.mark.parametrize(
    ("pattern", "path", "fits"),
    [
        ("*.py", "a/b/c.py", True),
        ("/*.py", "a/c.py", False),
        ("/*.py", "c.py", True),
        ("build", "x/build/out.txt", True),
        ("build/", "x/build", False),
        ("build/", "x/build/out.txt", True),
        ("src/*.ts", "src/web/page.ts", False),
        ("src/**/*.ts", "src/web/deep/page.ts", True),
        ("src/**/*.ts", "src/page.ts", True),
        ("src/**", "src/page.ts", True),
        ("*.{ts,tsx}", "a.tsx", True),
        ("[!a].py", "b.py", True),
        ("a\\*b", "a*b", True),
        ("a?b", "a/b", False),
    ],
)
def test_globs_read_as_in_gitignore(pattern: str, path: str, fits: bool) -> None:
    assert compile_globs([pattern])(path) is fits


def test_a_later_pattern_takes_back() -> None:
    fits = compile_globs(["*.py", "!test_*.py", "test_keep.py"])
    assert [fits(path) for path in ("a.py", "test_a.py", "test_keep.py", "b.md")] == [True, False, True, False]


def test_globs_that_fit_nothing_are_found() -> None:
    paths = ["src/a.py", "docs/b.md"]
    assert idle_globs(["*.py", "dosc/", "!docs/", "!*.txt", "/src/a.py"], paths) == ["dosc/", "!*.txt"]


@pytest.mark.parametrize("pattern", ["", "/", "[z-a].py", "{a,b}" * 12])
def test_a_pattern_that_can_not_be_read_is_said(pattern: str) -> None:
    with pytest.raises(UsageError):
        compile_globs([pattern])


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("lib/latest.java", "source"),
        ("lib/UserTest.java", "tests"),
        ("pkg/server_test.go", "tests"),
        ("app/button.spec.tsx", "tests"),
        ("contest.py", "source"),
        ("LICENSE", "docs"),
        ("history.go", "source"),
        ("requirements.txt", ""),
        ("spec/models/user_spec.rb", "tests"),
        ("Makefile", "source"),
    ],
)
def test_kinds_by_common_names(path: str, kind: str) -> None:
    assert FileKinds().kind(path) == kind


parts = st.sampled_from(["a", "b", "test", "docs", "x.py", "y.md"])
paths = st.lists(parts, min_size=1, max_size=4).map("/".join)


@given(
    st.lists(paths, min_size=1, max_size=12, unique=True),
    st.dictionaries(paths.map(lambda path: path + "/") | paths | st.just(""), st.sampled_from(Level), max_size=4),
    st.sampled_from(Preset),
)
def test_every_sum_is_that_of_its_files(names: list[str], by_hand: dict[str, Level], preset: Preset) -> None:
    of = survey(*names)
    chosen = levels(of, PackChoice(preset=preset, levels=by_hand))
    sums = folder_sums(of, chosen)
    for folder, total in sums.items():
        inside = [level for file, level in zip(of.files, chosen, strict=True) if file.path.startswith(folder)]
        assert total.full == inside.count(Level.FULL)
        assert total.out == inside.count(Level.OUT)
        assert total.tokens == 10 * inside.count(Level.FULL)
