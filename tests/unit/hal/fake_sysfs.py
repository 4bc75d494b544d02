"""A kernel's sysfs in memory: files with the rules that drivers put behind them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from errno import EACCES, EBUSY, EINVAL, ENODEV, ENOENT
from os import strerror
from pathlib import Path, PurePosixPath

SYS = Path("/sys")


def refusal(number: int, path: Path) -> OSError:
    return OSError(number, strerror(number), str(path))


@dataclass
class Node:
    """One file: what reading shows and what writing does; None is not allowed."""

    show: Callable[[], str] | None
    store: Callable[[str], None] | None = None
    writable: bool = True


class FakeSysfs:
    """The tree; `writes` remembers every accepted write in order."""

    def __init__(self) -> None:
        self._nodes: dict[Path, Node] = {}
        self._links: dict[Path, Path] = {}
        self.writes: list[tuple[str, str]] = []

    # --- building

    def add(self, path: Path, node: Node) -> None:
        self._nodes[self.resolve(path)] = node

    def text(self, path: Path, text: str) -> None:
        self.add(path, Node(lambda: text))

    def link(self, path: Path, target: Path) -> None:
        self._links[path] = target

    def remove(self, path: Path) -> None:
        for known in [each for each in self._nodes if each == path or path in each.parents]:
            del self._nodes[known]

    def protect(self, path: Path) -> None:
        """Take the right to write a file away."""
        self._nodes[self.resolve(path)].writable = False

    # --- the port

    def names(self, folder: Path) -> tuple[str, ...]:
        place = self.resolve(folder)
        depth = len(place.parts)
        known = [*self._nodes, *self._links]
        return tuple(sorted({p.parts[depth] for p in known if place in p.parents}))

    def resolve(self, path: Path) -> Path:
        found = Path("/")
        for part in PurePosixPath(path).parts[1:]:
            found = found.parent if part == ".." else found / part
            while found in self._links:
                found = self._links[found]
        return found

    def exists(self, path: Path) -> bool:
        place = self.resolve(path)
        return place in self._nodes or any(place in known.parents for known in self._nodes)

    def is_writable(self, path: Path) -> bool:
        node = self._nodes.get(self.resolve(path))
        return node is not None and node.store is not None and node.writable

    def read(self, path: Path) -> str:
        node = self._node(path)
        if node.show is None:
            raise refusal(EACCES, path)
        return node.show()

    def write(self, path: Path, text: str) -> None:
        node = self._node(path)
        if node.store is None or not node.writable:
            raise refusal(EACCES, path)
        node.store(text)
        self.writes.append((path.name, text))

    def open(self, path: Path) -> "OpenFile":
        self._node(path)
        return OpenFile(self, path)

    def _node(self, path: Path) -> Node:
        try:
            return self._nodes[self.resolve(path)]
        except KeyError:
            raise refusal(ENOENT, path) from None


@dataclass
class OpenFile:
    sysfs: FakeSysfs
    path: Path
    is_open: bool = True

    def read(self) -> str:
        assert self.is_open
        return self.sysfs.read(self.path)

    def close(self) -> None:
        self.is_open = False


@dataclass
class PwmState:
    period: int = 0
    duty_cycle: int = 0
    enable: int = 0
    polarity: str = "normal"


class FakePwmChip:
    """A PWM chip as the kernel shows it, with the checks of its core and a driver's own."""

    def __init__(
        self,
        sysfs: FakeSysfs,
        number: int,
        device: str,
        npwm: int = 4,
        driver: str = "pwm-bcm2835",
    ) -> None:
        self.sysfs = sysfs
        self.hardware = SYS / "devices" / "platform" / device
        self.folder = self.hardware / "pwm" / f"pwmchip{number}"
        self.channels: dict[int, PwmState] = {}
        self.taken: set[int] = set()
        self.inverts = True
        self.late_rights = False
        self.gone = False
        self.shortest_period_ns = 1
        self._npwm = npwm
        sysfs.link(SYS / "class" / "pwm" / f"pwmchip{number}", self.folder)
        sysfs.link(self.folder / "device", self.hardware)
        sysfs.link(self.hardware / "driver", SYS / "bus" / "platform" / "drivers" / driver)
        sysfs.text(SYS / "bus" / "platform" / "drivers" / driver / "bind", "")
        sysfs.text(self.folder / "npwm", str(npwm))
        sysfs.add(self.folder / "export", Node(None, self._export))

    def _export(self, text: str) -> None:
        number = int(text)
        if number >= self._npwm:
            raise refusal(ENODEV, self.folder / "export")
        if number in self.channels or number in self.taken:
            raise refusal(EBUSY, self.folder / "export")
        self.channels[number] = PwmState()
        folder = self.folder / f"pwm{number}"
        for name in ("period", "duty_cycle", "enable", "polarity"):
            node = Node(self._show(number, name), self._store(number, name))
            node.writable = not self.late_rights
            self.sysfs.add(folder / name, node)

    def grant_rights(self, number: int) -> None:
        for name in ("period", "duty_cycle", "enable", "polarity"):
            node = Node(self._show(number, name), self._store(number, name))
            self.sysfs.add(self.folder / f"pwm{number}" / name, node)

    def _show(self, number: int, name: str) -> Callable[[], str]:
        def show() -> str:
            self._check_there()
            return str(getattr(self.channels[number], name))

        return show

    def _store(self, number: int, name: str) -> Callable[[str], None]:
        def store(text: str) -> None:
            self._check_there()
            state = self.channels[number]
            wanted = PwmState(state.period, state.duty_cycle, state.enable, state.polarity)
            setattr(wanted, name, text if name == "polarity" else int(text))
            self._check(state, wanted)
            self.channels[number] = wanted

        return store

    def _check_there(self) -> None:
        if self.gone:
            raise refusal(ENODEV, self.folder)

    def _check(self, state: PwmState, wanted: PwmState) -> None:
        """Apply what `pwm_apply_state` and usual drivers demand."""
        invalid = (
            wanted.period < self.shortest_period_ns
            or wanted.duty_cycle > wanted.period
            or wanted.duty_cycle < 0
            or wanted.polarity not in {"normal", "inversed"}
        )
        turned = wanted.polarity != state.polarity
        if invalid or (turned and (not self.inverts or state.enable)):
            raise refusal(EINVAL, self.folder)


@dataclass
class FakeIioDevice:
    """A converter as a kernel driver shows it; `measure(channel)` gives volts at its pins."""

    sysfs: FakeSysfs
    number: int
    name: str
    measure: Callable[[int], float]
    channels: tuple[int, ...] = tuple(range(8))
    reference_v: float = 3.3
    bits: int = 12
    device: str = "soc/3f204000.spi/spi_master/spi0/spi0.0"
    scale: bool = True
    fault: int | None = None
    readings: int = field(default=0)

    def __post_init__(self) -> None:
        folder = SYS / "devices" / "platform" / self.device / f"iio:device{self.number}"
        self.sysfs.link(SYS / "bus" / "iio" / "devices" / f"iio:device{self.number}", folder)
        self.sysfs.text(folder / "name", self.name)
        if self.scale:
            step_mv = self.reference_v * 1000 / 2**self.bits
            self.sysfs.text(folder / "in_voltage_scale", f"{step_mv:.9f}")
        for channel in self.channels:
            show = self._shown(channel)
            self.sysfs.add(folder / f"in_voltage{channel}_raw", Node(show))

    def _shown(self, channel: int) -> Callable[[], str]:
        def show() -> str:
            self.readings += 1
            if self.fault is not None:
                raise refusal(self.fault, Path(f"in_voltage{channel}_raw"))
            raw = round(self.measure(channel) / self.reference_v * 2**self.bits)
            return str(max(0, min(2**self.bits - 1, raw)))

        return show
