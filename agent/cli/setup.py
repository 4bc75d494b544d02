"""`stationd setup`: write the first configuration of a device, from questions or from a file."""

import argparse
import getpass
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from agent.cli.exit_codes import FAILED, OK
from agent.cli.options import default_config_file
from agent.cli.output import complain, plain, say
from agent.cli.programs import Programs
from agent.cli.setup_answers import QUESTIONS, Answers, AnswerWrong, Question, as_toml, is_asked
from agent.config.problems import ConfigError

EXAMPLE = """stationd setup
         stationd setup --from station.toml

It writes to /etc and therefore needs sudo."""
AGENT_USER: Final = "stationd"
PASSWORD_FILE: Final = "password"  # noqa: S105 - a file's name
_REPLACED: Final = ".replaced"

Ask = Callable[[str], str]


class Abandoned(Exception):
    """Nothing was written, for the reason that the message gives."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare where the answers come from and where the file goes."""
    parser.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="FILE",
        help="a complete configuration to check and install; without it, questions are asked",
    )
    parser.add_argument(
        "--config", type=Path, default=default_config_file(), metavar="FILE", help="what to write"
    )
    parser.add_argument(
        "--replace",
        action="store_true",
        help=f"replace a configuration that is there; it is kept with the ending {_REPLACED}",
    )


def execute(options: argparse.Namespace, programs: Programs) -> int:
    """Write a configuration that `check-config` accepts, or nothing."""
    try:
        _refuse_to_overwrite(options)
        _install(options, programs, _text(options))
    except (Abandoned, EOFError) as error:
        complain(plain(str(error)) or "the input ended; nothing was written")
        return FAILED
    except OSError as error:
        complain(f"{error.filename}: {error.strerror}; run it with sudo?")
        return FAILED
    say(f"{options.config} is written and valid")
    say("start the station with: systemctl start stationd-guard stationd")
    return OK


def _refuse_to_overwrite(options: argparse.Namespace) -> None:
    if options.config.exists() and not options.replace:
        raise Abandoned(f"{options.config} exists; --replace puts another in its place")


def _text(options: argparse.Namespace) -> str:
    if options.source is None:
        return _asked(options.config.parent)
    try:
        return str(options.source.read_text("utf-8"))
    except UnicodeDecodeError as error:
        raise Abandoned(f"{options.source} is not UTF-8 text") from error


def _asked(folder: Path) -> str:
    """Ask everything that is needed; a wrong answer is asked again."""
    say("Enter takes what is in brackets.")
    answers: Answers = {}
    for question in QUESTIONS:
        if is_asked(question, answers):
            answers[question.key] = _answer(question)
    if password := answers.pop("password", ""):
        _write_secret(folder / PASSWORD_FILE, password)
    return as_toml(answers, PASSWORD_FILE)


def _answer(question: Question) -> str:
    shown = f" [{question.default}]" if question.default else ""
    ask: Ask = getpass.getpass if question.is_secret and sys.stdin.isatty() else input
    while True:
        given = ask(f"{question.text}{shown}: ").strip() or question.default
        try:
            return question.check(given)
        except AnswerWrong as error:
            say(f"  {error}")


def _write_secret(path: Path, secret: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secret + "\n")
        os.fsync(descriptor)
    if os.geteuid() == 0:
        _give_to_the_agent(path)


def _give_to_the_agent(path: Path) -> None:
    try:
        shutil.chown(path, AGENT_USER, AGENT_USER)
    except LookupError:
        complain(f"there is no user {AGENT_USER}; {path} must belong to the agent's user")


def _install(options: argparse.Namespace, programs: Programs, text: str) -> None:
    """Check the text where it will lie, since paths are taken from there; then give it its name."""
    from agent.update.durable import replace_file  # noqa: PLC0415 - only here

    target: Path = options.config
    trial = target.with_name(f".{target.name}.check")
    try:
        trial.write_text(text, "utf-8")
        programs.check_config(trial)
    except ConfigError as error:
        problems = "\n  ".join(problem.text() for problem in error.problems)
        message = f"nothing was written, because of\n  {problems}"
        raise Abandoned(message.replace(str(trial), str(options.source or target))) from error
    finally:
        trial.unlink(missing_ok=True)
    if target.exists():
        replace_file(target.with_name(target.name + _REPLACED), target.read_bytes())
    replace_file(target, text.encode())
    target.chmod(0o644)
