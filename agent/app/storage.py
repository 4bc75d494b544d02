"""Everything durable, opened together."""

import logging
from collections.abc import Callable

from agent.config.model import StationConfig
from agent.core.event_documents import SCHEMA
from agent.core.records import dataclass
from agent.metering.pagination import PaginationUnavailable
from agent.services.kept_time import KeptTime
from agent.services.system_clock import SystemClock
from agent.store.authorization import StoredCache, StoredLocalList
from agent.store.counters import Counters
from agent.store.database import Database, Limits
from agent.store.endurance import Endurance
from agent.store.enduring_journal import EnduringJournal
from agent.store.enduring_settings import EnduringDocuments, EnduringNumbers
from agent.store.errors import StoreUnavailable
from agent.store.journal import StoredJournal
from agent.store.outbox import Outbox, Stamp
from agent.store.profiles import StoredProfiles
from agent.store.security_log import StoredSecurityLog
from agent.store.sessions import Sessions, TransactionNumbers
from agent.store.settings import Documents

DATABASE = "stationd.db"
PAGINATION = "ocmf_pagination"
FISCAL_PAGINATION = "ocmf_fiscal_pagination"
SIGNING = "signing"
PUBLIC_KEY = "public_key"

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Storage:
    """The state directory's contents in the words of their users."""

    database: Database
    outbox: Outbox
    endurance: Endurance
    journal: EnduringJournal
    numbers: EnduringNumbers
    documents: EnduringDocuments
    profiles: StoredProfiles
    counters: Counters
    security_log: StoredSecurityLog
    local_list: StoredLocalList
    cache: StoredCache

    async def close(self) -> None:
        """Write everything out."""
        if not await self.endurance.catch_up():
            log.error("the storage refuses to the end: what was kept in memory is lost")
        await self.outbox.close()
        await self.database.close()


async def open_storage(
    config: StationConfig,
    clock: SystemClock,
    boot_id: str,
    synchronized: Callable[[], bool],
    limits: Limits | None = None,
) -> Storage:
    """Open the state directory; raises `agent.store.errors.StoreError`."""
    database = await Database.open(config.station.state_dir / DATABASE, limits)

    def stamp() -> Stamp:
        utc_ms = int(clock.now().timestamp() * 1000) if synchronized() else None
        return Stamp(boot_id, clock.monotonic_s(), utc_ms)

    endurance = Endurance()
    outbox = await Outbox.open(database, stamp=stamp, schema=SCHEMA)
    documents = EnduringDocuments(await Documents.open(database), endurance)
    KeptTime(clock, documents, boot_id).resume()
    numbers = await TransactionNumbers.open(database, config.csms.url)
    security_log = await StoredSecurityLog.open(database, endurance, config.log.security_entries)
    journal = StoredJournal(database, outbox, await Sessions(database).load_all())
    return Storage(
        database=database,
        outbox=outbox,
        endurance=endurance,
        journal=EnduringJournal(journal, endurance, stamp),
        numbers=EnduringNumbers(numbers, endurance),
        documents=documents,
        profiles=StoredProfiles(documents),
        counters=Counters(database),
        security_log=security_log,
        local_list=await StoredLocalList.open(database),
        cache=await StoredCache.open(database, endurance),
    )


class RememberedKey:
    """The public key of the records already signed."""

    def __init__(self, documents: EnduringDocuments) -> None:
        self._documents = documents

    def known_public_key_hex(self) -> str:
        """Return the key, '' before the first record."""
        return self._documents.get(SIGNING, PUBLIC_KEY) or ""

    async def remember(self, public_key_hex: str) -> None:
        """Keep the key."""
        await self._documents.put(SIGNING, PUBLIC_KEY, public_key_hex)


class Pagination:
    """The number of each signed record."""

    def __init__(self, counters: Counters, name: str = PAGINATION) -> None:
        self._counters = counters
        self._name = name

    async def next(self) -> int:
        """Take the next number; it is durable when this returns. Raises `PaginationUnavailable`."""
        try:
            return await self._counters.next(self._name)
        except StoreUnavailable as error:
            raise PaginationUnavailable(str(error)) from error
