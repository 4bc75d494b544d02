"""The operations of the test bench as options of the command line, and their requests."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

AUTOMATIC: Final = "auto"
BROKEN: Final = "broken"
FAULTS: Final = (
    *("rcd", "diode", "cp_short", "pe", "over_temperature", "over_current", "contactor_welded"),
    *("contactor_stuck_open", "lock", "estop", "meter_lost", "reader_lost", "under_voltage"),
    *("ventilation", "other", "cp_negative"),
)

AddOptions = Callable[[argparse.ArgumentParser], None]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation; each of its options' values goes into the request under the option's name."""

    name: str
    purpose: str
    example: str
    add_options: AddOptions


def add_operation(parser: argparse.ArgumentParser, operation: Operation) -> None:
    """Declare the options of an operation."""
    operation.add_options(parser)
    known = {action.dest for action in parser._actions}  # noqa: SLF001 - argparse has no other list
    parser.set_defaults(request_keys=tuple(sorted(known - {"help"})))


def request_from(options: argparse.Namespace) -> dict[str, Any]:
    """Return the request; options that were not given are left out."""
    values = {key: getattr(options, key) for key in options.request_keys}
    given = {key: _released(value) for key, value in values.items() if value is not None}
    return {"op": options.operation} | given


def _released(value: object) -> object:
    """Turn the words for no value, the truth or none at all, into JSON's null."""
    return None if value in (AUTOMATIC, BROKEN) else value


def _evse(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--evse", type=int, default=1, help="which EVSE (default: %(default)s)")


def _none(parser: argparse.ArgumentParser) -> None:
    del parser


def _swipe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--token", required=True, help="what the reader reads, such as DEADBEEF")
    parser.add_argument("--type", help="the OCPP token type (default: ISO14443)")
    parser.add_argument(
        "--evses", type=_numbers, metavar="N,N", help="whose readers hear it (default: all)"
    )


def _contract(parser: argparse.ArgumentParser) -> None:
    _evse(parser)
    parser.add_argument("--emaid", required=True, help="whose contract it is")
    parser.add_argument(
        "--chain", required=True, type=_text_of, metavar="FILE", help="its certificates in PEM"
    )


def _needs(parser: argparse.ArgumentParser) -> None:
    _evse(parser)
    for name, what in (
        ("energy-wh", "the energy that it wants until it leaves"),
        ("min-a", "the least current that it can take"),
        ("max-a", "the greatest current that it can take"),
        ("max-v", "the greatest voltage that it can take"),
        ("leaves-in-s", "when it leaves"),
        ("max-schedules", "how many schedules it can choose from"),
        ("choice", "which schedule it will take, counted from 0"),
    ):
        parser.add_argument(f"--{name}", type=int, help=what)
    parser.add_argument("--phases", type=int, choices=(1, 2, 3), help="phases of its charger")


def _certificate_installation(parser: argparse.ArgumentParser) -> None:
    _evse(parser)
    parser.add_argument("--action", choices=("Install", "Update"), help="a first one, or a new one")
    parser.add_argument("--exi", required=True, help="the car's request in EXI, in base64")
    parser.add_argument("--schema", help="which ISO 15118 it is (default: that of ISO 15118-2)")
    parser.add_argument("--max-chains", type=int, help="how many chains it can take")
    parser.add_argument("--answer-within-s", type=float, help="how long it waits for the answer")


def _limit(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--evse", type=int, help="only this EVSE (default: the station)")
    amount = parser.add_mutually_exclusive_group(required=True)
    amount.add_argument("--amps", type=float, help="A per phase")
    amount.add_argument("--watts", type=float, help="W in total")
    amount.add_argument("--clear", action="store_const", const=True, help="release the limit")
    parser.add_argument("--source", choices=("EMS", "SO", "Other"), help="who limits")
    for name, what in (
        ("grid-critical", "it must hold at once"),
        ("generation", "not a limit, but what is generated on site"),
    ):
        parser.add_argument(f"--{name}", action="store_const", const=True, help=what)


def _error(parser: argparse.ArgumentParser) -> None:
    _evse(parser)
    parser.add_argument("--code", required=True, choices=FAULTS, help="which fault")
    _switch(parser, "on", ("--on", "let the fault come (default)"), ("--off", "take it away"))
    parser.add_argument(
        "--phase",
        type=int,
        choices=(1, 2, 3),
        help="which contactor welds, where each phase has one of its own",
    )
    parser.set_defaults(on=True)


def _net(parser: argparse.ArgumentParser) -> None:
    up = ("--up", "let the station reach the CSMS again")
    _switch(parser, "up", up, ("--down", "cut the station off from the CSMS"), required=True)


def _meter(parser: argparse.ArgumentParser) -> None:
    _evse(parser)
    parser.add_argument("--energy-wh", type=float, help="turn the register to this value")
    for name, what in (
        ("power-w", "the displayed power"),
        ("voltage-v", "the displayed voltages, one or one for each phase"),
        ("current-a", "the displayed currents, one or one for each phase"),
    ):
        reader = _value if name == "power-w" else _values
        parser.add_argument(f"--{name}", type=reader, help=f"{what}; {AUTOMATIC} shows the truth")


def _vehicle(parser: argparse.ArgumentParser) -> None:
    _evse(parser)
    parser.add_argument("--max-a", type=float, help="the most that the car takes, in A per phase")
    parser.add_argument("--phases", type=int, choices=(1, 2, 3), help="phases of its charger")
    parser.add_argument("--cable-a", type=int, help="rating of its cable, for socket outlets")


def _temperature(parser: argparse.ArgumentParser) -> None:
    _evse(parser)
    parser.add_argument(
        "--celsius",
        required=True,
        type=_celsius,
        metavar=f"N|{BROKEN}",
        help=f"how warm it is; {BROKEN} lets the sensor fail",
    )


def _relay(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--relay", required=True, help="which relay, as RECEIVER.RELAY")
    group = parser.add_mutually_exclusive_group(required=True)
    for name, value, what in (
        ("--on", True, "switch it on"),
        ("--off", False, "switch it off"),
        ("--broken", BROKEN, "break its wires"),
    ):
        group.add_argument(name, dest="on", action="store_const", const=value, help=what)


def _state(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--evse", type=int, help="only this EVSE (default: all)")


def _switch(
    parser: argparse.ArgumentParser,
    name: str,
    on: tuple[str, str],
    off: tuple[str, str],
    *,
    required: bool = False,
) -> None:
    group = parser.add_mutually_exclusive_group(required=required)
    group.add_argument(on[0], dest=name, action="store_const", const=True, help=on[1])
    group.add_argument(off[0], dest=name, action="store_const", const=False, help=off[1])


def _numbers(text: str) -> list[int]:
    try:
        return [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError("must be whole numbers like 1,2") from None


def _text_of(path: str) -> str:
    try:
        return Path(path).read_text("ascii")
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"cannot be read: {error}") from None


def _value(text: str) -> float | str:
    return text if text == AUTOMATIC else _float(text)


def _values(text: str) -> float | list[float] | str:
    if text == AUTOMATIC:
        return text
    values = [_float(part) for part in text.split(",")]
    return values[0] if len(values) == 1 else values


def _celsius(text: str) -> float | str:
    return text if text == BROKEN else _float(text)


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be numbers, or {AUTOMATIC}") from None


OPERATIONS: Final = (
    Operation("plug_in", "plug the car in", "plug_in --evse 1", _evse),
    Operation("plug_out", "unplug the car", "plug_out --evse 1", _evse),
    Operation("pause", "let the car stop asking for energy", "pause --evse 1", _evse),
    Operation("resume", "let the car ask for energy again", "resume --evse 1", _evse),
    Operation("swipe", "hold a token before a reader", "swipe --token DEADBEEF --evses 1", _swipe),
    Operation(
        "contract",
        "let the car present a contract (Plug & Charge)",
        "contract --evse 1 --emaid NLTNM012345678 --chain contract.pem",
        _contract,
    ),
    Operation(
        "needs",
        "let the car tell what it needs (ISO 15118)",
        "needs --evse 1 --energy-wh 20000 --max-a 16 --leaves-in-s 14400",
        _needs,
    ),
    Operation(
        "certificate_installation",
        "let the car ask for a contract certificate (ISO 15118)",
        "certificate_installation --evse 1 --exi gJgCLNpE",
        _certificate_installation,
    ),
    Operation("limit", "limit the station or an EVSE on site", "limit --amps 16", _limit),
    Operation("error", "let a fault come or go", "error --evse 1 --code rcd --on", _error),
    Operation("net", "cut or restore the network", "net --down", _net),
    Operation("meter", "fix what the meter shows", "meter --evse 1 --energy-wh 5000", _meter),
    Operation("vehicle", "fit another car", "vehicle --max-a 16 --phases 3", _vehicle),
    Operation("temperature", "heat or cool an EVSE", "temperature --celsius 80", _temperature),
    Operation("relay", "switch a relay of the grid", "relay --relay grid.k1 --on", _relay),
    Operation("power_fail", "cut the mains of the whole station", "power_fail", _none),
    Operation("power_on", "give the mains back", "power_on", _none),
    Operation("state", "everything an observer could measure", "state --json", _state),
)
"""Every operation in the order of the help."""
