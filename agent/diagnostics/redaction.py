"""Takes out of a log what whoever reads it must not have: passwords, keys, whole tokens.

The daemon logs none of them in the first place. What is uploaded leaves the station's hands all the
same, and holds what other programs have written, so it is gone through once more.
"""

import re
from collections.abc import Collection
from typing import Final

REMOVED: Final = "[removed]"
SHORTEST_SECRET: Final = 4
_SHOWN_DIGITS: Final = 4
_PRIVATE_KEY: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
)
_LOGIN_IN_URL: Final = re.compile(r"([a-z][a-z0-9+.-]*://)[^/\s@\"']+@", re.IGNORECASE)
_HEADER: Final = re.compile(r"(authorization\W{1,4}(?:basic|bearer)\s+)\S+", re.IGNORECASE)
_NAMED_SECRET: Final = re.compile(
    r"(\b(?:password|passwd|secret|authorization_?key|basic_?auth_?password)\b\W{1,5})"
    r"([^\s\"',;}]+)",
    re.IGNORECASE,
)
_TOKEN: Final = re.compile(
    r"(\b(?:id_?tag|parent_?id_?tag|id_?token|uid|emaid)\b[\"']?\s*[:=]\s*[\"']?)"
    r"([A-Za-z0-9*@._-]{5,})",
    re.IGNORECASE,
)


def redacted(text: str, secrets: Collection[str] = ()) -> str:
    """Return a text without secrets; of a token its last digits stay, by which cards are told.

    `secrets` are those that are known: passwords in use, tokens that are charging.
    """
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= SHORTEST_SECRET:
            text = re.sub(re.escape(secret), REMOVED, text, flags=re.IGNORECASE)
    text = _PRIVATE_KEY.sub(REMOVED, text)
    text = _LOGIN_IN_URL.sub(rf"\1{REMOVED}@", text)
    text = _HEADER.sub(rf"\1{REMOVED}", text)
    text = _NAMED_SECRET.sub(rf"\1{REMOVED}", text)
    return _TOKEN.sub(lambda found: f"{found[1]}…{found[2][-_SHOWN_DIGITS:]}", text)
