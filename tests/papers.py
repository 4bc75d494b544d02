"""Documents of services, kept in memory."""

from collections.abc import Mapping


class Papers:
    """Documents that outlive a service."""

    def __init__(self) -> None:
        self.texts: dict[tuple[str, str], str] = {}

    def get(self, kind: str, key: str) -> str | None:
        return self.texts.get((kind, key))

    def items(self, kind: str) -> Mapping[str, str]:
        return {key: text for (of, key), text in self.texts.items() if of == kind}

    async def put(self, kind: str, key: str, text: str) -> None:
        self.texts[kind, key] = text

    async def put_many(self, kind: str, texts: Mapping[str, str]) -> None:
        self.texts |= {(kind, key): text for key, text in texts.items()}

    async def delete(self, kind: str, key: str) -> None:
        self.texts.pop((kind, key), None)
