from tests.benchmarks.start_up import import_ms_by_package, package_of

LOG = """\
import time: self [us] | cumulative | imported package
import time:      1500 |       1500 |   agent.core.vocabulary
import time:       500 |       2000 | agent.core.events
import time:       250 |        250 | json.decoder
2026-01-01 00:00:00,000 INFO stationd: import time: said somebody
import time:        30 |         30 | websockets.frames
"""


def test_the_time_of_a_package_is_what_its_modules_took_themselves() -> None:
    found = import_ms_by_package(LOG)
    assert found == {"agent.core": 2.0, "standard library": 0.25, "websockets": 0.03}


def test_our_packages_are_counted_by_their_parts() -> None:
    assert package_of("agent") == "agent"
    assert package_of("agent.ocpp.v201.codec") == "agent.ocpp"
    assert package_of("hal.guard.client") == "hal.guard"
    assert package_of("asyncio.events") == "standard library"
    assert package_of("cryptography.x509") == "cryptography"
