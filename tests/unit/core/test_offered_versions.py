from agent.core.offered_versions import OfferedVersions

VERSIONS = ("new", "middle", "old")


def connections(offer: OfferedVersions, *versions: str, answered: bool = False) -> None:
    for version in versions:
        offer.connected(version)
        if answered:
            offer.answered()
        offer.ended()


def test_all_versions_are_offered_at_first() -> None:
    assert OfferedVersions().among(VERSIONS) == VERSIONS


def test_one_silent_connection_proves_nothing() -> None:
    offer = OfferedVersions()
    connections(offer, "new")
    assert offer.among(VERSIONS) == VERSIONS


def test_a_version_that_is_never_answered_is_left_out() -> None:
    offer = OfferedVersions()
    connections(offer, "new", "new")
    assert offer.among(VERSIONS) == ("middle", "old")
    connections(offer, "middle", "middle")
    assert offer.among(VERSIONS) == ("old",)


def test_a_version_that_was_answered_once_is_kept_however_long_the_csms_is_silent() -> None:
    offer = OfferedVersions()
    connections(offer, "new")
    connections(offer, "new", answered=True)
    connections(offer, "new", "new", "new")
    assert offer.among(VERSIONS) == VERSIONS


def test_silence_in_several_versions_is_not_added_up() -> None:
    offer = OfferedVersions()
    connections(offer, "new", "old", "new")
    assert offer.among(VERSIONS) == VERSIONS


def test_when_none_is_left_all_are_offered_again() -> None:
    offer = OfferedVersions()
    connections(offer, *(version for version in VERSIONS for _ in range(2)))
    assert offer.among(VERSIONS) == VERSIONS
    assert offer.among(VERSIONS) == VERSIONS


def test_the_only_version_is_always_offered() -> None:
    offer = OfferedVersions()
    connections(offer, "new", "new", "new")
    assert offer.among(("new",)) == ("new",)
