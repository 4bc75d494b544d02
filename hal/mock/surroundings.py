"""What surrounds the outlets of a simulated board: the warmth, and what their lights show."""

ROOM_CELSIUS = 25.0
MAX_CELSIUS = 1000.0
DARK = ("off", "steady")


class Surroundings:
    """By EVSE; a sensor that does not answer says None."""

    def __init__(self) -> None:
        self._celsius: dict[int, float | None] = {}
        self._lights: dict[int, tuple[str, str]] = {}

    def celsius(self, evse: int) -> float | None:
        """Return what the sensor of an EVSE measures."""
        return self._celsius.get(evse, ROOM_CELSIUS)

    def heat(self, evse: int, celsius: float | None) -> None:
        """Set a temperature, or let the sensor fail."""
        self._celsius[evse] = celsius

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
