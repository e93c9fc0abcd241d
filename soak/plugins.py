"""The three plugins over real public code: every tool on every file of a sample, through a server."""

import asyncio
import random
from collections import defaultdict
from typing import Any, Final

import jsonschema_rs
import orjson

from mcp_server.plugins.code.budget import FOLDER_SECONDS
from mcp_server.plugins.code.desk import SLOTS
from soak import harm, processes, spoiled
from soak.agreement import NAME, disagreements, symbols
from soak.asking import Asker
from soak.campaign import Campaign, Outcome, Setting
from soak.copies import Copied, Folder, gather
from soak.corpus import LANGUAGES, spread
from soak.probe import probing
from soak.servers import Server, nursery

TOOLS: Final = ("outline", "syntax_errors", "metrics", "imports", "doc_coverage", "query", "definition", "references")

MOST_GROWTH: Final = SLOTS * 500 << 20
"""What the docs say that reading files may take, in bytes."""

BOUNDED: Final = ("levels deep", "too much syntax for one file; cut it up")
"""How the words end with which a file is refused. Of 6,000 files one is: a table of numbers, 8,194 levels deep."""

GRACE: Final = 3.0
"""How many times its bound a call may take: the machine may be busy with something else."""

AROUND: Final = 10
"""Of so many names, one is looked for in all files."""


async def run(setting: Setting) -> Outcome:
    """Ask about ``setting.count`` files of each language, then about files that are made to do harm."""
    outcome = Outcome()
    folder = Folder(setting.scratch / "workspace")
    gather(folder, setting, outcome)
    environment = {
        "MCP_ENABLED_PLUGINS": orjson.dumps([f"{each.name}_plugin" for each in LANGUAGES]).decode(),
        "MCP_WORKSPACE": str(folder.root),
        "SOAK_KEEPS": "1",
    }
    async with nursery(setting.scratch) as place:
        store = setting.scratch / "events.db"
        server = await place.start("--store", f"sqlite:///{store}", environment=environment)
        reading = _Reading(folder, server, await server.ready(), outcome, setting)
        async with probing(server.port) as honest:
            await reading.read_all()
            await reading.list_all()
            asker = await Asker.to(server.port)
            outcome.controls.append(spoiled.noticed(folder.lines, reading.sample))
            outcome.controls.append(await harm.cut_off(asker, folder))
            outcome.controls.extend([each async for each in harm.hostile(asker, folder, short=setting.short)])
        outcome.counts["honest calls beside them"] = honest.calls
        outcome.counts["their longest, ms"] = round(honest.longest, 1)
        if honest.problem or not honest.calls:
            outcome.violation(f"an honest client beside them: {honest.problem or 'no call was answered'}")
        outcome.controls.append(await harm.stays_small(asker, folder, server, outcome))
        asker.close()
        if problem := await server.stop():
            outcome.violation(problem)
    return outcome


class _Reading:
    """Every tool on every file.

    Attributes:
        sample: The answers about one file that had all of them; None until there is one.
    """

    def __init__(self, folder: Folder, server: Server, port: int, outcome: Outcome, setting: Setting) -> None:
        self._folder = folder
        self._server = server
        self._port = port
        self._outcome = outcome
        self._setting = setting
        self._chance = random.Random(setting.seed + 1)
        self._validators: dict[str, Any] = {}
        self._times: dict[str, list[float]] = defaultdict(list)
        self._before = 0
        self._refused: set[str] = set()
        self.sample: spoiled.Sample | None = None
        self._done = 0

    async def read_all(self) -> None:
        """Ask every tool about every file, with as many clients as there are turns at once."""
        askers = [await Asker.to(self._port) for _ in range(SLOTS)]
        await self._learn(askers[0])
        self._before = processes.resident(self._server.pid)
        waiting = list(self._folder.copied)
        await asyncio.gather(*(self._take(asker, waiting) for asker in askers))
        for asker in askers:
            asker.close()
        self._outcome.counts["files refused"] = len(self._refused)
        if len(self._refused) > len(self._folder.copied) / 100:
            self._outcome.violation(f"too many files are refused: {', '.join(sorted(self._refused))}")
        for language in LANGUAGES if not self._setting.short else ():  # a few files say nothing about times
            for tool in TOOLS:
                times = self._times[f"{language.name}_{tool}"]
                shown = " / ".join(f"{1000 * seconds:.1f}" for seconds in spread(times))
                self._outcome.counts[f"{language.name}_{tool}: median / p95 / longest, ms"] = shown

    async def _learn(self, asker: Asker) -> None:
        """What the answers are to look like, by the tools' own word."""
        cursor: dict[str, str] = {}
        while True:
            page = (await asker.ask("tools/list", "", cursor)).result
            self._validators |= {
                tool["name"]: jsonschema_rs.validator_for(tool["outputSchema"])
                for tool in page["tools"]
                if "outputSchema" in tool
            }
            if "nextCursor" not in page:
                return
            cursor = {"cursor": page["nextCursor"]}

    async def _take(self, asker: Asker, waiting: list[Copied]) -> None:
        while waiting:
            await self._read(asker, waiting.pop())
            self._done += 1
            self._setting.tell(self._done // len(LANGUAGES), "files")

    async def _read(self, asker: Asker, file: Copied) -> None:
        language, path = file
        answers: dict[str, Any] = {}
        asked = ""
        everywhere = self._chance.randrange(AROUND) == 0
        for tool in TOOLS:
            arguments: dict[str, Any] = {"path": path}
            if tool == "query":
                arguments |= {"query": "(identifier) @name", "limit": 1000}
            elif tool == "definition":
                asked = self._name(answers["outline"])
            if tool in ("definition", "references"):
                if not asked:
                    continue
                arguments |= {"name": asked, "everywhere": everywhere}
            found = await self._ask(asker, f"{language.name}_{tool}", **arguments)
            if found is None:
                return
            answers[tool] = found
        for problem in disagreements(path, self._folder.lines, asked, answers):
            self._outcome.violation(f"{path}: {problem}")
        covered = answers["doc_coverage"]
        whole = len(covered["missing"]) == covered["total"] - covered["documented"]  # what is not told cannot be judged
        if asked and whole and answers["query"]["matches"] and (self.sample is None or path < self.sample.path):
            self.sample = spoiled.Sample(path, asked, answers)
        await self._resource(asker, path)

    def _name(self, outline: Any) -> str:
        names = [symbol["name"] for symbol, _ in symbols(outline) if NAME.fullmatch(symbol["name"])]
        return self._chance.choice(names) if names else ""

    async def _ask(self, asker: Asker, tool: str, **arguments: Any) -> Any:
        """What a tool answers, checked against its schema and bounds; None when it is an error."""
        heard = await asker.tool(tool, **arguments)
        self._outcome.add("calls", 1)
        self._times[tool].append(heard.seconds)
        grown = processes.resident(self._server.pid) - self._before
        self._outcome.most("the server grew by at most, MB", round(grown / 1e6))
        if grown > MOST_GROWTH:
            self._outcome.violation(f"{tool} {arguments}: the server grew by {grown / 1e6:.0f} MB")
        if heard.seconds > GRACE * FOLDER_SECONDS:
            self._outcome.violation(f"{tool} {arguments}: it took {heard.seconds:.1f} s")
        if heard.said.endswith(BOUNDED):
            self._refused.add(arguments["path"])
            return None
        if heard.said:
            self._outcome.violation(f"{tool} {arguments}: {heard.said}")
            return None
        found = heard.result["structuredContent"]
        if not self._validators[tool].is_valid(found):
            self._outcome.violation(f"{tool} {arguments}: the answer is against the tool's own schema")
        return found

    async def _resource(self, asker: Asker, path: str) -> None:
        """The file is a resource with its very text, when it is one that has a text."""
        content = (self._folder.root / path).read_bytes()
        uri = f"workspace://{path}"
        heard = await asker.ask("resources/read", uri, {"uri": uri})
        try:
            text = content.decode()
        except UnicodeDecodeError:
            if "is no UTF-8 text" not in heard.error:
                self._outcome.violation(f"{path} is no UTF-8, and its resource is {heard}")
            return
        if heard.error or heard.result["contents"][0]["text"] != text:
            self._outcome.violation(f"the resource {path} is not the file: {heard.error}")

    async def list_all(self) -> None:
        """The list of files names each file, and what a folder imports is told whole."""
        asker = await Asker.to(self._port)
        listed: list[str] = []
        after: str | None = ""
        while after is not None:
            page = (await asker.tool("workspace_files", after=after, limit=1000)).result["structuredContent"]
            listed += [file["path"] for file in page["files"]]
            after = page["next"]
        there = {file.path for file in self._folder.copied}
        if len(listed) != len(set(listed)) or set(listed) != there:
            self._outcome.violation(f"{len(listed)} files are listed, and there are {len(there)}")
        for language in LANGUAGES:
            found = await self._ask(asker, f"{language.name}_imports", path=language.name)
            count = sum(file.language is language for file in self._folder.copied)
            if found and (found["unread"] or (found["files"] != count and not found["truncated"])):
                self._outcome.violation(
                    f"of {count} files of {language.title} the imports of {found['files']} are told"
                )
        asker.close()


PLUGINS: Final = Campaign("plugins", "files of each language", 250, 6, run)
