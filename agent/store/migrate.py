"""Bring the schema of a database up to date: numbered SQL files, one transaction each.

An update that falls back leaves a newer schema behind. So a step says with its first line which
older software can still work with the tables that it leaves, and the database keeps that number:

    -- usable from schema 5 on

A step that only adds tables, or columns with defaults, says the number of the step before it.
"""

import contextlib
import logging
import re
import sqlite3
from pathlib import Path

from agent.core.records import dataclass
from agent.store.errors import SchemaTooNew
from agent.store.files import StoreFiles

_LOGGER = logging.getLogger(__name__)
_DIRECTORY = Path(__file__).with_name("migrations")
_USABLE_FROM = re.compile(r"-- usable from schema ([1-9][0-9]{0,5}) on\n")
_COMPATIBILITY = """CREATE TABLE IF NOT EXISTS compatibility (
    version INTEGER PRIMARY KEY,
    usable_from INTEGER NOT NULL
) STRICT;
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step: the schema version it leads to, and how.

    `usable_from` is the oldest schema whose software can use the tables that the step leaves.
    """

    version: int
    name: str
    sql: str

    @property
    def usable_from(self) -> int:
        """Return what the first line says; without a word, the step's own version."""
        said = _USABLE_FROM.match(self.sql)
        return self.version if said is None else min(int(said[1]), self.version)


def migrations(directory: Path = _DIRECTORY) -> tuple[Migration, ...]:
    """Return all steps in order; ValueError when the numbers do not run 1, 2, 3, ..."""
    steps = tuple(
        Migration(int(path.name.partition("_")[0]), path.name, path.read_text("utf-8"))
        for path in sorted(directory.glob("*.sql"))
    )
    if [step.version for step in steps] != list(range(1, len(steps) + 1)):
        raise ValueError(f"{directory}: migrations must be numbered 0001, 0002, ... without a gap")
    return steps


def schema_version(connection: sqlite3.Connection) -> int:
    """Return the version stored in the database; 0 for an empty one."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def schema_damage(connection: sqlite3.Connection) -> str | None:
    """Say in what the schema differs from the one that the steps up to its version make.

    The text of a table or trigger can be damaged and still be SQL, which fails only when it is
    used. Of a newer version only this is known: exactly our own schema cannot be it.
    """
    steps, version, found = migrations(), schema_version(connection), _schema(connection)
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
        for step in steps[: max(version, 0)]:
            apply(made, step)
        expected = _schema(made)
    if (found == expected) is (version <= len(steps)):
        return None
    altered = ", ".join(sorted({str(name) for _, name, _ in expected - found}))
    return f"schema version {version} does not fit: {altered or 'more than it has is there'}"


def refuse_newer(connection: sqlite3.Connection, files: StoreFiles) -> None:
    """SchemaTooNew when newer software wrote this database and did not say that ours can use it."""
    version, known = schema_version(connection), len(migrations())
    if version <= known or usable_from(connection) <= known:
        return
    copy = files.before_migration(known)
    older = f" (a copy from before that is {copy})" if copy.exists() else ""
    raise SchemaTooNew(
        f"{files.database} has schema {version}, this stationd knows {known}: install the newer"
        f" version again, or move the file away{older}; events in it would stay unsent"
    )


def usable_from(connection: sqlite3.Connection) -> int:
    """Return the oldest schema whose software can use this database."""
    version = schema_version(connection)
    query = "SELECT usable_from FROM compatibility WHERE version = ?"
    try:
        found = connection.execute(query, (version,)).fetchone()
    except sqlite3.OperationalError:
        return version
    return version if found is None else int(found[0])


def migrate(connection: sqlite3.Connection, files: StoreFiles) -> None:
    """Run every step the database lacks.

    A database with content is copied first, for an older software that cannot use the new tables.
    """
    refuse_newer(connection, files)
    version = schema_version(connection)
    steps = migrations()[version:]
    if steps and version > 0:
        _keep_copy(connection, files.before_migration(version))
    for step in steps:
        apply(connection, step)
        _LOGGER.info("%s: schema is now %s", files.database, step.name)


def apply(connection: sqlite3.Connection, step: Migration) -> None:
    """Run one step and record its version in the same transaction; sqlite3.Error undoes both."""
    script = f"BEGIN IMMEDIATE;\n{step.sql}\n;"
    if step.usable_from < step.version:
        usable = max(step.usable_from, usable_from(connection))
        note = f"INSERT INTO compatibility VALUES ({step.version}, {usable});\n"  # noqa: S608 - numbers
        script += _COMPATIBILITY + note
    script += f"PRAGMA user_version = {step.version};\nCOMMIT;"
    try:
        connection.executescript(script)
    except sqlite3.Error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _schema(connection: sqlite3.Connection) -> set[tuple[object, object, str]]:
    """Return all definitions, however laid out, but those of statistics, which tools collect."""
    rows = connection.execute("SELECT type, name, sql FROM sqlite_schema").fetchall()
    return {
        (kind, name, "".join(str(sql).split()))
        for kind, name, sql in rows
        if not str(name).startswith("sqlite_stat")
    }


def _keep_copy(connection: sqlite3.Connection, copy: Path) -> None:
    try:
        copy.unlink(missing_ok=True)
        connection.execute("VACUUM INTO ?", (str(copy),))
        copy.chmod(0o600)
    except (OSError, sqlite3.Error) as error:
        # Charging matters more than an easy way back.
        _LOGGER.warning("%s: no copy kept before the schema change: %s", copy, error)
