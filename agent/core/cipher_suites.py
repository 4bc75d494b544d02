"""The cipher suites of every TLS connection that the station opens."""

from typing import Final

TLS_1_2_SUITES: Final = tuple(
    f"{exchange}AES{size}"
    for exchange in ("ECDHE-ECDSA-", "ECDHE-RSA-", "")
    for size in ("128-GCM-SHA256", "256-GCM-SHA384")
)
"""The suites that A00.FR.319 names and their ECDHE-RSA kin, those with forward secrecy first."""
TLS_1_3_SUITES: Final = (
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
    "TLS_AES_128_GCM_SHA256",
)
"""TLS 1.3 has these only, and all of them fit."""
OPENSSL_CIPHERS: Final = ":".join(TLS_1_2_SUITES) + ":@SECLEVEL=2"
"""As OpenSSL reads them; its level 2 asks keys and signatures for at least 112 bits."""
