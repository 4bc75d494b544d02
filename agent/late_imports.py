"""Modules that libraries import and this daemon hardly ever uses, loaded at their first use.

Each of them would stay in the daemon's memory for good and cost time at every start. What stands in
for one is the module itself, still empty, which fills itself when somebody asks it for anything
(PEP 562); whoever imports it notices nothing.
"""

import sys
from importlib import import_module
from importlib.util import find_spec, module_from_spec
from threading import RLock
from typing import Any


def import_late(*names: str) -> None:
    """Let these modules be loaded at their first use, unless they are loaded or not there."""
    for name in names:
        if name not in sys.modules:
            _stand_in(name)


def _stand_in(name: str) -> None:
    spec = find_spec(name)
    if spec is None or spec.loader is None:
        return
    loader, module, lock, begun = spec.loader, module_from_spec(spec), RLock(), list[bool]()

    def load(attribute: str) -> Any:
        with lock:
            if not begun:
                begun.append(True)
                loader.exec_module(module)
        if attribute not in vars(module):
            raise AttributeError(f"module {name!r} has no attribute {attribute!r}")
        return vars(module)[attribute]

    vars(module)["__getattr__"] = load
    sys.modules[name] = module
    package, _, own = name.rpartition(".")
    if package:
        setattr(import_module(package), own, module)
