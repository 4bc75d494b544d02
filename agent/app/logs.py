"""Logs for the CSMS: what they hold of this station, and where they may go."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

from agent.app.commands import CommandRouter
from agent.app.foundations import Foundations
from agent.core import standard_variables as sv
from agent.core.log_upload import GetLog
from agent.core.variable_definition import Mutability
from agent.diagnostics.leftovers import remove_leftovers
from agent.diagnostics.log_lines import RecentLines, log_lines
from agent.ports import Csms
from agent.services.evse import EvseService
from agent.services.log_upload import LogUploadPorts, LogUploadService
from agent.services.tasks import Spawn
from agent.services.triggers import TriggerService

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from ssl import SSLContext

    from agent.diagnostics.bundle import LogBundler
    from agent.diagnostics.upload import HttpUploader
    from agent.pki.trust_anchors import InstalledRoots


class Logs:
    """Bundler, uploader and service put together; what only an upload needs is loaded for it."""

    def __init__(
        self,
        f: Foundations,
        evses: Mapping[int, EvseService],
        csms: Csms,
        roots: InstalledRoots,
        spawn: Spawn,
    ) -> None:
        self._f = f
        self._evses = evses
        self._roots = roots
        self._lines = log_lines(f.clock.now)
        self.service = LogUploadService(
            LogUploadPorts(
                csms=csms, source=self, uploader=self, documents=f.storage.documents, spawn=spawn
            )
        )

    def serve(self, router: CommandRouter, triggers: TriggerService) -> None:
        """Take the orders for logs, and the triggers for news of an upload."""
        router.carries_out(GetLog, self.service.get)
        progress = self.service.progress
        triggers.tells_log_upload(progress, lambda: progress(of_diagnostics=True))

    async def run(self) -> None:
        """Keep the newest log lines, where no journal does."""
        if not isinstance(self._lines, RecentLines):
            await self.service.run()
            return
        with self._lines.listening():
            await self.service.run()
            await asyncio.Event().wait()

    # --- LogSource and LogUploader.

    async def collect(self, order: GetLog) -> Path | None:
        """Write the log that is asked for."""
        return await self._bundler().collect(order)

    def tidy(self) -> None:
        """Remove files that an earlier run has left behind."""
        remove_leftovers(self._f.config.station.state_dir)

    def objection(self, location: str) -> str:
        """Return why nothing can be sent to a location."""
        return self._uploader().objection(location)

    async def upload(self, file: Path, location: str) -> None:
        """Send a file once."""
        await self._uploader().upload(file, location)

    def _bundler(self) -> LogBundler:
        from agent.diagnostics.bundle import BundleSources, LogBundler  # noqa: PLC0415 - seldom

        f = self._f
        sources = BundleSources(
            identity=f.config.csms.identity,
            lines=self._lines,
            security_log=f.storage.security_log,
            facts=self._facts,
            secrets=lambda: tuple(self._secrets()),
            utc_now=f.clock.now,
        )
        most_bytes = 1024 * f.config.diagnostics.max_size_kib
        return LogBundler(f.config.station.state_dir, sources, most_bytes)

    def _uploader(self) -> HttpUploader:
        from agent.app.transfer_rules import address_rules  # noqa: PLC0415 - seldom
        from agent.diagnostics.upload import HttpUploader  # noqa: PLC0415 - seldom

        return HttpUploader(address_rules(self._f.config.diagnostics), self._context)

    def _context(self) -> SSLContext:
        """Trust roots of the CSMS and the usual ones (N01.FR.15, FR.16), and the configured."""
        from agent.transfer.tls import client_context  # noqa: PLC0415 - seldom

        ca_file = self._f.config.diagnostics.ca_file
        return client_context(
            self._roots.csms_roots_pem(),
            ca_file,
            with_usual_roots=True,
            trusts_cross_signed=self._roots.has_cross_signed(),
        )

    def _facts(self) -> dict[str, object]:
        """Return what the station says of itself; nothing that may only be written."""
        f, model = self._f, self._f.model
        shown = (d.key for d in model.definitions() if d.mutability is not Mutability.WRITE_ONLY)
        return {
            "software": f.version,
            "vendor": f.config.station.vendor,
            "model": f.config.station.model,
            "serial_number": f.config.station.serial_number,
            "collected_at": f.clock.now().isoformat(),
            "boot_reason": f.boot_reason.value,
            "variables": {key.notation: model.text(key, default="") for key in shown},
        }

    def _secrets(self) -> Iterator[str]:
        """Yield what must not leave the station: the password, and the tokens in use."""
        yield self._f.model.text(sv.BASIC_AUTH_PASSWORD)
        for evse in self._evses.values():
            if evse.state.authorization is not None:
                yield evse.state.authorization.token.value
