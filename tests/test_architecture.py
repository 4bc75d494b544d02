"""The structure that keeps the product simple, as tests; the layers are in pyproject.toml."""

import ast
import re
import statistics
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final

import grimp
import pytest

ROOT: Final = Path(__file__).parents[1]
PACKAGES: Final = ("agent", "hal")
LONGEST_MODULE_LINES: Final = 400

CORE_MAY_IMPORT: Final = frozenset(
    {"__future__", "bisect", "collections", "dataclasses", "datetime", "decimal", "enum"}
    | {"functools", "itertools", "math", "operator", "re", "types", "typing"}
)
SLOW_TO_IMPORT: Final = frozenset({"cryptography", "fastjsonschema", "jsonschema", "ocpp", "rich"})
VERSION_TEXT: Final = re.compile(r"(ocpp)?(1\.6J?|2\.0\.1|2\.1)|v16|v201|v21")
# Besides the codecs, the only modules that may name a version, and why.
VERSIONS_NAMED_IN: Final = MappingProxyType(
    {
        "agent/cli/": "what a user may choose",
        "agent/config/components.py": "the variables that exist only for a configured version",
        "agent/config/load.py": "what the file may say",
        "agent/sim/": "the demo CSMS is independent of the station's codecs",
    }
)
BROAD_EXCEPTIONS: Final = frozenset({"Exception", "BaseException"})
SHELL_CALLS: Final = frozenset({"os.system", "os.popen", "asyncio.create_subprocess_shell"})
# Written in pieces, so that this file does not find itself.
WORK_MARKS: Final = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b")
SECRET_MARK: Final = re.compile(r"BEGIN ([A-Z]+ )?PRIVATE" + r" KEY")
MACHINE_PATH: Final = re.compile(r"(?<![\w.])/(work|root|home|Users)" + r"/\w")
REGISTRY_HOST: Final = re.compile(
    r"(pypi|pythonhosted|crates|npmjs|golang)" + r"\.(org|io|com)|/simp" + r"le/"
)


# --- Sources.


@cache
def _modules() -> Mapping[str, ast.Module]:
    """The syntax tree of every module of the product, by path."""
    return {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
    }


@cache
def _committed_texts() -> Mapping[str, str]:
    """Every text file of the repository, new ones that are not ignored included."""
    listed = subprocess.run(
        ["/usr/bin/env", "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    texts = {}
    for name in filter(None, listed.stdout.decode().split("\0")):
        content = (ROOT / name).read_bytes() if (ROOT / name).is_file() else b"\0"
        if b"\0" not in content:
            texts[name] = content.decode("utf-8")
    return texts


@cache
def _graph() -> grimp.ImportGraph:
    return grimp.build_graph(*PACKAGES, include_external_packages=True)


def _imported(tree: ast.Module, *, at_top: bool = False) -> Iterator[str]:
    """Yield the top-level packages that a module imports; `at_top` only when it is loaded."""
    for node in _run_when_loaded(tree) if at_top else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module.partition(".")[0]


def _run_when_loaded(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what runs at import time: no function bodies, nothing for type checkers only."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from _run_when_loaded(child)


def _functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for path, tree in _modules().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path}:{node.lineno} {node.name}", node


def _importers_of(*packages: str) -> dict[str, set[str]]:
    """Return the modules that import some package from outside, with what they import."""
    graph, found = _graph(), dict[str, set[str]]()
    for package in packages:
        inside = {package, *graph.find_descendants(package)}
        for module in inside:
            for importer in graph.find_modules_that_directly_import(module) - inside:
                found.setdefault(importer, set()).add(module)
    return found


def _is_in(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)


# --- Who knows whom.


def test_the_core_imports_an_allow_list_of_the_standard_library_and_itself() -> None:
    offenders = {
        path: names
        for path, tree in _modules().items()
        if path.startswith("agent/core/")
        and (names := set(_imported(tree)) - CORE_MAY_IMPORT - {"agent"})
    }
    assert not offenders


def test_the_core_imports_nothing_of_the_agent_but_itself() -> None:
    graph = _graph()
    offenders = {
        (module, found)
        for module in {"agent.core", *graph.find_descendants("agent.core")}
        for found in graph.find_modules_directly_imported_by(module)
        if _is_in(found, *PACKAGES) and not _is_in(found, "agent.core")
    }
    assert not offenders


def test_only_the_shared_link_loads_a_codec() -> None:
    versions = [m for m in _graph().find_children("agent.ocpp") if m.startswith("agent.ocpp.v")]
    assert len(versions) >= 2
    offenders = {
        importer: modules
        for importer, modules in _importers_of(*versions).items()
        if not _is_in(importer, *versions) and not _is_in(importer, "agent.app")
    }
    assert not offenders


def test_the_hardware_never_imports_the_agent() -> None:
    assert not {module for module in _importers_of("agent") if _is_in(module, "hal")}


def test_only_the_app_and_the_simulations_choose_backends() -> None:
    chosen = _importers_of("hal.registry", "hal.mock", "hal.guard")
    offenders = {
        importer: modules
        for importer, modules in chosen.items()
        if not _is_in(importer, "agent.app", "agent.sim", "hal")
    }
    assert not offenders


def test_of_the_guard_the_station_sees_only_the_client_and_the_starter() -> None:
    """The demo, which takes the service manager's place, may see more.

    So may the check of all hardware (`hal.checkup`), which the layers put above the guard.
    """
    seen = {
        guard_module
        for importer, modules in _importers_of("hal.guard").items()
        if not _is_in(importer, "agent.sim", "hal.checkup")
        for guard_module in modules
    }
    assert seen <= {"hal.guard.client", "hal.guard.spawn"}


def test_the_station_runs_without_the_simulations() -> None:
    assert set(_importers_of("agent.sim")) <= {"agent.__main__"}
    for node in _run_when_loaded(_modules()["agent/__main__.py"]):
        if isinstance(node, ast.Import | ast.ImportFrom):
            assert "agent.sim" not in ast.unparse(node)


def test_what_is_slow_to_import_is_imported_when_it_is_used() -> None:
    offenders = {
        path: names
        for path, tree in _modules().items()
        if not path.startswith("agent/sim/")
        and (names := set(_imported(tree, at_top=True)) & SLOW_TO_IMPORT)
    }
    assert not offenders


# --- What a module looks like.


def test_no_module_is_longer_than_400_lines() -> None:
    lengths = {path: len(_committed_texts()[path].splitlines()) for path in _modules()}
    assert not {path: n for path, n in lengths.items() if n > LONGEST_MODULE_LINES}


def test_every_module_says_what_it_is_about() -> None:
    assert not [path for path, tree in _modules().items() if not ast.get_docstring(tree)]


def test_functions_are_short() -> None:
    lengths = [(node.end_lineno or 0) - node.lineno + 1 for _, node in _functions()]
    assert statistics.median(lengths) < 12
    assert statistics.quantiles(lengths, n=10)[-1] <= 40


def test_a_version_of_ocpp_is_named_in_the_codecs_alone() -> None:
    allowed = ("agent/ocpp/v", *VERSIONS_NAMED_IN)
    offenders = [
        f"{path}:{node.lineno} {node.value!r}"
        for path, tree in _modules().items()
        if not path.startswith(allowed)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and VERSION_TEXT.fullmatch(node.value)
    ]
    assert not offenders


def test_the_exceptions_for_naming_a_version_are_needed() -> None:
    for place in VERSIONS_NAMED_IN:
        named = [
            node
            for path, tree in _modules().items()
            if path.startswith(place)
            for node in ast.walk(tree)
            if isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and VERSION_TEXT.fullmatch(node.value)
        ]
        assert named, place


def test_no_broad_exception_is_passed_over() -> None:
    offenders = [
        f"{path}:{node.lineno}"
        for path, tree in _modules().items()
        for node in ast.walk(tree)
        if _passes_over_everything(node) and isinstance(node, ast.ExceptHandler | ast.Call)
    ]
    assert not offenders


def _passes_over_everything(node: ast.AST) -> bool:
    """Recognize a broad `except` that does nothing, and a broad `suppress`."""
    if isinstance(node, ast.ExceptHandler):
        caught = "" if node.type is None else ast.unparse(node.type)
        does_nothing = all(isinstance(step, ast.Pass | ast.Continue) for step in node.body)
        return does_nothing and caught in {"", *BROAD_EXCEPTIONS}
    if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
        return any(ast.unparse(argument) in BROAD_EXCEPTIONS for argument in node.args)
    return False


def test_only_commands_print() -> None:
    offenders = [
        f"{path}:{node.lineno}"
        for path, tree in _modules().items()
        if not path.startswith(("agent/cli/", "agent/sim/"))
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == "print"
    ]
    assert not offenders


def test_no_command_line_goes_through_a_shell() -> None:
    offenders = [
        f"{path}:{node.lineno}"
        for path, tree in _modules().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and (
            any(key.arg == "shell" for key in node.keywords)
            or ast.unparse(node.func)
            in {"os.system", "os.popen", "asyncio.create_subprocess_shell"}
        )
    ]
    assert not offenders


# --- What is nowhere in the repository.


@pytest.mark.parametrize(
    "pattern",
    [WORK_MARKS, SECRET_MARK, MACHINE_PATH, REGISTRY_HOST],
    ids=["unfinished work", "private keys", "paths of one machine", "hosts of package registries"],
)
def test_the_repository_is_free_of(pattern: re.Pattern[str]) -> None:
    offenders = [
        f"{name}:{number} {line.strip()[:80]}"
        for name, text in _committed_texts().items()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]
    assert not offenders
