"""What is dialled next, told attempt by attempt, and what of it outlives the process."""

import asyncio
import json
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from agent.core import standard_variables as sv
from agent.core.certificates import ALL_ROOTS, RootChoice
from agent.core.commands import Verdict
from agent.core.device_model import DeviceModel
from agent.core.network_profiles import NetworkProfile, SetNetworkProfile
from agent.core.security_events import SecurityEventKind
from agent.core.variable_access import Assignment, VariableChange
from agent.core.variable_definition import (
    ComponentVariable,
    DataType,
    Mutability,
    VariableDefinition,
)
from agent.ports import ClientIdentity
from agent.services.network import NetworkPorts, NetworkService
from agent.services.network_slots import PROFILES, NetworkSlots, SlotPorts

OLD = "old-password-0123456789"
NEW = "new-password-0123456789"
DEFAULTS: Mapping[ComponentVariable, tuple[DataType, str]] = {
    sv.NETWORK_CONFIGURATION_PRIORITY: (DataType.STRING, "1"),
    sv.NETWORK_PROFILE_CONNECTION_ATTEMPTS: (DataType.INTEGER, "2"),
    sv.SECURITY_PROFILE: (DataType.INTEGER, "1"),
    sv.ALLOW_SECURITY_PROFILE_DOWNGRADE: (DataType.BOOLEAN, "false"),
    sv.BASIC_AUTH_PASSWORD: (DataType.STRING, OLD),
}


def definition(key: ComponentVariable, kind: DataType, default: str) -> VariableDefinition:
    return VariableDefinition(
        component=key.component,
        variable=key.variable,
        data_type=kind,
        mutability=Mutability.READ_WRITE,
        default=default,
    )


def pair(name: str) -> ClientIdentity:
    return ClientIdentity(Path(f"{name}.crt"), Path(f"{name}.key"), name)


@dataclass
class Memory:
    """Documents that outlive the service; `works` False refuses the disk."""

    texts: dict[tuple[str, str], str] = field(default_factory=dict)
    works: bool = True

    def get(self, kind: str, key: str) -> str | None:
        return self.texts.get((kind, key))

    def items(self, kind: str) -> Mapping[str, str]:
        return {key: text for (of, key), text in self.texts.items() if of == kind}

    async def put(self, kind: str, key: str, text: str) -> None:
        await self.put_many(kind, {key: text})

    async def put_many(self, kind: str, texts: Mapping[str, str]) -> None:
        self.texts.update({(kind, key): text for key, text in texts.items()})

    async def delete(self, kind: str, key: str) -> None:
        self.texts.pop((kind, key), None)


class Rig:
    """One life of the service; `memory` and `values` go on into the next."""

    def __init__(
        self,
        memory: Memory | None = None,
        values: dict[ComponentVariable, str] | None = None,
        *,
        versions: tuple[str, ...] = ("new", "old"),
        seed: NetworkProfile | None = None,
        secure_url: str | None = None,
    ) -> None:
        self.memory = memory or Memory()
        self.values = {} if values is None else values
        self.model = DeviceModel([definition(k, *v) for k, v in DEFAULTS.items()])
        for key, value in self.values.items():
            self.model.apply(Assignment(key, value))
        self.has_root = True
        self.identities: tuple[ClientIdentity, ...] = ()
        self.proven: list[str] = []
        self.untried_root: str | None = None
        self.roots_that_worked: list[str] = []
        self.reconnects = 0
        self.others_met = 0
        self.asked = 0
        self.told: list[str] = []
        self._tasks: list[asyncio.Task[None]] = []
        seed = seed or NetworkProfile(url="ws://one/ocpp", security_profile=1)
        self.slots = NetworkSlots(self.model, seed, self._slot_ports())
        self.service = NetworkService(
            self.model,
            self.slots,
            versions,
            NetworkPorts(
                settings=self.memory,
                identities=self,
                roots=self,
                reconnect=self._reconnect,
                meets_another=self._meet,
                ask_anything=self._ask,
                spawn=self._spawn,
                secure_url=secure_url,
            ),
        )

    def _slot_ports(self) -> SlotPorts:
        return SlotPorts(
            settings=self.memory,
            keeps=lambda: self.memory.works,
            store=self.store,
            identities=self,
            anchors=self,
            url_problem=lambda profile: None if "//" in profile.url else "no URL",
            tell=self._tell,
        )

    async def store(self, assignments: list[Assignment]) -> None:
        for assignment in assignments:
            self.values[assignment.key] = assignment.value
            self.model.apply(assignment)

    def has_csms_root(self) -> bool:
        return self.has_root

    def usable(self) -> tuple[ClientIdentity, ...]:
        return self.identities

    async def worked(self, identity: ClientIdentity) -> None:
        self.proven.append(identity.fingerprint)

    async def root_worked(self, name: str) -> None:
        self.roots_that_worked.append(name)
        self.untried_root = None

    def _tell(self, kind: SecurityEventKind, info: str) -> None:
        self.told.append(f"{kind.value}: {info}")

    async def _reconnect(self) -> None:
        self.reconnects += 1

    async def _ask(self) -> None:
        self.asked += 1

    def _meet(self) -> None:
        self.others_met += 1

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(work))

    async def settle(self) -> None:
        await asyncio.gather(*self._tasks)
        self._tasks.clear()

    # --- The course of events.

    async def prepared(self) -> "Rig":
        await self.service.prepare()
        return self

    async def next_life(self, **options: Any) -> "Rig":
        await self.settle()
        return await Rig(self.memory, self.values, **options).prepared()

    async def set_profile(self, slot: int, level: int = 1, **values: Any) -> Verdict:
        profile = NetworkProfile(url=f"ws://slot{slot}/ocpp", security_profile=level, **values)
        return (await self.slots.set(SetNetworkProfile(slot, profile))).verdict

    async def prefer(self, *slots: int) -> None:
        text = ",".join(map(str, slots))
        await self.store([Assignment(sv.NETWORK_CONFIGURATION_PRIORITY, text)])

    async def set_password(self, password: str) -> None:
        change = Assignment(sv.BASIC_AUTH_PASSWORD, password)
        await self.service.keep_old_password([change])
        self.values[change.key] = change.value
        told: VariableChange = self.model.apply(change)
        self.service.variable_changed(told)
        await self.settle()

    def fails(self, times: int = 1, *, refused: bool = False) -> list[tuple[int, str]]:
        """Let attempts fail; return slot and password of each."""
        tried = []
        for _ in range(times):
            dial = self.service.next_dial()
            assert dial is not None
            tried.append((dial.slot, dial.password))
            self.service.failed(credentials_refused=refused)
        return tried

    async def connects(self, version: str = "new", *, works: bool = True) -> int:
        """Let an attempt succeed; return its slot."""
        dial = self.service.next_dial()
        assert dial is not None
        self.service.connected(version)
        if works:
            self.service.worked()
        await self.settle()
        return dial.slot


# --- Slots and attempts.


@pytest.mark.requirement("B10.FR.03", "B10.FR.04", "B10.FR.07")
async def test_the_slots_are_tried_in_order_and_then_the_one_that_worked() -> None:
    first = await Rig().prepared()
    assert await first.connects() == 1
    assert await first.set_profile(2) is Verdict.ACCEPTED
    await first.prefer(2)
    rig = await first.next_life()
    assert [slot for slot, _ in rig.fails(8)] == [2, 2, 1, 1, 2, 2, 1, 1]


@pytest.mark.requirement("B10.FR.10")
async def test_another_csms_does_not_know_the_station_yet() -> None:
    rig = await Rig().prepared()
    assert await rig.set_profile(2) is Verdict.ACCEPTED
    await rig.prefer(1, 2)
    rig = await rig.next_life()
    await rig.connects()
    await rig.connects()
    assert rig.others_met == 0
    rig.fails(2)
    assert await rig.connects() == 2
    assert rig.others_met == 1


async def test_what_worked_last_is_known_even_if_its_slot_was_written_over() -> None:
    rig = await Rig().prepared()
    await rig.connects()
    profile = NetworkProfile(url="ws://nowhere/ocpp", security_profile=1)
    assert (await rig.slots.set(SetNetworkProfile(1, profile))).verdict is Verdict.ACCEPTED
    rig = await rig.next_life()
    assert rig.service.active_profile.url == "ws://nowhere/ocpp"
    rig.fails(2)
    assert rig.service.active_profile.url == "ws://one/ocpp"


@pytest.mark.requirement("B09.FR.03")
async def test_a_profile_that_cannot_be_stored_is_told_as_failed_and_not_kept() -> None:
    rig = await Rig().prepared()
    before = dict(rig.memory.texts)
    rig.memory.works = False
    assert await rig.set_profile(1) is Verdict.FAILED
    assert await rig.set_profile(2) is Verdict.FAILED
    assert rig.memory.texts == before
    assert rig.told == []


@pytest.mark.requirement("A05.FR.02", "A05.FR.03", "B10.FR.02")
async def test_a_slot_needs_what_its_security_profile_needs() -> None:
    rig = await Rig(values={sv.BASIC_AUTH_PASSWORD: ""}).prepared()
    for slot, level in ((0, 1), (1, 2), (2, 3)):
        assert await rig.set_profile(slot, level) is Verdict.ACCEPTED
    assert "BasicAuthPassword" in (rig.slots.objection_to(0) or "")
    await rig.store([Assignment(sv.BASIC_AUTH_PASSWORD, OLD)])
    rig.has_root = False
    assert "root certificate" in (rig.slots.objection_to(1) or "")
    rig.has_root = True
    assert "certificate of the station" in (rig.slots.objection_to(2) or "")
    rig.identities = (pair("new"),)
    assert [rig.slots.objection_to(slot) for slot in (0, 1, 2)] == [None] * 3


@pytest.mark.requirement("A05.FR.06", "A00.FR.005")
async def test_reaching_a_higher_profile_forgets_the_lower_ones_for_good() -> None:
    rig = await Rig().prepared()
    await rig.connects()
    assert await rig.set_profile(2, 2) is Verdict.ACCEPTED
    await rig.prefer(2, 1)
    rig = await rig.next_life()
    assert await rig.connects() == 2
    assert rig.values[sv.SECURITY_PROFILE] == "2"
    assert rig.values[sv.NETWORK_CONFIGURATION_PRIORITY] == "2"
    assert set(rig.slots.all()) == {2}
    rig = await rig.next_life()
    assert {slot for slot, _ in rig.fails(20)} == {2}


@pytest.mark.requirement("A05.FR.08", "A05.FR.09", "A05.FR.10")
@pytest.mark.parametrize(("allowed", "slots"), [("true", {1, 2}), ("false", {1})])
async def test_a_lower_profile_is_dialled_only_where_that_is_allowed(
    allowed: str, slots: set[int]
) -> None:
    seed = NetworkProfile(url="wss://one/ocpp", security_profile=3)
    values = {
        sv.SECURITY_PROFILE: "3",
        sv.ALLOW_SECURITY_PROFILE_DOWNGRADE: allowed,
        sv.NETWORK_CONFIGURATION_PRIORITY: "1,2,0",
    }
    first = await Rig(values=values, seed=seed).prepared()
    await first.prefer(1, 2, 0)
    for slot, level in ((2, 2), (0, 1)):
        profile = {"url": f"ws://slot{slot}/", "security_profile": level, "interface": "Any"}
        await first.memory.put(PROFILES, str(slot), json.dumps(profile))
    rig = await first.next_life(seed=seed)
    assert {slot for slot, _ in rig.fails(12)} == slots


async def test_damaged_slots_are_left_out_and_never_end_the_station() -> None:
    rig = await Rig().prepared()
    for slot, text in (("1", "{}"), ("2", "no json"), ("x", "[]")):
        await rig.memory.put(PROFILES, slot, text)
    rig = await rig.next_life()
    assert rig.service.next_dial() is None
    rig.service.failed()
    assert rig.slots.objection_to(1) is not None


# --- Passwords.


@pytest.mark.requirement("A01", "A01.FR.02")
async def test_either_password_is_found_in_the_same_visit_to_a_slot() -> None:
    rig = await Rig().prepared()
    await rig.connects()
    await rig.set_password(NEW)
    assert rig.reconnects == 1
    assert rig.fails(4, refused=True) == [(1, NEW), (1, OLD), (1, NEW), (1, OLD)]
    rig = await rig.next_life()
    assert rig.fails(2, refused=True) == [(1, NEW), (1, OLD)]


async def test_an_absent_csms_says_nothing_about_the_password() -> None:
    rig = await Rig().prepared()
    await rig.set_password(NEW)
    assert rig.fails(3) == [(1, NEW)] * 3


@pytest.mark.requirement("A01.FR.02")
async def test_the_password_that_worked_is_kept_over_several_that_did_not() -> None:
    rig = await Rig().prepared()
    await rig.connects()
    await rig.set_password(NEW)
    await rig.set_password("third-password-0123456789")
    rig = await rig.next_life()
    tried = rig.fails(2, refused=True)
    assert tried == [(1, "third-password-0123456789"), (1, OLD)]


async def test_the_old_password_is_forgotten_once_the_new_one_was_let_in() -> None:
    rig = await Rig().prepared()
    await rig.connects()
    await rig.set_password(NEW)
    assert OLD in rig.memory.texts.values()
    await rig.connects(works=False)
    assert OLD not in rig.memory.texts.values()


@pytest.mark.requirement("B09.FR.27")
async def test_a_password_of_the_station_replaces_that_of_the_profile_in_use() -> None:
    rig = await Rig().prepared()
    assert await rig.set_profile(1, password="own-password-0123456789") is Verdict.ACCEPTED
    rig = await rig.next_life()
    assert rig.fails() == [(1, "own-password-0123456789")]
    await rig.connects()
    await rig.set_password(NEW)
    assert rig.fails(2, refused=True) == [(1, NEW), (1, "own-password-0123456789")]
    assert rig.slots.all()[1].password is None


# --- Certificates and versions.


@pytest.mark.requirement("A02.FR.28", "A03.FR.24")
async def test_old_and_new_certificate_take_turns_and_the_one_that_works_is_told() -> None:
    seed = NetworkProfile(url="wss://one/ocpp", security_profile=3)
    rig = await Rig(values={sv.SECURITY_PROFILE: "3"}, seed=seed).prepared()
    rig.identities = (pair("old"),)
    await rig.connects()
    rig.identities = (pair("new"), pair("old"))
    used = []
    for _ in range(6):
        dial = rig.service.next_dial()
        assert dial is not None
        assert dial.client_identity is not None
        used.append(dial.client_identity.fingerprint)
        rig.service.failed()
    assert used == ["new", "new", "old", "old", "old", "old"]
    await rig.connects()
    assert rig.proven == ["old", "new"]


async def test_a_version_in_which_nobody_can_register_is_offered_no_more() -> None:
    rig = await Rig().prepared()
    await rig.connects("new", works=False)
    rig.service.registration_refused()
    assert rig.reconnects == 0
    rig.service.registration_refused()
    await rig.settle()
    assert rig.reconnects == 1
    rig.service.ended()
    dial = rig.service.next_dial()
    assert dial is not None
    assert dial.versions == ("old",)


async def test_a_version_that_works_is_not_doubted_when_a_connection_ends() -> None:
    rig = await Rig().prepared()
    await rig.connects("new")
    rig.service.ended(unanswered=True)
    dial = rig.service.next_dial()
    assert dial is not None
    assert dial.versions == ("new", "old")


async def test_the_version_that_a_profile_names_is_offered_first() -> None:
    seed = NetworkProfile(url="ws://one/ocpp", security_profile=1, version="old")
    rig = await Rig(seed=seed).prepared()
    dial = rig.service.next_dial()
    assert dial is not None
    assert dial.versions == ("old", "new")


# --- A root of the CSMS that is on trial.


async def trusting(untried: str = "new", attempts: int = 2) -> Rig:
    """Return a station that has reached its CSMS with TLS and then got a new root."""
    seed = NetworkProfile(url="wss://one/ocpp", security_profile=2)
    values = {sv.NETWORK_PROFILE_CONNECTION_ATTEMPTS: str(attempts)}
    rig = await Rig(values=values, seed=seed).prepared()
    await rig.connects()
    rig.untried_root = untried
    return rig


def tries(rig: Rig, times: int, *, distrusted: bool = True) -> list[tuple[int, RootChoice]]:
    """Let attempts fail; return slot and roots of each."""
    tried = []
    for _ in range(times):
        dial = rig.service.next_dial()
        assert dial is not None
        tried.append((dial.slot, dial.roots))
        rig.service.failed(distrusted=distrusted)
    return tried


ONLY_NEW, WITHOUT_NEW = RootChoice(only="new"), RootChoice(without="new")


async def test_without_a_root_on_trial_all_are_trusted() -> None:
    rig = await trusting()
    rig.untried_root = None
    assert {roots for _, roots in tries(rig, 6)} == {ALL_ROOTS}
    await rig.connects()
    assert rig.roots_that_worked == []


@pytest.mark.requirement("M05.FR.13", "M05.FR.12 (1.6)")
async def test_a_new_root_comes_first_and_replaces_the_others_once_it_has_worked() -> None:
    rig = await trusting()
    await rig.connects()
    assert rig.roots_that_worked == ["new"]
    assert tries(rig, 1) == [(1, ALL_ROOTS)]


@pytest.mark.requirement("M05.FR.14", "M05.FR.13 (1.6)")
async def test_a_server_that_the_new_root_does_not_verify_is_tried_with_the_old_one() -> None:
    rig = await trusting()
    assert tries(rig, 1) == [(1, ONLY_NEW)]
    await rig.connects()
    assert rig.roots_that_worked == [], "the old one let the station in"
    assert tries(rig, 2) == [(1, ONLY_NEW), (1, WITHOUT_NEW)], "at every connection anew"


@pytest.mark.requirement("M05.FR.14", "M05.FR.13 (1.6)")
async def test_both_roots_take_turns_for_ever() -> None:
    rig = await trusting()
    away = [roots for _, roots in tries(rig, 4, distrusted=False)]
    assert away == [ONLY_NEW, ONLY_NEW, WITHOUT_NEW, WITHOUT_NEW], "nobody there, nothing judged"
    turns = [roots for _, roots in tries(rig, 16)]
    assert all(set(turns[at : at + 4]) == {ONLY_NEW, WITHOUT_NEW} for at in range(12))
    assert {roots for _, roots in tries(rig, 9, distrusted=False)} == {ONLY_NEW, WITHOUT_NEW}


@pytest.mark.requirement("M05.FR.15", "M05.FR.16", "B10.FR.03", "TC_B_47_CS")
async def test_a_new_csms_gets_all_attempts_with_the_new_root_and_the_last_one_the_old() -> None:
    rig = await migrating()
    assert tries(rig, 3) == [(2, ONLY_NEW), (2, ONLY_NEW), (1, WITHOUT_NEW)]
    await rig.connects()
    rig = await migrating()
    tries(rig, 2)
    await rig.connects()
    assert rig.roots_that_worked == []


async def migrating() -> Rig:
    """Return a station with a new root that is to move to another CSMS."""
    before = await trusting()
    await before.store([Assignment(sv.SECURITY_PROFILE, "2")])
    assert await before.set_profile(2, 2) is Verdict.ACCEPTED
    await before.prefer(2)
    seed = NetworkProfile(url="wss://one/ocpp", security_profile=2)
    rig = await before.next_life(seed=seed)
    rig.untried_root = "new"
    return rig


@pytest.mark.requirement("TC_B_50_CS")
async def test_a_new_csms_that_the_new_root_verifies_lets_the_old_one_go() -> None:
    rig = await migrating()
    assert await rig.connects() == 2
    assert rig.roots_that_worked == ["new"]


async def test_a_new_csms_that_only_the_old_root_verifies_is_reached_all_the_same() -> None:
    rig = await migrating()
    assert (2, WITHOUT_NEW) in tries(rig, 12)


async def test_both_client_certificates_meet_both_roots_at_a_new_csms() -> None:
    rig = await migrating()
    rig.identities = (pair("newer"), pair("older"))
    met = set()
    for _ in range(30):
        dial = rig.service.next_dial()
        assert dial is not None
        if dial.slot == 2:
            met.add((dial.client_identity, dial.roots))
        rig.service.failed(distrusted=True)
    assert len(met) == 4


async def test_a_raised_security_profile_is_tried_with_both_roots() -> None:
    rig = await Rig(secure_url="wss://elsewhere/ocpp").prepared()
    await rig.connects()
    rig.untried_root = "new"
    order = Assignment(sv.SECURITY_PROFILE, "2")
    await rig.service.keep_profile_before_change([order])
    rig.service.variable_changed(rig.model.apply(order))
    await rig.settle()
    await rig.settle()
    assert rig.service.active_profile.url == "ws://one/ocpp"
    rig.service.ended()
    dial = rig.service.next_dial()
    assert dial is not None
    assert dial.profile.url == "wss://elsewhere/ocpp"
    assert [roots for _, roots in tries(rig, 4)] == [ONLY_NEW, WITHOUT_NEW] * 2


async def test_a_connection_without_tls_proves_no_root() -> None:
    rig = await Rig().prepared()
    rig.untried_root = "new"
    await rig.connects()
    assert rig.roots_that_worked == []
