from pathlib import Path

from tests.benchmarks.machine import SYNCS, cpu_model, disk_of, machine_facts, sync_latencies_ms

PC = "processor\t: 0\nmodel\t\t: 17\nmodel name\t: AMD EPYC\n"
BOARD = "processor\t: 0\nBogoMIPS\t: 108.00\n\nModel\t\t: Raspberry Pi 4 Model B Rev 1.4\n"
MOUNTS = """\
22 1 179:2 / / rw,noatime shared:1 - ext4 /dev/mmcblk0p2 rw
30 22 0:25 / /run rw,nosuid shared:5 - tmpfs tmpfs rw
31 22 179:3 / /var/lib rw shared:6 - f2fs /dev/mmcblk0p3 rw
"""


def test_the_processor_is_named() -> None:
    assert cpu_model(PC) == "AMD EPYC"


def test_a_board_is_named_where_the_processor_is_not() -> None:
    assert cpu_model(BOARD) == "Raspberry Pi 4 Model B Rev 1.4"


def test_the_disk_is_that_of_the_nearest_mount() -> None:
    assert disk_of(Path("/var/lib/station"), MOUNTS) == ("f2fs", "/dev/mmcblk0p3")
    assert disk_of(Path("/var/library"), MOUNTS) == ("ext4", "/dev/mmcblk0p2")
    assert disk_of(Path("/run"), MOUNTS) == ("tmpfs", "tmpfs")


def test_of_two_mounts_on_one_point_the_later_counts() -> None:
    later = MOUNTS + "40 22 0:30 / /var/lib rw - overlay overlay rw\n"
    assert disk_of(Path("/var/lib/x"), later) == ("overlay", "overlay")


def test_durable_writes_are_timed_one_by_one(tmp_path: Path) -> None:
    latencies = sync_latencies_ms(tmp_path)
    assert len(latencies) == SYNCS
    assert min(latencies) > 0
    assert not list(tmp_path.iterdir())


def test_the_facts_of_this_machine_can_be_told(tmp_path: Path) -> None:
    facts = machine_facts(tmp_path)
    assert facts.cores >= 1
    assert facts.memory_mb > 100
    assert facts.sync_median_ms <= facts.sync_p99_ms
    assert facts.cpu in facts.lines()[0]
    assert facts.kernel in facts.lines()[1]
    assert facts.device in facts.lines()[2]
