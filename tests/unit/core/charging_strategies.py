"""Charging profiles and news of them as hypothesis makes them."""

from hypothesis import strategies as st

from agent.core.smart_charging.composite import CompositePeriod
from agent.core.smart_charging.needs import ChargingNeeds, EnergyTransfer
from agent.core.smart_charging.news import (
    ChargingLimitCleared,
    ChargingLimitTold,
    DynamicUpdateAsked,
    EvScheduleTold,
    NeedsTold,
    PriorityChargingTold,
    ProfilesReport,
)
from agent.core.smart_charging.outside import LimitSource
from agent.core.smart_charging.profiles import (
    CSMS_SOURCE,
    ChargingProfile,
    ChargingSchedule,
    InstalledProfile,
    ProfileKind,
    Recurrency,
    SchedulePeriod,
)
from agent.core.vocabulary import ProfilePurpose, RateUnit
from tests.unit.core.basic_strategies import instants, numbers, optional

ids = st.integers(-(2**31), 2**31 - 1)
evses = st.integers(0, 100)
seconds = st.integers(0, 2**31 - 1)
limits = st.decimals(min_value=0, max_value=10**9, places=3)
periods = st.builds(
    SchedulePeriod,
    start_s=seconds,
    limit=limits,
    phases=optional(st.integers(1, 3)),
    phase_to_use=optional(st.integers(1, 3)),
)
schedules = st.builds(
    ChargingSchedule,
    unit=st.sampled_from(RateUnit),
    periods=st.lists(periods, min_size=1, max_size=3).map(tuple),
    start=optional(instants),
    duration_s=optional(seconds),
    id=ids,
    min_rate=optional(limits),
    randomized_delay_s=optional(seconds),
    local_time=optional(st.just(True)),
    remainder=st.none()
    | st.sampled_from(
        [
            '{"salesTariff":{"id":1,"salesTariffEntry":[{"relativeTimeInterval":{"start":0}}]}}',
            '{"signatureId":1,"powerTolerance":0.5}',
        ]
    ),
)
profiles = st.builds(
    ChargingProfile,
    id=ids,
    stack_level=st.integers(0, 31),
    purpose=st.sampled_from(ProfilePurpose),
    kind=st.sampled_from(ProfileKind),
    schedules=st.lists(schedules, min_size=1, max_size=3).map(tuple),
    recurrency=optional(st.sampled_from(Recurrency)),
    transaction_id=optional(st.uuids().map(str)),
    valid_from=optional(instants),
    valid_to=optional(instants),
    max_offline_s=optional(seconds),
    ends_offline=optional(st.booleans()),
    update_interval_s=optional(seconds),
    updated_at=optional(instants),
)
sources = st.sampled_from([CSMS_SOURCE, *(source.value for source in LimitSource)])
installed_profiles = st.builds(
    InstalledProfile,
    evse=evses,
    profile=profiles,
    installed_at=instants,
    source=sources,
    pending=optional(st.just(True)),
    shadows=optional(st.just(True)),
    seed=numbers,
)
needs = st.builds(
    ChargingNeeds,
    energy_wh=numbers,
    min_current_a=st.integers(0, 80),
    max_current_a=st.integers(0, 80),
    max_voltage_v=st.integers(0, 1000),
    transfer=st.sampled_from(EnergyTransfer),
    departure=optional(instants),
    schedules=optional(st.integers(0, 3)),
)
charging_news = st.one_of(
    st.builds(
        ProfilesReport,
        request_id=ids,
        to_be_continued=st.booleans(),
        profiles=st.lists(installed_profiles, min_size=1, max_size=3).map(tuple),
    ),
    st.builds(
        ChargingLimitTold,
        evse=evses,
        source=sources,
        grid_critical=st.booleans(),
        local_generation=st.booleans(),
        schedules=st.lists(schedules, max_size=2).map(tuple),
    ),
    st.builds(ChargingLimitCleared, evse=evses, source=sources),
    st.builds(NeedsTold, evse=st.integers(1, 100), needs=needs, at=optional(instants)),
    st.builds(
        EvScheduleTold, evse=st.integers(1, 100), at=instants, schedule=schedules, selected=ids
    ),
    st.builds(
        PriorityChargingTold,
        transaction_id=st.uuids().map(str) | st.text(max_size=60),
        activated=st.booleans(),
    ),
    st.builds(DynamicUpdateAsked, profile_id=ids),
)
composite_periods = st.builds(
    CompositePeriod, start_s=numbers, limit=limits, phases=optional(st.integers(1, 3))
)
