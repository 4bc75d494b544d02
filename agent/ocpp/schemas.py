"""The JSON schemas of one OCPP version, compiled one by one when they are first needed.

The schemas are the data files that come with the `ocpp` package; its modules are not imported.
A date-time in a payload must be an instant that `agent.ocpp.timestamps` can read.
"""

import json
from collections.abc import Callable, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Protocol

from agent.ocpp.dialect import SchemaRule
from agent.ocpp.timestamps import InvalidTimestamp, parse_datetime

MESSAGE_LENGTH: Final = 200


class SchemaViolation(Exception):
    """A payload breaks a rule of its schema: `rule`, at `path` (the names of the properties).

    The message names place and rule but no value, so that it may be sent and logged. The dialect's
    `schema_errors` says which error code it deserves.
    """

    def __init__(self, path: str, rule: SchemaRule, message: str) -> None:
        super().__init__(message)
        self.path = path
        self.rule = rule


class SchemasMissing(RuntimeError):
    """The schema files of a version are not installed; install the `ocpp` package."""


class Validator(Protocol):
    """Checks one kind of message."""

    def __call__(self, payload: Mapping[str, Any]) -> None:
        """Return if `payload` is valid; raise SchemaViolation otherwise."""


class Schemas:
    """The validators of one version; `folder` is the version's folder in the `ocpp` package."""

    def __init__(self, folder: str) -> None:
        """Raise SchemasMissing if there is no such folder."""
        self._requests, self._responses = _find_files(_schema_folder(folder))

    def actions(self) -> frozenset[str]:
        """Return the names of all actions of the version, in either direction."""
        return frozenset(self._requests)

    def request(self, action: str) -> Validator | None:
        """Return the validator of a CALL's (or SEND's) payload, None for an unknown action."""
        return _validator(self._requests.get(action))

    def response(self, action: str) -> Validator | None:
        """Return the validator of the answer's payload, None if the action has no answer."""
        return _validator(self._responses.get(action))


_RULES: Mapping[str, SchemaRule] = MappingProxyType(
    {
        "type": SchemaRule.TYPE,
        "required": SchemaRule.REQUIRED,
        "additionalProperties": SchemaRule.UNKNOWN_PROPERTY,
        "enum": SchemaRule.ENUM,
        "format": SchemaRule.FORMAT,
        "pattern": SchemaRule.FORMAT,
        "minLength": SchemaRule.LENGTH,
        "maxLength": SchemaRule.LENGTH,
        "minimum": SchemaRule.RANGE,
        "maximum": SchemaRule.RANGE,
        "multipleOf": SchemaRule.RANGE,
        "minItems": SchemaRule.ITEM_COUNT,
        "maxItems": SchemaRule.ITEM_COUNT,
    }
)


def _schema_folder(folder: str) -> Path:
    package = find_spec("ocpp")
    for location in (package and package.submodule_search_locations) or ():
        schemas = Path(location) / folder / "schemas"
        if schemas.is_dir():
            return schemas
    raise SchemasMissing(f"no JSON schemas in folder {folder!r} of the package 'ocpp'")


def _find_files(folder: Path) -> tuple[dict[str, Path], dict[str, Path]]:
    """Sort the files into requests (`X` or `XRequest`) and responses (`XResponse`) by action."""
    requests: dict[str, Path] = {}
    responses: dict[str, Path] = {}
    for file in sorted(folder.glob("*.json")):
        if file.stem.endswith("Response"):
            responses[file.stem.removesuffix("Response")] = file
        else:
            requests[file.stem.removesuffix("Request")] = file
    return requests, responses


def _validator(file: Path | None) -> Validator | None:
    return None if file is None else _compile(file)


@cache
def _compile(file: Path) -> Validator:
    """Compile without explanations, four times as fast; those are compiled for a first failure.

    What is compiled outlives the connection, so that the next one need not do it again.
    """
    import fastjsonschema  # noqa: PLC0415 - costs start-up time, and not every start needs it

    check = _compiled(file, explains=False)
    explanation = cache(lambda: _compiled(file, explains=True))

    def validate(payload: Mapping[str, Any]) -> None:
        try:
            check(payload)
        except fastjsonschema.JsonSchemaValueException as unexplained:
            raise _explain(payload, explanation(), unexplained) from None

    return validate


def _compiled(file: Path, *, explains: bool) -> Callable[[Any], object]:
    import fastjsonschema  # noqa: PLC0415 - see _compile

    validate: Callable[[Any], object] = fastjsonschema.compile(
        json.loads(file.read_text(encoding="utf-8-sig")),
        # Where a URL may lead is for its user to judge, who can refuse with a better reason.
        formats={"date-time": _is_datetime, "uri": lambda _text: True},
        use_default=False,
        detailed_exceptions=explains,
    )
    return validate


def _explain(
    payload: Mapping[str, Any], explanation: Callable[[Any], object], unexplained: ValueError
) -> SchemaViolation:
    try:
        explanation(payload)
    except type(unexplained) as error:
        return _violation(error)
    return SchemaViolation("", SchemaRule.OTHER, "payload breaks a rule of its schema")


def _is_datetime(text: str) -> bool:
    try:
        parse_datetime(text)
    except InvalidTimestamp:
        return False
    return True


def _violation(error: Any) -> SchemaViolation:
    path = ".".join(error.path[1:])
    rule = _RULES.get(error.rule, SchemaRule.OTHER)
    place = path or "payload"
    return SchemaViolation(path, rule, f"{place} {_complaint(error, rule)}"[:MESSAGE_LENGTH])


def _complaint(error: Any, rule: SchemaRule) -> str:
    """Say what is wrong in words that come from the schema alone."""
    match rule:
        case SchemaRule.REQUIRED:
            missing = [name for name in error.rule_definition if name not in error.value]
            return f"lacks {', '.join(missing)}"
        case SchemaRule.UNKNOWN_PROPERTY:
            return "has a property that the message does not know"
        case SchemaRule.ENUM:
            return "is none of the values that the message knows"
        case SchemaRule.OTHER:
            return f"breaks the rule {error.rule}"
        case _:
            return f"breaks the rule {error.rule} {error.rule_definition}"
