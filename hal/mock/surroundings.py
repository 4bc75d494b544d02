"""What surrounds a simulated board: warmth, what its lights show, and relays of the grid."""

from dataclasses import asdict, dataclass

ROOM_CELSIUS = 25.0
MAX_CELSIUS = 1000.0


@dataclass(frozen=True, slots=True)
class Shown:
    """What a light shows, in the words of `hal.api.IndicatorPattern`."""

    colour: str = "off"
    rhythm: str = "steady"
    intensity_percent: int = 100
    times: int | None = None


class Surroundings:
    """Warmth and lights by EVSE, relays by name; what does not answer says None."""

    def __init__(self) -> None:
        self._celsius: dict[int, float | None] = {}
        self._lights: dict[int, Shown] = {}
        self.relays: dict[str, bool | None] = {}
        """Those that somebody has looked at or switched; off at first."""

    def celsius(self, evse: int) -> float | None:
        """Return what the sensor of an EVSE measures."""
        return self._celsius.get(evse, ROOM_CELSIUS)

    def heat(self, evse: int, celsius: float | None) -> None:
        """Set a temperature, or let the sensor fail."""
        self._celsius[evse] = celsius

    def relay(self, name: str) -> bool | None:
        """Return whether a relay is on."""
        return self.relays.setdefault(name, False)

    def light(self, evse: int) -> Shown:
        """Return what the light of an EVSE was told last."""
        return self._lights.get(evse, Shown())

    def show(self, evse: int, shown: Shown) -> None:
        """Let a light show a pattern."""
        self._lights[evse] = shown

    def describe(self, evse: int) -> dict[str, object]:
        """Return the facts of one EVSE."""
        return {"celsius": self.celsius(evse), "light": asdict(self.light(evse))}
