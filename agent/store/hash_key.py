"""The secret by which cached tokens are hashed: in a file of its own, beside the database.

Card numbers are short, so a plain hash of one is soon guessed. A copy of the database alone, in a
log bundle or a backup, tells nothing without this key.
"""

import logging
import os
import secrets
from pathlib import Path

from agent.store.errors import StoreUnavailable
from agent.store.files import prepare_directory, sync_directory

_KEY_BYTES = 32

log = logging.getLogger(__name__)


def load_or_create_hash_key(path: Path) -> bytes:
    """Return the key in `path`, made when it is missing or damaged; its folder becomes private.

    A storage that refuses gives a key for this run alone: cached tokens are then not found again.
    """
    try:
        key = path.read_bytes() if path.exists() else b""
        if len(key) == _KEY_BYTES:
            return key
        if key:
            log.error("%s is damaged: cached tokens will be asked for again", path)
        return _create(path)
    except (OSError, StoreUnavailable) as error:
        log.error("%s cannot be used (%s): the cache will not outlive this run", path, error)
        return secrets.token_bytes(_KEY_BYTES)


def _create(path: Path) -> bytes:
    prepare_directory(path.parent)
    key = secrets.token_bytes(_KEY_BYTES)
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(temporary, flags, 0o600), "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    sync_directory(path.parent)
    return key
