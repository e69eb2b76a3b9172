from __future__ import annotations

import random
import time

import pytest

from dsterm.engine.steps.loops_reasoning import ReasoningWatch

TEXT = (
    "the value of this function may differ from what the caller expects when a test runs twice so we look at each branch "
    "and at what the parser does with an empty line before it returns because nothing else can explain the wrong total"
)
WORDS = TEXT.split()


def prose(characters: int, seed: int = 1) -> str:
    chance = random.Random(seed)
    text = ""
    while len(text) < characters:
        text += " ".join(chance.choices(WORDS, k=chance.randint(5, 20))).capitalize() + ". "
    return text[:characters]


def noticed_after(text: str, piece: int = 7) -> int | None:
    watch = ReasoningWatch()
    for start in range(0, len(text), piece):
        if watch.feed(text[start : start + piece]):
            return start + piece
    return None


PARAGRAPH = "Wait, let me check the condition again. If the flag is set, the loop ends early. But then the total would be wrong. "
LOOPS = {
    "one sentence": "Let me think about this once more, carefully. " * 200,
    "a paragraph": PARAGRAPH * 60,
    "a paragraph with line ends": (PARAGRAPH.strip() + "\n\n") * 60,
    "a long block": prose(1_400) * 12,
    "one word": "no " * 3_000,
    "two words without a blank": "wait... " * 1_000,
    "Chinese": "等等，让我再检查一下这个条件，如果标志已经设置，那么循环就会提前结束。" * 150,
    "German": "Moment, ich prüfe die Bedingung noch einmal, bevor ich etwas ändere. " * 120,
}
SANE = {
    "prose": prose(60_000),
    "a table": "| name | value | unit |\n|---|---|---|\n" + "| total | none | none |\n" * 400,
    "figures": "0, 0, 0, 0, 0, 0, 0, 0, 0, 0,\n" * 400,
    "hex": "00 00 00 00 00 00 00 00 ff ff\n" * 400,
    "an enumeration": "".join(f"Step {n}: check the file number {n} and go on with the next one. " for n in range(600)),
    "a list of the same": "- still to be checked by hand\n" * 400,
    "a numbered list": "".join(f"{n}. check that the value is right\n" for n in range(600)),
    "code in a fence": "Here is it:\n```python\n" + "assert the value is right and nothing else\n" * 300 + "```\n",
    "indented code": "    assert value is right and nothing else\n" * 300,
    "plain code": "result = compute(value, other)\nassert result == expected\n" * 200,
    "objects": '{"name": "example", "value": null, "unit": "none"},\n' * 300,
    "a rule": "=" * 9_000,
    "dots": ". " * 6_000,
    "a block said three times": prose(9_000) + prose(1_500, 2) * 3 + prose(9_000, 3),
    "a habit": "".join(f"{prose(240, n)} Wait, let me check that again. " for n in range(200)),
    "a short burst": prose(5_000) + "Hmm, let me see what that means. " * 20 + prose(5_000, 3),
    "file by file": "".join(
        f"Let me look at module_{n}.py now. It looks fine. There is no bug in it. " for n in range(300)
    ),
}


@pytest.mark.parametrize("name", LOOPS)
@pytest.mark.parametrize("piece", [1, 9, 40_000])
def test_circles_are_noticed(name: str, piece: int) -> None:
    assert noticed_after(prose(6_000) + LOOPS[name], piece) is not None


@pytest.mark.parametrize("name", SANE)
def test_what_only_looks_alike_is_left_alone(name: str) -> None:
    assert noticed_after(prose(3_000, 5) + SANE[name]) is None


def test_few_sentences_in_any_order_are_a_circle() -> None:
    chance = random.Random(3)
    said = (
        "Let me check the condition again now. ",
        "But the flag may be set after all. ",
        "So it can't be the parser then. ",
    )
    assert noticed_after(prose(2_000) + "".join(chance.choice(said) for _ in range(200))) is not None


def test_it_is_noticed_soon_and_what_came_before_is_known() -> None:
    before = prose(20_000)
    watch = ReasoningWatch()
    text = before + PARAGRAPH * 100
    end = next(end for end in range(10, len(text), 10) if watch.feed(text[end - 10 : end]))
    assert end < len(before) + 3_500
    assert len(before) <= watch.sane <= len(before) + 1_500
    assert text.startswith(before)


def test_a_fence_that_ended_is_no_code_any_more() -> None:
    assert noticed_after("```\nx\n```\n" + PARAGRAPH * 60) is not None


def test_time_grows_with_the_text_and_memory_does_not() -> None:
    def seconds(characters: int) -> float:
        watch, text = ReasoningWatch(), prose(characters)
        began = time.process_time()
        for start in range(0, characters, 4):
            watch.feed(text[start : start + 4])
        return time.process_time() - began

    assert seconds(400_000) < 0.6
    watch = ReasoningWatch()
    watch.feed("x" * 10_000_000)
    assert len(watch._tail) <= 12_000
