"""The driver: who answers, second tries, rests, contradictions; on a bus without delays."""

import logging
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from hal.api import HardwareError, HardwareLost
from hal.modbus.faults import FaultKind, MeterFault, WrongMeter
from hal.modbus.meter import CONTRADICTION_S, MeterSetup, ModbusMeter
from hal.modbus.profile import IdentityField, MeterProfile
from hal.modbus.profile_file import load_profile
from tests.rigs.modbus_meter import MemoryBus, SimulatedMeter

SDM630 = load_profile("eastron_sdm630")
SILENCE = MeterFault(FaultKind.NO_ANSWER, "no answer")
MISSING = MeterFault(FaultKind.PORT_MISSING, "the port does not exist")


class Bench:
    """A meter, its driver, and a clock."""

    def __init__(self, profile: MeterProfile = SDM630, serial_number: str = "") -> None:
        self.now_s = 0.0
        self.device = SimulatedMeter(profile)
        self.bus = MemoryBus(self.device)
        setup = MeterSetup(profile, "/dev/ttyTEST", serial_number)
        self.meter = ModbusMeter(setup, self.bus, lambda: self.now_s)

    async def fails(self, times: int = 2, why: MeterFault = SILENCE) -> HardwareError:
        """Let the next questions fail; the error of the reading."""
        self.bus.failures.extend([why] * times)
        with pytest.raises(HardwareError) as raised:
            await self.meter.read()
        self.bus.failures.clear()
        return raised.value


@pytest.fixture
def bench() -> Bench:
    return Bench()


async def test_a_meter_tells_who_it_is(bench: Bench) -> None:
    identity = await bench.meter.identity()
    assert (identity.vendor, identity.model) == ("Eastron", "SDM630-Modbus V2")
    assert identity.serial_number == "12345678"


async def test_texts_of_the_meter_itself_come_before_those_of_the_profile() -> None:
    bench = Bench(load_profile("bauer_bsm_ws36a"))
    bench.device.identify(IdentityField.SERIAL_NUMBER, "001BZR1521070006")
    bench.device.identify(IdentityField.MODEL, "BSM-WS36A-H01-1311-0000")
    bench.device.identify(IdentityField.FIRMWARE, "1.9:32CA:AFF4")
    identity = await bench.meter.identity()
    assert identity.serial_number == "001BZR1521070006"
    assert (identity.model, identity.firmware) == ("BSM-WS36A-H01-1311-0000", "1.9:32CA:AFF4")


async def test_a_reading_has_all_values(bench: Bench) -> None:
    bench.device.load(energy_wh=1_234_500, currents_a=(16, 10, 6))
    reading = await bench.meter.read()
    assert reading.energy_import_wh == 1_234_500
    assert reading.power_w == 7360.0
    assert reading.voltage_v == (230.0, 230.0, 230.0)
    assert reading.current_a == (16.0, 10.0, 6.0)
    assert reading.frequency_hz == 50.0


async def test_identity_is_asked_once_as_long_as_all_is_well(bench: Bench) -> None:
    for _ in range(3):
        await bench.meter.read()
    assert [call.function for call in bench.bus.asked].count(3) == 1


async def test_a_failure_is_tried_once_more_from_the_start(bench: Bench) -> None:
    await bench.meter.read()
    asked = len(bench.bus.asked)
    bench.bus.failures.extend([None, SILENCE])
    assert (await bench.meter.read()).energy_import_wh == 0
    functions = [call.function for call in bench.bus.asked[asked:]]
    assert functions == [4, 4, 3, 4, 4, 4]


async def test_a_meter_that_fails_twice_is_lost(bench: Bench) -> None:
    error = await bench.fails()
    assert isinstance(error, HardwareLost)
    assert (await bench.meter.read()).energy_import_wh == 0


async def test_a_port_that_is_missing_is_not_tried_twice(bench: Bench) -> None:
    error = await bench.fails(1, MISSING)
    assert str(error) == "the port does not exist"
    assert len(bench.bus.asked) == 1


async def test_a_meter_that_keeps_failing_is_asked_ever_more_rarely(bench: Bench) -> None:
    for _ in range(3):
        await bench.fails()
    assert len(bench.bus.asked) == 6
    asked_at_s = []
    for _ in range(200):
        asked = len(bench.bus.asked)
        error = await bench.fails(1)
        assert str(error) == "no answer"
        if len(bench.bus.asked) > asked:
            assert len(bench.bus.asked) == asked + 1
            asked_at_s.append(bench.now_s)
        bench.now_s = round(bench.now_s + 0.1, 1)
    assert asked_at_s == [1.0, 3.0, 7.0, 12.0, 17.0]


async def test_a_meter_that_answers_again_is_read_as_before(bench: Bench) -> None:
    for _ in range(4):
        await bench.fails()
        bench.now_s += 10.0
    assert (await bench.meter.read()).energy_import_wh == 0
    bench.bus.failures.append(SILENCE)
    assert (await bench.meter.read()).energy_import_wh == 0


async def test_a_port_that_was_missing_costs_no_rest(bench: Bench) -> None:
    for _ in range(10):
        await bench.fails(1, MISSING)
    assert (await bench.meter.read()).energy_import_wh == 0


async def test_another_meter_is_not_read_before_its_identity_was_asked(bench: Bench) -> None:
    assert (await bench.meter.identity()).serial_number == "12345678"
    bench.device.identify(IdentityField.SERIAL_NUMBER, "99")
    bench.bus.failures.append(SILENCE)
    for _ in range(2):
        with pytest.raises(HardwareLost, match=r"serial number 99 instead of 12345678"):
            await bench.meter.read()
    assert (await bench.meter.identity()).serial_number == "99"
    assert (await bench.meter.read()).energy_import_wh == 0


async def test_whoever_else_asks_for_the_identity_hides_no_exchange(bench: Bench) -> None:
    """The signer of records asks too; it must not be what lets another meter be read."""
    await bench.meter.read()
    bench.device.identify(IdentityField.SERIAL_NUMBER, "99")
    bench.bus.failures.extend([MISSING])
    bench.meter._identity = None  # as after a failure that somebody else has met
    with pytest.raises(HardwareLost):
        await bench.meter.identity()
    assert (await bench.meter.identity()).serial_number == "99"
    with pytest.raises(HardwareLost, match="99 instead of 12345678"):
        await bench.meter.read()


async def test_a_meter_that_is_read_first_is_known_as_well(bench: Bench) -> None:
    await bench.meter.read()
    bench.device.identify(IdentityField.SERIAL_NUMBER, "99")
    bench.bus.failures.append(SILENCE)
    with pytest.raises(HardwareLost, match=r"another meter answers at address 1 on /dev/ttyTEST"):
        await bench.meter.read()


async def test_the_serial_number_of_the_configuration_is_compared() -> None:
    with pytest.raises(WrongMeter, match=r"serial number 12345678, configured is 7; check addr"):
        await Bench(serial_number="7").meter.read()
    assert (await Bench(serial_number="12345678").meter.read()).energy_import_wh == 0


async def test_the_serial_number_of_the_configuration_stands_in() -> None:
    bench = Bench(load_profile("inepro_pro380"), serial_number="AB-1")
    assert (await bench.meter.identity()).serial_number == "AB-1"
    assert len(bench.bus.asked) == 0


async def test_a_meter_without_a_serial_number_is_another() -> None:
    bench = Bench(load_profile("iskra_wm3m4c"))
    bench.device.identify(IdentityField.SERIAL_NUMBER, "")
    with pytest.raises(WrongMeter, match="tells no serial number where a WM3M4C has it"):
        await bench.meter.identity()


async def test_another_model_is_told_by_its_probe() -> None:
    bench = Bench(load_profile("bauer_bsm_ws36a"))
    bench.device.set(3, 40000, (0, 71))
    with pytest.raises(WrongMeter, match=r"is no Bauer BSM-WS36A: register 40000 holds 71"):
        await bench.meter.read()


async def test_a_wrong_meter_stays_one_while_it_is_asked_more_rarely() -> None:
    bench = Bench(serial_number="7")
    for _ in range(5):
        with pytest.raises(WrongMeter, match="configured is 7"):
            await bench.meter.read()
    assert len(bench.bus.asked) == 3


async def test_a_register_marked_as_absent_is_an_error_and_no_zero() -> None:
    bench = Bench(load_profile("abb_b23_b24"))
    bench.device.set(3, 0x5000, (0xFFFF,) * 4)
    with pytest.raises(HardwareError, match="B23/B24 marks its energy register as not available"):
        await bench.meter.read()


async def test_values_that_contradict_each_other_are_left_out_for_a_while(bench: Bench) -> None:
    bench.device.load(energy_wh=500, currents_a=(16, 16, 16))
    bench.device.show(power_total=0, power_L1=0, power_L2=0, power_L3=0)
    reading = await bench.meter.read()
    assert reading.energy_import_wh == 500
    assert reading.current_a == ()
    assert reading.power_w != reading.power_w  # NaN
    bench.now_s = CONTRADICTION_S - 0.1
    await bench.meter.read()
    bench.now_s = CONTRADICTION_S
    with pytest.raises(HardwareLost, match=r"contradict each other: the power is 0 W.*wiring"):
        await bench.meter.read()
    bench.device.load(energy_wh=500, currents_a=(16, 16, 16))
    assert (await bench.meter.read()).power_w == 11_040.0
    bench.device.show(power_total=0, power_L1=0, power_L2=0, power_L3=0)
    await bench.meter.read()


async def test_energy_that_contradicts_itself_is_refused_at_once() -> None:
    bench = Bench(load_profile("carlogavazzi_em340"))
    bench.device.show(energy_import=1000, energy_import_check=5000)
    with pytest.raises(HardwareLost, match="energy_import is 1000 Wh, but energy_import_check 5"):
        await bench.meter.read()


async def test_a_coarse_register_is_told_once(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    bench.device.load(energy_wh=50_000_000)
    await bench.meter.read()
    await bench.meter.read()
    (record,) = caplog.records
    assert "tells its energy in steps of 3.91 Wh at its register of 50000000 Wh" in record.message


async def test_a_meter_gives_its_share_of_the_bus_back(bench: Bench) -> None:
    await bench.meter.read()
    await bench.meter.close()
    assert bench.bus.released == 1


@pytest.mark.parametrize(
    "change",
    [
        lambda device: device.set(4, 0x48, (0x7FC0, 0)),
        lambda device: device.set(4, 0x48, (0x7F80, 0)),
    ],
    ids=["not a number", "infinite"],
)
async def test_a_float_that_is_no_number_is_never_energy(
    bench: Bench, change: Callable[[SimulatedMeter], None]
) -> None:
    change(bench.device)
    with pytest.raises(HardwareError, match="not available"):
        await bench.meter.read()


async def test_energy_is_exact_to_the_meters_last_digit() -> None:
    bench = Bench()
    bench.device.show(energy_import=Decimal(123456))
    assert (await bench.meter.read()).energy_import_wh == Decimal(123456)


async def test_the_address_of_the_configuration_is_asked() -> None:
    profile = replace(SDM630, serial=replace(SDM630.serial, address=7))
    bench = Bench(profile)
    await bench.meter.read()
    assert {call.device for call in bench.bus.asked} == {7}
