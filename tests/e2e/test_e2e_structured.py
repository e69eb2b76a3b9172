from __future__ import annotations

import json

import pytest

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(60)]

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "price": {"type": "number"}},
    "required": ["name"],
}
GOOD = '{"name": "Tea", "price": 1.10}'

SCENARIO = {
    "good JSON": [{"text": GOOD}],
    "JSON in a fence": [{"text": f"```json\n{GOOD}\n```"}],
    "JSON at the second try": [{"text": '{"price": 2}'}],
    "any object": [{"text": '{"any": []}'}],
    "JSON in the reasoning": [{"reasoning": GOOD}, {"text": GOOD}],
    "no JSON at all": [{"text": "I would say tea."}],
    r"(.|\n)*'name' is a required property(.|\n)*": [{"text": GOOD}],
    r"(.|\n)*it is not valid JSON(.|\n)*": [{"text": "Tea, as I said."}],
}


@pytest.fixture
def asks(program, scripted):
    program.use(scripted.url)
    file = program.folder / "schema.json"
    file.write_text(json.dumps(SCHEMA))

    def ask(prompt: str, *words: str, schema: str = "schema.json"):
        return program.ask(prompt, *(("--json-schema", schema) if schema else ()), *words)

    return ask


def test_the_json_alone_is_printed(asks):
    for prompt in ("good JSON", "JSON in a fence"):
        done = asks(prompt)
        assert (done.code, done.out) == (0, GOOD + "\n")


def test_the_value_is_part_of_the_result(asks):
    done = asks("good JSON", "--output-format", "json")
    assert done.code == 0
    assert '"structured":{"name":"Tea","price":1.10}' in done.out
    assert done.json["result"] == GOOD
    streamed = asks("good JSON", "--output-format", "stream-json")
    assert streamed.lines[-1]["structured"]["name"] == "Tea"


def test_other_runs_have_no_such_value(asks):
    assert "structured" not in asks("good JSON", "--output-format", "json", schema="").json


def test_any_object_will_do(asks):
    done = asks("any object", "--json-object", schema="")
    assert (done.code, done.out) == (0, '{"any": []}\n')


def test_what_does_not_fit_is_repaired_once(asks):
    done = asks("JSON at the second try", "--output-format", "json")
    assert done.code == 0
    assert done.json["num_turns"] == 2
    assert "asked to repair it" in done.err


def test_json_in_the_reasoning_is_asked_for_again_in_non_think(asks, program):
    done = asks("JSON in the reasoning", "--output-format", "json")
    assert done.code == 0
    modes = [event["mode"] for event in program.log() if event["type"] == "StepStarted"]
    assert modes == ["think", "non-think"]
    assert done.json["mode"] == "think"


def test_what_never_fits_has_an_exit_code_of_its_own(asks):
    done = asks("no JSON at all")
    assert done.code == 4
    assert "still not what was asked for" in done.err
    done = asks("no JSON at all", "--output-format", "json")
    assert done.code == 4
    assert "structured" not in done.json
    assert done.json["stop_reason"] == "unfit"


def test_a_schema_that_cant_be_used_is_told_before_anything_is_sent(program):
    program.use("http://127.0.0.1:9/v1")
    (program.folder / "s.json").write_text('{"$ref": "http://127.0.0.1:9/s.json"}')
    assert "nothing is fetched" in program.ask("hi", "--json-schema", "s.json").sentence(2)
    assert not program.logs


@pytest.mark.parametrize("words", [["--json-object"], ["--json-schema", "s.json"]])
def test_json_goes_with_one_answer_only(program, words):
    assert "-p" in program.run(*words).sentence(2)
    both = program.ask("hi", "--json-object", "--json-schema", "s.json")
    assert "exclude each other" in both.sentence(2)
