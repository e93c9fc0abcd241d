"""The prompts that can be asked for by name, and their earlier versions."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from threading import RLock
from typing import Final, NamedTuple

from events.codes import INVALID_PARAMS
from mcp_server.calls import CallRefused
from mcp_server.features.refusals import unknown
from mcp_server.prompts.rendering import render
from mcp_server.prompts.search import PromptIndex
from mcp_server.prompts.template import PromptTemplate, UnusableTemplate

MOST_PROMPTS: Final = 1_000
MOST_VERSIONS: Final = 10


class PromptVersion(NamedTuple):
    """One state of a prompt; ``version`` counts from 1."""

    version: int
    template: PromptTemplate


class PromptRegistry:
    """Templates by name.

    A changed template under a name that exists is a new version of it; the last ten can still be rendered. Numbers go
    on where they stopped when a prompt is unregistered and comes back, so that one never means two texts; as many that
    have gone are remembered as there can be prompts.

    It may be used from several threads. Subscribers are called in the thread that made the change.

    Args:
        templates: What is registered from the start.
        most_prompts: How many there can be.
        most_versions: How many of each are kept.

    Attributes:
        revision: Grows with every change.
    """

    def __init__(
        self,
        templates: Iterable[PromptTemplate] = (),
        most_prompts: int = MOST_PROMPTS,
        most_versions: int = MOST_VERSIONS,
    ) -> None:
        self.revision = 0
        self._most_prompts = most_prompts
        self._most_versions = most_versions
        self._kept: dict[str, list[PromptVersion]] = {}  # never empty, the newest last
        self._retired: dict[str, list[PromptVersion]] = {}
        self._subscribers: dict[object, Callable[[], None]] = {}
        self._batches = 0
        self._told = 0
        self._index: PromptIndex | None = None
        self._lock = RLock()
        for template in templates:
            self.register_prompt(template)

    def register_prompt(self, template: PromptTemplate) -> int:
        """Offer a template, in place of an earlier one of that name.

        Returns:
            Its version; that of the earlier one when nothing differs.

        Raises:
            UnusableTemplate: It is no template, or there are too many prompts already.
        """
        if not isinstance(template, PromptTemplate):
            raise UnusableTemplate(f"a PromptTemplate is expected, not {type(template).__name__}", "name")
        with self.batch(), self._lock:
            versions = self._kept.get(template.name)
            if versions and versions[-1].template == template:
                return versions[-1].version
            if versions is None and len(self._kept) >= self._most_prompts:
                problem = f"there are {self._most_prompts} prompts already: unregister one, or raise most_prompts"
                raise UnusableTemplate(problem, "name")
            self._kept[template.name] = versions = self._after(
                versions or self._retired.pop(template.name, []), template
            )
            self.revision += 1
            return versions[-1].version

    def unregister_prompt(self, name: str) -> bool:
        """Offer a prompt no longer; whether there was one."""
        with self.batch(), self._lock:
            versions = self._kept.pop(name, None)
            if versions is None:
                return False
            self._retired[name] = versions
            if len(self._retired) > self._most_prompts:
                del self._retired[next(iter(self._retired))]
            self.revision += 1
            return True

    def find_prompt(self, name: str) -> PromptVersion | None:
        """The newest version of a prompt; None when there is no such prompt."""
        versions = self._kept.get(name)
        return versions[-1] if versions else None

    def get_prompt(self, name: str, version: int | None = None) -> PromptVersion:
        """A prompt, in its newest version unless an earlier one is named.

        Raises:
            CallRefused: There is no such prompt, or that version is not kept.
        """
        versions = self._kept.get(name)
        if versions is None:
            raise unknown("prompt", name, list(self._kept))
        if version is None:
            return versions[-1]
        for kept in versions:
            if kept.version == version:
                return kept
        numbers = [kept.version for kept in versions]
        problem = f"prompt {name}: version {version} is not kept; there are {', '.join(map(str, numbers))}"
        raise CallRefused(INVALID_PARAMS, problem, {"name": name, "versions": numbers})

    def list_prompts(self, category: str | None = None, tag: str | None = None) -> list[PromptVersion]:
        """The prompts by name, all or those of a category or with a tag; case does not matter."""
        with self._lock:
            found = [versions[-1] for _, versions in sorted(self._kept.items())]
        if category is not None:
            found = [kept for kept in found if _same(kept.template.category, category)]
        if tag is not None:
            found = [kept for kept in found if any(_same(each, tag) for each in kept.template.tags)]
        return found

    def search_prompts(self, query: str, limit: int) -> list[PromptVersion]:
        """At most ``limit`` prompts with any of the words in ``query``, the best first.

        A query without a word leaves nothing to rank by, so it finds every prompt, by name.
        """
        with self._lock:
            current = {name: versions[-1] for name, versions in self._kept.items()}
            self._index = self._index or PromptIndex()
            self._index.refresh({name: kept.template for name, kept in current.items()})
            names = self._index.search(query, limit)
        return [current[name] for name in (sorted(current)[:limit] if names is None else names)]

    async def generate_prompt(self, name: str, arguments: Mapping[str, str], version: int | None = None) -> str:
        """The text of a prompt with the arguments in it, each exactly as it was given.

        Raises:
            CallRefused: There is no such prompt or version, or the arguments are not those of the prompt.
        """
        return render(self.get_prompt(name, version).template, arguments)

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback`` after every change; what is returned ends that."""
        key = object()
        self._subscribers[key] = callback

        def unsubscribe() -> None:
            self._subscribers.pop(key, None)

        return unsubscribe

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Tell subscribers of all changes in the block once, at its end."""
        with self._lock:
            self._batches += 1
        try:
            yield
        finally:
            with self._lock:
                self._batches -= 1
                changed = self._batches == 0 and self._told != self.revision
                if changed:
                    self._told = self.revision
            if changed:
                self._tell()

    def __contains__(self, name: object) -> bool:
        return name in self._kept

    def __len__(self) -> int:
        return len(self._kept)

    def _after(self, earlier: list[PromptVersion], template: PromptTemplate) -> list[PromptVersion]:
        """The versions with ``template`` as the newest. A list of its own: others may be reading the earlier one."""
        if earlier and earlier[-1].template == template:
            return earlier
        number = earlier[-1].version + 1 if earlier else 1
        return [*earlier, PromptVersion(number, template)][-self._most_versions :]

    def _tell(self) -> None:
        for callback in list(self._subscribers.values()):
            try:
                callback()
            except Exception:  # noqa: BLE001 - the change has been made, and the others are to hear of it
                import structlog  # takes longer than all the rest of this package

                structlog.get_logger(__name__).exception("a subscriber to the prompts failed")


def _same(one: str, other: str) -> bool:
    return one.casefold() == other.casefold()
