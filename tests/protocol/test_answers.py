"""What UFMI sends on: the forwarded message, and the answers after its result."""

from __future__ import annotations

import pytest

from ufmi.protocol import Code, Message, Result, decode

from . import builders

BROKER, BANK, REGISTRY = builders.BROKER, builders.BANK, builders.REGISTRY
OTHER_BROKER, OTHER_BANK = builders.OTHER_BROKER, "NBANKSBCN001"


def results_of(made: Message) -> list[Result]:
    data = {
        "unified": builders.USER,
        "mark": builders.MARK,
        "told": [builders.address(1), BROKER],
        "outcome": "OK",
        "account": "ACTIVE",
    }
    refused = [Result(made.identity, code, "x" * 500) for code in Code if code != Code.OK]
    return [Result(made.identity, Code.OK, "", data), Result(made.identity, Code.OK), *refused]


@pytest.mark.parametrize("made", builders.messages(), ids=lambda made: made.NAME)
def test_every_answer_has_a_text_that_reads_back(made: Message) -> None:
    for result in results_of(made):
        for party, answer in made.answers(result):
            assert decode(answer.text()) == answer
            assert party[0] in "MNu"


@pytest.mark.parametrize("made", builders.messages(), ids=lambda made: made.NAME)
def test_a_refusal_reaches_the_sender_or_its_broker(made: Message) -> None:
    refused = Result(made.identity, Code.NOT_PENDING)
    told = {party for party, _ in made.answers(refused)}
    assert made.sender in told


@pytest.mark.parametrize(
    ("made", "receivers"),
    [
        (builders.x1(), (BANK, REGISTRY)),
        (builders.x1_bank(), (BROKER,)),
        (builders.x1_registry(), (BROKER,)),
        (builders.p1(), (REGISTRY,)),
        (builders.p1_registry(), (BROKER,)),
        (builders.y1(), (BANK,)),
        (builders.y1_locked(), (BROKER,)),
        (builders.z1(), (REGISTRY,)),
        (builders.z1_locked(), (BROKER,)),
        (builders.s1(), ()),
        (builders.t1(), ()),
    ],
    ids=lambda one: getattr(one, "NAME", ""),
)
def test_a_message_is_forwarded_as_the_guide_says(
    made: Message, receivers: tuple[str, ...]
) -> None:
    assert made.receivers() == receivers


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


def test_a_lock_that_is_refused_tells_the_bank_to_unlock() -> None:
    answers = dict(builders.y1_locked().answers(Result("id", Code.TERMS_DIFFER)))
    assert answers[BANK] == builders.y1_result(code="TERMS_DIFFER", quantity=0, cash=0)
