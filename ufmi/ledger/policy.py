"""Endorsement policies: Fabric's language, its protobuf form, and whether signers meet one.

AND('OperatorMSP.peer', OR('MarketMSP.member', 'BankMSP.peer'))
OutOf(2, 'A.peer', 'B.peer', 'C.peer')
MAJORITY            more than half of the channel's organisations, by a peer each
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

from ufmi.errors import PolicyError
from ufmi.ledger.protos import policies, principals

MAJORITY = "MAJORITY"
DEPTH_MAX = 16

_TOKEN = re.compile(r"\s*(?:(AND|OR|OutOf)\s*\(|'([^']*)'|([0-9]{1,3})|([,)]))")
_PRINCIPAL = re.compile(r"([0-9A-Za-z.-]+)\.(member|admin|client|peer|orderer)")
# A signer as policies see it: organisation and role.
Signatory = tuple[str, str]


def parse(expression: str, organisations: Sequence[str]) -> Any:
    """The `SignaturePolicyEnvelope` of an expression.

    Raises:
        PolicyError: it cannot be read.
    """
    if expression.strip() == MAJORITY:
        names = ", ".join(f"'{name}.peer'" for name in sorted(organisations))
        expression = f"OutOf({len(organisations) // 2 + 1}, {names})"
    parser = _Parser(expression)
    rule = parser.rule(0)
    if expression[parser.at :].strip():
        raise PolicyError(f"what follows is too much: {expression[parser.at :]!r}")
    identities = [
        principals.MSPPrincipal(
            principal_classification=principals.MSPPrincipal.ROLE,
            principal=principals.MSPRole(
                msp_identifier=name, role=principals.MSPRole.MSPRoleType.Value(role.upper())
            ).SerializeToString(),
        )
        for name, role in parser.principals
    ]
    return policies.SignaturePolicyEnvelope(version=0, rule=rule, identities=identities)


class _Parser:
    """Recursive descent over Fabric's policy language."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.principals: list[Signatory] = []

    def _next(self) -> tuple[str, str, str, str]:
        match = _TOKEN.match(self.text, self.at)
        if match is None:
            raise PolicyError(f"the policy cannot be read at {self.text[self.at :]!r}")
        self.at = match.end()
        word, name, number, mark = match.groups(default="")
        return word, name, number, mark

    def rule(self, depth: int) -> Any:
        if depth > DEPTH_MAX:
            raise PolicyError("the policy is nested too deeply")
        word, name, _, _ = self._next()
        if word:
            return self._gate(word, depth)
        match = _PRINCIPAL.fullmatch(name)
        if match is None:
            raise PolicyError(f"{name!r} is not an organisation and a role, such as 'OrgMSP.peer'")
        principal = (match[1], match[2])
        if principal not in self.principals:
            self.principals.append(principal)
        return policies.SignaturePolicy(signed_by=self.principals.index(principal))

    def _gate(self, word: str, depth: int) -> Any:
        needed = 0
        if word == "OutOf":
            number = self._next()[2]
            if not number or self._next()[3] != ",":
                raise PolicyError("OutOf needs a number first")
            needed = int(number)
        rules = [self.rule(depth + 1)]
        while (mark := self._next()[3]) == ",":
            rules.append(self.rule(depth + 1))
        if mark != ")":
            raise PolicyError(f"{word} is not closed")
        needed = {"AND": len(rules), "OR": 1}.get(word, needed)
        if not 1 <= needed <= len(rules):
            raise PolicyError(f"{needed} of {len(rules)} can never be met")
        return policies.SignaturePolicy(
            n_out_of=policies.SignaturePolicy.NOutOf(n=needed, rules=rules)
        )


def is_met(envelope: Any, signatories: Sequence[Signatory]) -> bool:
    """Whether these signers meet the policy; each signer counts for one place only."""
    wanted = []
    for identity in envelope.identities:
        role = principals.MSPRole.FromString(identity.principal)
        name = principals.MSPRole.MSPRoleType.Name(role.role).lower()
        wanted.append((role.msp_identifier, name))

    def fits(signatory: Signatory, principal: Signatory) -> bool:
        return signatory[0] == principal[0] and principal[1] in ("member", signatory[1])

    return _evaluate(envelope.rule, wanted, list(signatories), set(), fits)


def _evaluate(
    rule: Any,
    wanted: list[Signatory],
    signatories: list[Signatory],
    used: set[int],
    fits: Callable[[Signatory, Signatory], bool],
) -> bool:
    if rule.WhichOneof("Type") == "signed_by":
        for at, signatory in enumerate(signatories):
            if at not in used and fits(signatory, wanted[rule.signed_by]):
                used.add(at)
                return True
        return False
    met = 0
    for part in rule.n_out_of.rules:
        trial = set(used)
        if _evaluate(part, wanted, signatories, trial, fits):
            met += 1
            used |= trial
    return met >= int(rule.n_out_of.n)


def smallest_group(envelope: Any, organisations: Sequence[str]) -> tuple[str, ...]:
    """The fewest organisations whose peers together meet the policy, first by name.

    Raises:
        PolicyError: not even all of them do.
    """
    for size in range(1, len(organisations) + 1):
        for group in combinations(sorted(organisations), size):
            if is_met(envelope, [(name, "peer") for name in group]):
                return group
    raise PolicyError("no combination of the channel's peers meets the endorsement policy")
