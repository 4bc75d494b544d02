"""Each shape of class is made by the standard library too, and must behave the same."""

import copy
import dataclasses
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, field, fields, replace
from typing import Any, ClassVar, Generic, TypeVar

import pytest

from agent.core import records

T = TypeVar("T")
Decorator = Callable[..., Any]


def plain(decorate: Decorator) -> Any:
    @decorate(frozen=True, slots=True)
    class Record:
        one: int
        two: str = "two"
        three: tuple[int, ...] = ()
        kind: ClassVar[str] = "kind"

    return Record


def by_keyword(decorate: Decorator) -> Any:
    @decorate(frozen=True, slots=True, kw_only=True)
    class Record:
        """With a docstring."""

        two: str = "two"
        one: int

    return Record


def mixed(decorate: Decorator) -> Any:
    @decorate(frozen=True, slots=True)
    class Record:
        two: str = field(default="two", kw_only=True)
        one: int
        made: list[int] = field(default_factory=list, hash=False, compare=False)
        secret: str = field(default="secret", repr=False)
        given: int = field(default=3, init=False)
        built: dict[str, int] = field(default_factory=dict, init=False, compare=False)

    return Record


def checked(decorate: Decorator) -> Any:
    @decorate(frozen=True, slots=True)
    class Record:
        one: int

        def __post_init__(self) -> None:
            if self.one < 0:
                raise ValueError("negative")

        def __repr__(self) -> str:
            return f"<{self.one}>"

        def __eq__(self, other: object) -> bool:
            return type(other) is type(self) and self.one % 10 == other.one % 10  # type: ignore[attr-defined]

        def __hash__(self) -> int:
            return self.one % 10

    return Record


def derived(decorate: Decorator) -> Any:
    @decorate(frozen=True, slots=True)
    class Base:
        one: int

        def doubled(self) -> int:
            return 2 * self.one

    @decorate(frozen=True, slots=True)
    class Record(Base):
        two: str = "two"

    return Record


def generic(decorate: Decorator) -> Any:
    @decorate(frozen=True, slots=True)
    class Record(Generic[T]):
        one: T
        two: str = "two"

    return Record


def empty(decorate: Decorator) -> Any:
    @decorate(frozen=True, slots=True)
    class Record:
        pass

    return Record


WITH_FIELDS = (plain, by_keyword, mixed, checked, derived, generic)
shapes = pytest.mark.parametrize("shape", WITH_FIELDS, ids=lambda shape: shape.__name__)


def pair(shape: Callable[[Decorator], Any]) -> tuple[Any, Any]:
    return shape(records.dataclass), shape(dataclasses.dataclass)


@shapes
def test_a_record_looks_compares_and_hashes_like_a_dataclass(
    shape: Callable[[Decorator], Any],
) -> None:
    ours, theirs = pair(shape)
    for made in (ours, theirs):
        assert made(one=1) == made(one=1)
        assert made(one=1) != made(one=2)
        assert made(one=1) != 1
        assert hash(made(one=1)) == hash(made(one=1))
        assert len({made(one=1), made(one=1), made(one=2)}) == 2
    assert repr(ours(one=1)) == repr(theirs(one=1))
    assert ours(one=1) != theirs(one=1)
    assert ours.__match_args__ == theirs.__match_args__
    assert [f.name for f in fields(ours)] == [f.name for f in fields(theirs)]
    assert (ours.__name__, ours.__qualname__) == (theirs.__name__, theirs.__qualname__)
    assert ours.__slots__ == theirs.__slots__


@shapes
def test_a_record_is_frozen_and_has_nothing_but_its_fields(
    shape: Callable[[Decorator], Any],
) -> None:
    for made in pair(shape):
        record = made(one=1)
        with pytest.raises(FrozenInstanceError, match="assign to field 'one'"):
            record.one = 2
        with pytest.raises(FrozenInstanceError, match="delete field 'one'"):
            del record.one
        with pytest.raises((FrozenInstanceError, TypeError)):
            record.other = 2
        assert not hasattr(record, "__dict__")
        assert record.one == 1


@shapes
def test_a_record_is_replaced_and_copied(shape: Callable[[Decorator], Any]) -> None:
    for made in pair(shape):
        assert replace(made(one=1), one=2) == made(one=2)
        assert copy.deepcopy(made(one=1)) == made(one=1)


@shapes
@pytest.mark.parametrize("keywords", [{}, {"one": 1, "none": 2}])
def test_wrong_arguments_are_refused(
    shape: Callable[[Decorator], Any], keywords: dict[str, int]
) -> None:
    for made in pair(shape):
        with pytest.raises(TypeError):
            made(**keywords)


def test_what_is_given_by_keyword_only_is_refused_by_place() -> None:
    for made in pair(by_keyword):
        with pytest.raises(TypeError):
            made(1)
    for made in pair(mixed):
        assert made(1).two == "two"


def test_each_record_gets_a_fresh_default() -> None:
    for made in pair(mixed):
        one, other = made(1), made(1)
        one.made.append(1)
        one.built["x"] = 1
        assert (other.made, other.built, other.given) == ([], {}, 3)
        assert made(1, made=[7]).made == [7]


def test_a_check_of_its_own_is_carried_out() -> None:
    for made in pair(checked):
        with pytest.raises(ValueError, match="negative"):
            made(-1)
        assert made(1) == made(11)


def test_a_derived_record_keeps_what_it_inherits() -> None:
    for made in pair(derived):
        assert made(2, "x").doubled() == 4
        assert made(1) != made(1, "x")


def test_a_record_without_fields_equals_its_like() -> None:
    for made in pair(empty):
        assert made() == made()
        assert hash(made()) == hash(made())
        assert repr(made()) == f"{made.__qualname__}()"


@records.dataclass(frozen=True, slots=True)
class Known:
    one: int
    two: str = "two"


def test_a_record_can_be_pickled() -> None:
    assert pickle.loads(pickle.dumps(Known(1, "x"))) == Known(1, "x")  # noqa: S301 - our own


def test_what_is_not_frozen_and_slotted_is_left_to_the_standard_library() -> None:
    @records.dataclass
    class Open:
        one: int

    @records.dataclass(frozen=True, slots=True, order=True)
    class Ordered:
        one: int

    changed = Open(1)
    changed.one = 2
    assert changed == Open(2)
    assert Ordered(1) < Ordered(2)
