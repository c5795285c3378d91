"""用户登记: a user's subject and his accounts (7.5.1.5.4, 7.5.2.5.5)."""

from __future__ import annotations

from ufmi.protocol.users import X1, X2, X1Bank, X1Registry, X2Bank, X2Registry, X2Update
from ufmi.regulatory.builders.documents import (
    ORGANISATION,
    PERSON,
    Content,
    compose,
    content,
)
from ufmi.regulatory.builders.state import Account, Freeze, Update, User
from ufmi.regulatory.builders.step import Step, builds
from ufmi.regulatory.builders.values import day
from ufmi.regulatory.text import Object

SECURITIES, CASH = "S", "C"
_TYPES = {SECURITIES: 1, CASH: 2}
NORMAL, CLOSED, FROZEN, UNVERIFIED = 1, 2, 3, 4


@builds(X1)
def registered(step: Step, x1: X1) -> None:
    """A user comes into UIDR, or another account joins him; nobody has confirmed it yet."""
    unified = str(step.result.data["unified"])
    user = step.state.users.setdefault(unified, User(x1.document))
    user.document = x1.document
    before = user.accounts.get(x1.ag)
    user.accounts[x1.ag] = Account(
        bank=x1.bank,
        bank_user=x1.bank_user,
        registry=x1.registry,
        registry_user=x1.registry_user,
        opened=step.time,
        addresses=[],
        frozen=before.frozen if before else [],
    )
    for proof in x1.proofs:
        _own(step, proof.bind.address, unified, x1.ag)
    subject(step, unified)
    accounts(step, unified, x1.ag)


@builds(X1Bank, X1Registry)
def confirmed(step: Step, answer: X1Bank | X1Registry) -> None:
    """Bank or registry answered: with the second yes or the first no the accounts change."""
    account = step.state.users[answer.unified].accounts[answer.ag]
    said = "Y" if answer.accepted else "N"
    if isinstance(answer, X1Bank):
        account.bank_answer, account.bank_document = said, answer.document
    else:
        account.registry_answer, account.registry_document = said, answer.document
    if account.active:
        account.confirmed = step.time
    elif "N" in (account.bank_answer, account.registry_answer):
        account.refused = account.refused or step.time
    else:
        return
    accounts(step, answer.unified, answer.ag)


@builds(X2)
def asked(step: Step, x2: X2) -> None:
    """With an address's own consent the addresses change at once."""
    added = [proof.bind.address for proof in x2.add]
    update = Update(x2.unified, list(x2.remove), added)
    step.state.updates[f"{x2.ag}/{x2.tx}"] = update
    if x2.consent or not x2.addresses:
        _apply(step, x2.ag, update)


@builds(X2Bank, X2Registry)
def agreed(step: Step, answer: X2Bank | X2Registry) -> None:
    """The first of bank and registry that agrees changes the addresses."""
    update = step.state.updates[f"{answer.ag}/{answer.tx}"]
    if answer.accepted and not update.applied:
        _apply(step, answer.ag, update)


@builds(X2Update)
def updated(step: Step, message: X2Update) -> None:
    """The account takes over the documents that were given; with what they say, its objects do."""
    del step.state.updates[f"{message.sender}/{message.tx}"]
    if step.result.data["outcome"] != "OK":
        return
    user = step.state.users[message.unified]
    account = user.accounts[message.sender]
    user.document = message.document or user.document
    account.bank_document = message.bank_document or account.bank_document
    account.registry_document = message.registry_document or account.registry_document
    subject(step, message.unified)
    accounts(step, message.unified, message.sender)


def _apply(step: Step, broker: str, update: Update) -> None:
    update.applied = True
    account = step.state.users[update.unified].accounts[broker]
    account.addresses = [one for one in account.addresses if one not in update.remove]
    for address in update.add:
        _own(step, address, update.unified, broker)
    accounts(step, update.unified, broker)


def _own(step: Step, address: str, unified: str, broker: str) -> None:
    """An address belongs to an account; one that was removed elsewhere may come here frozen."""
    account = step.state.users[unified].accounts[broker]
    if address in step.state.addresses:
        _, elsewhere, other = step.state.account(address)
        if other is not account and address in other.frozen:
            other.frozen.remove(address)
            account.frozen.append(address)
            accounts(step, unified, elsewhere)
    account.addresses.append(address)
    step.state.addresses[address] = (unified, broker)


def subject(step: Step, unified: str) -> None:
    """The user's subject: a person, or an organisation if his document is about one."""
    document = step.state.users[unified].document
    step.keep(
        ("SU", unified),
        {"user": unified},
        lambda: _subject(step, content(step.documents, document, "subject")),
        private=True,
        documents=(document,),
    )


def _subject(step: Step, said: Content) -> Object:
    organisation = ORGANISATION in said.structure and PERSON not in said.structure
    general = "general_information_subject"
    facts: Object = {
        "basic_information_subject": {
            general: {
                "subject_type": 1 if organisation else 2,
                "subject_create_time": step.moment,
            }
        }
    }
    defaults: Object = {
        "basic_information_subject": {general: {"subject_main_administrative_region": 0}}
    }
    if organisation:
        name = {"subject_company_name": said.word}
        defaults[ORGANISATION] = {
            "basic_information_of_enterprise": {"basic_information_description": name}
        }
    else:
        defaults[PERSON] = {
            "personal_subject_basic_information": {
                "subject_investor_name": said.word,
                "subject_id_type": 0,
                "subject_id_number": said.word,
            }
        }
    other = PERSON if organisation else ORGANISATION
    structure = {name: value for name, value in said.structure.items() if name != other}
    return compose("subject", structure, defaults, facts, step.resolves)


def accounts(step: Step, unified: str, broker: str) -> None:
    """The securities account and the cash account that belongs to it."""
    for kind in (SECURITIES, CASH):
        _keep_account(step, unified, broker, kind)


def _keep_account(step: Step, unified: str, broker: str, kind: str) -> None:
    account = step.state.users[unified].accounts[broker]
    document = account.registry_document if kind == SECURITIES else account.bank_document
    facts = {
        "keepers": [account.bank, account.registry],
        "number": account.registry_user if kind == SECURITIES else account.bank_user,
        "opened": account.opened,
        "status": status(account),
        "frozen": account.frozen,
        "addresses": account.addresses,
    }
    step.keep(
        ("AC", unified, broker, kind),
        facts,
        lambda: _account(step, unified, broker, kind, document),
        # Where tokens lie is not in the object model.
        {"addresses": list(account.addresses), "frozen": list(account.frozen)},
        private=True,
        documents=(document,),
    )


def status(account: Account) -> int:
    """正常, 注销, 冻结 or 未实名认证: of both accounts."""
    if "N" in (account.bank_answer, account.registry_answer):
        return CLOSED
    if not account.active:
        return UNVERIFIED
    return FROZEN if account.frozen else NORMAL


def _account(step: Step, unified: str, broker: str, kind: str, document: str) -> Object:
    account = step.state.users[unified].accounts[broker]
    keeper = account.registry if kind == SECURITIES else account.bank
    number = account.registry_user if kind == SECURITIES else account.bank_user
    opening: Object = {
        "account_establish_date": day(account.opened),
        "account_opening_agent_name": step.party(broker).name,
    }
    cycle: Object = {"account_opening_information": opening}
    if account.confirmed:
        opening["account_opening_date"] = day(account.confirmed)
    if account.refused:
        cycle["account_cancellation_information"] = {"account_closing_date": day(account.refused)}
    if account.freeze:
        cycle["freeze_information"] = _standing("account_frozen", account.freeze)
    if account.thaw:
        cycle["unfreezing_information"] = _standing("account_thaw", account.thaw)
    facts: Object = {
        "basic_account_information": {
            "account_subject_ref": step.subject(unified),
            "account_depository_ref": step.subject(keeper),
            "account_number": number,
            "account_type": _TYPES[kind],
            "account_status": status(account),
            "account_create_time": step.moment,
        },
        "account_cycle_information": cycle,
    }
    if kind == CASH:
        facts["account_related_information"] = {
            "account_association": 1,
            "account_associated_account_ref": step.account(unified, broker, SECURITIES),
        }
    said = content(step.documents, document, "account")
    defaults: Object = {"basic_account_information": {"account_purpose": [0]}}
    if document:
        opened = {"account_opening_doc": [said.named(document)]}
        defaults["account_cycle_information"] = {"account_opening_information": opened}
    return compose("account", said.structure, defaults, facts, step.resolves)


def _standing(prefix: str, freeze: Freeze) -> Object:
    return {
        f"{prefix}_date": day(freeze.time),
        f"{prefix}_applicant_name": freeze.by,
        f"{prefix}_remark": freeze.remark,
    }
