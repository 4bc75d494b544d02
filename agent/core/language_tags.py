"""Language tags as RFC 5646 writes them."""

import re
from typing import Final

_TAG: Final = re.compile(
    r"""
    (?:
        (?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4,8})      # language, with extensions
        (?:-[a-z]{4})?                                   # script
        (?:-(?:[a-z]{2}|[0-9]{3}))?                      # region
        (?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*         # variants
        (?:-[0-9a-wy-z](?:-[a-z0-9]{2,8})+)*             # extensions
        (?:-x(?:-[a-z0-9]{1,8})+)?                       # private use
    |   x(?:-[a-z0-9]{1,8})+
    )
    """,
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)


def is_language_tag(text: str) -> bool:
    """Tell whether a text is a well-formed tag, irregular old ones apart (C01.FR.17)."""
    return _TAG.fullmatch(text) is not None
