"""What UFMI sends on: the forwarded message, and the answers after its result."""

from __future__ import annotations

import msgspec
import pytest

from ufmi.frontend.deliveries import Delivery, deliveries
from ufmi.protocol import ACCEPTED, UNRECORDED, Code, Line, Message, Result, decode

from . import builders, examples, transfers, updates

BROKER, BANK, REGISTRY = builders.BROKER, builders.BANK, builders.REGISTRY
MATCHER = builders.MATCHER
_ADDRESS = (Code.ADDRESS_REVOKED, Code.ADDRESS_FROZEN, Code.ADDRESS_MISMATCH)
OTHER_BROKER, OTHER_BANK = builders.OTHER_BROKER, "NBANKSBCN001"


# Refusals that others hear too, since what they answer was in order.
OTHERS_HEAR = {
    "Y1.locked": (*_ADDRESS, Code.TOO_LARGE),
    "Z1.locked": (*_ADDRESS, Code.ASSET_INACTIVE, Code.TOO_LARGE),
}


def results_of(made: Message) -> list[Result]:
    data = {
        "unified": builders.USER,
        "mark": builders.MARK,
        "told": [builders.address(1), BROKER],
        "outcome": "OK",
        "account": "ACTIVE",
        "parts": [f"{builders.MARK}:6000"],
        "status": "BURNING",
        "bank": BANK,
        "ag": BROKER,
        "paid": 60_00,
        "returned": 0,
        "registry": REGISTRY,
        "adopters": [builders.OTHER_MATCHER],
    }
    refused = [Result(made.identity, code, "x" * 500) for code in Code if code != Code.OK]
    return [Result(made.identity, Code.OK, "", data), Result(made.identity, Code.OK), *refused]


@pytest.mark.parametrize("made", examples.messages(), ids=lambda made: made.NAME)
def test_every_answer_has_a_text_that_reads_back(made: Message) -> None:
    for result in results_of(made):
        for party, answer in made.answers(result):
            assert decode(answer.text()) == answer
            assert party[0] in "MNu"


@pytest.mark.parametrize("made", examples.messages(), ids=lambda made: made.NAME)
def test_a_refusal_reaches_the_sender_and_nobody_else(made: Message) -> None:
    for code in Code:
        if code not in ACCEPTED and code not in OTHERS_HEAR.get(made.NAME, ()):
            told = [party for party, _ in made.answers(Result(made.identity, code, "x" * 500))]
            assert told == [made.sender]


@pytest.mark.parametrize("made", examples.queries(), ids=lambda made: made.NAME)
def test_a_question_is_answered_where_it_is_asked(made: Message) -> None:
    for code in Code:
        assert made.answers(Result(made.identity, code)) == []
    assert made.receivers() == ()


RECEIVERS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(["X1", "X2", "P2"], (BANK, REGISTRY)),
    **dict.fromkeys(["P1", "Z1"], (REGISTRY,)),
    **dict.fromkeys(["Y1", "Y2"], (BANK,)),
    **dict.fromkeys(["X1.bank", "X1.registry", "X2.bank", "X2.registry"], (BROKER,)),
    **dict.fromkeys(["P1.registry", "P2.registry", "Y1.locked", "Z1.locked"], (BROKER,)),
    # Bank and opening bank tell the broker too (9.4.2.6.2 c, 9.4.2.6.3 c).
    **dict.fromkeys(["Y2.moved", "Y2.credited"], (BROKER,)),
    "S2.removed": (MATCHER,),
}


@pytest.mark.parametrize("made", examples.messages(), ids=lambda made: made.NAME)
def test_a_message_is_forwarded_as_the_guide_says(made: Message) -> None:
    assert made.receivers() == RECEIVERS.get(made.NAME, ())


@pytest.mark.parametrize("made", examples.messages(), ids=lambda made: made.NAME)
def test_a_repeated_message_brings_its_senders_answer_again_and_nothing_else(
    made: Message,
) -> None:
    line = Line(made.text(), "00")
    first, *_ = results_of(made)
    again = msgspec.structs.replace(first, repeated=True)
    sent, repeated = deliveries(made, line, first, 1), deliveries(made, line, again, 1)
    assert [one for one in sent if one.line is not None] == [
        Delivery(party, made.text(), 1, line, builders.USER) for party in made.receivers()
    ]
    own = [one for one in sent if one.to == made.sender and one.line is None]
    assert repeated == own


@pytest.mark.parametrize("made", examples.messages(), ids=lambda made: made.NAME)
def test_what_was_not_recorded_or_refused_is_not_forwarded(made: Message) -> None:
    line = Line(made.text(), "00")
    for code in Code:
        sent = deliveries(made, line, Result(made.identity, code), 1)
        if code in UNRECORDED:
            assert sent == []
        elif code not in ACCEPTED and code not in OTHERS_HEAR.get(made.NAME, ()):
            assert {(one.to, one.line) for one in sent} == {(made.sender, None)}


@pytest.mark.parametrize(
    "made",
    [
        builders.x1(sender=OTHER_BROKER),
        builders.p1(sender=OTHER_BROKER),
        builders.y1(sender=OTHER_BROKER),
        builders.z1(sender=builders.address(3)),
        builders.x1_bank(sender=OTHER_BANK),
        builders.x1_registry(sender=OTHER_BANK),
        builders.p1_registry(sender=OTHER_BANK),
        builders.y1_locked(sender=OTHER_BANK),
        builders.z1_locked(sender=OTHER_BANK),
        updates.x2(sender=OTHER_BROKER),
        updates.x2_bank(sender=OTHER_BANK),
        updates.x2_registry(sender=OTHER_BANK),
        updates.p2(sender=OTHER_BROKER),
        updates.p2_registry(sender=OTHER_BANK),
        transfers.y2(sender=OTHER_BROKER),
        transfers.y2_burn(sender=OTHER_BANK),
        transfers.y2_moved(sender=OTHER_BANK),
        transfers.y2_credited(sender=OTHER_BANK),
        transfers.s2(sender=builders.OTHER_MATCHER),
        transfers.s3(sender=builders.OTHER_MATCHER),
        transfers.s4_adopted(sender=builders.OTHER_MATCHER),
        updates.rotate(sender=OTHER_BANK),
    ],
    ids=lambda made: made.NAME,
)
@pytest.mark.parametrize("code", [Code.SENDER_MISMATCH, Code.NOT_PENDING, Code.DIGEST_MISMATCH])
def test_what_speaks_for_others_is_answered_to_its_sender_alone(made: Message, code: Code) -> None:
    """An answer names only the broker and the number. Sent to the broker, it would tell him that
    his own instruction of this number has failed, and anybody admitted could bring that about."""
    assert [party for party, _ in made.answers(Result(made.identity, code))] == [made.sender]


@pytest.mark.parametrize(("outcome", "amount"), [("OK", 100_00), ("INSUFFICIENT", 0)])
def test_bank_and_broker_learn_the_end_of_a_deposit(outcome: str, amount: int) -> None:
    ended = Result("id", Code.OK, "", {"outcome": outcome})
    answers = dict(builders.y1_locked().answers(ended))
    assert set(answers) == {BROKER, BANK}
    for answer in answers.values():
        assert answer == builders.y1_result(code=outcome, quantity=amount, cash=amount)


@pytest.mark.parametrize(("outcome", "quantity"), [("OK", 500), ("INSUFFICIENT", 0)])
def test_all_three_learn_whether_an_asset_came_onto_the_ledger(outcome: str, quantity: int) -> None:
    ended = Result("id", Code.OK, "", {"outcome": outcome})
    answers = dict(builders.z1_locked().answers(ended))
    assert set(answers) == {BROKER, REGISTRY, builders.address(2)}
    for answer in answers.values():
        assert answer == builders.z1_result(code=outcome, quantity=quantity)


@pytest.mark.parametrize("code", Code)
def test_who_else_hears_that_a_lock_was_in_vain(code: Code) -> None:
    """The code tells whether the answer was to the broker's own instruction: only then he hears."""
    locked, on_chain = builders.y1_locked(), builders.z1_locked()
    for made, others in ((locked, {BROKER}), (on_chain, {BROKER, builders.address(2)})):
        told = {party for party, _ in made.answers(Result(made.identity, code))}
        heard = code in ACCEPTED or code in OTHERS_HEAR[made.NAME]
        assert told == ({made.sender} | others if heard else {made.sender})


def test_a_lock_that_is_refused_tells_the_bank_to_unlock() -> None:
    answers = dict(builders.y1_locked().answers(Result("id", Code.TERMS_DIFFER)))
    assert answers[BANK] == builders.y1_result(code="TERMS_DIFFER", quantity=0, cash=0)
