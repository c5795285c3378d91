"""Contracts as plain classes with decorated functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from ufmi.contract.context import Context, Stub, encode_record
from ufmi.errors import ContractFailure, LimitExceeded, UfmiError, UnknownFunction

ARGUMENTS_MAX = 2_001
ARGUMENT_BYTES_MAX = 1024 * 1024

_Function = TypeVar("_Function", bound=Callable[..., bytes])
_MARK = "_ufmi_contract_function"


def submit(function: _Function) -> _Function:
    """Marks a function that may change the state. Takes a Context and byte arguments."""
    setattr(function, _MARK, "submit")
    return function


def evaluate(function: _Function) -> _Function:
    """Marks a function that only reads, and may use history."""
    setattr(function, _MARK, "evaluate")
    return function


class Contract:
    """Base of contracts. A subclass's decorated methods are its functions, by their names.

    A function takes a Context and its arguments as bytes and returns bytes. It is deterministic:
    its only inputs are its arguments and the context.
    """

    name = ""
    # Packages and modules, beside the contract's own, whose source decides what it does.
    SOURCES: tuple[str, ...] = ()

    def functions(self) -> dict[str, str]:
        """Function names and whether each is `submit` or `evaluate`."""
        found = {}
        for name in dir(type(self)):
            kind = getattr(getattr(type(self), name), _MARK, None)
            if kind:
                found[name] = str(kind)
        return found

    @evaluate
    def describe(self, context: Context) -> bytes:
        """The contract's name and functions, as JSON: whether it answers, and what it offers."""
        return encode_record({"name": self.name, "functions": self.functions()})

    def invoke(self, stub: Stub, function: str, arguments: Sequence[bytes]) -> bytes:
        """Runs one function against a ledger's stub; the runtime of both ledgers calls this.

        Raises:
            ContractError: the call fails as a whole. Any other exception is a defect of the
                contract and fails the transaction too.
        """
        method: Any = getattr(type(self), function, None)
        kind = getattr(method, _MARK, None)
        if kind is None:
            known = ", ".join(sorted(self.functions()))
            raise UnknownFunction(
                f"the contract {self.name} has no function {function}", hint=f"It has {known}"
            )
        if len(arguments) > ARGUMENTS_MAX:
            raise LimitExceeded(f"more than {ARGUMENTS_MAX} arguments")
        if any(len(argument) > ARGUMENT_BYTES_MAX for argument in arguments):
            raise LimitExceeded(f"an argument is larger than {ARGUMENT_BYTES_MAX} bytes")
        context = Context(stub, read_only=kind == "evaluate")
        try:
            answer = method(self, context, *arguments)
        except TypeError as problem:
            if _wrong_arguments(method, len(arguments)):
                raise ContractFailure(
                    f"{function} does not take {len(arguments)} arguments"
                ) from problem
            raise
        context.finish()
        return bytes(answer)


def _wrong_arguments(method: Any, count: int) -> bool:
    code = method.__code__
    if code.co_flags & 0x04:  # takes any number
        return count < int(code.co_argcount) - 2
    least = int(code.co_argcount) - 2 - len(method.__defaults__ or ())
    return not (least <= count and count <= int(code.co_argcount) - 2)


def failure_text(problem: BaseException) -> str:
    """What a client is told of a failed call: our errors whole, defects by their kind only."""
    if isinstance(problem, UfmiError):
        return str(problem)
    return f"UFMI-3000: the contract failed: {type(problem).__name__}: {problem}"
