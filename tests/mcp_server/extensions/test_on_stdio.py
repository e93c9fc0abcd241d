"""Completions, streams and batches on standard input and output."""

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.children import COMMAND, LONG, store
from tests.facts import frame
from tests.serving import call_params, handshake

SAMPLING = {"seed": 3, "max_tokens": 30}


def talk(folder: Path, *messages: bytes) -> list[dict[str, Any]]:
    """All that the server says to these messages, in order."""
    done = subprocess.run(
        [COMMAND, "serve", "--transport", "stdio", "--store", store(folder)],
        cwd=folder,
        input=b"".join(message + b"\n" for message in (handshake(0), *messages)),
        capture_output=True,
        timeout=LONG,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_completions_streams_and_batches_are_answered_line_by_line(tmp_path: Path) -> None:
    request = {"prompt": "def mean(values):", "sampling": SAMPLING}
    items = [
        {"id": "a", "method": "tools/call", "params": call_params("echo", text="hi")},
        {"id": "b", "method": "completion/generate", "params": request},
        {"id": "c", "method": "stream/start", "params": {}},
    ]
    said = talk(
        tmp_path,
        frame(1, "completion/generate", request),
        frame(2, "stream/start", {"type": "completion", "params": request}),
        frame(3, "batch", {"id": "x", "requests": items}),
        b'[{"jsonrpc":"2.0","id":4,"method":"ping"}]',
    )
    answers = {message["id"]: message for message in said if "id" in message}
    parts = [message["params"] for message in said if message.get("method") == "notifications/stream/chunk"]
    (choice,) = answers[1]["result"]["choices"]
    assert choice["text"].strip()
    assert answers[2]["result"]["choices"] == [choice]
    assert "".join(part["data"]["text"] for part in parts if "data" in part) == choice["text"]
    assert [part["isFinal"] for part in parts] == [False] * (len(parts) - 1) + [True]
    first, second, third = answers[3]["result"]["responses"]
    assert first["result"]["content"] == [{"type": "text", "text": "hi"}]
    assert second["result"]["choices"] == [choice]
    assert "stream/start cannot be part of a batch" in third["error"]["message"]
    assert "a JSON array is not a message" in answers[None]["error"]["message"]
