"""How a command that tells facts goes: ask the station, print the answer or the complaint."""

import argparse
from collections.abc import Callable, Mapping
from typing import Any

from agent.cli.exit_codes import FAILED, OK
from agent.cli.local_socket import QuestionRefused, StationNotReached, ask, socket_path
from agent.cli.output import complain, plain, say_json
from agent.cli.replies import OddReply

Show = Callable[[Mapping[str, Any]], None]


def tell(options: argparse.Namespace, section: str, request: Mapping[str, Any], show: Show) -> int:
    """Ask, then show the reply, or print it as it is with --json; return the exit code."""
    try:
        path = socket_path(section, options.config, options.socket)
        reply = ask(path, request)
        if options.json:
            say_json(reply)
        else:
            show(reply)
    except QuestionRefused as refusal:
        return failed(options, str(refusal), refusal.reply)
    except (StationNotReached, OddReply) as error:
        return failed(options, str(error), {"ok": False, "error": str(error)})
    return OK


def failed(options: argparse.Namespace, message: str, reply: Mapping[str, Any]) -> int:
    """Complain, or print the reply with --json; return the exit code."""
    if options.json:
        say_json(reply)
    else:
        complain(plain(message))
    return FAILED
