"""The stored form of an opaque body: compressed, and with a checksum that SQLite pages lack."""

import zlib

# Small window and hash table: bodies are about a kilobyte, and setting up the default
# 256 kB of state for each of them takes five times as long as compressing it.
_WINDOW_BITS = 12
_MEMORY_LEVEL = 6
_LEVEL = 6


class DamagedBodyError(ValueError):
    """The stored bytes are not what was written: give the row up."""


def pack(body: bytes) -> bytes:
    """Compress `body`; the zlib container carries its Adler-32 checksum."""
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL)
    return compressor.compress(body) + compressor.flush()


def unpack(stored: bytes) -> bytes:
    """Return the body; DamagedBodyError when the checksum or the form is wrong."""
    try:
        return zlib.decompress(stored)
    except zlib.error as error:
        raise DamagedBodyError(str(error)) from error
