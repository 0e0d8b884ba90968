"""Named queries: SQL lives in `.sql` files, each query under a line `-- name: word`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from typing import LiteralString, cast

NAME = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


class Queries:
    """The queries of one file, by name: `queries["list_projects"]`."""

    def __init__(self, package: str, file: str = "queries.sql") -> None:
        parts = NAME.split(files(package).joinpath(file).read_text(encoding="utf-8"))
        self._by_name = {name: text.strip() for name, text in zip(parts[1::2], parts[2::2], strict=True)}

    def __getitem__(self, name: str) -> LiteralString:
        # The file is part of the program, so its text is as literal as a string in the source.
        return cast("LiteralString", self._by_name[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)
