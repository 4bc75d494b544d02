"""What a bench has: the base of all resources, and the one that every bench knows."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """Something that a bench has; `name` is its table's in the bench file.

    The other fields of a subclass are the keys of its table. They may be `str`, `int`, `float`,
    `bool`, `Path` (taken from the file's folder) and tuples of those, each with `| None`.
    """

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CsmsHost(Resource):
    """A place where the bench's CSMS listens.

    `seen_as` is the address by which the station reaches it, where that is another one.
    """

    listen: str = "127.0.0.1"
    port: int = 0
    seen_as: str = ""


KINDS: dict[str, type[Resource]] = {"csms": CsmsHost}
