"""The checks before a message is taken in. What fails here occupies no id and may come again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import NamedTuple, cast

from ufmi.crypto import Signed, sm3_hex, verify_many
from ufmi.errors import DocumentErased
from ufmi.frontend.deliveries import named_documents
from ufmi.frontend.documents import KEPT_BYTES_MAX, Documents
from ufmi.frontend.view import LedgerView
from ufmi.protocol import Code, Line, Message, Result, Role, SignedMessage, message_of
from ufmi.protocol.lines import DOCUMENTS_MAX
from ufmi.protocol.records import Network


class Accepted(NamedTuple):
    """A message that passed."""

    line: Line
    signed: SignedMessage


def check(lines: Sequence[Line], view: LedgerView, now_ms: int) -> list[Accepted | Result]:
    """Checks form, network, time, sender, role and all signatures, these in bulk."""
    outcomes: list[Accepted | Result] = []
    wanted: list[Signed] = []
    owners: list[int] = []
    network = view.network
    signatory_of = cache(view.signatory)  # most of a group come from few senders
    for at, line in enumerate(lines):
        outcome, signatures = _check_one(line, network, signatory_of, now_ms)
        outcomes.append(outcome)
        wanted += signatures
        owners += [at] * len(signatures)
    for at, signed, good in zip(owners, wanted, verify_many(wanted), strict=True):
        one = outcomes[at]
        if not good and isinstance(one, Accepted):
            own = signed[1] == one.signed.text
            outcomes[at] = Result(
                one.signed.identity,
                Code.SIGNATURE_INVALID if own else Code.PROOF_INVALID,
                f"not signed by {one.signed.message.sender}"
                if own
                else "a signature carried in the text does not hold",
            )
    return outcomes


def _check_one(
    line: Line,
    network: Network | None,
    signatory_of: Callable[[str], tuple[Role, str, bool] | None],
    now_ms: int,
) -> tuple[Accepted | Result, list[Signed]]:
    message = message_of(line.text)
    # By exact type, which is cheaper to ask for than the base of the other.
    if type(message) is Result:
        return message, []
    message = cast(Message, message)

    def refused(code: Code, detail: str) -> tuple[Result, list[Signed]]:
        return Result(message.identity, code, detail), []

    if network is None or message.network != network.digest:
        return refused(Code.WRONG_NETWORK, "the text was signed for another ledger")
    if message.valid_until < now_ms:
        return refused(Code.EXPIRED, f"valid until {message.valid_until}, it is {now_ms}")
    signatory = signatory_of(message.sender)
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
    if line.documents:
        if len(line.documents) > DOCUMENTS_MAX or _size(line.documents) > KEPT_BYTES_MAX:
            return refused(Code.TOO_LONG, "the documents are more than a line may carry")
        if not documents_fit(line, message):
            return refused(Code.FIELD_INVALID, "a document does not fit any digest in the text")
    signatures = [(bytes.fromhex(key), text, signature)]
    for claim in message.claims():
        claimed = (claim.text.encode(), bytes.fromhex(claim.signature))
        signatures.append((bytes.fromhex(claim.public_key), *claimed))
    return Accepted(line, SignedMessage.of(message, text, signature)), signatures


def documents_fit(line: Line, message: Message) -> bool:
    """Whether every document beside a text is one that the text names by its digest."""
    named = named_documents(message)
    try:
        return all(sm3_hex(document.encode()) in named for document in line.documents)
    except UnicodeEncodeError:
        return False


def _size(documents: Sequence[str]) -> int:
    return sum(len(document.encode("utf-8", "surrogatepass")) for document in documents)


def keep_documents(one: Accepted | Result, documents: Documents) -> Accepted | Result:
    """Keeps what lies beside a message that passed; refuses it if that was erased before.

    Raises:
        StorageFailed: a document cannot be written.
    """
    if isinstance(one, Accepted):
        try:
            for document in one.line.documents:
                documents.keep(document)
        except DocumentErased as problem:
            detail = f"{problem.message}; send the line without it"
            return Result(one.signed.identity, Code.FIELD_INVALID, detail)
    return one
