"""The checks before a message is taken in. What fails here occupies no id and may come again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ufmi.crypto import Signed, sm3_hex, verify_many
from ufmi.frontend.view import LedgerView
from ufmi.protocol import Code, Line, Message, Result, message_of


class Accepted(NamedTuple):
    """A message that passed."""

    line: Line
    message: Message
    digest: str


def check(lines: Sequence[Line], view: LedgerView, now_ms: int) -> list[Accepted | Result]:
    """Checks form, network, time, sender, role and all signatures, these in bulk."""
    outcomes: list[Accepted | Result] = []
    wanted: list[Signed] = []
    owners: list[int] = []
    for at, line in enumerate(lines):
        outcome, signatures = _check_one(line, view, now_ms)
        outcomes.append(outcome)
        wanted += signatures
        owners += [at] * len(signatures)
    for at, signed, good in zip(owners, wanted, verify_many(wanted), strict=True):
        one = outcomes[at]
        if not good and isinstance(one, Accepted):
            own = signed[1] == one.line.text.encode()
            outcomes[at] = Result(
                one.message.identity,
                Code.SIGNATURE_INVALID if own else Code.PROOF_INVALID,
                f"not signed by {one.message.sender}"
                if own
                else "a signature carried in the text does not hold",
            )
    return outcomes


def _check_one(line: Line, view: LedgerView, now_ms: int) -> tuple[Accepted | Result, list[Signed]]:
    message = message_of(line.text)
    if isinstance(message, Result):
        return message, []

    def refused(code: Code, detail: str) -> tuple[Result, list[Signed]]:
        return Result(message.identity, code, detail), []

    network = view.network
    if network is None or message.network != network.digest:
        return refused(Code.WRONG_NETWORK, "the text was signed for another ledger")
    if message.valid_until < now_ms:
        return refused(Code.EXPIRED, f"valid until {message.valid_until}, it is {now_ms}")
    signatory = view.signatory(message.sender)
    if signatory is None:
        return refused(Code.SIGNER_UNKNOWN, f"{message.sender} is not known here")
    role, key, revoked = signatory
    if revoked:
        return refused(Code.KEY_REVOKED, f"the key of {message.sender} is revoked")
    if role not in message.ROLES:
        return refused(Code.ROLE_NOT_ALLOWED, f"{role} does not send {message.NAME}")
    text = line.text.encode()
    try:
        signature = bytes.fromhex(line.signature)
    except ValueError:
        return refused(Code.SIGNATURE_INVALID, "the signature is not hexadecimal")
    if line.documents and not documents_fit(line, message):
        return refused(Code.FIELD_INVALID, "a document does not fit any digest in the text")
    signatures = [(bytes.fromhex(key), text, signature)]
    for claim in message.claims():
        claimed = (claim.text.encode(), bytes.fromhex(claim.signature))
        signatures.append((bytes.fromhex(claim.public_key), *claimed))
    return Accepted(line, message, sm3_hex(text)), signatures


def documents_fit(line: Line, message: Message) -> bool:
    """Whether every document beside a text is one that the text names by its digest."""
    named = getattr(message, "document", "")
    try:
        return all(sm3_hex(document.encode()) == named for document in line.documents)
    except UnicodeEncodeError:
        return False
