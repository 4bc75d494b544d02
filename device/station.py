"""An installed station in a container, with a simulated board beside it, as an operator sees it."""

import json
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from device.container import Container, wait_until
from device.product import MODEL, Product

ROOT = Path(__file__).parents[1]
AGENT, GUARD, BOARD = "stationd.service", "stationd-guard.service", "stationd-board.service"
CONFIG = """
[station]
vendor = "Example"
model = "{model}"
serial_number = "0001"
state_dir = "/var/lib/stationd"
[csms]
url = "ws://127.0.0.1:{port}/ocpp"
identity = "CS001"
versions = ["ocpp2.0.1"]
security_profile = 0
allow_insecure = true
[guard]
socket = "/run/stationd-guard/guard.sock"
state_dir = "/var/lib/stationd-guard"
min_closing_interval_s = 0.0
[local_api]
socket = "/run/stationd/api.sock"
[[evse]]
id = 1
connector_type = "cType2"
max_current_a = 32
phases = 3
pilot = {{ backend = "mock" }}
contactor = {{ backend = "mock" }}
meter = {{ backend = "mock" }}
reader = {{ backend = "mock" }}
[bench]
socket = "/run/stationd/bench.sock"
[variables]
"OCPPCommCtrlr.RetryBackOffWaitMinimum" = 1
"OCPPCommCtrlr.RetryBackOffRandomRange" = 0
"""
UPDATE_SECTION = """
[update]
backend = "application"
health_timeout_s = 120
confirm_without_csms_s = 10
"""
# The simulated board is copper: it lives on when guard and agent end. It lets in its user alone.
BOARD_UNIT = """
[Service]
ExecStart=/usr/bin/python3 -m hal.mock --state-dir /var/lib/stationd --linger-s 1000000
Environment=PYTHONPATH=/opt/board
User=stationd
Group=stationd
StateDirectory=stationd
StateDirectoryMode=0700
[Install]
WantedBy=multi-user.target
"""
BOARD_DROP_IN = """
[Unit]
After=stationd-board.service
Wants=stationd-board.service
[Service]
User=stationd
Group=stationd
PrivateNetwork=no
"""


class Station:
    """What an operator, a driver and a CSMS can do with it."""

    def __init__(self, container: Container, product: Product, folder: Path) -> None:
        self.container = container
        self.product = product
        self._folder = folder
        self._csms: subprocess.Popen[bytes] | None = None
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]

    # --- The site.

    def start_csms(self) -> None:
        """Start the demo CSMS on this machine."""
        command = [sys.executable, "-m", "agent", "csms", "--port", str(self.port)]
        with (self._folder / "csms.log").open("ab") as log:
            self._csms = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def stop_csms(self) -> None:
        """End the CSMS."""
        if self._csms is not None:
            self._csms.terminate()
            self._csms.wait(10.0)
            self._csms = None

    def put(self, path: str, text: str) -> None:
        """Write a file in the container."""
        target = self.container.root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def write_drop_in(self, unit: str, name: str, text: str) -> None:
        """Add to a unit, until the next boot; /run is seen from inside alone."""
        folder = f"/run/systemd/system/{unit}.d"
        self.container.run("mkdir", "-p", folder)
        self.container.run("tee", f"{folder}/{name}.conf", input_text=text)
        self.container.run("systemctl", "daemon-reload")

    def remove_drop_ins(self, unit: str) -> None:
        """Take back what was added to a unit."""
        self.container.run("rm", "-rf", f"/run/systemd/system/{unit}.d")
        self.container.run("systemctl", "daemon-reload")

    def bring(self, file: Path) -> str:
        """Copy a file into the container and return its path there."""
        shutil.copyfile(file, self.container.root / "srv" / file.name)
        return f"/srv/{file.name}"

    # --- The operator.

    def install_package(self, package: Path | None = None, **more: Any) -> Any:
        """Install the package with dpkg."""
        path = self.bring(package or self.product.package)
        return self.container.run("dpkg", "--install", path, **more)

    def connect_board(self) -> None:
        """Add the simulated board; it comes from this repository, not from a slot."""
        shutil.copytree(ROOT / "hal", self.container.root / "opt/board/hal", dirs_exist_ok=True)
        self.put(f"/etc/systemd/system/{BOARD}", BOARD_UNIT)
        self.put(f"/etc/systemd/system/{GUARD}.d/board.conf", BOARD_DROP_IN)
        self.container.run("systemctl", "daemon-reload")
        self.container.run("systemctl", "enable", "--now", BOARD)

    def configure(self, more_of_updates: str = "", updates: str = UPDATE_SECTION) -> str:
        """Run `stationd setup` with a file."""
        text = CONFIG.format(model=MODEL, port=self.port) + updates + more_of_updates
        self.put("/srv/station.toml", text)
        return self.container.text("stationd", "setup", "--from", "/srv/station.toml")

    def trust_the_maker(self) -> None:
        """Put the maker's root where stations look for it."""
        self.put("/etc/stationd/maker/maker.pem", self.product.maker.root_pem)

    def start(self) -> None:
        """Start guard and agent, and wait until both are ready."""
        self.container.run("systemctl", "start", GUARD, AGENT)

    def facts(self) -> dict[str, Any]:
        """Return what `stationd status` tells; nothing while the agent does not answer."""
        done = self.container.run("stationd", "status", "--json", check=False)
        return dict(json.loads(done.stdout)) if done.returncode == 0 else {}

    def slots(self) -> dict[str, Any]:
        """Return what `stationd update status` tells."""
        return dict(json.loads(self.container.text("stationd", "update", "status", "--json")))

    def running_version(self, unit: str = AGENT) -> str:
        """Return the version of the slot that a service runs from."""
        slot = self.running_slot(unit)
        return str(self.slots()[f"slot_{slot}"]) if slot else ""

    def running_slot(self, unit: str) -> str:
        """Return the slot of a service's process, '' while it has none."""
        process = self.container.property(unit, "MainPID")
        done = self.container.run("cat", f"/proc/{process}/cmdline", check=False)
        words = done.stdout.split("\0")[0].split("/")
        return words[4] if words[:4] == ["", "opt", "stationd", "slots"] else ""

    def update(self, bundle: Path) -> None:
        """Update on site."""
        self.container.run("stationd", "update", "install", self.bring(bundle), limit_s=300.0)

    def as_agent(self, code: str) -> None:
        """Let the agent's user ask for something, as the agent does."""
        script = (
            "import asyncio\n"
            "from agent.update.application_slots import ApplicationSlots\n"
            f"asyncio.run(ApplicationSlots().{code})\n"
        )
        python = "/opt/stationd/current/bin/python"
        self.container.run("setpriv", "--reuid=stationd", "--regid=stationd", "--clear-groups",
                           python, "-I", "-c", script)  # fmt: skip

    # --- The driver.

    def bench(self, *words: str) -> dict[str, Any]:
        """Operate the simulated board."""
        return dict(json.loads(self.container.text("stationd", "bench", *words, "--json")))

    def charge(self) -> None:
        """Plug in, present a card, and wait until the contactor is closed."""
        self.bench("plug_in", "--evse", "1")
        self.bench("swipe", "--token", "DEADBEEF")
        wait_until(self.is_supplied, 30.0, "energy flows")

    def leave(self) -> None:
        """Plug out, and wait until the session is over: only then does a card begin another."""
        self.bench("plug_out", "--evse", "1")
        wait_until(self.is_available, 60.0, "the session ends")

    def is_available(self) -> bool:
        """Tell whether the next vehicle may come."""
        evses = self.facts().get("evses", [{}])
        return evses[0].get("status") == "Available" and not self.transaction()

    def is_supplied(self) -> bool:
        """Tell whether the contactor is closed."""
        return bool(self.bench("state")["evses"][0]["contactor_closed"])

    def transaction(self) -> Any:
        """Return the id of the running transaction, None without one."""
        evses = self.facts().get("evses", [{}])
        found = evses[0].get("transaction")
        return found.get("id") if isinstance(found, dict) else found

    def await_agent(self, within_s: float = 60.0) -> None:
        """Wait until the agent is ready and answers."""
        wait_until(self.facts, within_s, "the agent answers")

    def seconds_without_agent(self, act: Any) -> float:
        """Do something that restarts the agent; return how long it did not answer."""
        before = self.container.property(AGENT, "MainPID")
        act()
        wait_until(
            lambda: self.container.property(AGENT, "MainPID") not in ("0", before),
            60.0,
            "another agent",
        )
        began = time.monotonic()
        self.await_agent()
        return time.monotonic() - began
