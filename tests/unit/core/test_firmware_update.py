"""The transition table of a firmware update (L01, L02)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.firmware_order import FirmwareOrder
from agent.core.firmware_update import (
    DEFAULT_RETRIES,
    FirmwareUpdate,
    Happening,
    Stage,
    Standing,
    Work,
    after,
    due,
    holds_back_sessions,
    ordered,
    resumed,
    status,
    statuses,
    waited,
    work,
)
from agent.core.progress import FirmwareStatus

NOW = datetime(2030, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
SIGNED = FirmwareOrder(
    request_id=7,
    location="https://example.com/image",
    retrieve_at=NOW,
    signing_certificate="PEM",
    signature="c2lnbmF0dXJl",
)
STRAIGHT = (
    Happening.DOWNLOADED,
    Happening.SIGNATURE_IS_VALID,
    Happening.WRITTEN,
    Happening.IS_IDLE,
    Happening.NEW_SLOT_RUNS,
    Happening.HEALTHY,
)


def begun(order: FirmwareOrder = SIGNED) -> FirmwareUpdate:
    return after(ordered(order, "1.0", NOW), Happening.BEGUN, NOW)


def told(update: FirmwareUpdate, *happenings: Happening) -> list[FirmwareStatus]:
    """Let things happen one after the other; return what the CSMS hears, the beginning included."""
    heard = []
    for happening in happenings:
        before, update = update, after(update, happening, NOW)
        heard += statuses(before, update)
    return heard


def reached(*happenings: Happening, order: FirmwareOrder = SIGNED) -> FirmwareUpdate:
    update = begun(order)
    for happening in happenings:
        update = after(update, happening, NOW)
    return update


def test_a_signed_update_is_told_state_by_state() -> None:
    assert told(ordered(SIGNED, "1.0", NOW), Happening.BEGUN, *STRAIGHT) == [
        FirmwareStatus.DOWNLOADING,
        FirmwareStatus.DOWNLOADED,
        FirmwareStatus.SIGNATURE_VERIFIED,
        FirmwareStatus.INSTALLING,
        FirmwareStatus.INSTALL_REBOOTING,
        FirmwareStatus.INSTALLED,
    ]


def test_an_unsigned_update_tells_of_no_signature() -> None:
    order = replace(SIGNED, signing_certificate=None, signature=None)
    assert FirmwareStatus.SIGNATURE_VERIFIED not in told(begun(order), *STRAIGHT)


def test_a_download_of_later_is_told_as_scheduled_and_begins_when_it_is_due() -> None:
    order = replace(SIGNED, retrieve_at=LATER)
    update = begun(order)
    assert statuses(ordered(order, "1.0", NOW), update) == (FirmwareStatus.DOWNLOAD_SCHEDULED,)
    assert (work(update), due(update)) == (Work.WAIT, LATER)
    assert waited(update, LATER - timedelta(seconds=1)) == update
    now_due = waited(update, LATER)
    assert (statuses(update, now_due), work(now_due)) == (
        (FirmwareStatus.DOWNLOADING,),
        Work.DOWNLOAD,
    )


def test_an_installation_of_later_is_told_as_scheduled_after_the_signature() -> None:
    order = replace(SIGNED, install_at=LATER)
    before = reached(Happening.DOWNLOADED, order=order)
    scheduled = after(before, Happening.SIGNATURE_IS_VALID, NOW)
    heard = statuses(before, scheduled)
    assert heard == (FirmwareStatus.SIGNATURE_VERIFIED, FirmwareStatus.INSTALL_SCHEDULED)
    assert due(scheduled) == LATER
    assert work(waited(scheduled, LATER)) is Work.INSTALL


def test_without_a_date_it_is_installed_at_once_also_with_a_clock_that_was_set_back() -> None:
    long_ago = NOW - timedelta(days=3650)
    before = reached(Happening.DOWNLOADED)
    valid = after(before, Happening.SIGNATURE_IS_VALID, long_ago)
    assert statuses(before, valid) == (
        FirmwareStatus.SIGNATURE_VERIFIED,
        FirmwareStatus.INSTALLING,
    )
    assert work(valid) is Work.INSTALL


def test_a_download_that_breaks_off_is_resumed_until_the_retries_are_used_up() -> None:
    update = begun(replace(SIGNED, retries=2, retry_interval_s=30))
    for _ in range(2):
        resting = after(update, Happening.INTERRUPTED, NOW, "connection lost")
        assert statuses(update, resting) == (FirmwareStatus.DOWNLOAD_PAUSED,)
        assert due(resting) == NOW + timedelta(seconds=30)
        update = waited(resting, NOW + timedelta(seconds=30))
        assert work(update) is Work.DOWNLOAD
    failed = after(update, Happening.INTERRUPTED, NOW, "connection lost")
    assert statuses(update, failed) == (FirmwareStatus.DOWNLOAD_FAILED,)
    assert (failed.is_over, failed.detail) == (True, "connection lost")


def test_a_clock_that_was_set_back_does_not_make_a_pause_last_for_years() -> None:
    order = replace(SIGNED, retries=1, retry_interval_s=86_400)
    resting = after(begun(order), Happening.INTERRUPTED, NOW)
    assert waited(resting, NOW) == resting
    assert work(waited(resting, NOW - timedelta(days=3650))) is Work.DOWNLOAD


@pytest.mark.parametrize(("retries", "tries"), [(None, DEFAULT_RETRIES), (0, 0), (-3, 0)])
def test_the_number_of_retries_is_the_order_s_or_the_station_s(
    retries: int | None, tries: int
) -> None:
    update = begun(replace(SIGNED, retries=retries, retry_interval_s=-1))
    interruptions = 0
    while not (update := after(update, Happening.INTERRUPTED, NOW)).is_over:
        interruptions += 1
        assert update.stage is Stage.DOWNLOADING, "without a wait it goes on at once"
    assert interruptions == tries


@pytest.mark.parametrize(
    ("so_far", "happening", "end"),
    [
        ((), Happening.REFUSED, FirmwareStatus.DOWNLOAD_FAILED),
        (STRAIGHT[:1], Happening.SIGNATURE_IS_INVALID, FirmwareStatus.INVALID_SIGNATURE),
        (STRAIGHT[:2], Happening.IMAGE_IS_INVALID, FirmwareStatus.INSTALL_VERIFICATION_FAILED),
        (STRAIGHT[:2], Happening.WRITING_FAILED, FirmwareStatus.INSTALLATION_FAILED),
        (STRAIGHT[:4], Happening.ACTIVATION_FAILED, FirmwareStatus.INSTALLATION_FAILED),
        (STRAIGHT[:4], Happening.OLD_SLOT_RUNS, FirmwareStatus.INSTALLATION_FAILED),
        (STRAIGHT[:5], Happening.OLD_SLOT_RUNS, FirmwareStatus.INSTALLATION_FAILED),
        (STRAIGHT[:5], Happening.UNHEALTHY, FirmwareStatus.INSTALLATION_FAILED),
    ],
)
def test_each_failure_ends_the_update_with_its_own_status(
    so_far: tuple[Happening, ...], happening: Happening, end: FirmwareStatus
) -> None:
    before = reached(*so_far)
    failed = after(before, happening, NOW, "why")
    assert statuses(before, failed) == (end,)
    assert (work(failed), failed.detail, status(failed)) == (Work.NOTHING, "why", end)


def test_a_written_image_waits_for_transactions_and_holds_new_ones_back() -> None:
    written = reached(*STRAIGHT[:3])
    assert (work(written), due(written)) == (Work.WAIT, None)
    assert holds_back_sessions(written, allowed=False)
    assert not holds_back_sessions(written, allowed=True)
    assert not holds_back_sessions(reached(*STRAIGHT[:2]), allowed=False)
    assert work(after(written, Happening.IS_IDLE, NOW)) is Work.ACTIVATE


def test_an_update_can_be_given_up_until_the_slots_are_switched() -> None:
    for done in range(len(STRAIGHT)):
        update = reached(*STRAIGHT[:done])
        assert update.may_be_canceled is (done < 4)


def test_a_trigger_hears_idle_after_success_and_the_last_status_otherwise() -> None:
    assert status(None) is FirmwareStatus.IDLE
    assert status(reached(*STRAIGHT)) is FirmwareStatus.IDLE
    assert status(reached(*STRAIGHT[:1])) is FirmwareStatus.DOWNLOADED
    assert status(reached(Happening.REFUSED)) is FirmwareStatus.DOWNLOAD_FAILED


def test_at_the_switch_itself_nobody_may_begin() -> None:
    assert holds_back_sessions(reached(*STRAIGHT[:4]), allowed=True)
    assert not holds_back_sessions(reached(*STRAIGHT[:5]), allowed=False)
    assert not holds_back_sessions(None, allowed=False)


def test_of_an_order_nothing_is_told_before_it_is_answered() -> None:
    update = ordered(SIGNED, "1.0", NOW)
    assert (work(update), status(update)) == (Work.BEGIN, FirmwareStatus.IDLE)
    assert statuses(update, begun()) == (FirmwareStatus.DOWNLOADING,)


NEW, OLD, FAILED = (
    Standing(version="2.0", slot="b", on_trial=True, trial_failed=False),
    Standing(version="1.0", slot="a", on_trial=False, trial_failed=False),
    Standing(version="1.0", slot="a", on_trial=False, trial_failed=True),
)
KEPT = replace(NEW, on_trial=False)


@pytest.mark.parametrize(
    ("done", "standing", "happening"),
    [
        (4, NEW, Happening.NEW_SLOT_RUNS),
        (4, OLD, None),
        (4, FAILED, Happening.OLD_SLOT_RUNS),
        (5, NEW, Happening.NEW_SLOT_RUNS),
        (5, OLD, Happening.OLD_SLOT_RUNS),
        (5, FAILED, Happening.OLD_SLOT_RUNS),
        (5, KEPT, Happening.NEW_SLOT_RUNS),
        (5, replace(NEW, version="1.0"), Happening.NEW_SLOT_RUNS),
        (5, replace(KEPT, version="1.0"), Happening.NEW_SLOT_RUNS),
        (4, replace(OLD, version="1.5"), None),
        (5, replace(OLD, version="1.5"), Happening.OLD_SLOT_RUNS),
    ],
)
def test_after_the_switch_the_slots_say_what_runs_whatever_the_versions_are(
    done: int, standing: Standing, happening: Happening | None
) -> None:
    update = replace(reached(*STRAIGHT[:done]), from_slot="a")
    assert resumed(update, standing) is happening


@pytest.mark.parametrize(("from_slot", "slot"), [(None, "b"), ("", "b"), ("a", "")])
def test_where_a_slot_has_no_name_the_versions_say_what_runs(
    from_slot: str | None, slot: str
) -> None:
    update = replace(reached(*STRAIGHT[:5]), from_slot=from_slot)
    assert resumed(update, replace(KEPT, slot=slot)) is Happening.NEW_SLOT_RUNS
    assert resumed(update, replace(OLD, slot=slot)) is Happening.OLD_SLOT_RUNS


@pytest.mark.parametrize("done", range(4))
@pytest.mark.parametrize("standing", [NEW, OLD, FAILED])
def test_before_the_switch_a_restart_means_nothing(done: int, standing: Standing) -> None:
    assert resumed(reached(*STRAIGHT[:done]), standing) is None


def test_a_restart_on_trial_goes_on_with_the_confirmation() -> None:
    trial = reached(*STRAIGHT[:5])
    assert after(trial, Happening.NEW_SLOT_RUNS, NOW) == trial
    assert work(trial) is Work.CONFIRM


@given(st.lists(st.sampled_from(Happening), max_size=30), st.booleans())
def test_whatever_happens_installed_needs_every_step_and_an_end_is_final(
    happenings: list[Happening], later: bool
) -> None:
    order = replace(SIGNED, install_at=LATER) if later else SIGNED
    update, seen = begun(order), []
    for happening in happenings:
        before, update = update, after(update, happening, NOW)
        if before.is_over:
            assert update == before
        if update != before:
            seen.append(happening)
    if update.stage is Stage.INSTALLED:
        assert [step for step in seen if step in STRAIGHT] == list(STRAIGHT)
