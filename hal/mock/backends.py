"""The instruments of the simulated board as the services see them, and its test bench."""

from base64 import b64encode
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import aclosing
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any

from hal.api import (
    CertificateAnswer,
    CertificateRequest,
    HardwareLost,
    MeterIdentity,
    MeterReading,
    PowerStep,
    Presentation,
    VehicleAnswer,
    VehicleNeeds,
)
from hal.mock.channel import BoardChannel, Message

MAINS_HZ = 50.0


class MockMeter:
    """The energy meter of one EVSE; its register outlives the board's process."""

    def __init__(self, evse: int, state_dir: Path) -> None:
        self._evse = evse
        self._channel = BoardChannel(state_dir, [evse])

    async def identity(self) -> MeterIdentity:
        """Return a serial number that is the world's own; raises `HardwareLost`."""
        await self._display()
        serial_number = f"{self._channel.token[:8].upper()}-{self._evse}"
        return MeterIdentity("stationd", "Simulated meter", serial_number, "1")

    async def read(self) -> MeterReading:
        """Return what the meter displays; raises `HardwareLost`."""
        shown = await self._display()
        return MeterReading(
            energy_import_wh=Decimal(_whole(shown["milli_wh"])).scaleb(-3),
            power_w=_number(shown["power_w"]),
            voltage_v=_numbers(shown["voltage_v"]),
            current_a=_numbers(shown["current_a"]),
            frequency_hz=MAINS_HZ,
        )

    async def close(self) -> None:
        """Let go of the meter."""
        self._channel.close()

    async def _display(self) -> Message:
        answer = await self._channel.ask("meter", self._evse)
        if answer.get("ok") is not True or answer.get("lost"):
            raise HardwareLost(f"the simulated meter of EVSE {self._evse} does not answer")
        return answer


class MockReader:
    """A token reader; every iterator over its presentations hears every swipe."""

    token_type = "ISO14443"  # noqa: S105 - a kind of token, not one

    def __init__(self, evses: Iterable[int], state_dir: Path) -> None:
        self.evses = tuple(sorted(evses))
        self._state_dir = state_dir
        self._channels: set[BoardChannel] = set()
        self._reached: BoardChannel | None = None
        self._closed = False

    async def reach(self) -> None:
        """Listen for the next iterator; raises `HardwareLost`."""
        if self._reached is None:
            self._reached = await self._listening()

    async def presentations(self) -> AsyncIterator[Presentation]:
        """Yield each swipe from the first step on; raises `HardwareLost`, ends when closed."""
        channel, self._reached = self._reached, None
        try:
            if channel is None:
                channel = await self._listening()
            while True:
                message = await channel.receive()
                self._check(message)
                if "swipe" in message:
                    yield _presentation(message["swipe"])
        except HardwareLost:
            if not self._closed:
                raise
        finally:
            if channel is not None:
                self._forget(channel)

    async def close(self) -> None:
        """End all iterators."""
        self._closed = True
        for channel in self._channels:
            channel.close()

    async def _listening(self) -> BoardChannel:
        channel = BoardChannel(self._state_dir, self.evses)
        self._channels.add(channel)
        try:
            self._check(await channel.ask("listen", self.evses))
        except BaseException:
            self._forget(channel)
            raise
        return channel

    def _forget(self, channel: BoardChannel) -> None:
        channel.close()
        self._channels.discard(channel)

    def _check(self, message: Message) -> None:
        if message.get("ok") is False or message.get("lost"):
            raise HardwareLost(f"the simulated reader of EVSE {self.evses} does not answer")


class MockVehicles:
    """The conversation with the simulated cars of a station."""

    def __init__(self, evses: Iterable[int], state_dir: Path) -> None:
        self._evses = tuple(evses)
        self._state_dir = state_dir
        self._questions = BoardChannel(state_dir, self._evses)
        self._channels: set[BoardChannel] = set()
        self._closed = False

    async def needs(self) -> AsyncIterator[VehicleNeeds]:
        """Yield what cars tell from the first step on; raises `HardwareLost`, ends when closed."""
        async with aclosing(self._told("needs")) as heard:
            async for told in heard:
                yield VehicleNeeds(**told)

    async def certificate_requests(self) -> AsyncIterator[CertificateRequest]:
        """Yield cars' wishes from the first step on; raises `HardwareLost`, ends when closed."""
        async with aclosing(self._told("wish")) as heard:
            async for told in heard:
                yield CertificateRequest(**told)

    async def _told(self, word: str) -> AsyncGenerator[dict[str, Any], None]:
        channel = BoardChannel(self._state_dir, self._evses)
        self._channels.add(channel)
        try:
            message = await channel.ask("hear", None)
            while True:
                told = message.get(word)
                if isinstance(told, dict):
                    yield told
                message = await channel.receive()
        except HardwareLost:
            if not self._closed:
                raise
        finally:
            channel.close()
            self._channels.discard(channel)

    async def negotiate(
        self, evse: int, schedules: tuple[tuple[PowerStep, ...], ...]
    ) -> VehicleAnswer | None:
        """Offer a car schedules; None if none is there. Raises `HardwareLost`."""
        offered = [[[step.start_s, step.power_w] for step in steps] for steps in schedules]
        answer = await self._questions.ask("negotiate", [evse, offered])
        if answer.get("ok") is not True:
            return None
        steps = answer["steps"] if isinstance(answer["steps"], list) else []
        return VehicleAnswer(
            _whole(answer["choice"]),
            tuple(PowerStep(_whole(start_s), _number(power_w)) for start_s, power_w in steps),
        )

    async def answer_certificate(self, evse: int, answer: CertificateAnswer) -> None:
        """Answer a car's wish; a car that has left hears nothing. Raises `HardwareLost`."""
        await self._questions.ask("certificate", [evse, asdict(answer)])

    async def staple(self, statuses: tuple[bytes, ...]) -> None:
        """Show OCSP responses to cars; raises `HardwareLost`."""
        await self._questions.ask("staple", [b64encode(status).decode() for status in statuses])

    async def close(self) -> None:
        """End the conversation."""
        self._closed = True
        self._questions.close()
        for channel in self._channels:
            channel.close()


class BoardControl:
    """The test bench of the simulated board: plugs, swipes, breaks and measures.

    `evses` are those that the board shall have even before guard and meters come.
    """

    def __init__(self, state_dir: Path, evses: Iterable[int] = (1,)) -> None:
        self._channel = BoardChannel(state_dir, evses)

    async def operate(self, request: Mapping[str, object]) -> dict[str, object]:
        """Carry out one bench operation; whatever is wrong comes back as `ok` false."""
        try:
            answer = await self._channel.ask("bench", request)
        except HardwareLost as lost:
            return {"ok": False, "error": str(lost)}
        except (TypeError, ValueError, RecursionError) as error:
            return {"ok": False, "error": f"this request is no JSON object: {error}"}
        answer.pop("id", None)
        return answer

    async def close(self) -> None:
        """Leave the bench; the world goes on."""
        self._channel.close()


def _presentation(swipe: object) -> Presentation:
    match swipe:
        case [str(token), str(token_type), [*evses], str() | None as chain]:
            places = tuple(_whole(evse) for evse in evses)
            return Presentation(token, token_type, places, chain)
        case _:
            raise HardwareLost(f"the simulated reader says {swipe!r}, which is no swipe")


def _whole(value: object) -> int:
    if not isinstance(value, int):
        raise HardwareLost(f"the simulated board says {value!r} where it owes a whole number")
    return value


def _number(value: object) -> float:
    if not isinstance(value, int | float):
        raise HardwareLost(f"the simulated board says {value!r} where it owes a number")
    return float(value)


def _numbers(value: object) -> tuple[float, ...]:
    if not isinstance(value, list):
        raise HardwareLost(f"the simulated board says {value!r} where it owes numbers")
    return tuple(_number(one) for one in value)
