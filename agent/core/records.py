"""The standard library's `dataclass`, made in less time where it is frozen and slotted.

Up to Python 3.12 the standard library compiles six or more methods from text for each such class,
which took a third of the station's start. Only `__init__` needs that; the others are shared here.
What is decorated otherwise is left to the standard library.
"""

from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, fields
from dataclasses import dataclass as _dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar

C = TypeVar("C", bound=type)

_set = object.__setattr__
_ABSENT = object()
_VALUES = "__values__"


if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # noqa: PLC0414 - exported to the type checker
else:

    def dataclass(cls=None, /, *, frozen=False, slots=False, kw_only=False, **others):
        """Decorate a class; see `dataclasses.dataclass`."""
        quick = frozen and slots and not others

        def decorate(plain):
            if quick:
                return _record(plain, kw_only=kw_only)
            return _dataclass(frozen=frozen, slots=slots, kw_only=kw_only, **others)(plain)

        return decorate if cls is None else decorate(cls)


def _record(plain: C, *, kw_only: bool) -> C:
    """Let the standard library find the fields, write `__init__`, and share the rest."""
    if plain.__doc__ is None:
        plain.__doc__ = plain.__name__  # The standard library would work out a signature.
    found: Any = _dataclass(init=False, repr=False, eq=False, kw_only=kw_only)(plain)
    known = fields(found)
    given = dict(found.__dict__)
    inherited = {slot for base in plain.__mro__[1:] for slot in getattr(base, "__slots__", ())}
    slots = tuple(field.name for field in known if field.name not in inherited)
    for name in (*(field.name for field in known), "__dict__", "__weakref__"):
        given.pop(name, None)
    given |= {name: method for name, method in _SHARED.items() if name not in plain.__dict__}
    given["__hash__"] = plain.__dict__.get("__hash__") or _hash
    init = given["__init__"] = _init(known, with_check=hasattr(plain, "__post_init__"))
    init.__qualname__ = f"{plain.__qualname__}.__init__"
    given["__slots__"] = slots
    given[_VALUES] = staticmethod(_values(known))
    record = type(plain)(plain.__name__, plain.__bases__, given)
    record.__qualname__ = plain.__qualname__
    return record


def _init(known: tuple[Field[Any], ...], *, with_check: bool) -> Callable[..., None]:
    """Compile `__init__`: parameters in the order of the fields, those by keyword last."""
    names: dict[str, Any] = {"_set": _set, "_ABSENT": _ABSENT}
    lines = []
    for field in known:
        name = field.name
        if field.default is not MISSING:
            names[f"_default_{name}"] = field.default
        if field.default_factory is not MISSING:
            names[f"_make_{name}"] = field.default_factory
        made = f"_make_{name}()" if field.default_factory is not MISSING else f"_default_{name}"
        value = name if field.init else made
        if field.init and field.default_factory is not MISSING:
            value = f"{made} if {name} is _ABSENT else {name}"
        if field.init or made != f"_default_{name}" or field.default is not MISSING:
            lines.append(f" _set(self, {name!r}, {value})")
    if with_check:
        lines.append(" self.__post_init__()")
    exec(f"def __init__({_parameters(known)}):\n" + "\n".join(lines or [" pass"]), names)  # noqa: S102 - as the standard library does
    made_init: Callable[..., None] = names["__init__"]
    return made_init


def _parameters(known: tuple[Field[Any], ...]) -> str:
    by_place = [_parameter(field) for field in known if field.init and not field.kw_only]
    by_keyword = [_parameter(field) for field in known if field.init and field.kw_only]
    return ", ".join(["self", *by_place, *(["*", *by_keyword] if by_keyword else [])])


def _parameter(field: Field[Any]) -> str:
    if field.default is not MISSING:
        return f"{field.name}=_default_{field.name}"
    return field.name if field.default_factory is MISSING else f"{field.name}=_ABSENT"


def _values(known: tuple[Field[Any], ...]) -> Callable[[Any], tuple[Any, ...]]:
    """Return what reads the fields that are compared."""
    names = [field.name for field in known if field.compare]
    if len(names) > 1:
        return attrgetter(*names)
    return lambda record: tuple(getattr(record, name) for name in names)


# --- What all records share.


def _repr(self: Any) -> str:
    shown = (field for field in fields(self) if field.repr)
    words = ", ".join(f"{field.name}={getattr(self, field.name)!r}" for field in shown)
    return f"{type(self).__qualname__}({words})"


def _eq(self: Any, other: Any) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    values = self.__values__
    return values(self) == values(other)


def _hash(self: Any) -> int:
    return hash(self.__values__(self))


def _refuse_set(self: Any, name: str, value: object) -> None:
    del self, value
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_delete(self: Any, name: str) -> None:
    del self
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _getstate(self: Any) -> list[Any]:
    return [getattr(self, field.name) for field in fields(self)]


def _setstate(self: Any, state: list[Any]) -> None:
    for field, value in zip(fields(self), state, strict=True):
        _set(self, field.name, value)


_SHARED = {
    "__repr__": _repr,
    "__eq__": _eq,
    "__setattr__": _refuse_set,
    "__delattr__": _refuse_delete,
    "__getstate__": _getstate,
    "__setstate__": _setstate,
}
