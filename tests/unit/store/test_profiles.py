"""Charging profiles on the disk: each once, changed together, worded once."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from agent.core.smart_charging.profiles import MAX_PERIODS, InstalledProfile
from agent.store.profiles import StoredProfiles
from agent.store.settings import Documents
from tests.unit.core.smart_charging.builders import TX, installed
from tests.unit.store.stores import opened

FIRST = installed((0, 10), (60, 12.5), number=1)
SECOND = installed((0, 8), number=2, purpose=TX, pending=True, transaction_id=None)


class Noted:
    """Documents in memory that note what each change was."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.changes: list[dict[str, str | None]] = []

    def items(self, kind: str) -> Mapping[str, str]:
        return dict(self.texts)

    async def change(self, kind: str, texts: Mapping[str, str | None]) -> None:
        self.changes.append(dict(texts))
        kept = {**self.texts, **texts}
        self.texts = {key: text for key, text in kept.items() if text is not None}


async def test_profiles_are_read_back_as_they_were(path: Path) -> None:
    async with opened(path) as database:
        await StoredProfiles(await Documents.open(database)).save((FIRST, SECOND))
    async with opened(path) as database:
        profiles = StoredProfiles(await Documents.open(database))
        assert profiles.load() == (FIRST, SECOND)
        await profiles.save((SECOND,))
    async with opened(path) as database:
        assert StoredProfiles(await Documents.open(database)).load() == (SECOND,)


async def test_what_gives_way_goes_with_the_same_change_that_brings_its_heir() -> None:
    documents = Noted()
    profiles = StoredProfiles(documents)
    await profiles.save((FIRST,))

    await profiles.save((SECOND,))

    gone, come = documents.changes[-1]["1"], documents.changes[-1]["2"]
    assert gone is None
    assert come is not None
    assert profiles.load() == (SECOND,)


async def test_only_what_has_changed_is_written_and_nothing_for_no_change() -> None:
    documents = Noted()
    profiles = StoredProfiles(documents)
    await profiles.save((FIRST, SECOND))
    other = replace(SECOND, evse=2)

    await profiles.save((FIRST, other))
    await profiles.save((FIRST, other))
    await profiles.save((replace(FIRST), other))

    assert [set(change) for change in documents.changes] == [{"1", "2"}, {"2"}]
    assert profiles.load() == (FIRST, other)


async def test_the_longest_schedule_is_kept() -> None:
    steps = [(n, 6 + n % 26) for n in range(MAX_PERIODS)]
    longest: InstalledProfile = installed(*steps, number=3)
    profiles = StoredProfiles(Noted())

    await profiles.save((longest,))

    assert profiles.load() == (longest,)
