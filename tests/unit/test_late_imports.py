"""Modules that load themselves when somebody asks them for something."""

import importlib
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from agent.late_imports import import_late

SOURCE = """
import late_package
late_package.loads.append(__name__)
answer = 42
"""


@pytest.fixture(autouse=True)
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """A package that counts how often its submodules are loaded."""
    folder = tmp_path / "late_package"
    folder.mkdir()
    (folder / "__init__.py").write_text("loads = []\n")
    (folder / "inner.py").write_text(SOURCE)
    (folder / "broken.py").write_text("answer = 42\nraise RuntimeError('broken')\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("late_package")
    for name in [name for name in sys.modules if name.partition(".")[0] == "late_package"]:
        del sys.modules[name]


def test_a_late_module_is_imported_without_being_loaded(package: ModuleType) -> None:
    import_late("late_package.inner")
    import late_package.inner

    assert late_package.inner is sys.modules["late_package.inner"]
    assert package.loads == []


def test_its_first_use_loads_it_once(package: ModuleType) -> None:
    import_late("late_package.inner")
    import late_package.inner

    assert late_package.inner.answer == 42
    assert late_package.inner.answer == 42
    assert package.loads == ["late_package.inner"]


def test_importing_a_name_from_it_loads_it(package: ModuleType) -> None:
    import_late("late_package.inner")
    from late_package.inner import answer

    assert answer == 42


def test_what_is_known_of_a_module_before_it_is_loaded_does_not_load_it(
    package: ModuleType,
) -> None:
    import_late("late_package.inner")
    late = sys.modules["late_package.inner"]
    assert late.__name__ == "late_package.inner"
    assert late.__spec__ is not None
    assert late.__file__ == late.__spec__.origin
    assert package.loads == []


def test_it_has_only_the_attributes_of_the_module(package: ModuleType) -> None:
    import_late("late_package.inner")
    with pytest.raises(AttributeError, match="question"):
        _ = sys.modules["late_package.inner"].question
    assert package.loads == ["late_package.inner"]


def test_a_module_that_is_loaded_already_is_left_alone() -> None:
    loaded = importlib.import_module("late_package.inner")
    import_late("late_package.inner")
    assert sys.modules["late_package.inner"] is loaded


def test_a_module_that_does_not_exist_is_missed_by_who_imports_it() -> None:
    import_late("late_package.missing")
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("late_package.missing")


def test_threads_that_use_it_at_once_load_it_once(package: ModuleType) -> None:
    import_late("late_package.inner")
    late, answers = sys.modules["late_package.inner"], list[int]()
    begin = threading.Barrier(8)

    def use() -> None:
        begin.wait()
        answers.append(late.answer)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [42] * 8
    assert package.loads == ["late_package.inner"]


def test_a_module_that_fails_to_load_says_why() -> None:
    import_late("late_package.broken")
    with pytest.raises(RuntimeError, match="broken"):
        _ = sys.modules["late_package.broken"].nothing
