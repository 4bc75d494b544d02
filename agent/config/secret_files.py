"""Files with secrets: only their owner may read them, and a password file holds one password."""

from pathlib import Path
from stat import S_ISREG

_OTHERS = 0o077
_SHORTEST_PASSWORD = 16
_LONGEST_PASSWORD = 64


class SecretFileError(Exception):
    """A file with a secret cannot be used; the message names the file and the remedy."""


def readable_file_problem(path: Path) -> str | None:
    """Return why a file cannot be used, or None; a pipe is not opened, for that would wait."""
    try:
        if not S_ISREG(path.stat().st_mode):
            return f"{path} is not a regular file"
        with path.open("rb") as file:
            file.read(1)
    except OSError as error:
        return f"cannot read {path}: {error.strerror}"
    return None


def secret_file_problem(path: Path) -> str | None:
    """Return why a file with a secret cannot be used, or None. Others must have no access to it."""
    problem = readable_file_problem(path)
    if problem is None and path.stat().st_mode & _OTHERS:
        return f"{path} is open to other users: run chmod 600 on it"
    return problem


def password_file_problem(path: Path) -> str | None:
    """Return why a password file cannot be used, or None."""
    problem = secret_file_problem(path)
    if problem is not None:
        return problem
    try:
        read_password(path)
    except SecretFileError as error:
        return str(error)
    return None


def read_password(path: Path) -> str:
    """Return the password in a file without the line end. Raises SecretFileError, OSError.

    A password has 16 to 64 printable characters (SecurityCtrlr.BasicAuthPassword).
    """
    try:
        password = path.read_text("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise SecretFileError(f"{path} is not UTF-8 text") from None
    if not _SHORTEST_PASSWORD <= len(password) <= _LONGEST_PASSWORD:
        raise SecretFileError(
            f"{path} must hold one password of {_SHORTEST_PASSWORD} to {_LONGEST_PASSWORD}"
            f" characters, not {len(password)}"
        )
    if not password.isprintable():
        raise SecretFileError(f"{path} must hold one line of printable characters")
    return password
