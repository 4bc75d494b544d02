"""What gives way to a new profile, what is cleared, and what ends with a transaction."""

from dataclasses import replace
from decimal import Decimal

import pytest

from agent.core.smart_charging.installation import (
    Criteria,
    bound,
    clear,
    install,
    updated,
    without_offline,
    without_pending,
    without_transactions,
)
from agent.core.smart_charging.profiles import InstalledProfile, ProfileKind, ProfileRules
from tests.unit.core.smart_charging.builders import (
    GENERATION,
    OUTSIDE,
    STATION_MAX,
    TX,
    TX_DEFAULT,
    at,
    installed,
)

RULES_16 = ProfileRules(same_level_gives_way=True)
STATION = installed((0, 30), purpose=STATION_MAX, number=9)
DEFAULT = installed((0, 10), number=1)
OWN = installed((0, 12), number=2, evse=2, stack_level=3)
TRANSACTION = installed((0, 14), purpose=TX, number=3)
LIMIT = installed((0, 20), purpose=OUTSIDE, number=-1, source="EMS")
GENERATED = installed((0, 5), purpose=GENERATION, number=-2, source="EMS")
ALL = (STATION, DEFAULT, OWN, TRANSACTION, LIMIT, GENERATED)


def numbers(*profiles: InstalledProfile) -> list[int]:
    return [one.profile.id for one in profiles]


@pytest.mark.requirement("K01.FR.05")
def test_the_same_id_gives_way_wherever_it_was() -> None:
    new = installed((0, 11), number=1, evse=2, purpose=TX_DEFAULT)

    assert install((STATION, DEFAULT), new, ProfileRules()) == (STATION, new)


@pytest.mark.requirement("S16-SC-05")
def test_in_1_6_the_same_purpose_and_level_gives_way_even_to_a_profile_of_the_future() -> None:
    new = installed((0, 11), number=5, valid_from=at(1000))

    assert install((STATION, DEFAULT), new, RULES_16) == (STATION, new)
    assert install((STATION, DEFAULT), new, ProfileRules()) == (STATION, DEFAULT, new)
    elsewhere = replace(new, evse=2)
    assert install((STATION, DEFAULT), elsewhere, RULES_16) == (STATION, DEFAULT, elsewhere)


@pytest.mark.requirement("K10.FR.03", "K10.FR.09", "S16-SC-08")
def test_an_id_alone_decides_and_never_about_a_limit_from_outside() -> None:
    assert numbers(*clear(ALL, 2)) == [9, 1, 3, -1, -2]
    assert numbers(*clear(ALL, 2, Criteria(evse=1))) == [9, 1, 3, -1, -2]
    assert clear(ALL, -1) == ALL
    assert clear(ALL, 77) == ALL


@pytest.mark.requirement("K10.FR.04", "K10.FR.08", "S16-SC-08")
def test_criteria_are_joined_and_never_concern_what_is_from_outside() -> None:
    assert numbers(*clear(ALL)) == [-1, -2]
    assert numbers(*clear(ALL, criteria=Criteria(evse=1))) == [9, 2, -1, -2]
    assert numbers(*clear(ALL, criteria=Criteria(evse=0))) == [1, 2, 3, -1, -2]
    assert numbers(*clear(ALL, criteria=Criteria(purpose=TX_DEFAULT))) == [9, 3, -1, -2]
    both = Criteria(purpose=TX_DEFAULT, stack_level=3)
    assert numbers(*clear(ALL, criteria=both)) == [9, 1, 3, -1, -2]
    assert clear(ALL, criteria=Criteria(purpose=OUTSIDE)) == ALL
    assert clear(ALL, criteria=Criteria(evse=2, stack_level=0)) == ALL


@pytest.mark.requirement("K10.FR.03", "K10.FR.04")
def test_generation_that_the_csms_has_set_is_cleared_by_its_id_alone() -> None:
    own = replace(GENERATED, source="CSO")

    assert clear((own,), criteria=Criteria(purpose=GENERATION)) == (own,)
    assert clear((own,), -2) == ()


@pytest.mark.requirement("K09.FR.04", "K09.FR.05", "K09.FR.06")
def test_profiles_are_found_by_every_criterion() -> None:
    def found(criteria: Criteria) -> list[int]:
        return numbers(*filter(criteria.match, ALL))

    assert found(Criteria()) == [9, 1, 2, 3, -1, -2]
    assert found(Criteria(evse=0)) == [9, -1, -2]
    assert found(Criteria(evse=1)) == [1, 3]
    assert found(Criteria(ids=(1, -1, 55))) == [1, -1]
    assert found(Criteria(sources=("EMS", "SO"))) == [-1, -2]
    assert found(Criteria(evse=1, purpose=TX, stack_level=0, sources=("CSO",))) == [3]


@pytest.mark.requirement("K02.FR.05", "S16-SC-03")
def test_profiles_of_a_transaction_end_with_it() -> None:
    pending = replace(TRANSACTION, pending=True, profile=replace(TRANSACTION.profile, id=8))

    assert numbers(*without_transactions((*ALL, pending), [])) == [9, 1, 2, -1, -2, 8]
    running = TRANSACTION.profile.transaction_id or ""
    assert without_transactions(ALL, [running, "another"]) == ALL


@pytest.mark.requirement("F01.FR.10")
def test_a_profile_that_waits_is_given_to_the_transaction_of_its_evse() -> None:
    waiting = installed((0, 14), purpose=TX, number=3, transaction_id=None, pending=True)

    assert bound((DEFAULT, waiting), 2, "t") == (DEFAULT, waiting)
    (_, given) = bound((DEFAULT, waiting), 1, "t")
    assert (given.pending, given.profile.transaction_id) == (None, "t")
    assert without_pending((DEFAULT, waiting, given), 1) == (DEFAULT, given)
    assert without_pending((DEFAULT, waiting), 2) == (DEFAULT, waiting)
    assert without_pending((waiting,), 1, until=waiting.installed_at) == (waiting,)


@pytest.mark.requirement("K28.FR.06", "K28.FR.09", "K29.FR.06")
def test_an_update_changes_the_limit_and_its_date_of_a_dynamic_profile_alone() -> None:
    dynamic = installed((0, 10), kind=ProfileKind.DYNAMIC, number=4)

    changed = updated((DEFAULT, dynamic), 4, Decimal(7), at(60))

    assert changed[0] is DEFAULT
    assert changed[1].profile.schedules[0].periods[0].limit == 7
    assert changed[1].profile.updated_at == at(60)
    assert updated((DEFAULT, dynamic), 1, Decimal(7), at(60)) == (DEFAULT, dynamic)


@pytest.mark.requirement("K01.FR.102")
def test_some_profiles_are_gone_for_good_after_too_long_without_connection() -> None:
    ends = installed((0, 10), max_offline_s=300, ends_offline=True)
    pauses = installed((0, 10), number=2, max_offline_s=300)

    assert without_offline((ends, pauses), 300) == (ends, pauses)
    assert without_offline((ends, pauses), 300.1) == (pauses,)
