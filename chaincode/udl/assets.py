"""资产登记 on the ledger: asset codes and marks of banks' money (guide chapter 8)."""

from __future__ import annotations

from msgspec.structs import replace

from chaincode.udl.run import Data, Refusal, Run, active_party, effect, require
from ufmi.protocol import Code, Role
from ufmi.protocol import keys as state
from ufmi.protocol.assets import P1, P2, P1Registry, P2Registry, P2Update
from ufmi.protocol.codes import CURRENCIES
from ufmi.protocol.records import Amendment, Asset, Listing, Mark


@effect(P1)
def register(run: Run, p1: P1) -> tuple[Code, Data]:
    """Gives the bank's money its code at once, and asks the registry what the asset is."""
    require(p1.ag == p1.sender, Code.SENDER_MISMATCH, "a broker registers in its own name")
    active_party(run, p1.bank, Role.BANK)
    active_party(run, p1.registry, Role.REGISTRY)
    asset = run.context.get(state.asset(p1.asset), Asset)
    mark = run.context.get(state.mark(p1.mark), Mark)
    codes = {"asset": p1.asset, "mark": p1.mark}
    if asset is not None:
        require(asset.currency == p1.currency, Code.CURRENCY_MISMATCH, f"it is in {asset.currency}")
        if mark is not None:
            # One asset of one registry has one code (8.3.1).
            raise Refusal(Code.ASSET_EXISTS, f"the asset is registered as {p1.asset}", **codes)
    if mark is None:
        record = Mark(p1.mark, p1.bank, p1.currency, CURRENCIES[p1.currency])
        run.context.put(state.mark(p1.mark), record)
    if asset is not None:
        return Code.OK, codes
    listing = Listing(
        answered=run.digest,
        asset=p1.asset,
        mark=p1.mark,
        registry=p1.registry,
        currency=p1.currency,
        valid_until=p1.valid_until,
    )
    run.context.put(state.listing(p1.ag, p1.tx), listing)
    return Code.PENDING, codes


@effect(P1Registry)
def confirm(run: Run, answer: P1Registry) -> tuple[Code, Data]:
    """The registry's answer (8.5.1.5.1): the asset comes into UAR, or not."""
    key = state.listing(answer.ag, answer.tx)
    listing = run.context.get(key, Listing)
    if listing is None or not listing.open:
        raise Refusal(Code.NOT_PENDING, f"{answer.ag} has no open registration {answer.tx}")
    require(listing.registry == answer.sender, Code.SENDER_MISMATCH, "another registry was asked")
    require(listing.asset == answer.asset, Code.TERMS_DIFFER, "the answer is about another asset")
    require(listing.answered == answer.answered, Code.DIGEST_MISMATCH, "it is to another text")
    require(
        not answer.accepted or listing.currency == answer.currency,
        Code.CURRENCY_MISMATCH,
        f"registered in {listing.currency}",
    )
    outcome = Code.OK if answer.accepted else Code.ASSET_UNKNOWN
    known = run.context.get(state.asset(answer.asset), Asset)
    if answer.accepted and known is not None:
        # Two brokers registered it at once: one asset has one code, and the other hears so.
        outcome = Code.ASSET_EXISTS
    elif answer.accepted:
        run.context.put(
            state.asset(answer.asset),
            Asset(
                code=answer.asset,
                registry=answer.sender,
                registry_asset=answer.registry_asset,
                name=answer.name,
                asset_class=answer.asset_class,
                decimals=answer.decimals,
                currency=answer.currency,
                document=answer.document,
            ),
        )
    run.context.put(key, replace(listing, open=False, outcome=str(outcome)))
    return Code.OK, {"asset": answer.asset, "mark": listing.mark, "outcome": str(outcome)}


def tradable(run: Run, code: str) -> Asset:
    """The asset if it may be traded and moved; else refuses."""
    asset = run.context.get(state.asset(code), Asset)
    if asset is None:
        raise Refusal(Code.ASSET_UNKNOWN, f"there is no asset {code}")
    if asset.halted or asset.frozen:
        raise Refusal(Code.ASSET_INACTIVE, f"{code} is halted")
    return asset


@effect(P2)
def ask_for_update(run: Run, p2: P2) -> tuple[Code, Data]:
    """Asks the registry for its latest information about an asset (8.5.2)."""
    require(p2.ag == p2.sender, Code.SENDER_MISMATCH, "a broker asks in its own name")
    active_party(run, p2.bank, Role.BANK)
    active_party(run, p2.registry, Role.REGISTRY)
    asset = run.context.get(state.asset(p2.asset), Asset)
    if asset is None:
        raise Refusal(Code.ASSET_UNKNOWN, f"there is no asset {p2.asset}")
    amendment = Amendment(run.digest, p2.asset, p2.registry, p2.valid_until)
    run.context.put(state.amendment(p2.ag, p2.tx), amendment)
    return Code.PENDING, {"asset": p2.asset}


def _open_amendment(run: Run, broker: str, tx: str, answered: str) -> Amendment:
    amendment = run.context.get(state.amendment(broker, tx), Amendment)
    if amendment is None or not amendment.open:
        raise Refusal(Code.NOT_PENDING, f"{broker} has no open update {tx}")
    require(amendment.answered == answered, Code.DIGEST_MISMATCH, "it is to another text")
    return amendment


@effect(P2Registry)
def answer_update(run: Run, answer: P2Registry) -> tuple[Code, Data]:
    """The registry's latest information (8.5.2.5.1); the broker then passes it on."""
    amendment = _open_amendment(run, answer.ag, answer.tx, answer.answered)
    require(amendment.registry == answer.sender, Code.SENDER_MISMATCH, "another registry was asked")
    require(amendment.asset == answer.asset, Code.TERMS_DIFFER, "it is about another asset")
    require(amendment.confirmed == "", Code.NOT_PENDING, "the registry has answered")
    changed = replace(
        amendment,
        confirmed="Y" if answer.accepted else "N",
        name=answer.name,
        document=answer.document,
    )
    data: Data = {"asset": answer.asset}
    if not answer.accepted:
        changed = replace(changed, open=False, outcome=str(Code.NOT_AGREED))
        data["outcome"] = str(Code.NOT_AGREED)
    run.context.put(state.amendment(answer.ag, answer.tx), changed)
    return Code.OK, data


@effect(P2Update)
def update(run: Run, message: P2Update) -> tuple[Code, Data]:
    """The broker brings what the registry answered, and nothing else: UAR is updated."""
    amendment = _open_amendment(run, message.sender, message.tx, message.answered)
    require(amendment.confirmed == "Y", Code.NOT_ANSWERED, "the registry has not answered")
    require(
        (message.asset, message.name, message.document)
        == (amendment.asset, amendment.name, amendment.document),
        Code.TERMS_DIFFER,
        "it is not what the registry answered",
    )
    asset = run.context.get(state.asset(message.asset), Asset)
    assert asset is not None
    run.context.put(
        state.asset(message.asset), replace(asset, name=message.name, document=message.document)
    )
    closed = replace(amendment, open=False, outcome=str(Code.OK))
    run.context.put(state.amendment(message.sender, message.tx), closed)
    return Code.OK, {"asset": message.asset}
