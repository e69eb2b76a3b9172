from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import time

import pytest

from dsterm.demo.leaks import SPELLINGS, leaked
from dsterm.demo.models import MODEL_IDS
from dsterm.demo.random_faults import FAULTS, RandomFaults
from dsterm.demo.recording import Recording
from dsterm.demo.reply import Comment, Drop, End, Reply, ReplyCall, Reset, Stall

PRO = MODEL_IDS[0]
REPLY = Reply(
    reasoning="I think about it, at some length.",
    text="Here is what I found.",
    tool_calls=(ReplyCall(name="read", arguments={"file_path": "a.py"}), ReplyCall(name="glob", arguments={"n": 3})),
)


def drawn(share: float = 1.0, seed: int = 1, count: int = 600) -> list:
    faults = RandomFaults(share, seed, MODEL_IDS)
    return [faults.draw(number, REPLY, PRO, is_thinking=True) for number in range(1, count + 1)]


def test_what_goes_wrong_follows_from_seed_and_number_alone():
    assert drawn() == drawn()
    assert drawn() != drawn(seed=2)
    faults = RandomFaults(1.0, 1, MODEL_IDS)
    assert faults.draw(77, REPLY, PRO, is_thinking=True) == drawn()[76]


def test_the_share_is_kept_and_every_kind_comes():
    names = [fault.name for fault in drawn(share=0.05, count=20_000) if fault.name]
    assert 900 < len(names) < 1100
    assert set(names) == set(FAULTS)


def test_nothing_goes_wrong_without_a_share():
    assert {fault.name for fault in drawn(share=0.0)} == {""}


def test_a_fault_lies_where_its_name_says():
    for fault in drawn(count=3_000):
        (broken,) = fault.reply.faults or (None,)
        match fault.name.partition("-in-"):
            case ("reset", _, _):
                assert isinstance(broken, Reset)
            case ("drop", _, _):
                assert isinstance(broken, Drop)
            case ("early-end", _, _):
                assert isinstance(broken, End)
            case ("stall", _, _):
                assert isinstance(broken, Stall)
                assert broken.seconds <= 2
            case ("comments", _, _):
                assert isinstance(broken, Comment)
            case ("other-model", _, _):
                assert fault.reply.model in set(MODEL_IDS) - {PRO}


def test_a_reply_without_calls_or_thoughts_fails_in_other_ways():
    faults = RandomFaults(1.0, 1, MODEL_IDS)
    plain = Reply(text="Yes.")
    names = {faults.draw(number, plain, PRO, is_thinking=False).name for number in range(400)}
    assert not names & {
        "ids-missing",
        "ids-late",
        "leaked-calls",
        "reset-in-arguments",
        "reset-in-reasoning",
        "think-tags",
    }
    assert {"status-503", "reset-in-text", "no-usage"} <= names


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_leaked_calls_carry_names_and_values(spelling):
    markup = leaked(REPLY.tool_calls, spelling)
    assert "read" in markup
    assert "a.py" in markup
    assert "3" in markup


def test_a_hang_up_resets_the_connection_before_any_status(start):
    demo = start("[[replies]]\nhangs_up = true")
    with pytest.raises(ConnectionResetError):
        demo.post(stream=True)
    assert demo.get("/ledger")["requests"] == []


def test_a_reset_comes_in_the_middle_of_the_answer(start):
    demo = start("[[replies]]\ntext = 'one two three four five'\nfaults = [{ kind = 'reset', after = 3 }]")
    body = json.dumps({"model": PRO, "messages": [{"role": "user", "content": "x"}], "stream": True}).encode()
    with socket.create_connection(("127.0.0.1", demo.port), timeout=5) as connection:
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body)
        received = b""
        with pytest.raises(ConnectionResetError):
            while data := connection.recv(65_536):
                received += data
    assert b"five" not in received


def test_late_ids_come_with_the_arguments(start):
    chunks = start("[[replies]]\nlate_ids = true\ntool_calls = [{name = 'read', arguments = {n = 1}}]").stream()
    sent = [call for chunk in chunks for call in chunk["choices"][0]["delta"].get("tool_calls", [])]
    assert "id" not in sent[0]
    assert sent[0]["function"]["name"] == "read"
    assert sent[1]["id"]


def test_done_can_be_left_out(start):
    _, _, data = start("[[replies]]\ntext = 'x'\nomits_done = true").post(stream=True)
    assert b"[DONE]" not in data
    assert b'"finish_reason":"stop"' in data


def test_a_web_page_is_sent_as_one(start):
    demo = start(faults=RandomFaults(1.0, next(seed for seed in range(999) if first(seed) == "web-page"), MODEL_IDS))
    status, headers, data = demo.post()
    assert (status, headers["content-type"]) == (502, "text/html")
    assert b"Bad Gateway" in data


def first(seed: int) -> str:
    return RandomFaults(1.0, seed, MODEL_IDS).draw(1, REPLY, PRO, is_thinking=True).name


def test_who_leaves_pays_for_what_was_generated_up_to_then(start, tmp_path):
    demo = start(
        "[[replies]]\ntext = 'one two three four five six seven eight nine ten'\ntokens_per_second = 40",
        recording=Recording(tmp_path / "record.jsonl"),
    )
    connection = http.client.HTTPConnection("127.0.0.1", demo.port, timeout=5)
    body = {"model": PRO, "messages": [{"role": "user", "content": "x"}], "stream": True, "enable_thinking": False}
    connection.request("POST", "/v1/chat/completions", json.dumps(body))
    response = connection.getresponse()
    received = b""
    while b"three" not in received:
        received += response.read1(65_536)
    connection.sock.close()
    response.close()
    end = time.monotonic() + 5
    while not (entries := demo.get("/ledger")["requests"]) and time.monotonic() < end:
        time.sleep(0.01)
    (entry,) = entries
    assert (entry["is_complete"], entry["finish_reason"], entry["served"]) == (False, "", PRO)
    assert 3 <= entry["usage"]["completion_tokens"] <= 6
    assert re.search(rb'"id":"([^"]+)"', received)[1].decode() == entry["id"]
    (line,) = (tmp_path / "record.jsonl").read_text().splitlines()
    assert json.loads(line)["usage"] == entry["usage"]


def test_half_written_arguments_are_billed(start):
    script = "[[replies]]\ntool_calls = [{{name = 'write', arguments = {{content = '{words}'}}}}]\nfaults = [{fault}]"
    words = "word " * 40
    used = []
    for fault in ("", "{ kind = 'drop', after = 4 }", "{ kind = 'drop', after = 12 }"):
        demo = start(script.format(words=words, fault=fault))
        with contextlib.suppress(http.client.IncompleteRead, ConnectionError):
            demo.post(stream=True)
        used.append(demo.get("/ledger")["requests"][0]["usage"]["completion_tokens"])
    whole, little, more = used
    assert 0 < little < more < whole


def test_a_server_that_fails_before_its_first_token_bills_nothing(start):
    demo = start("[[replies]]\ntext = 'one two'\nfaults = [{ kind = 'error', after = 1 }]")
    assert b"error" in demo.post(stream=True)[2]
    assert demo.get("/ledger")["requests"] == []


def test_record_holds_what_was_sent_and_what_became_of_it(start, tmp_path):
    file = tmp_path / "record.jsonl"
    demo = start("[[replies]]\nmodel = 'other'\ntext = 'x'", recording=Recording(file))
    sent = b'{"model":"%s", "messages":[{"role":"user","content":"\xc3\xa4"}],"max_tokens":9}' % PRO.encode()
    demo.request("POST", "/v1/chat/completions", sent, {"Authorization": "Bearer sk_very_secret"})
    demo.request("POST", "/v1/chat/completions", b'{"model":1}')
    first_line, second_line = (json.loads(line) for line in file.read_text().splitlines())
    assert first_line["body"].encode() == sent
    assert first_line["headers"]["authorization"] == "***"
    assert "sk_very_secret" not in file.read_text()
    assert (first_line["number"], first_line["status"], first_line["model"]) == (1, 200, "other")
    assert first_line["id"] == demo.get("/ledger")["requests"][0]["id"]
    assert (second_line["number"], second_line["status"], second_line["id"]) == (2, 400, "")
    assert "missing field `messages`" in second_line["problem"]
    assert file.stat().st_mode & 0o077 == 0


def test_balance_is_that_of_a_demo(demo):
    page = demo.get("/user/balance")
    assert page["is_available"] is True
    assert page["balance_infos"][0]["total_balance"] == "0.00"
    assert "no model" in page["note"]
