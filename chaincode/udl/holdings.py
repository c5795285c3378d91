"""资产映射 on the ledger: assets come onto the ledger, and are followed (guide 10.4)."""

from __future__ import annotations

from msgspec.structs import replace

from chaincode.udl.assets import tradable
from chaincode.udl.run import Data, Refusal, Run, active_party, effect, require, usable_address
from chaincode.udl.tokens import credit_holding, holding_of
from chaincode.udl.users import active_account, own_address
from ufmi.protocol import Code, Role
from ufmi.protocol import keys as state
from ufmi.protocol.holdings import Z1, Z2, Z1Locked
from ufmi.protocol.records import Asset, Onchain


@effect(Z1)
def request(run: Run, z1: Z1) -> tuple[Code, Data]:
    """Records the terms; the registry then locks the asset."""
    require(z1.address == z1.sender, Code.SENDER_MISMATCH, "the receiving address signs")
    user, account = active_account(run, z1.unified, z1.ag)
    ids = (account.registry, account.broker_user)
    require(
        ids == (z1.registry, z1.broker_user),
        Code.TERMS_DIFFER,
        "the user's ids are not those of his account",
    )
    own_address(user, z1.address)
    usable_address(run, z1.address)
    active_party(run, z1.registry, Role.REGISTRY)
    tradable(run, z1.asset)
    onchain = Onchain(
        answered=run.digest,
        ag=z1.ag,
        registry=z1.registry,
        asset=z1.asset,
        quantity=z1.quantity,
        valid_until=z1.valid_until,
    )
    run.context.put(state.onchain(z1.address, z1.tx), onchain)
    return Code.PENDING, {"asset": z1.asset}


@effect(Z1Locked)
def confirm(run: Run, answer: Z1Locked) -> tuple[Code, Data]:
    """The registry's answer: the tokens come into being one for one, or it ends."""
    key = state.onchain(answer.address, answer.tx)
    onchain = run.context.get(key, Onchain)
    if onchain is None or not onchain.open:
        raise Refusal(Code.NOT_PENDING, f"{answer.address} has nothing open under {answer.tx}")
    require(onchain.registry == answer.sender, Code.SENDER_MISMATCH, "another registry was asked")
    require(onchain.answered == answer.answered, Code.DIGEST_MISMATCH, "it is to another text")
    terms = (onchain.ag, onchain.asset, onchain.quantity)
    require(
        terms == (answer.ag, answer.asset, answer.quantity),
        Code.TERMS_DIFFER,
        "broker, asset or quantity are not those of the Z1",
    )
    outcome = Code.OK if answer.locked else Code.INSUFFICIENT
    data: Data = {"outcome": str(outcome)}
    if answer.locked:
        usable_address(run, answer.address)
        tradable(run, answer.asset)
        credit_holding(run.context, answer.address, answer.asset, answer.quantity)
        data["balance"] = holding_of(run.context, answer.address, answer.asset)
    run.context.put(key, replace(onchain, open=False, outcome=str(outcome)))
    return Code.OK, data


@effect(Z2)
def follow(run: Run, z2: Z2) -> tuple[Code, Data]:
    """A registry follows the transfers of an asset that it registered, or no longer (10.4.2)."""
    require(z2.manager == z2.sender, Code.SENDER_MISMATCH, "a registry subscribes for itself")
    asset = run.context.get(state.asset(z2.asset), Asset)
    if asset is None:
        raise Refusal(Code.ASSET_UNKNOWN, f"there is no asset {z2.asset}")
    require(asset.registry == z2.sender, Code.NOT_REGISTRAR, f"{asset.registry} registered it")
    if asset.tracked != z2.subscribe:
        run.context.put(state.asset(z2.asset), replace(asset, tracked=z2.subscribe))
    return Code.OK, {}
