from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from dsterm.core.errors import UsageError
from dsterm.core.provider import ResponseFormat
from dsterm.headless.answer_format import json_value, read_format

UNUSABLE = {
    "missing": (None, "can't be read"),
    "no JSON": (b"{", "no JSON"),
    "no object": (b"[]", "no JSON object"),
    "no schema": (b'{"type": "text"}', "no valid JSON schema"),
    "no text": (b"\xff\xfe{", "UTF-8"),
    "too large": (b" " * 1_000_001, "larger than 1 MB"),
    "elsewhere": (b'{"$ref": "http://127.0.0.1:9/s.json"}', "nothing is fetched"),
    "without end": (b'{"$ref": "#"}', "without end"),
    "deep": (b'{"not":' * 500 + b"true" + b"}" * 500, "too deep"),
}


@pytest.mark.parametrize("case", UNUSABLE)
async def test_a_file_that_is_no_usable_schema_is_wrong_usage(tmp_path: Path, case: str) -> None:
    data, said = UNUSABLE[case]
    file = tmp_path / "s.json"
    if data is not None:
        file.write_bytes(data)
    with pytest.raises(UsageError) as raised:
        await read_format(file, is_object=False)
    assert said in str(raised.value)


async def test_a_folder_and_an_impossible_name_are_wrong_usage(tmp_path: Path) -> None:
    for file in (tmp_path, Path("a\0b")):
        with pytest.raises(UsageError):
            await read_format(file, is_object=False)


async def test_a_schema_goes_out_as_it_stands_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "s.json"
    file.write_bytes(b'\xef\xbb\xbf{ "type":"object" }\n')
    wanted = await read_format(file, is_object=False)
    assert wanted is not None
    assert bytes(wanted.schema or b"") == b'{ "type":"object" }\n'
    assert await read_format(None, is_object=True) == ResponseFormat()
    assert await read_format(None, is_object=False) is None


def test_figures_stay_as_they_were_written() -> None:
    assert json_value('```\n{"a": 1.10, "b": 12345678901234567890}\n```') == {
        "a": Decimal("1.10"),
        "b": 12345678901234567890,
    }
