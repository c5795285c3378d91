"""Forms and messages as classes: adding a message is adding one class.

A form is anything with a text; a message is a form that a sender signs and the ledger executes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    ClassVar,
    NamedTuple,
    Self,
    TypeVar,
    get_args,
    get_origin,
)
from typing import get_type_hints as type_hints

import msgspec

from ufmi.errors import InvalidField, MalformedText, ProtocolError
from ufmi.protocol import keys as state
from ufmi.protocol.kinds import CARRIED_BYTES_MAX, Kind, Role
from ufmi.protocol.results import Result
from ufmi.protocol.text import TEXT_BYTES_MAX, join, join_struct, split, split_struct


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """What the batch header says of one line: arrival number and time, an allotted user id."""

    number: int
    time: int  # milliseconds since 1970, UTC
    user: str = ""  # the unified id allotted to a new user (X1)


class Keys(NamedTuple):
    """The state keys that a message may read, and those that it may also write."""

    reads: tuple[str, ...]
    writes: tuple[str, ...]


class Claim(NamedTuple):
    """A signature carried inside a message: whose key, over which text."""

    public_key: str  # hex
    text: str
    signature: str  # hex


class Form(msgspec.Struct, frozen=True, gc=False):
    """Anything with a text of its own. Fields stand in the text as declared."""

    NAME: ClassVar[str] = ""
    ROLES: ClassVar[frozenset[str]] = frozenset()  # who may send it; nobody: it is no message
    _KINDS: ClassVar[tuple[tuple[str, Kind], ...]] = ()

    def text(self) -> str:
        """The one text of this form (guide 6.4)."""
        return join(self.NAME, [kind.write(getattr(self, name)) for name, kind in self._KINDS])

    @classmethod
    def of_fields(cls, fields: list[str]) -> Self:
        """Reads the fields of a text. Raises InvalidField or MalformedText."""
        if len(fields) != len(cls._KINDS):
            raise MalformedText(
                f"{cls.NAME} has {len(cls._KINDS)} fields, the text has {len(fields)}"
            )
        return cls(*_read_all(cls._KINDS, fields))


class Message(Form, frozen=True):
    """A form that a sender signs. Every message has the guide's fields first, then ours."""

    # Whether it may change the key of a sender that was known before.
    CHANGES_SIGNERS: ClassVar[bool] = False

    # Whether it only asks: evaluated, never ordered (X3, P3).
    QUERY: ClassVar[bool] = False

    # Every message declares these four itself, among its own fields, in the order of its text.
    if TYPE_CHECKING:
        tx: str
        network: str
        sender: str
        valid_until: int

    @property
    def reference(self) -> str:
        """The part of the identity below name and sender. A follow-up overrides it."""
        return self.tx

    @property
    def identity(self) -> str:
        """(name, sender, transaction id): one text has it, ever (docs/messages.md, rule 4)."""
        return f"{self.NAME}/{self.sender}/{self.reference}"

    def touches(self, entry: Entry) -> Keys:
        """The keys beyond those that every message has. Overridden by most."""
        return Keys((), ())

    def keys(self, entry: Entry) -> Keys:
        """All keys that executing this message may read or write (docs/messages.md, rule 5)."""
        reads, writes = self.touches(entry)
        return Keys(
            (state.NETWORK, state.signer(self.sender), *reads),
            (state.result(self.identity), *writes),
        )

    def claims(self) -> tuple[Claim, ...]:
        """Signatures carried inside, verified in bulk with the sender's."""
        return ()

    def receivers(self) -> tuple[str, ...]:
        """Parties to whom UFMI forwards the message once it is accepted (7.5.1.3, 9.4.1.4 …)."""
        return ()

    def answers(self, result: Result) -> list[tuple[str, Form]]:
        """What UFMI sends to whom after the result."""
        return []


FORMS: dict[str, type[Form]] = {}
_Class = TypeVar("_Class", bound=type[Form])


def form(name: str) -> Callable[[_Class], _Class]:
    """Class decorator: registers a form under the name that its text bears."""

    def register(cls: _Class) -> _Class:
        cls.NAME = name
        cls._KINDS = tuple(_kinds(cls))
        if name in FORMS:
            raise TypeError(f"two forms are named {name}")
        FORMS[name] = cls
        return cls

    return register


_Message = TypeVar("_Message", bound=type[Message])


def message(name: str, *roles: Role) -> Callable[[_Message], _Message]:
    """Class decorator: registers a message that senders in one of `roles` may send."""

    def register(cls: _Message) -> _Message:
        cls.ROLES = frozenset([role.value for role in roles])
        return form(name)(cls)

    return register


def decode(text: str, bytes_max: int = TEXT_BYTES_MAX) -> Form:
    """The form that a text states. Answers to questions may be longer than messages.

    Raises:
        MalformedText: not in the one form, too long, or of unknown name.
        InvalidField: a field breaks its rule.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError as problem:
        raise MalformedText("the text is not Unicode") from problem
    if size > bytes_max:
        raise TooLong(f"longer than {bytes_max} bytes")
    name, fields = split(text)
    cls = FORMS.get(name)
    if cls is None:
        raise UnknownName(f"there is no message named {name}")
    return cls.of_fields(fields)


class TooLong(MalformedText):
    """A text beyond the limit."""


class UnknownName(MalformedText):
    """A text whose name is not one of ours."""


def carried(cls: type[Form]) -> Kind:
    """The kind of a field that holds a whole other form, such as what a wallet signed."""

    def read(value: str) -> Form:
        if len(value.encode()) > CARRIED_BYTES_MAX:
            raise ValueError(f"longer than {CARRIED_BYTES_MAX} bytes")
        # Asked first: forms within forms within forms would each be read several times over.
        if not value.startswith(f"{cls.NAME}("):
            raise ValueError(f"must be a {cls.NAME}(…)")
        return decode(value)

    return Kind(lambda value: value.text(), read)


def struct_kind(cls: type[msgspec.Struct]) -> Kind:
    """The kind of a field (or list item) that is a structure of annotated parts."""
    kinds = tuple(_kinds(cls))

    def write(value: Any) -> str:
        return join_struct([kind.write(getattr(value, name)) for name, kind in kinds])

    def read(item: str) -> Any:
        parts = split_struct(item)
        if len(parts) != len(kinds):
            raise ValueError(f"must have {len(kinds)} parts, has {len(parts)}")
        return cls(*_read_all(kinds, parts))

    # The same order is named again and again, by S1, its fills and its end.
    remembered = lru_cache(maxsize=_STRUCTS_MAX)(read)
    return Kind(write, lambda item: (remembered if len(item) <= _SHORT else read)(item))


# What anybody may send without a valid signature must not fill the memory.
_STRUCTS_MAX = 65_536
_SHORT = 128


def _kinds(cls: type[msgspec.Struct]) -> list[tuple[str, Kind]]:
    hints = type_hints(cls, include_extras=True)
    kinds = []
    for name in cls.__struct_fields__:
        hint = hints[name]
        found = [note for note in get_args(hint)[1:] if isinstance(note, Kind)]
        if get_origin(hint) is not Annotated or not found:
            raise TypeError(f"{cls.__name__}.{name} has no kind")
        kinds.append((name, found[0]))
    return kinds


def _read_all(kinds: tuple[tuple[str, Kind], ...], fields: list[str]) -> list[Any]:
    try:
        return [kind.read(field) for (_, kind), field in zip(kinds, fields, strict=True)]
    except (ValueError, ProtocolError):
        return _read_named(kinds, fields)


def _read_named(kinds: tuple[tuple[str, Kind], ...], fields: list[str]) -> list[Any]:
    """The same, slower, for a form that breaks a rule: finds out which field it is."""
    values = []
    for (name, kind), field in zip(kinds, fields, strict=True):
        try:
            values.append(kind.read(field))
        except InvalidField as problem:
            raise InvalidField(f"{name}.{problem.field}", problem.message) from problem
        except MalformedText as problem:
            raise InvalidField(name, problem.message) from problem
        except ValueError as problem:
            raise InvalidField(name, str(problem)) from problem
    return values
