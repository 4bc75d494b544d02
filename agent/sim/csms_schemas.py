"""The official JSON schemas, each compiled when it is first needed.

The files are those that the PyPI package `ocpp` carries; its code is not imported.
"""

import importlib.util
import json
import re
from collections.abc import Callable
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import fastjsonschema

from agent.sim.csms_model import Rule, Version, parse_timestamp
from agent.sim.frames import Payload

_FOLDERS = {Version.V16: "v16", Version.V201: "v201", Version.V21: "v21"}
_STRICT_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,3})?Z"
)


class Kind(StrEnum):
    """Which half of a message a schema describes."""

    REQUEST = "Request"
    RESPONSE = "Response"


class SchemasMissing(RuntimeError):
    """The PyPI package `ocpp`, whose schema files are read, has to be installed."""


class SchemaBreach(ValueError):
    """A payload breaks its schema; `rule` tells time stamps from everything else."""

    def __init__(self, message: str, rule: Rule, keyword: str) -> None:
        super().__init__(message)
        self.rule = rule
        self.keyword = keyword


def is_known(version: Version, action: str) -> bool:
    """Tell whether the version has such a message, in whichever direction."""
    return _file(version, action, Kind.REQUEST) is not None


def check(version: Version, action: str, kind: Kind, payload: Payload) -> None:
    """Raise SchemaBreach if the payload is not what the standard's schema says."""
    validate = _validator(version, action, kind)
    try:
        validate(payload)
    except fastjsonschema.JsonSchemaValueException as breach:
        is_time = breach.rule == "format" and breach.rule_definition == "date-time"
        rule = Rule.TIMESTAMP if is_time else Rule.SCHEMA
        message = f"{action}{kind}: {breach.message}"[:300]
        raise SchemaBreach(message, rule, str(breach.rule)) from None


def is_strict_timestamp(text: str) -> bool:
    """Accept `YYYY-MM-DDTHH:MM:SS`, at most three decimals and Z, of a date that exists."""
    return _STRICT_TIMESTAMP.fullmatch(text) is not None and parse_timestamp(text) is not None


@cache
def _validator(version: Version, action: str, kind: Kind) -> Callable[[Payload], Payload]:
    path = _file(version, action, kind)
    if path is None:
        msg = f"{version} has no schema for {action}{kind}"
        raise SchemasMissing(msg)
    schema = json.loads(path.read_text(encoding="utf-8-sig"))
    formats = {"date-time": is_strict_timestamp}
    compiled: Callable[[Any], Any] = fastjsonschema.compile(
        schema, formats=formats, use_default=False
    )
    return compiled


@cache
def _file(version: Version, action: str, kind: Kind) -> Path | None:
    """Request schemas end in Request in 2.x, save that of the one SEND message."""
    if not action.isalnum() or not action.isascii():
        return None
    folder = _package_folder() / _FOLDERS[version] / "schemas"
    endings = [kind.value, ""] if kind is Kind.REQUEST else [kind.value]
    paths = (folder / f"{action}{ending}.json" for ending in endings)
    return next((path for path in paths if path.is_file()), None)


@cache
def _package_folder() -> Path:
    spec = importlib.util.find_spec("ocpp")
    if spec is None or not spec.submodule_search_locations:
        msg = "the package `ocpp` is not installed: pip install ocpp"
        raise SchemasMissing(msg)
    return Path(spec.submodule_search_locations[0])
