"""The base of the tree of exceptions."""

from __future__ import annotations


class UfmiError(Exception):
    """Base of the tree.

    `code` is stable and may be matched on; `hint` says what to do; `transaction_id` is the ledger
    transaction concerned, where there is one; `retryable` says whether the same call can succeed
    later without any change.
    """

    code = "UFMI-0000"
    hint_default = ""
    retryable = False

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        transaction_id: str = "",
        retryable: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint or self.hint_default
        self.transaction_id = transaction_id
        if retryable is not None:
            self.retryable = retryable

    def __str__(self) -> str:
        text = f"{self.code}: {self.message}"
        if self.transaction_id:
            text += f" (transaction {self.transaction_id})"
        return f"{text}. {self.hint}" if self.hint else text
