from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from itertools import pairwise

import pytest
from e2e_program import Program, Recorder, finished, wait_until
from wire_prefix import conversation_of

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(60)]

READ = {"name": "read", "arguments": {"file_path": "README.md"}}
GLOB = {"name": "glob", "arguments": {"pattern": "**/*.md"}}
STALL = {"kind": "stall", "seconds": 50}
SCENARIO = {
    "stall": [{"reasoning": "I think about it.", "text": "One two three four.", "faults": [{**STALL, "after": 8}]}],
    "stall before a word": [{"text": "Never.", "faults": [{**STALL, "after": 0}]}],
    "stall in a call": [{"text": "I read.", "tool_calls": [READ], "faults": [{**STALL, "after": 6}]}],
    "stall after a call": [
        {"reasoning": "First.", "tool_calls": [READ, GLOB]},
        {"reasoning": "Second.", "text": "Seen.", "faults": [{**STALL, "after": 3}]},
    ],
    "look around": [
        {"reasoning": "I look.", "text": "I look.", "tool_calls": [READ, GLOB]},
        {"reasoning": "And again.", "tool_calls": [{**READ, "arguments": '{"limit": 2,  "file_path":"README.md"}'}]},
        {"reasoning": "Enough.", "text": "A shop."},
    ],
    "how are you": [{"reasoning": "Well.", "text": "Fine: `naïve` 世界 \u2028 ok."}],
    "and now": [{"reasoning": "More.", "text": "Nothing new."}],
}


@pytest.fixture
def recorder(program, scripted, record) -> Recorder:
    """A recorder that the program talks through."""
    recorder = record(scripted)
    program.use(recorder.url)
    return recorder


def killed(program: Program, prompt: str, is_shown: str) -> list[dict]:
    """The log of a run that was killed hard while its stream stood still, once `is_shown` was on disk."""
    process = program.start("-p", prompt, "--output-format", "stream-json")
    try:
        wait_until(lambda: program.logs and is_shown in program.logs[-1].read_text())
    finally:
        process.kill()
        process.communicate()
    return program.log(program.logs[-1])


def suffix_of(before: bytes, after: bytes) -> bytes:
    """What `after` adds to the conversation of `before`; apart from that they must be the same bytes."""
    front, whole = conversation_of(before), conversation_of(after)
    assert front and whole
    assert whole.startswith(front + b","), f"not a continuation:\n{front[-600:]!r}\n{whole[: len(front)][-600:]!r}"
    return whole[len(front) + 1 :]


def roles(request: dict) -> list[str]:
    return [message["role"] for message in request["messages"]]


def test_the_prompt_is_on_disk_before_the_request_arrives(program, recorder):
    seen: list[str] = []
    recorder.on_request = lambda: seen.append(program.logs[0].read_text())
    assert program.ask("how are you").code == 0
    assert '"prompt":"how are you"' in seen[0]
    assert '"type":"StepStarted"' in seen[0]


def test_a_killed_run_goes_on_with_everything_that_was_streamed(program, recorder):
    events = killed(program, "stall", '"type":"MessageProgress"')
    assert [event["type"] for event in events] == ["TurnStarted", "StepStarted", "MessageProgress"]
    assert (events[-1]["reasoning"], events[-1]["content"]) == ("I think about it.", "One two")
    result = program.answer("and now", "--continue")
    assert result["session_id"] == program.logs[0].stem
    repaired = [event for event in program.log() if event["type"] in {"MessageAdded", "TurnEnded"}]
    assert repaired[0]["message"]["is_cut"] is True
    assert repaired[0]["message"]["content"] == "One two"
    assert repaired[1]["reason"] == "cut"
    said = recorder.requests[-1]["messages"]
    assert roles(recorder.requests[-1]) == ["system", "user", "assistant", "user"]
    assert (said[2]["content"], said[2]["reasoning_content"]) == ("One two", "I think about it.")
    assert said[3]["content"] == "and now"


@pytest.mark.parametrize(
    ("prompt", "is_shown", "expected"),
    [
        ("stall before a word", "StepStarted", ["system", "user", "user"]),
        ("stall in a call", "MessageProgress", ["system", "user", "assistant", "user"]),
        (
            "stall after a call",
            "MessageProgress",
            ["system", "user", "assistant", "tool", "tool", "user"],
        ),
    ],
)
def test_a_run_killed_anywhere_goes_on_with_a_valid_history(program, recorder, prompt, is_shown, expected):
    killed(program, prompt, is_shown)
    before = recorder.bodies[-1] if recorder.bodies else b""
    result = program.answer("and now", "--continue")
    assert result["result"] == "Nothing new."
    assert roles(recorder.requests[-1]) == expected
    if before:
        suffix_of(before, recorder.bodies[-1])


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl+C is no signal to a child there")
def test_an_interrupted_run_reports_what_there_is_and_can_go_on(program, recorder):
    process = program.start("-p", "stall", "--output-format", "json")
    wait_until(lambda: program.logs and "MessageProgress" in program.logs[0].read_text())
    process.send_signal(signal.SIGINT)
    done = finished(process)
    assert (done.code, done.err) == (130, "dsterm: stopped\n")
    result = done.json
    assert (result["result"], result["reasoning"]) == ("One two", "I think about it.")
    assert (result["stop_reason"], result["is_error"], result["num_turns"]) == ("interrupted", True, 1)
    assert result["usage"]["is_estimate"] is True
    assert result["cost_usd"] > 0
    kinds = [event["type"] for event in program.log()]
    assert kinds[-3:] == ["MessageAdded", "StepEnded", "TurnEnded"]
    assert program.answer("and now", "--continue")["result"] == "Nothing new."
    suffix_of(recorder.bodies[0], recorder.bodies[1])


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl+C is no signal to a child there")
def test_ctrl_c_while_the_prompt_is_awaited_ends_the_run(program):
    ours, theirs = os.pipe()
    try:
        os.write(theirs, b"what is")
        process = program.start("-p", "--demo", stdin=ours)
        wait_until(lambda: waiting_bytes(ours) == 0)
        process.send_signal(signal.SIGINT)
        done = finished(process)
    finally:
        os.close(ours)
        os.close(theirs)
    assert done.code == 130
    assert "Traceback" not in done.err


def waiting_bytes(pipe: int) -> int:
    """Bytes that were written to `pipe` and not yet read."""
    import fcntl
    import termios

    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)


@pytest.fixture(scope="module")
def conversation(scripted, tmp_path_factory) -> Iterator[list[bytes]]:
    """The bodies of a session that was killed once, used tools, and was gone on with in four runs."""
    folder = tmp_path_factory.mktemp("conversation")
    (folder / "README.md").write_text("# Shop\n")
    program, recorder = Program(folder / "home", folder), Recorder(scripted.url)
    try:
        program.use(recorder.url)
        killed(program, "stall", "MessageProgress")
        program.answer("look around", "--continue")
        program.answer("how are you", "--continue")
        program.answer("and now", "--continue", "--permission-mode", "plan")
        yield recorder.bodies
    finally:
        recorder.close()


@pytest.mark.xdist_group("conversation")
def test_each_request_is_the_one_before_and_a_suffix_byte_for_byte(conversation):
    added = [json.loads(b"[" + suffix_of(*pair) + b"]") for pair in pairwise(conversation)]
    assert [[message["role"] for message in messages] for messages in added] == [
        ["assistant", "user"],
        ["assistant", "tool", "tool"],
        ["assistant", "tool"],
        ["assistant", "user"],
        ["assistant", "user"],
    ]
    assert added[2][0]["tool_calls"][0]["function"]["arguments"] == '{"limit": 2,  "file_path":"README.md"}'
    assert added[4][0]["content"] == "Fine: `naïve` 世界 \u2028 ok."


@pytest.mark.xdist_group("conversation")
def test_the_official_library_accepts_every_body_and_sees_each_prompt_extended(conversation):
    recipe = pytest.importorskip(
        "deepseek_recipe", reason="deepseek-recipe is not installed: it has no wheel for this machine"
    )
    options = recipe.ConversionOptions(reasoning_content_behavior=recipe.ReasoningContentBehavior.Reject)
    options = options.with_model_alias("deepseek/deepseek-v4-pro", recipe.ModelVersion.DeepseekV4Pro)
    converted = [recipe.ChatCompletionRequest(json.loads(body)).convert(options) for body in conversation]
    encoding = recipe.DeepseekV4Encoding()
    prompts = [encoding.render_conversation(request.conversation).prompt for request in converted]
    assert len(prompts) == 6
    for before, after in pairwise(prompts):
        assert after.startswith(before)


def test_what_the_server_counts_as_cached_grows_with_the_conversation(program, recorder, scripted):
    before = len(scripted.ledger())
    program.answer("first of all: how are you")
    program.answer("and now", "--continue")
    first, second = scripted.ledger()[before:]
    whole = first["usage"]["prompt_tokens"] + first["usage"]["completion_tokens"]
    assert whole - 64 <= second["usage"]["cached_tokens"] <= second["usage"]["prompt_tokens"]


def test_a_session_goes_on_across_models_and_modes_with_its_messages_unchanged(program, recorder):
    first = program.answer("how are you", "--mode", "non-think", "--model", "flash")
    steps = (
        (("--model", "pro", "--mode", "think-max"), "deepseek/deepseek-v4-pro", "think-max"),
        ((), "deepseek/deepseek-v4-pro", "think-max"),
        (("--mode", "think"), "deepseek/deepseek-v4-pro", "think"),
    )
    for flags, model, mode in steps:
        result = program.answer("and now", "--resume", first["session_id"][:16], *flags)
        assert (result["session_id"], result["model"], result["mode"]) == (first["session_id"], model, mode)
    requests = recorder.requests
    assert [request["model"].rpartition("-")[2] for request in requests] == ["flash", "pro", "pro", "pro"]
    assert [request["enable_thinking"] for request in requests] == [False, True, True, True]
    assert [request.get("reasoning") for request in requests] == [
        None,
        {"effort": "high"},
        {"effort": "high"},
        {"effort": "low"},
    ]
    for before, after in pairwise(requests):
        assert after["messages"][: len(before["messages"])] == before["messages"]
        assert (after["tools"], after["max_tokens"]) == (before["tools"], before["max_tokens"])


def test_continue_takes_the_last_session_of_this_folder_only(program, recorder):
    first = program.answer("how are you")
    elsewhere = program.folder / "src"
    assert "no earlier session" in program.ask("and now", "--continue", "--cwd", str(elsewhere)).sentence(2)
    second = program.answer("how are you", "--cwd", str(elsewhere))
    assert program.answer("and now", "--continue")["session_id"] == first["session_id"]
    assert second["session_id"] != first["session_id"]


def test_no_save_leaves_nothing_behind(program, recorder):
    before = {path for path in program.home.rglob("*") if path.is_file()}
    assert program.answer("how are you", "--no-save")["result"].startswith("Fine")
    assert {path for path in program.home.rglob("*") if path.is_file()} == before


def test_a_session_open_elsewhere_is_not_written_to_by_two(program, recorder):
    process = program.start("-p", "stall before a word")
    try:
        wait_until(lambda: recorder.bodies)
        sentence = program.ask("and now", "--continue").sentence(2)
        assert "open in another dsterm" in sentence
    finally:
        process.kill()
        process.communicate()


def test_a_torn_log_and_a_broken_index_are_no_loss(program, recorder):
    first = program.answer("how are you")
    log = program.logs[0]
    log.write_bytes(log.read_bytes() + b'{"id":"torn","parent":"x","se')
    (program.home / "state" / "index.db").write_bytes(b"this is no database" * 100)
    done = program.ask("and now", "--continue", "--output-format", "json")
    assert (done.code, done.err) == (0, "")
    assert done.json["session_id"] == first["session_id"]
    assert program.log()[-1]["type"] == "TurnEnded"
