"""What the CSMS says of prices and costs; the station shows it and computes nothing.

Source: OCA application note on the California pricing requirements (1.6), CostUpdated (2.x).
"""

from decimal import Decimal

from agent.core.records import dataclass
from agent.core.vocabulary import IdToken

LONGEST_TEXT = 512


@dataclass(frozen=True, slots=True)
class PriceTold:
    """The price of a token's driver, in words; it is shown and never used for a calculation."""

    token: IdToken
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CostTold:
    """What a transaction has cost so far, or in the end; in the currency of the CSMS.

    `text` are words for the driver, `code_text` what a code to be scanned would hold.
    """

    transaction_id: str
    cost: Decimal
    is_final: bool = False
    text: str = ""
    code_text: str = ""
