"""Stories of variables and configuration keys (B05-B07): set, in force, kept, reported."""

import pytest

from tests.stories.bench import Bench
from tests.stories.desk import Desk
from tests.stories.words import TOKEN, V16, V21, V201
from tests.stories.world import World

SAMPLED = "SampledDataCtrlr.TxUpdatedMeasurands"
INTERVAL = "SampledDataCtrlr.TxUpdatedInterval"
BOTH_2X = [V201, V21]
TWENTY_MEASURANDS = ",".join(
    (
        *("Energy.Active.Export.Register", "Energy.Active.Import.Register"),
        *("Energy.Reactive.Export.Register", "Energy.Reactive.Import.Register"),
        *("Energy.Active.Export.Interval", "Energy.Active.Import.Interval"),
        *("Energy.Reactive.Export.Interval", "Energy.Reactive.Import.Interval"),
        *("Power.Active.Export", "Power.Active.Import", "Power.Offered", "Power.Factor"),
        *("Power.Reactive.Export", "Power.Reactive.Import", "Current.Import", "Current.Export"),
        *("Current.Offered", "Voltage", "Frequency", "Temperature"),
    )
)


@pytest.mark.requirement(
    *("B05", "B05.FR.01", "B05.FR.10", "B06", "B06.FR.10", "J02.FR.11", "S16-CFG-01"),
    *("S16-MV-01", "TC_021_CS"),
)
async def test_a_new_sampling_interval_holds_without_a_restart_and_over_one(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start({INTERVAL: "0"})
    transaction = await world.charges()
    await world.pass_s(60)
    assert "Sample.Periodic" not in {s.context for s in transaction.samples}
    assert await csms.sets(INTERVAL, "10") == "Accepted"
    assert await csms.gets(INTERVAL) == "10"
    await world.pass_s(62)
    registers = [
        s for s in transaction.samples if s.context == "Sample.Periodic" and s.is_total_register
    ]
    assert 5 <= len(registers) <= 7
    csms.station.expect_boot()
    await world.machine.restart()
    await csms.is_ready()
    assert await csms.gets(INTERVAL) == "10"
    await bench.swipe(TOKEN)
    await csms.sees_end("Local")


@pytest.mark.requirement("B05.FR.07", "S16-MV-05", "S16-CFG-01")
@pytest.mark.parametrize("bad", [TWENTY_MEASURANDS, "Energy.Active.Import.Register,Nonsense"])
async def test_a_measurand_list_with_an_unknown_member_is_refused_as_a_whole(
    world: World, csms: Desk, bad: str
) -> None:
    await world.start()
    before = await csms.gets(SAMPLED)
    assert await csms.sets(SAMPLED, bad) == "Rejected"
    assert await csms.gets(SAMPLED) == before
    good = "Energy.Active.Import.Register,Voltage"
    assert await csms.sets(SAMPLED, good) == "Accepted"
    assert await csms.gets(SAMPLED) == good
    assert world.machine.starts == 1


@pytest.mark.requirement("B05.FR.07", "B05.FR.08", "S16-CFG-01", "S16-CONN-17", "TC_040_2_CS")
@pytest.mark.parametrize("value", ["-1", "often", "1e3"])
async def test_a_value_that_makes_no_sense_is_refused(world: World, csms: Desk, value: str) -> None:
    await world.start()
    assert await csms.sets("OCPPCommCtrlr.WebSocketPingInterval", value) == "Rejected"
    assert await csms.gets("OCPPCommCtrlr.WebSocketPingInterval") == "30"


@pytest.mark.requirement("S16-CFG-03", "S16-CFG-05", "S16-CFG-04", "TC_019_CS")
@pytest.mark.parametrize("version", [V16])
@pytest.mark.parametrize("payload", [{}, {"key": []}])
async def test_all_keys_are_told_for_an_empty_and_for_a_missing_list(
    world: World, csms: Desk, payload: dict[str, list[str]]
) -> None:
    await world.start()
    answer = await csms.call("GetConfiguration", payload)
    keys = {entry["key"]: entry.get("value") for entry in answer["configurationKey"]}
    assert {"HeartbeatInterval", "NumberOfConnectors", "MeterValuesSampledData"} <= set(keys)
    assert keys["NumberOfConnectors"] == "1"
    assert "AuthorizationKey" not in keys
    assert "unknownKey" not in answer


@pytest.mark.requirement("S16-CFG-01", "S16-CFG-03", "TC_040_1_CS")
@pytest.mark.parametrize("version", [V16])
async def test_unknown_and_read_only_keys_are_told_apart(world: World, csms: Desk) -> None:
    await world.start()
    answer = await csms.call("GetConfiguration", {"key": ["heartbeatinterval", "NoSuchKey"]})
    assert [entry["key"] for entry in answer["configurationKey"]] == ["HeartbeatInterval"]
    assert answer["unknownKey"] == ["NoSuchKey"]
    assert (await csms.station.change_configuration("NoSuchKey", "1")).status == "NotSupported"
    readonly = await csms.station.change_configuration("NumberOfConnectors", "9")
    assert readonly.status == "Rejected"


@pytest.mark.requirement(
    *("B05.FR.04", "B05.FR.05", "B05.FR.09", "B05.FR.02", "B06.FR.02", "B06.FR.06", "B06.FR.07"),
    *("B06.FR.09", "B05.FR.12", "B06.FR.11"),
)
@pytest.mark.parametrize("version", BOTH_2X)
async def test_each_variable_gets_its_own_verdict(world: World, csms: Desk) -> None:
    await world.start()
    results = await csms.station.set_variables(
        {
            "OCPPCommCtrlr.HeartbeatInterval": "77",
            "NoCtrlr.HeartbeatInterval": "77",
            "OCPPCommCtrlr.Nonsense": "77",
            "ChargingStation.Model": "Other",
        }
    )
    assert [result.status for result in results] == [
        "Accepted",
        "UnknownComponent",
        "UnknownVariable",
        "Rejected",
    ]
    read = await csms.station.get_variables(
        ["OCPPCommCtrlr.HeartbeatInterval", "NoCtrlr.X", "SecurityCtrlr.BasicAuthPassword"]
    )
    assert [(r.status, r.value) for r in read] == [
        ("Accepted", "77"),
        ("UnknownComponent", None),
        ("Rejected", None),
    ]


@pytest.mark.requirement(
    *("B07", "B07.FR.01", "B07.FR.03", "B07.FR.04", "B07.FR.07", "B07.FR.08", "B07.FR.10"),
    "B07.FR.12",
)
@pytest.mark.parametrize("version", BOTH_2X)
async def test_the_device_model_is_reported_in_parts(world: World, csms: Desk) -> None:
    await world.start(evses=2)
    report = await csms.station.get_base_report("FullInventory")
    assert report is not None
    assert report.values["ChargingStation.Model"] == "AC22"
    assert report.values["EVSE@2.AvailabilityState"] == "Available"
    assert report.values["SecurityCtrlr.BasicAuthPassword"] is None
    assert len(csms.calls("NotifyReport")) > 1
    settable = await csms.station.get_base_report("ConfigurationInventory")
    assert settable is not None
    assert INTERVAL in settable.values
    assert "EVSE@2.AvailabilityState" not in settable.values


@pytest.mark.requirement("B07.FR.01", "B02.FR.02", "B02.FR.06")
@pytest.mark.parametrize("version", BOTH_2X)
async def test_a_pending_station_reports_its_device_model(world: World, csms: Desk) -> None:
    csms.csms.office.boot_script = ("Pending",)
    await world.power_up()
    await csms.sees_boot("Pending")
    report = await csms.station.get_base_report("FullInventory")
    assert report is not None
    assert report.complete


@pytest.mark.requirement("B05", "S16-CFG-01")
async def test_values_that_the_csms_set_win_over_the_file_after_a_restart(
    world: World, csms: Desk
) -> None:
    await world.start({"TxCtrlr.EVConnectionTimeOut": "45"})
    assert await csms.gets("TxCtrlr.EVConnectionTimeOut") == "45"
    assert await csms.sets("TxCtrlr.EVConnectionTimeOut", "90") == "Accepted"
    csms.station.expect_boot()
    await world.machine.restart()
    await csms.is_ready()
    assert await csms.gets("TxCtrlr.EVConnectionTimeOut") == "90"


@pytest.mark.requirement("E02.FR.06", "B05")
async def test_a_new_connection_timeout_holds_for_the_next_driver(
    world: World, bench: Bench, csms: Desk
) -> None:
    await world.start()
    assert await csms.sets("TxCtrlr.EVConnectionTimeOut", "10") == "Accepted"
    await bench.swipe(TOKEN)
    await world.pass_s(15)
    await bench.plug_in()
    await world.pass_s(5)
    assert not bench.plant().contactor_closed
