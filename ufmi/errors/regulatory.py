"""What is wrong with report objects and where they are kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ufmi.errors.base import UfmiError


class SnapshotError(UfmiError):
    code = "UFMI-7100"


class InvalidSnapshot(SnapshotError):
    code = "UFMI-7101"


class SnapshotMissing(SnapshotError):
    code = "UFMI-7102"
    hint_default = "Check the object's id, version and hash, and that this is the right store"


class SnapshotDamaged(SnapshotError):
    code = "UFMI-7103"
    hint_default = "Put the same bytes again, from a copy or from whoever made the report"


class StoreRefused(SnapshotError):
    code = "UFMI-7104"
    hint_default = "Check bucket, region and credentials, and what they may do"


class StoreUnavailable(SnapshotError):
    code = "UFMI-7105"
    hint_default = "Check that the endpoint is right and the store runs, then try again"
    retryable = True


class RegulatoryError(UfmiError):
    code = "UFMI-7000"


class MalformedObject(RegulatoryError):
    code = "UFMI-7001"
    hint_default = "Numbers are whole or Decimal; docs/objects.md has the form"


class Finding(NamedTuple):
    """One thing found wrong with a data object; `pointer` is a JSON pointer (RFC 6901).

    A warning does not make the object invalid.
    """

    pointer: str
    code: str
    message: str
    warning: bool = False


class InvalidObject(RegulatoryError):
    """A data object breaks the object model. `findings` has every place, with stable codes."""

    code = "UFMI-7002"
    hint_default = "docs/objects.md lists the codes of findings"

    def __init__(self, findings: Sequence[Finding]) -> None:
        first = findings[0]
        more = f" and {len(findings) - 1} more" if len(findings) > 1 else ""
        super().__init__(f"{first.pointer or '/'} {first.code}: {first.message}{more}")
        self.findings = tuple(findings)


class LifecycleError(RegulatoryError):
    """A snapshot does not fit the earlier ones. `rule` is stable; docs/objects.md lists them."""

    code = "UFMI-7003"

    def __init__(self, rule: str, problem: str, *, hint: str = "") -> None:
        super().__init__(f"{rule}: {problem}", hint=hint)
        self.rule = rule


class InvalidSeal(RegulatoryError):
    code = "UFMI-7004"
    hint_default = "Seal the finished snapshot; any change afterwards needs a new seal"
