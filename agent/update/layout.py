"""Where the parts of an installed station lie, so that two programs and one script agree."""

from pathlib import Path
from typing import Final

from agent.core.records import dataclass

AGENT_UNIT: Final = "stationd.service"
GUARD_UNIT: Final = "stationd-guard.service"
TRIAL_TIMER: Final = "stationd-trial.timer"


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one station below `root`, which is another folder than `/` in tests only.

    Slots, state, makers and answers belong to root; `outbox` alone belongs to the agent.
    """

    root: Path = Path("/")
    state_dir: Path | None = None
    """The agent's state directory, where it is not the usual one."""

    @property
    def slots(self) -> Path:
        """Return the folder of the two application trees, `a` and `b`."""
        return self.root / "opt/stationd/slots"

    @property
    def current(self) -> Path:
        """Return the link to the slot that is to be started."""
        return self.root / "opt/stationd/current"

    @property
    def state(self) -> Path:
        """Return the file of `slot_state`."""
        return self.root / "var/lib/stationd-slots/state.json"

    @property
    def incoming(self) -> Path:
        """Return where a bundle is copied to before it is verified, out of the agent's reach."""
        return self.root / "var/lib/stationd-slots/incoming.bundle"

    @property
    def writing(self) -> Path:
        """Return the file that whoever writes a slot holds a lock on."""
        return self.root / "var/lib/stationd-slots/writing"

    @property
    def makers(self) -> Path:
        """Return the folder of the makers' roots (`*.pem`) and revocation lists (`*.crl`)."""
        return self.root / "etc/stationd/maker"

    @property
    def config(self) -> Path:
        """Return the station's configuration, which says what hardware this is."""
        return self.root / "etc/stationd/station.toml"

    @property
    def outbox(self) -> Path:
        """Return the agent's folder of images and requests; nothing in it is trusted."""
        return (self.state_dir or self.root / "var/lib/stationd") / "update"

    @property
    def request(self) -> Path:
        """Return the file by which the agent asks for something."""
        return self.outbox / "request.json"

    @property
    def cancel(self) -> Path:
        """Return the file by which the agent takes an installation back."""
        return self.outbox / "cancel"

    @property
    def answer(self) -> Path:
        """Return the file in which the agent reads what came of its request."""
        return self.root / "run/stationd-update/answer.json"
