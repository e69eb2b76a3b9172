from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsterm.context.choice import levels
from dsterm.core.attachments import LeftOut, Level, PackChoice, Preset, SourceFile, Survey
from dsterm.core.left_out_reasons import BINARY, HOLDS_KEYS
from dsterm.tui.attach.folders import Folder, build_folders
from dsterm.tui.attach.rows import Rows
from dsterm.tui.attach.suggestion import what_to_leave_out
from dsterm.tui.attach.tree import AttachTree, Box, span

LOCK = "lock file"


def survey(*paths: str, tokens: int = 100, named: tuple[str, ...] = (), **reasons: str) -> Survey:
    by_name = {name.replace("__", "."): reason for name, reason in reasons.items()}
    files = tuple(
        SourceFile(path=path, blob=path, size=400, tokens=tokens, reason=by_name.get(path.rpartition("/")[2], ""))
        for path in sorted(paths, key=str.encode)
    )
    left = tuple(LeftOut(path=path, reason="submodule") for path in named)
    return Survey(source=".", folder=Path(), files=files, named=left)


def folder(tree: AttachTree, path: str) -> Folder:
    return next(each for each in tree.root.walk() if each.path == path)


def number(tree: AttachTree, path: str) -> int:
    return next(place for place, file in enumerate(tree.files) if file.path == path)


SMALL = survey(
    "README.md", "src/app/a.py", "src/app/b.py", "src/app/inner/c.py", "tests/test_a.py", "uv.lock", uv__lock=LOCK
)


def test_folders_that_hold_one_folder_only_are_one_row() -> None:
    root = build_folders(SMALL)
    assert [each.label for each in root.walk()] == ["", "src/app/", "inner/", "tests/"]
    assert [each.depth for each in root.walk()] == [0, 1, 2, 1]


def test_what_is_named_has_a_folder_even_where_no_file_is() -> None:
    root = build_folders(survey("a.py", "x/y.py", named=("third/party/lib", "x/link")))
    held = {each.path: [left.path for left in each.named] for each in root.walk()}
    assert held == {"": [], "third/party/": ["third/party/lib"], "x/": ["x/link"]}


def test_what_speaks_against_a_file_keeps_it_out_until_it_is_ticked_itself() -> None:
    tree = AttachTree(SMALL, PackChoice())
    lock = number(tree, "uv.lock")
    assert tree.sum(tree.root).box is Box.IN
    assert tree.levels[lock] is Level.OUT
    tree.toggle(tree.root)
    assert tree.total().files == 0
    tree.toggle(tree.root)
    assert tree.levels[lock] is Level.OUT
    tree.toggle(lock)
    assert tree.levels[lock] is Level.FULL
    assert tree.choice().levels == {"uv.lock": Level.FULL}


def test_what_cannot_be_read_is_never_ticked() -> None:
    tree = AttachTree(survey("a.py", "x.bin", x__bin=BINARY), PackChoice())
    place = number(tree, "x.bin")
    tree.toggle(place)
    tree.set_level(place, Level.LISTED)
    assert tree.levels[place] is Level.OUT
    assert not tree.can_tick(place)


def test_a_folder_is_in_partly_in_or_out() -> None:
    tree = AttachTree(SMALL, PackChoice())
    tree.toggle(number(tree, "src/app/a.py"))
    assert tree.sum(folder(tree, "src/app/")).box is Box.PARTLY
    assert tree.sum(folder(tree, "src/app/inner/")).box is Box.IN
    tree.toggle(folder(tree, "src/app/"))
    assert tree.sum(folder(tree, "src/app/")).box is Box.IN
    tree.toggle(folder(tree, "src/app/"))
    assert tree.sum(folder(tree, "src/app/")).box is Box.OUT
    assert tree.choice().levels == {"src/app/": Level.OUT}


def test_ticking_the_rest_of_a_folder_keeps_its_outlines() -> None:
    tree = AttachTree(SMALL, PackChoice())
    tree.set_level(number(tree, "src/app/a.py"), Level.OUTLINE)
    tree.toggle(number(tree, "src/app/b.py"))
    tree.toggle(folder(tree, "src/app/"))
    assert tree.choice().levels == {"src/app/a.py": Level.OUTLINE}
    assert tree.missing_outlines() == ["src/app/a.py"]


def test_a_level_for_a_folder_is_for_what_is_ticked_there() -> None:
    tree = AttachTree(SMALL, PackChoice())
    tree.toggle(number(tree, "src/app/a.py"))
    tree.set_level(folder(tree, "src/app/"), Level.LISTED)
    summed = tree.sum(folder(tree, "src/app/"))
    assert (summed.files, summed.listed, summed.level) == (2, 2, Level.LISTED)
    assert tree.levels[number(tree, "src/app/a.py")] is Level.OUT


def test_outlines_are_guessed_until_they_are_made() -> None:
    tree = AttachTree(SMALL, PackChoice())
    full = tree.total()
    assert not full.is_guess
    tree.set_level(tree.root, Level.OUTLINE)
    guess = tree.total()
    assert guess.is_guess
    assert guess.tokens < full.tokens
    tree.add_outlines({file.path: 7 for file in SMALL.files})
    assert not tree.total().is_guess
    assert full.tokens - tree.total().tokens == guess.files * (100 - 7)


def test_files_that_are_not_counted_are_guessed_by_their_size() -> None:
    tree = AttachTree(survey("a.py", "b.py", tokens=-1), PackChoice())
    assert tree.total().is_guess
    assert 200 < tree.total().tokens < 300


def test_a_preset_forgets_what_was_ticked_by_hand() -> None:
    tree = AttachTree(SMALL, PackChoice())
    tree.toggle(number(tree, "README.md"))
    tree.use_preset(Preset.TESTS)
    assert tree.choice() == PackChoice(preset=Preset.TESTS)
    assert [tree.files[place].path for place, level in enumerate(tree.levels) if level is Level.FULL] == [
        "tests/test_a.py"
    ]


def test_a_filter_limits_what_is_seen_summed_and_ticked() -> None:
    tree = AttachTree(SMALL, PackChoice())
    rows = Rows(tree)
    rows.set_filter("APP py")
    seen = [row.target.label if isinstance(row.target, Folder) else tree.files[row.target].path for row in rows.rows]  # type: ignore[index, union-attr]
    assert seen == ["", "src/app/", "inner/", "src/app/inner/c.py", "src/app/a.py", "src/app/b.py"]
    assert tree.sum(tree.root).files == 3
    assert tree.total().files == 5
    tree.toggle(tree.root)
    rows.set_filter("")
    assert tree.sum(tree.root).files == 2
    assert tree.choice().levels == {"src/app/": Level.OUT}


def test_where_nothing_fits_the_letters_in_their_order_do() -> None:
    rows = Rows(AttachTree(SMALL, PackChoice()))
    rows.set_filter("saic")
    assert [row.target for row in rows.rows if isinstance(row.target, int)] == [number(rows.tree, "src/app/inner/c.py")]
    rows.set_filter("zzz")
    assert len(rows.rows) == 1


def test_by_tokens_the_largest_is_first() -> None:
    files = (("a.py", 5), ("b/x.py", 50), ("c.py", 500))
    big = Survey(source=".", folder=Path(), files=tuple(SourceFile(path=path, tokens=tokens) for path, tokens in files))
    rows = Rows(AttachTree(big, PackChoice()))
    rows.is_by_tokens = True
    rows.lay_out()
    assert [row.target for row in rows.rows[1:]] == [2, folder(rows.tree, "b/"), 0]


def test_a_path_is_opened_down_to_its_row() -> None:
    rows = Rows(AttachTree(SMALL, PackChoice()))
    place = rows.reveal("src/app/inner/c.py")
    assert rows.rows[place].target == number(rows.tree, "src/app/inner/c.py")
    assert rows.open_paths() == {"", "src/app/", "src/app/inner/"}
    assert rows.rows[rows.parent(place)].target is folder(rows.tree, "src/app/inner/")
    assert rows.reveal("no/such") == 0


def test_deep_folders_break_nothing() -> None:
    paths = tuple(f"{'d/' * depth}f.py" for depth in range(1, 2000, 1))
    tree = AttachTree(survey(*paths, named=("d/" * 1500 + "sub",)), PackChoice())
    rows = Rows(tree)
    rows.open_all({each.path for each in tree.root.walk()})
    assert len(rows.rows) == 2 * 1999 + 2
    tree.toggle(number(tree, paths[-1]))
    assert tree.choice().levels == {paths[-1]: Level.OUT}


def test_what_to_leave_out_is_enough_and_little_more() -> None:
    sizes = {"core/a.py": 400, "core/b.py": 100, "docs/x.md": 150, "data/y.json": 300, "tests/t.py": 50}
    files = tuple(SourceFile(path=path, tokens=tokens * 1000) for path, tokens in sorted(sizes.items()))
    tree = AttachTree(Survey(source=".", folder=Path(), files=files), PackChoice())

    def left(tokens: int) -> list[str]:
        found = what_to_leave_out(tree, tokens * 1000)
        return [tree.files[each].path if isinstance(each, int) else each.path for each in found]

    assert left(140) == ["docs/"]
    assert left(290) == ["data/"]
    assert left(440) == ["data/", "docs/"]
    assert left(520) == ["core/", "tests/"]
    assert left(999) == []
    for wanted in range(20, 900, 20):
        found = what_to_leave_out(tree, wanted * 1000)
        covered = {place for each in found for place in range(*span(each))}
        assert len(covered) == sum(len(range(*span(each))) for each in found)
        assert sum(tree.tokens_in(place) for place in covered) >= wanted * 1000


PARTS = st.sampled_from(["a", "b", "a-b", "a.b", "ä", "Z"])
PATHS = st.lists(PARTS, min_size=1, max_size=4).map("/".join)
REASONS = st.sampled_from(["", "", "", LOCK, BINARY, HOLDS_KEYS])
GIVEN_LEVELS = st.dictionaries(
    st.one_of(st.just(""), PATHS, PATHS.map(lambda path: f"{path}/")), st.sampled_from(Level), max_size=4
)


@st.composite
def surveys(draw: st.DrawFn) -> Survey:
    found = draw(st.dictionaries(PATHS, REASONS, min_size=1, max_size=12))
    # No path is both a file and a folder.
    paths = [path for path in found if not any(other.startswith(f"{path}/") for other in found)]
    files = [SourceFile(path=path, tokens=10, reason=found[path]) for path in sorted(paths, key=str.encode)]
    return Survey(source=".", folder=Path(), files=tuple(files), changed=frozenset(paths[::2]))


CHOICES = st.builds(
    PackChoice,
    preset=st.sampled_from([Preset.ALL, Preset.CHANGED]),
    include=st.one_of(st.just(()), PATHS.map(lambda path: (path,))),
    takes_secrets=st.booleans(),
    levels=GIVEN_LEVELS,
)


@given(source=surveys(), choice=CHOICES, data=st.data())
def test_the_choice_says_exactly_what_was_ticked(source: Survey, choice: PackChoice, data: st.DataObject) -> None:
    tree = AttachTree(source, choice)
    assert tree.levels == levels(source, choice)
    for _ in range(data.draw(st.integers(0, 6))):
        targets: list[Folder | int] = [*tree.root.walk(), *range(len(source.files))]
        target = data.draw(st.sampled_from(targets), label="target")
        level = data.draw(st.sampled_from([None, *Level]), label="level")
        if level is None:
            tree.toggle(target)
        else:
            tree.set_level(target, level)
    made = tree.choice()
    assert levels(source, made) == tree.levels
    assert len(made.levels) <= len(source.files)
    folders = [path for path in made.levels if not path or path.endswith("/")]
    order = list(made.levels)
    for path in folders:
        assert all(
            order.index(path) < order.index(other) for other in order if other != path and other.startswith(path)
        )
    again = AttachTree(source, made)
    for target in [*tree.root.walk(), *range(len(source.files))]:
        assert tree.sum(target) == again.sum(span_folder(again, target))


def span_folder(tree: AttachTree, target: Folder | int) -> Folder | int:
    return target if isinstance(target, int) else folder(tree, target.path)


@given(source=surveys(), filtered=PARTS)
def test_sums_are_those_of_the_files(source: Survey, filtered: str) -> None:
    tree = AttachTree(source, PackChoice())
    rows = Rows(tree)
    for words in ("", filtered):
        rows.set_filter(words)
        for each in tree.root.walk():
            parts = [tree.sum(place) for place in range(each.start, each.end)]
            whole = tree.sum(each)
            assert whole.tokens == sum(part.tokens for part in parts)
            shown = [at for at in range(each.start, each.end) if tree.shown is None or tree.shown[at]]
            usual = [tree.sum(place) for place in shown if not source.files[place].reason]
            assert whole.all_tokens == sum(part.all_tokens for part in usual)
            assert whole.files == sum(part.files for part in parts)


@pytest.mark.parametrize("level", [Level.OUTLINE, Level.LISTED, Level.OUT])
def test_one_entry_says_it_of_everything(level: Level) -> None:
    tree = AttachTree(SMALL, PackChoice())
    tree.set_level(tree.root, level)
    assert tree.choice().levels == {"": level}
