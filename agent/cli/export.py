"""`stationd export`: everything the station knows of its transactions and settings, as JSON."""

import argparse
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agent.cli.asking import tell
from agent.cli.exit_codes import FAILED
from agent.cli.local_socket import API_SECTION
from agent.cli.options import add_json, add_socket
from agent.cli.output import complain, say, say_json
from agent.cli.programs import Programs
from agent.cli.replies import past_transactions

EXAMPLE = "stationd export --out station.json"

_FILE_MODE = 0o600


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="write to this file, readable by its owner only (default: standard output)",
    )
    add_socket(parser)
    add_json(parser)


def execute(options: argparse.Namespace, programs: Programs) -> int:
    """Ask the station and write the document."""
    del programs
    out, as_json = options.out, options.json
    options.json = as_json and out is None
    try:
        return tell(options, API_SECTION, {"op": "export"}, lambda r: _write(r, out, as_json))
    except OSError as error:
        complain(f"cannot write {out}: {error.strerror}; name another file with --out")
        return FAILED


def _write(reply: Mapping[str, Any], out: Path | None, as_json: bool) -> None:  # noqa: FBT001 - own
    document = {key: value for key, value in reply.items() if key != "ok"}
    text = json.dumps(document, indent=2, ensure_ascii=False)
    if out is None:
        say(text)
        return
    count = len(past_transactions(reply))
    _replace(out, f"{text}\n")
    if as_json:
        say_json({"ok": True, "file": str(out), "transactions": count})
    else:
        say(f"wrote {count} transaction{'' if count == 1 else 's'} to {out}")


def _replace(path: Path, text: str) -> None:
    """Write the whole file or none of it: a document cut short would look like a whole one."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(temporary, flags, _FILE_MODE), "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
