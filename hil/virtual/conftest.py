"""What the cases of the virtual machine ask for."""

import pytest

from hil.target import Target
from hil.virtual.machine_driver import MachineDriver


@pytest.fixture
def guest(target: Target) -> MachineDriver:
    """The machine under test; asked for first, it skips a case before anything is started."""
    found = target.drivers(MachineDriver)
    if not found:
        pytest.skip(f"bench '{target.bench.name}' is no virtual machine")
    return found[0]
