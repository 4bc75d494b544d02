"""Which of two versions is the older one, and what is no version."""

import time
from dataclasses import replace

import pytest

from agent.update.fitness import StationFacts, Unfit, check_fits
from agent.update.manifest import ManifestError, version_key
from tests.unit.update.trees import MANIFEST

ASCENDING = [
    *("0", "0.9", "0.10.0-rc1", "0.10", "1.0.dev3", "1.0.0", "1.0.0.1", "1.2", "1.9"),
    *("1.10-alpha", "1.10", "1.10.1", "1.100", "2", "10.0", "2026.11.30", "2026.11.30.1"),
    "20261130",
]


def test_numbers_are_compared_as_numbers_and_a_release_comes_after_what_led_to_it() -> None:
    assert sorted(ASCENDING, key=version_key) == ASCENDING
    assert len({version_key(version) for version in ASCENDING}) == len(ASCENDING)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(("1", "1.0.0.0"), ("1.2", "1.2.0"), ("1.02", "1.2"), ("0.0", "0")),
        *(("1.2+build.5", "1.2"), ("1.2-hotfix", "1.2"), ("1.2.post1", "1.2"), ("1.2-1", "1.2")),
        *(("1.2-alpine", "1.2"), ("1.2-rc1", "1.2.dev7"), ("1.2-rc.1+b", "1.2rc2")),
    ],
)
def test_what_else_follows_the_numbers_does_not_count(one: str, other: str) -> None:
    assert version_key(one) == version_key(other)


@pytest.mark.parametrize(
    "text",
    [
        *("", "v1", "1.", ".1", "1..2", "1.2.", "1 2", "1.2 ", "1,2", "latest", "-1", "1_0"),
        *("1.2\n", "1.٣", "1.2RC1", "1" * 10, ".".join("1" * 11), "1.2-" + "x" * 32, "1.2/../3"),
    ],
)
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(ManifestError, match="is no version"):
        version_key(text)


@pytest.mark.parametrize("text", ["1" * 100_000, "1." * 100_000, "1-" * 100_000, "1.a" * 100_000])
def test_no_text_takes_long_to_be_found_to_be_no_version(text: str) -> None:
    began = time.process_time()
    with pytest.raises(ManifestError):
        version_key(text)
    assert time.process_time() - began < 1.0


def station(version: str) -> StationFacts:
    return StationFacts(
        product=MANIFEST.product,
        hardware=MANIFEST.hardware[0],
        machine=MANIFEST.machine,
        python=MANIFEST.python,
        version=version,
        rollback_index=MANIFEST.rollback_index,
    )


def test_the_same_rollback_index_is_enough() -> None:
    facts = replace(station(MANIFEST.version), rollback_index=MANIFEST.rollback_index)
    check_fits(MANIFEST, facts)
    with pytest.raises(Unfit, match="rollback index"):
        check_fits(MANIFEST, replace(facts, rollback_index=MANIFEST.rollback_index + 1))


def fits(version: str, over: str, needs: str = "0") -> bool:
    try:
        check_fits(replace(MANIFEST, version=version, minimum_version=needs), station(over))
    except Unfit:
        return False
    return True


def test_a_step_back_is_refused_also_to_what_led_to_the_release() -> None:
    assert fits("1.10", over="1.9")
    assert not fits("1.9", over="1.10")
    assert fits("1.2.0", over="1.2.0-rc1")
    assert not fits("1.2.0-rc1", over="1.2.0")
    assert fits("1.2.0", over="1.2.0")
    assert fits("1.2.0-rc1", over="1.1.9")


def test_what_led_to_a_release_is_not_that_release_where_it_is_needed() -> None:
    assert not fits("1.3", over="1.2.0-rc1", needs="1.2.0")
    assert fits("1.3", over="1.2.0", needs="1.2.0-rc1")
