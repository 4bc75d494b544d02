"""The stories of tests/stories that are marked `hil`, unchanged, in real time on the bench."""

import importlib
from collections.abc import Iterator
from functools import update_wrapper
from pathlib import Path
from types import FunctionType, ModuleType

STORIES = Path(__file__).parents[1] / "tests" / "stories"


def _stories_of(module: ModuleType) -> Iterator[tuple[str, FunctionType]]:
    """Yield copies of a module's marked stories that carry the module's own marks as well."""
    shared = getattr(module, "pytestmark", [])
    for name, story in vars(module).items():
        marks = getattr(story, "pytestmark", ())
        if isinstance(story, FunctionType) and any(mark.name == "hil" for mark in marks):
            copy = FunctionType(story.__code__, story.__globals__, name)
            update_wrapper(copy, story)
            own = shared if isinstance(shared, list) else [shared]
            copy.__dict__["pytestmark"] = [*(mark.mark for mark in own), *marks]
            yield name, copy


for _file in sorted(STORIES.glob("test_*.py")):
    globals().update(_stories_of(importlib.import_module(f"tests.stories.{_file.stem}")))
