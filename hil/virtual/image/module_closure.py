"""Which modules a machine needs, and in which order they must be loaded."""

from collections.abc import Iterable
from pathlib import Path


def closure(modules: Path, wanted: Iterable[str]) -> list[str]:
    """Return modules and what they depend on, as paths below `modules`, in loading order.

    What is built into the kernel is left out. Raises `LookupError` for an unknown module.
    """
    needs = dict(_dependencies(modules))
    by_name = {_name(path): path for path in needs}
    built_in = {_name(line) for line in (modules / "modules.builtin").read_text("ascii").split()}
    ordered: dict[str, None] = {}
    for module in wanted:
        name = module.replace("-", "_")
        if name in by_name:
            path = by_name[name]
            ordered.update(dict.fromkeys((*reversed(needs[path]), path)))
        elif name not in built_in:
            raise LookupError(f"the kernel has no module {module}")
    return list(ordered)


def _dependencies(modules: Path) -> Iterable[tuple[str, list[str]]]:
    for line in (modules / "modules.dep").read_text("ascii").splitlines():
        path, _, needed = line.partition(":")
        yield path, needed.split()


def _name(path: str) -> str:
    return Path(path).name.partition(".ko")[0].replace("-", "_")
