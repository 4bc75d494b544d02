"""Signed meter values: OCMF records, the key that signs them, and their pagination.

The station is the signing component for meters that cannot sign by themselves. A record is built
and signed once and is a string of bytes from then on: it is stored, sent and exported as those
bytes and never parsed and written again, because the signature covers every one of them.

This package signs what it is given. It reads no meter, owns no clock and keeps no file but the
key's; the pagination counter's storage is handed in.
"""
