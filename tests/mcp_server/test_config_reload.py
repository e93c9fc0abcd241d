import msgspec
import pytest

from mcp_server.config import RELOADABLE, Settings, in_force, reloaded
from operators.policy import Limit

LIMIT = Limit("calls", "session", 1.0, 1.0)


def test_what_did_not_change_needs_nothing() -> None:
    assert reloaded(Settings(), Settings()) == ((), ())


def test_changes_are_told_apart_by_whether_they_need_a_restart() -> None:
    new = Settings(limits=(LIMIT,), port=1, log_level="DEBUG", store="memory:", cache_max_entries=1)
    assert reloaded(Settings(), new) == (("limits", "log_level"), ("port", "store", "cache_max_entries"))


def test_a_server_goes_on_with_what_it_could_take_over() -> None:
    old = Settings(port=1, debug=True)
    new = Settings(port=2, limits=(LIMIT,))
    assert in_force(old, new) == Settings(port=1, limits=(LIMIT,))


@pytest.mark.parametrize("name", sorted(RELOADABLE))
def test_what_can_be_reloaded_is_a_setting(name: str) -> None:
    assert name in Settings.__struct_fields__
    old = Settings()
    new = msgspec.structs.replace(old, **{name: "other"})
    assert (reloaded(old, new), in_force(old, new)) == (((name,), ()), new)
