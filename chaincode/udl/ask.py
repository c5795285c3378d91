"""Questions that are evaluated and never ordered: X3 (guide 7.5.3) and P3 (8.5.3)."""

from __future__ import annotations

from typing import Any, cast

import msgspec

from chaincode.udl.run import Refusal, check_active, require, signatory_of, signer_record
from ufmi.contract import Context, encode_record
from ufmi.crypto import verify_many
from ufmi.errors import InvalidField, ProtocolError
from ufmi.protocol import Code, Form, Message, TooLong, UnknownName, decode, read_line
from ufmi.protocol import keys as state
from ufmi.protocol.assets import P3, P3Result
from ufmi.protocol.codes import CURRENCIES, mark_code
from ufmi.protocol.records import Account, AccountIndex, Asset, Mark, Network, User
from ufmi.protocol.users import X3, X3Result


def ask(context: Context, raw: bytes) -> bytes:
    """JSON with code, detail and, where it was answered, the text of the answer."""
    try:
        answer = _answer(context, *_read(raw))
    except Refusal as refusal:
        return encode_record(Answer(str(refusal.code), refusal.detail))
    return encode_record(Answer(str(Code.OK), "", answer.text()))


class Answer(msgspec.Struct, frozen=True):
    """What `ask` returns."""

    code: str
    detail: str
    text: str = ""  # of X3.result or P3.result


def _read(raw: bytes) -> tuple[Message, bytes, bytes]:
    """The question, its text, its signature; refuses as a message would be."""
    try:
        line = read_line(raw)
        signature = bytes.fromhex(line.signature)
        form = decode(line.text)
    except ValueError as problem:
        raise Refusal(Code.MALFORMED, "the signature is not hexadecimal") from problem
    except ProtocolError as problem:
        raise Refusal(_code_of(problem), problem.message) from problem
    if not isinstance(form, Message) or not form.QUERY:
        raise Refusal(Code.UNKNOWN_MESSAGE, f"{form.NAME} is no question")
    return form, line.text.encode(), signature


def _code_of(problem: ProtocolError) -> Code:
    if isinstance(problem, InvalidField):
        return Code.FIELD_INVALID
    if isinstance(problem, UnknownName):
        return Code.UNKNOWN_MESSAGE
    return Code.TOO_LONG if isinstance(problem, TooLong) else Code.MALFORMED


def _answer(context: Context, message: Message, text: bytes, signature: bytes) -> Form:
    network = context.get(state.NETWORK, Network)
    if network is None or message.network != network.digest:
        raise Refusal(Code.WRONG_NETWORK, "the text was signed for another ledger")
    signatory = signatory_of(signer_record(context, network, message.sender))
    if signatory is None:
        raise Refusal(Code.SIGNER_UNKNOWN, f"{message.sender} is not known here")
    good = verify_many([(bytes.fromhex(signatory.key), text, signature)])[0]
    require(good, Code.SIGNATURE_INVALID, f"not signed by {message.sender}")
    require(not signatory.revoked, Code.KEY_REVOKED, f"the key of {message.sender} is revoked")
    require(
        signatory.role in message.ROLES,
        Code.ROLE_NOT_ALLOWED,
        f"{signatory.role} does not ask {message.NAME}",
    )
    require(message.valid_until >= context.timestamp_ms, Code.EXPIRED, "no longer valid")
    if signatory.party is not None:
        check_active(signatory.party)
    if isinstance(message, X3):
        return _account(context, message)
    return _asset(context, cast(P3, message))


def _account(context: Context, x3: X3) -> X3Result:
    """The user's accounts that the asker keeps: as broker, bank or registry."""
    unified = x3.unified
    if not unified:
        index = context.get(state.account(x3.ag, x3.broker_user), AccountIndex)
        require(index, Code.USER_UNKNOWN, f"{x3.ag} has no user {x3.broker_user}")
        assert index is not None
        unified = index.user
    user = context.get(state.user(unified), User)
    if user is None:
        raise Refusal(Code.USER_UNKNOWN, f"there is no user {unified}")
    kept = [account for account in user.accounts if _keeps(x3.sender, account)]
    if x3.broker_user:
        kept = [one for one in kept if (one.broker, one.broker_user) == (x3.ag, x3.broker_user)]
    # Who has no right to it does not learn whose id it is either.
    require(kept, Code.ACCESS_DENIED, f"{x3.sender} keeps no such account")
    shown: list[dict[str, Any]] = [
        msgspec.to_builtins(account) | {"status": account.status} for account in kept
    ]
    account = encode_record({"id": user.id, "accounts": shown}).decode()
    return X3Result(tx=x3.tx, unified=user.id, code=str(Code.OK), ag=x3.ag, account=account)


def _keeps(asker: str, account: Account) -> bool:
    return asker in (account.broker, account.bank, account.registry)


def _asset(context: Context, p3: P3) -> P3Result:
    """What UAR holds on the asset, and the marks of the bank's money."""
    asset = context.get(state.asset(p3.asset), Asset)
    if asset is None:
        raise Refusal(Code.ASSET_UNKNOWN, f"there is no asset {p3.asset}")
    marks = [
        mark
        for currency in sorted(CURRENCIES)
        if (mark := context.get(state.mark(mark_code(p3.bank, currency)), Mark)) is not None
    ]
    information = encode_record({"asset": asset, "marks": marks}).decode()
    return P3Result(
        tx=p3.tx, asset=asset.code, code=str(Code.OK), ag=p3.ag, information=information
    )
