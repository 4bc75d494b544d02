"""Golden files: read and compare, or write anew when `UPDATE_GOLDEN=1` is in the environment."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def compare_with_golden() -> Callable[[str, str, list[dict[str, Any]]], None]:
    """Return the comparison of a version's transcript with `golden/<version>/<scene>.json`."""

    def compare(version: str, scene: str, transcript: list[dict[str, Any]]) -> None:
        file = GOLDEN / version / f"{scene}.json"
        if os.environ.get("UPDATE_GOLDEN") == "1":
            text = json.dumps(transcript, indent=2, ensure_ascii=False)
            file.write_text(text + "\n", encoding="utf-8")
        assert transcript == json.loads(file.read_text(encoding="utf-8"))

    return compare
