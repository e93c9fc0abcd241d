"""Holds what clients saw, and what a tool did, against what is in the log."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from adapters.sqlite_reader import SqliteReader, UnreadableLog
from events.decided import CallDispatched
from events.event import SessionId, Step
from events.frames import OUTGOING, frame
from events.observed import RequestOverflowed, RequestReceived
from events.record import unpack
from pipeline.log import Record
from replay.replay import Replay, Verdict
from soak.clients import Client, id_of
from soak.requests import Id

ACKNOWLEDGED: Final = "acknowledged, and not in the log"
UNRECORDED: Final = "done, and not in the log"


class Ledger:
    """Reads a log as it grows, and replays it.

    Attributes:
        position: That of the newest record that was read.
        events: Facts and decisions that were replayed.
        problems: What is wrong with the log itself: gaps, divergences.
    """

    def __init__(self, path: Path) -> None:
        self.position = 0
        self.records = 0
        self.problems: list[str] = []
        self._path = path
        self._digest = hashlib.sha256()
        self._replay = Replay()
        self._requests: dict[Id, bytes] = {}
        self._streams: dict[Id, SessionId] = {}
        self._frames: dict[SessionId, list[bytes]] = {}
        self._sent: set[bytes] = set()
        self._dispatched: set[Id] = set()

    @property
    def digest(self) -> str:
        """What all the records that were read come to."""
        return self._digest.hexdigest()

    def read(self) -> None:
        """Read what is new, through a connection of its own."""
        try:
            with SqliteReader(self._path) as reader:
                for record in reader.records(self.position):
                    self._take(record)
        except UnreadableLog as problem:
            # A server that was stopped while it made its log may leave none; then nothing can have been promised.
            if self.position or not str(problem).startswith((f"{self._path} holds no log yet", "there is no log")):
                self.problems.append(str(problem))

    def finish(self) -> Iterator[Verdict]:
        """The verdicts on the sessions that were never closed."""
        return self._replay.finish()

    def forget(self) -> None:
        """Let go of what clients can no longer ask for; the replay goes on."""
        for held in (self._requests, self._streams, self._frames, self._sent, self._dispatched):
            held.clear()

    def judge(self, clients: Iterable[Client], done: Path) -> Iterator[tuple[str, str]]:
        """What clients got and the log lacks, and what was done and the log lacks: pairs of a kind and the words."""
        for client in clients:
            yield from self._judge_answers(client)
            if client.ordered:
                yield from self._judge_order(client)
            if client.trouble:
                yield "not what a server sends", client.trouble
        lines = done.read_bytes().splitlines() if done.exists() else []
        for line in lines:
            if _actor(line) not in self._dispatched:
                yield UNRECORDED, f"the action {line!r} has no CallDispatched"

    def _take(self, record: Record) -> None:
        if record.position != self.position + 1:
            self.problems.append(f"after position {self.position} comes {record.position}")
        self.position = record.position
        self.records += 1
        self._digest.update(b"%d %s %d " % (record.position, record.session.encode(), record.version) + record.state)
        frames = self._frames.setdefault(record.session, [])
        for step in unpack(record.state, record.session):
            self._note(step, record.session, frames)
        verdict = self._replay.check(record)
        if verdict is not None and not verdict.holds:
            self.problems.append(f"session {record.session} does not replay: {verdict}")

    def _note(self, step: Step, session: SessionId, frames: list[bytes]) -> None:
        fact = step.fact
        if isinstance(fact, RequestReceived | RequestOverflowed) and fact.origin.request is not None:
            self._requests[fact.origin.request] = fact.message.raw
            self._streams[fact.origin.request] = session
        for decision in step.decisions:
            if isinstance(decision, CallDispatched) and decision.origin.request is not None:
                self._dispatched.add(decision.origin.request)
            if type(decision) in OUTGOING:
                frames.append(frame(decision, fact))
                self._sent.add(frames[-1])

    def _judge_answers(self, client: Client) -> Iterator[tuple[str, str]]:
        """Whatever answer a client has: the request and the answer are in the log, byte for byte."""
        for answer in client.frames:
            id = id_of(answer)
            if id is None:
                continue
            asked = client.sent.get(id)
            if asked is None:
                yield "not what a server sends", f"an answer to {id!r}, which was not asked: {answer[:200]!r}"
            elif self._requests.get(id) != asked.raw:
                yield ACKNOWLEDGED, f"the request {id!r}"
            elif answer not in self._sent:
                yield ACKNOWLEDGED, f"the answer to {id!r}: {answer[:200]!r}"

    def _judge_order(self, client: Client) -> Iterator[tuple[str, str]]:
        """Of a connection that carries all that a session sends: in the order of the log, without a gap."""
        ids = filter(None, map(id_of, client.frames))
        stream = next((self._streams[id] for id in ids if id in self._streams), None)
        if stream is not None and (sent := self._frames[stream])[: len(client.frames)] != client.frames:
            place = next(
                (i for i, (one, other) in enumerate(zip(client.frames, sent, strict=False)) if one != other), len(sent)
            )
            yield ACKNOWLEDGED, f"message {place + 1} of {stream} is not the one in the log"


def _actor(line: bytes) -> Id:
    """The id of the request that led to an action (see ``requests.Requests.call``)."""
    word = line.partition(b" ")[0].decode()
    return int(word) if word.isdigit() else word
