"""What surrounds a simulated board: warmth, what its lights show, and relays of the grid."""

ROOM_CELSIUS = 25.0
MAX_CELSIUS = 1000.0
DARK = ("off", "steady")


class Surroundings:
    """Warmth and lights by EVSE, relays by name; what does not answer says None."""

    def __init__(self) -> None:
        self._celsius: dict[int, float | None] = {}
        self._lights: dict[int, tuple[str, str]] = {}
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

    def light(self, evse: int) -> tuple[str, str]:
        """Return colour and rhythm of the light of an EVSE."""
        return self._lights.get(evse, DARK)

    def show(self, evse: int, colour: str, rhythm: str) -> None:
        """Let a light show a pattern."""
        self._lights[evse] = colour, rhythm

    def describe(self, evse: int) -> dict[str, object]:
        """Return the facts of one EVSE."""
        colour, rhythm = self.light(evse)
        return {"celsius": self.celsius(evse), "light": {"colour": colour, "rhythm": rhythm}}
