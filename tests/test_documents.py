"""What the documents name exists: commands with their options, keys, files, goals of links."""

import argparse
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from agent.cli.parser import COMMANDS

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "hil/README.md")),
    *(path for path in (ROOT / "docs").rglob("*.md") if path.name != "conformance.md"),
]
SOURCES = ("agent", "hal", "hil", "deb", "device", "systemd", "config", "tests", "docs", "")
GUARD = {"run": {"--config"}, "safe": {"--config"}, "reset": {"--config"}}
WORD = r"[a-z][a-z0-9_-]*"


def code_in(document: Path) -> Iterator[str]:
    """Yield each line of a block of code, and each span of code."""
    text = document.read_text("utf-8")
    for block in re.findall(r"^```[a-z]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield from (line.split("#")[0].strip() for line in block.splitlines())
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    for span in re.findall(r"`([^`]+)`", text):
        yield span.replace("\n", " ").replace("\\|", "|")


def options_of(parser: argparse.ArgumentParser) -> dict[str, set[str]]:
    """Return the options of a command ('') and of each of its operations."""
    found: dict[str, set[str]] = {"": set(parser._option_string_actions)}
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, operation in action.choices.items():
                found[name] = set(operation._option_string_actions)
    return found


def options_of_command(name: str) -> dict[str, set[str]]:
    parser = argparse.ArgumentParser()
    import_module(COMMANDS[name][0]).add_arguments(parser)
    return options_of(parser)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_and_their_options_exist(document: Path) -> None:
    wrong = []
    for code in code_in(document):
        ran = re.sub(r"^.*(sudo|-u [a-z-]+) (?=stationd)", "", code)
        for program, command, rest in re.findall(rf"\b(stationd|stationd-guard) ({WORD})(.*)", ran):
            known = GUARD.get(command) if program == "stationd-guard" else None
            if program == "stationd" and command in COMMANDS:
                operations = options_of_command(command)
                named = re.match(rf"\s+({WORD})", rest)
                operation = named[1] if named and named[1] in operations else ""
                known = operations[operation] | (
                    set().union(*operations.values()) if "|" in rest else set()
                )
            if known is None:
                wrong.append(code)
            elif unknown := set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", rest)) - known:
                wrong.append(f"{code}: {sorted(unknown)}")
    other_programs = r"^(\$ )?(sudo )?(systemctl|journalctl|apt|chown)\b"
    assert not [line for line in wrong if not re.search(other_programs, line)]


def test_every_command_is_told_in_the_page_for_operators() -> None:
    told = " ".join(code_in(ROOT / "docs/operating.md"))
    assert not [name for name in COMMANDS if f"stationd {name}" not in told]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_the_developer_s_commands_exist(document: Path) -> None:
    script = (ROOT / "dev").read_text()
    known = set(re.findall(r"^    ([a-z]+)\)", script, re.MULTILINE))
    assert {"demo", "hil", "run"} <= known
    named = {name for code in code_in(document) for name in re.findall(r"\./dev ([a-z]+)", code)}
    assert named <= known


def keys_of_the_example() -> set[str]:
    """Return `[section] key` of all that the example shows, commented out or not."""
    found, section = set(), ""
    for line in (ROOT / "config/station.toml").read_text().splitlines():
        if match := re.match(r"(?:# )?\[\[?([a-z0-9_.]+)\]\]?", line):
            section = match[1]
            found.add(f"[{section}]")
        elif match := re.match(r"(?:# )?([a-z0-9_]+)(?:\.[a-z0-9]+)? = ", line):
            found.add(f"[{section}] {match[1]}")
    return found


OTHER_FILES = {
    *("lines", "evse.contactor"),
    *("serial", "probe", "limits", "nan"),
    "keyring",
}
"""Tables of board files, of meter profiles, and of RAUC's own configuration."""


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_keys_of_the_configuration_exist(document: Path) -> None:
    known = keys_of_the_example()
    assert "[guard] grace_s" in known
    named = [
        match[0].rstrip()
        for code in code_in(document)
        for match in [re.match(r"\[\[?[a-z0-9_.]+\]\]?(?: [a-z0-9_]+)?", code)]
        if match
    ]
    names = {name.replace("[[", "[").replace("]]", "]") for name in named}
    assert {name for name in names if name.split("]")[0][1:] not in OTHER_FILES} - known == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_of_this_repository_exist(document: Path) -> None:
    names = {path.name for source in SOURCES[:-1] for path in (ROOT / source).rglob("*.*")}
    missing = []
    for code in code_in(document):
        for name in re.findall(
            r"(?<![\w./-])[a-z][\w-]*(?:/[\w.-]+)*\.(?:py|toml|sh|service|md)\b", code
        ):
            exists = any((ROOT / source / name).exists() for source in SOURCES) or name in names
            if not exists and not name.startswith("my-") and "PACKAGE" not in name:
                missing.append(name)
    assert missing == []


def anchors_of(document: Path) -> set[str]:
    text = document.read_text("utf-8")
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    named = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return named | set(re.findall(r'<a id="([^"]+)">', text))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    broken = []
    for goal in re.findall(r"\]\(([^)\s]+)\)", document.read_text("utf-8")):
        path, _, anchor = goal.partition("#")
        if "://" in path:
            continue
        file = document if not path else (document.parent / path).resolve()
        if not file.exists() or (anchor and anchor not in anchors_of(file)):
            broken.append(goal)
    assert broken == []
