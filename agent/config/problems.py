"""What is wrong with a configuration: every problem with its file, key and remedy, told at once."""

from collections.abc import Iterable
from pathlib import Path

from agent.core.records import dataclass


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One fault: file, key (`csms.url`, `evse[1].pilot`; empty: the whole file) and reason."""

    file: Path
    key: str
    reason: str

    def text(self) -> str:
        """Return `file: key: reason`."""
        return ": ".join(part for part in (str(self.file), self.key, self.reason) if part)


class ConfigError(Exception):
    """The configuration cannot be used: correct what `problems` name and start again."""

    def __init__(self, problems: Iterable[ConfigProblem]) -> None:
        """Take all problems at once; there is at least one."""
        self.problems = tuple(problems)
        super().__init__("\n".join(problem.text() for problem in self.problems))
