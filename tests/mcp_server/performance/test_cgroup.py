"""Control groups, as folders laid out like those of real machines."""

from pathlib import Path

import pytest

from mcp_server.performance.cgroup import CgroupMemory, Use

NONE_V1 = "9223372036854771712"


def lay_out(root: Path, files: dict[str, str]) -> CgroupMemory:
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n")
    return CgroupMemory(root)


def v2(folder: str, *, most: str, current: int, high: str = "max", stat: str = "anon 1") -> dict[str, str]:
    return {
        f"{folder}/memory.max": most,
        f"{folder}/memory.high": high,
        f"{folder}/memory.current": f"{current}",
        f"{folder}/memory.stat": stat,
    }


MOUNT_V2 = "35 25 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate"


def test_a_service_of_systemd_has_the_limits_of_its_slices_too(tmp_path: Path) -> None:
    top = "sys/fs/cgroup"
    groups = lay_out(
        tmp_path,
        {
            "proc/self/cgroup": "0::/system.slice/mcp.service",
            "proc/self/mountinfo": f"22 1 8:1 / / rw - ext4 /dev/root rw\n{MOUNT_V2}",
            f"{top}/cgroup.controllers": "memory",
            **v2(f"{top}/system.slice", most="4000", current=3000),
            **v2(f"{top}/system.slice/mcp.service", most="max", current=900, high="1000"),
        },
    )
    assert list(groups.uses()) == [Use(900, 1000), Use(3000, 4000)]


def test_a_container_sees_its_own_group_as_the_top(tmp_path: Path) -> None:
    stat = "anon 500\nfile 300\nactive_file 100\ninactive_file 150\nslab_reclaimable 50\nslab_unreclaimable 7"
    groups = lay_out(
        tmp_path,
        {
            "proc/self/cgroup": "0::/",
            "proc/self/mountinfo": MOUNT_V2,
            **v2("sys/fs/cgroup", most="1000", current=900, stat=stat),
        },
    )
    assert list(groups.uses()) == [Use(600, 1000)]


def test_a_group_above_the_mounted_one_is_not_looked_for(tmp_path: Path) -> None:
    groups = lay_out(
        tmp_path,
        {
            "proc/self/cgroup": "0::/../other",
            "proc/self/mountinfo": MOUNT_V2,
            **v2("sys/fs/cgroup", most="1000", current=900),
            **v2("sys/fs/other", most="10", current=9),
        },
    )
    assert list(groups.uses()) == [Use(900, 1000)]


def v1(folder: str, *, limit: str, usage: int, cached: int = 0) -> dict[str, str]:
    return {
        f"{folder}/memory.limit_in_bytes": limit,
        f"{folder}/memory.usage_in_bytes": f"{usage}",
        f"{folder}/memory.stat": f"cache 1\nactive_file 1\ntotal_active_file {cached}\ntotal_inactive_file {cached}",
    }


def test_version_1_is_read_in_a_container_whose_path_is_the_hosts(tmp_path: Path) -> None:
    groups = lay_out(
        tmp_path,
        {
            "proc/self/cgroup": "9:name=systemd:/x\n4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n0::/",
            "proc/self/mountinfo": (
                "32 31 0:29 /docker/abc /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
                "35 31 0:32 /docker/abc /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory"
            ),
            **v1("sys/fs/cgroup/memory", limit="2000", usage=1500, cached=200),
        },
    )
    assert list(groups.uses()) == [Use(1100, 2000)]


def test_version_1_without_a_limit_says_a_number_that_no_machine_reaches(tmp_path: Path) -> None:
    groups = lay_out(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/job\n0::/",
            "proc/self/mountinfo": "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
            **v1("sys/fs/cgroup/memory", limit=NONE_V1, usage=5000),
            **v1("sys/fs/cgroup/memory/job", limit="3000", usage=1500),
        },
    )
    assert list(groups.uses()) == [Use(1500, 3000), Use(5000, int(NONE_V1))]


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"proc/self/cgroup": "0::/", "proc/self/mountinfo": MOUNT_V2},
        {"proc/self/cgroup": "nonsense", "proc/self/mountinfo": MOUNT_V2, "sys/fs/cgroup/memory.max": "100"},
        {
            "proc/self/cgroup": "0::/",
            "proc/self/mountinfo": MOUNT_V2,
            "sys/fs/cgroup/memory.max": "max",
            "sys/fs/cgroup/memory.current": "5",
        },
    ],
)
def test_a_machine_without_limits_has_none(tmp_path: Path, files: dict[str, str]) -> None:
    assert list(lay_out(tmp_path, files).uses()) == []


def test_this_machine_can_be_read() -> None:
    for use in CgroupMemory().uses():
        assert use.limit >= 0
        assert use.used >= 0
