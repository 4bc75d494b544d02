"""What the configuration says of servers of files, as rules of addresses."""

from agent.config.transfer_keys import TransferKeys
from agent.transfer.addresses import AddressRules


def address_rules(keys: TransferKeys) -> AddressRules:
    """Return the rules that a section of the configuration sets."""
    return AddressRules(
        schemes=frozenset(scheme.value for scheme in keys.schemes),
        ports=frozenset(keys.ports),
        private=keys.private_addresses,
    )
