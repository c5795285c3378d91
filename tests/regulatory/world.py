"""The example objects: a small closed world in which every reference leads somewhere."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

from ufmi.regulatory import Object, read

FOLDER = Path(__file__).parent / "examples"
NAMES = sorted(path.stem for path in FOLDER.glob("*.json"))
WHOLE = [name for name in NAMES if name < "20"]


def text_of(name: str) -> bytes:
    return (FOLDER / f"{name}.json").read_bytes()


def load(start: str) -> Object:
    """The example whose name starts so, fresh."""
    (name,) = (one for one in NAMES if one.startswith(start))
    return deepcopy(_read(name))


@cache
def _read(name: str) -> Object:
    return read(text_of(name))


@cache
def _types() -> dict[tuple[str, int], str]:
    contents = [_read(name)["header"]["content"] for name in WHOLE]
    return {(one["object_id"], one["version"]): one["type"] for one in contents}


def lookup(object_id: str, version: int) -> str | None:
    return _types().get((object_id, version))


def at(value: Any, path: str) -> Any:
    """What is at a path such as "body/subject_information/0"."""
    for part in filter(None, path.split("/")):
        value = value[int(part) if isinstance(value, list) else part]
    return value


def changed(start: str, path: str, value: Any) -> Object:
    """An example with one member set."""
    snapshot = load(start)
    above, _, last = path.rpartition("/")
    target = at(snapshot, above)
    target[int(last) if isinstance(target, list) else last] = value
    return snapshot


def without(start: str, path: str) -> Object:
    """An example with one member left out."""
    snapshot = load(start)
    above, _, last = path.rpartition("/")
    del at(snapshot, above)[last]
    return snapshot
