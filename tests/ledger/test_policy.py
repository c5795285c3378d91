"""Fabric's policy language, and who meets a policy."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ufmi.errors import PolicyError
from ufmi.ledger.policy import MAJORITY, is_met, parse, smallest_group
from ufmi.ledger.protos import policies, principals

NAMES = ("A", "B", "C", "D")


def met(expression: str, *signatories: tuple[str, str]) -> bool:
    return is_met(parse(expression, NAMES), signatories)


def peers(*names: str) -> list[tuple[str, str]]:
    return [(name, "peer") for name in names]


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "A.peer",
        "'A'",
        "'A.king'",
        "'.peer'",
        "''",
        "AND()",
        "AND('A.peer'",
        "AND('A.peer' 'B.peer')",
        "AND('A.peer',)",
        "AND 'A.peer'",
        "OR('A.peer'))",
        "'A.peer' 'B.peer'",
        "OutOf('A.peer')",
        "OutOf(1)",
        "OutOf(0, 'A.peer')",
        "OutOf(2, 'A.peer')",
        "OutOf(-1, 'A.peer')",
        "OutOf(1 'A.peer')",
        "MINORITY",
        "MAJORITY, 'A.peer'",
        "AND(" * 40 + "'A.peer'" + ")" * 40,
        f"OutOf({'9' * 5000}, 'A.peer')",
    ],
)
def test_what_is_no_policy_raises_policy_error(wrong: str) -> None:
    with pytest.raises(PolicyError):
        parse(wrong, NAMES)


@given(st.text(alphabet="ANDORutOf123(),' .peermb", max_size=40))
def test_any_text_parses_or_raises_policy_error(text: str) -> None:
    try:
        parse(text, NAMES)
    except PolicyError:
        return


def test_and_needs_all() -> None:
    rule = "AND('A.peer', 'B.peer')"
    assert met(rule, *peers("A", "B"))
    assert met(rule, *peers("C", "B", "A"))
    assert not met(rule, *peers("A"))
    assert not met(rule)


def test_or_needs_one() -> None:
    rule = "OR('A.peer', 'B.peer')"
    assert met(rule, *peers("B"))
    assert not met(rule, *peers("C"))


def test_out_of_counts() -> None:
    rule = "OutOf(2, 'A.peer', 'B.peer', 'C.peer')"
    for size in range(4):
        for group in combinations("ABC", size):
            assert met(rule, *peers(*group)) == (size >= 2)


def test_rules_nest() -> None:
    rule = "AND('A.peer', OR('B.peer', AND('C.peer', 'D.peer')))"
    assert met(rule, *peers("A", "B"))
    assert met(rule, *peers("A", "C", "D"))
    assert not met(rule, *peers("A", "C"))
    assert not met(rule, *peers("B", "C", "D"))


@pytest.mark.parametrize(("count", "needed"), [(1, 1), (2, 2), (3, 2), (4, 3)])
def test_majority_is_more_than_half_of_the_organisations(count: int, needed: int) -> None:
    rule = parse(MAJORITY, NAMES[:count])
    for size in range(count + 1):
        assert is_met(rule, peers(*NAMES[:size])) == (size >= needed)


@pytest.mark.parametrize("role", ["admin", "client", "peer", "orderer"])
def test_a_role_is_that_role_and_member_is_any(role: str) -> None:
    assert met(f"OR('A.{role}')", ("A", role))
    assert met("OR('A.member')", ("A", role))
    others = {"admin", "client", "peer", "orderer"} - {role}
    assert not met(f"OR('A.{role}')", *[("A", other) for other in others], ("B", role))


def test_one_signer_counts_for_one_place_only() -> None:
    assert not met("AND('A.peer', 'A.peer')", *peers("A"))
    assert not met("AND('A.peer', 'A.member')", *peers("A"))
    assert not met("OutOf(2, 'A.peer', 'A.member', 'B.peer')", *peers("A"))
    assert met("AND('A.peer', 'A.peer')", *peers("A", "A"))


def test_the_protobuf_is_fabrics() -> None:
    envelope = parse("OutOf(2, 'A.peer', 'B.admin', 'A.peer')", NAMES)
    again = policies.SignaturePolicyEnvelope.FromString(envelope.SerializeToString())
    assert again.rule.n_out_of.n == 2
    assert [rule.signed_by for rule in again.rule.n_out_of.rules] == [0, 1, 0]
    roles = [principals.MSPRole.FromString(one.principal) for one in again.identities]
    assert [(role.msp_identifier, role.role) for role in roles] == [
        ("A", principals.MSPRole.PEER),
        ("B", principals.MSPRole.ADMIN),
    ]


def test_the_smallest_group_is_the_first_by_name() -> None:
    assert smallest_group(parse(MAJORITY, "CBA"), "CBA") == ("A", "B")
    assert smallest_group(parse("OR('C.peer', 'B.peer')", ()), "ABC") == ("B",)
    assert smallest_group(parse("AND('C.peer', OR('A.peer', 'B.peer'))", ()), "ABC") == ("A", "C")


def test_a_policy_that_no_peers_meet_has_no_group() -> None:
    with pytest.raises(PolicyError):
        smallest_group(parse("AND('A.peer', 'X.peer')", ()), "ABC")
    with pytest.raises(PolicyError):
        smallest_group(parse("OR('A.admin')", ()), "ABC")
