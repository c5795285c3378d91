"""Who takes part, and measures against parties, addresses and assets (12.2, 7.5.1.5.4)."""

from __future__ import annotations

from ufmi.protocol import Code, Role
from ufmi.protocol.governance import Admit, Expire, Status
from ufmi.regulatory.builders import assets, funds, orders, users
from ufmi.regulatory.builders.disclosures import OTHER, REGULATOR, regulation
from ufmi.regulatory.builders.state import Freeze, Party
from ufmi.regulatory.builders.step import Step, builds
from ufmi.regulatory.text import Object

_OPERATORS = "UFMI运营方"
_WORDS = {
    "ACTIVE": "恢复", "SUSPENDED": "暂停", "REMOVED": "除名", "FROZEN": "冻结", "HALTED": "停牌",
}  # fmt: skip


@builds(Admit)
def admitted(step: Step, admit: Admit) -> None:
    """The approval that completes m of n: a market, an institution, or news about one."""
    if step.result.code != Code.OK:
        return
    party = Party(admit.role, admit.name, admit.market)
    known = step.state.parties.get(admit.party)
    if known is not None:
        party.role = known.role
    step.state.parties[admit.party] = party
    # The key is not reported, but that the party was admitted again with another one is.
    facts = {"role": party.role, "name": party.name, "market": party.market, "key": admit.key}
    step.keep(
        ("SU", admit.party),
        facts,
        lambda: _subject(step, party),
        {"party": admit.party, "role": party.role, "market": party.market},
    )


def _subject(step: Step, party: Party) -> Object:
    certified = {
        "subject_qualification_code": party.role,
        "subject_qualification_authenticator": _OPERATORS,
        "subject_certification_time": step.moment,
    }
    return {
        "subject_information": {
            "basic_information_subject": {
                "general_information_subject": {
                    "subject_type": 1,
                    "subject_main_administrative_region": 0,
                    "subject_create_time": step.moment,
                },
                "subject_qualification_information": [
                    {"qualification_authentication_information": [certified]}
                ],
            },
            "organization_subject_information": {
                "basic_information_of_enterprise": {
                    "basic_information_description": {"subject_company_name": party.name}
                }
            },
        }
    }


@builds(Status)
def changed(step: Step, message: Status) -> None:
    """A measure takes effect, or ends."""
    if step.result.code != Code.OK:
        return
    if message.kind == "PARTY":
        _measure(step, message, message.subject)
    elif message.kind == "NETWORK":
        for id in sorted(step.state.parties):
            if step.party(id).role == Role.MARKET:
                _measure(step, message, id)
    elif message.kind == "ASSET":
        _asset(step, message)
    elif message.subject in step.state.addresses:
        _address(step, message)
    else:
        _measure(step, message, step.state.receiving[message.subject])


def _by(step: Step) -> str:
    """Whose measure it is."""
    party = step.state.parties.get(step.message.sender)
    return party.name if party else _OPERATORS


def _measure(step: Step, message: Status, party: str) -> None:
    """监管信息 about a party."""
    known = message.sender in step.state.parties
    name = step.party(party).name
    what = f"收款地址{message.subject}" if message.kind == "ADDRESS" else ""
    what = "全网交易" if message.kind == "NETWORK" else what
    regulation(
        step,
        ("DI", "STATUS", message.sender, party, message.tx),
        party,
        f"{_WORDS[message.status]}：{name}{what}",
        f"{_by(step)}将{name}{what}的状态定为{message.status}",
        referrer=message.sender if known else "",
        source=REGULATOR if known else OTHER,
        metadata={"kind": message.kind, "subject": message.subject, "status": message.status},
    )


def _asset(step: Step, message: Status) -> None:
    asset = step.state.assets[message.subject]
    if message.status == "ACTIVE":
        asset.halted = asset.frozen = False
    elif message.status == "FROZEN":
        asset.frozen = True
    else:
        asset.halted = True
    asset.standing = f"{_WORDS[message.status]}（{message.status}），{_by(step)}，{step.day}"
    assets.product(step, message.subject)


def _address(step: Step, message: Status) -> None:
    unified, broker, account = step.state.account(message.subject)
    others = [one for one in account.frozen if one != message.subject]
    frozen = message.status == "FROZEN"
    if frozen == (message.subject in account.frozen):
        return
    account.frozen = [*others, message.subject] if frozen else others
    freeze = Freeze(step.time, _by(step), f"地址{message.subject}{_WORDS[message.status]}")
    if frozen:
        account.freeze = freeze
    else:
        account.thaw = freeze
    users.accounts(step, unified, broker)


@builds(Expire)
def expired(step: Step, message: Expire) -> None:
    """What has run out of time: an order's report says so; what was held is free again."""
    if message.kind == "ORDER":
        orders.end(step, message.owner, message.number, "EXPIRED")
    elif message.kind == "WITHDRAWAL":
        funds.give_back(step, message.owner, message.number)
    elif message.kind == "UPDATE":
        del step.state.updates[f"{message.owner}/{message.number}"]
