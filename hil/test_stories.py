"""The stories of tests/stories that are marked `hil`, unchanged, in real time on the bench."""

import importlib
from pathlib import Path

STORIES = Path(__file__).parents[1] / "tests" / "stories"


def _marked(story: object) -> bool:
    return any(mark.name == "hil" for mark in getattr(story, "pytestmark", ()))


for _file in sorted(STORIES.glob("test_*.py")):
    _module = importlib.import_module(f"tests.stories.{_file.stem}")
    globals().update({name: story for name, story in vars(_module).items() if _marked(story)})
