"""`stationd setup`: write the first configuration of a device, from questions or from a file."""

import argparse
import contextlib
import getpass
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from agent.cli.exit_codes import FAILED, OK
from agent.cli.options import default_config_file
from agent.cli.output import complain, plain, say
from agent.cli.programs import Programs
from agent.cli.setup_answers import QUESTIONS, Answers, AnswerWrong, Question, as_toml
from agent.cli.setup_services import AGENT_USER, next_steps, obstacles
from agent.config.problems import ConfigError

EXAMPLE = """stationd setup
         stationd setup --from station.toml

It writes to /etc and therefore needs sudo."""
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
        if options.source is None:
            settings = _install_answers(options.config, programs)
        else:
            settings = _install_file(options.config, programs, options.source)
    except Abandoned as error:
        complain(f"{error}; nothing was written")
        return FAILED
    except OSError as error:
        remedy = "; run it with sudo" if isinstance(error, PermissionError) else ""
        complain(plain(f"{error.filename or options.config}: {error.strerror}{remedy}"))
        return FAILED
    say(f"{options.config} is written and valid")
    for obstacle in obstacles(settings):
        complain(plain(obstacle))
    for step in next_steps(str(options.config), settings):
        say(step)
    return OK


def _refuse_to_overwrite(options: argparse.Namespace) -> None:
    if options.config.exists() and not options.replace:
        raise Abandoned(f"{options.config} exists; --replace puts another in its place")
    if options.config.is_dir() or not options.config.parent.is_dir():
        raise Abandoned(f"{options.config} cannot be a file: name another one with --config")


def _install_file(target: Path, programs: Programs, source: Path) -> Sequence[str]:
    try:
        text = source.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise Abandoned(f"{source} is not UTF-8 text") from error
    with _trial_beside(target) as trial:
        try:
            settings = _checked(trial, text, programs)
        except ConfigError as error:
            _tell_problems(error, trial, source)
            raise Abandoned(f"{source} is not valid") from error
        _give_name(trial, target)
    return settings


def _install_answers(target: Path, programs: Programs) -> Sequence[str]:
    """Ask until the answers make a valid configuration; nothing is changed before."""
    say("Enter takes what is in brackets.")
    answers: Answers = {}
    secret_file = target.with_name(PASSWORD_FILE)
    with _trial_beside(target) as trial, _trial_beside(secret_file) as secret:
        while True:
            answers = _asked(answers)
            if "password" in answers:
                _write_secret(secret, answers["password"])
            try:
                settings = _checked(trial, as_toml(answers, secret.name), programs)
            except ConfigError as error:
                _tell_problems(error, trial, target)
                say("This cannot work. Please answer again; Enter takes what you said before.")
                continue
            break
        if "password" in answers:
            _give_name(secret, secret_file)
        settings = _checked(trial, as_toml(answers, PASSWORD_FILE), programs)
        _give_name(trial, target)
    return settings


def _asked(before: Answers) -> Answers:
    """Ask everything that is needed; a wrong answer is asked again."""
    answers: dict[str, str] = {}
    for question in QUESTIONS:
        if question.is_asked(answers):
            answers[question.key] = _answer(question, _offered(question, before))
    return answers


def _offered(question: Question, before: Answers) -> str:
    """Return what Enter stands for: what was said before, where that is still an answer."""
    try:
        return question.check(before[question.key])
    except (KeyError, AnswerWrong):
        return question.default


def _answer(question: Question, default: str) -> str:
    shown = "as before" if question.is_secret else default
    prompt = f"{question.text} [{shown}]: " if default else f"{question.text}: "
    ask: Ask = getpass.getpass if question.is_secret and sys.stdin.isatty() else input
    while True:
        try:
            return question.check(ask(prompt).strip() or default)
        except AnswerWrong as error:
            say(f"  {error}")
        except EOFError:
            raise Abandoned("the input ended before the last answer") from None
        except UnicodeDecodeError:
            raise Abandoned("the input is not UTF-8 text") from None


@contextlib.contextmanager
def _trial_beside(target: Path) -> Iterator[Path]:
    """Provide a name beside the file, since paths are taken from there; no file of it stays."""
    trial = target.with_name(f".{target.name}.check")
    try:
        yield trial
    finally:
        trial.unlink(missing_ok=True)


def _checked(trial: Path, text: str, programs: Programs) -> Sequence[str]:
    """Write the text and return the settings in force; raises `ConfigError`, `OSError`."""
    from agent.update.durable import replace_file  # noqa: PLC0415 - only here

    replace_file(trial, text.encode())
    return programs.check_config(trial)


def _write_secret(trial: Path, secret: str) -> None:
    from agent.update.durable import replace_file  # noqa: PLC0415 - only here

    replace_file(trial, f"{secret}\n".encode(), 0o600)
    if os.geteuid() != 0:
        return
    try:
        shutil.chown(trial, AGENT_USER, AGENT_USER)
    except LookupError:
        name = trial.with_name(PASSWORD_FILE)
        complain(f"there is no user {AGENT_USER}; {name} must belong to the agent's user")


def _give_name(trial: Path, target: Path) -> None:
    """Let a file that is on the disk take its name at once; what had it is kept if it is valuable.

    A password is no such thing: what is kept of it is one more copy of a secret.
    """
    from agent.update.durable import replace_file, sync_folder  # noqa: PLC0415 - only here

    if target.exists() and target.name != PASSWORD_FILE:
        replace_file(target.with_name(target.name + _REPLACED), target.read_bytes())
    trial.replace(target)
    sync_folder(target.parent)


def _tell_problems(error: ConfigError, trial: Path, shown: Path) -> None:
    secret = trial.with_name(f".{PASSWORD_FILE}.check")
    for problem in error.problems:
        text = problem.text().replace(str(trial), str(shown))
        complain(plain(text.replace(str(secret), str(trial.with_name(PASSWORD_FILE)))))
