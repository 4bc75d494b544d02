"""The stored form of an opaque body: compressed, and with a checksum that SQLite pages lack."""

import zlib

from agent.store.dictionary import WORDS

# A small window and hash table, but one that has room for the dictionary before a usual body:
# setting up the default 256 kB of state for each body takes five times as long as compressing it.
_WINDOW_BITS = 13
_MEMORY_LEVEL = 6
_LEVEL = 6


class DamagedBodyError(ValueError):
    """The stored bytes are not what was written: give the row up."""


def pack(body: bytes) -> bytes:
    """Compress `body`; the zlib container carries its Adler-32 checksum."""
    compressor = zlib.compressobj(
        _LEVEL, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL, zlib.Z_DEFAULT_STRATEGY, WORDS
    )
    return compressor.compress(body) + compressor.flush()


def unpack(stored: bytes) -> bytes:
    """Return the body; DamagedBodyError when the checksum or the form is wrong.

    Bodies that were stored without the dictionary are read as well.
    """
    decompressor = zlib.decompressobj(zdict=WORDS)
    try:
        body = decompressor.decompress(stored)
    except zlib.error as error:
        raise DamagedBodyError(str(error)) from error
    if not decompressor.eof or decompressor.unused_data:
        raise DamagedBodyError("the stored bytes are cut off, or followed by others")
    return body
