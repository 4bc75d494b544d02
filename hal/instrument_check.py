"""Tries the instruments of an EVSE: the meter is read, the reader waits, the light is shown."""

import asyncio
from collections.abc import Awaitable, Callable

from hal.api import (
    EnergyMeter,
    Finding,
    HardwareError,
    Indicator,
    IndicatorColour,
    IndicatorPattern,
    RelayContact,
    TemperatureSensor,
    TokenReader,
)

ANSWER_LIMIT_S = 10.0
LISTEN_S = 1.0
SHOWN_S = 0.3


async def check_meter(evse: int, meter: EnergyMeter) -> Finding:
    """Read the meter's identity and register."""

    async def look() -> str:
        identity = await meter.identity()
        reading = await meter.read()
        return (
            f"{identity.vendor} {identity.model}, serial number {identity.serial_number}, counts"
            f" {reading.energy_import_wh} Wh at {reading.power_w:.0f} W"
        )

    return await _checked(evse, "meter", look, meter.close)


async def check_reader(evse: int, reader: TokenReader) -> Finding:
    """Listen to the reader for a moment; a card may be held before it, but need not be."""

    async def look() -> str:
        presentations = reader.presentations()
        try:
            token = await asyncio.wait_for(anext(presentations), LISTEN_S)
        except TimeoutError:
            return "is there and waits for a card"
        except StopAsyncIteration as error:
            raise HardwareError("ends by itself; is the device still plugged in?") from error
        return f"reads a card of type {token.token_type}"

    return await _checked(evse, "reader", look, reader.close)


async def check_temperature(evse: int, sensor: TemperatureSensor) -> Finding:
    """Read the temperature."""

    async def look() -> str:
        return f"reads {await sensor.read_celsius():.1f} C"

    return await _checked(evse, "temperature", look, sensor.close)


async def check_relay(name: str, contact: RelayContact) -> Finding:
    """Read a relay; somebody may switch it, but need not."""

    async def look() -> str:
        return f"is {'on' if await contact.is_on() else 'off'} now; let it be switched, look again"

    return await _checked(None, name, look, contact.close)


async def check_indicator(evse: int, light: Indicator) -> Finding:
    """Show every colour for a moment, then none."""

    async def look() -> str:
        colours = [colour for colour in IndicatorColour if colour is not IndicatorColour.OFF]
        for colour in (*colours, IndicatorColour.OFF):
            await light.show(IndicatorPattern(colour))
            await asyncio.sleep(SHOWN_S)
        return f"has shown {', '.join(colours)}; look whether it did"

    return await _checked(evse, "indicator", look, light.close)


async def _checked(
    evse: int | None,
    device: str,
    look: Callable[[], Awaitable[str]],
    close: Callable[[], Awaitable[None]],
) -> Finding:
    try:
        async with asyncio.timeout(ANSWER_LIMIT_S):
            return Finding(evse, device, ok=True, message=await look())
    except HardwareError as error:
        return Finding(evse, device, ok=False, message=str(error))
    except TimeoutError:
        reason = f"does not answer within {ANSWER_LIMIT_S:g} s; check its wiring and its port"
        return Finding(evse, device, ok=False, message=reason)
    finally:
        await close()
