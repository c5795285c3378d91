"""Which SM2 implementations work on this machine, and which one is used."""

from __future__ import annotations

import os
from functools import cache

from ufmi.crypto._provider import Provider
from ufmi.errors import ProviderError

CHOICE_VARIABLE = "UFMI_SM2_PROVIDER"


def _gmsm() -> Provider:
    from ufmi.crypto._gmsm import GmsmProvider

    return GmsmProvider()


def _tongsuo() -> Provider:
    from ufmi.crypto._tongsuo import TongsuoProvider

    return TongsuoProvider()


# Fastest first.
_MAKERS = {"gmsm": _gmsm, "tongsuopy": _tongsuo}


@cache
def found() -> tuple[Provider, ...]:
    """All providers that work here, fastest first."""
    working: list[Provider] = []
    for make in _MAKERS.values():
        try:
            working.append(make())
        except (ProviderError, ImportError, OSError):
            continue
    return tuple(working)


_chosen: Provider | None = None


def provider() -> Provider:
    """The provider in use: the one that UFMI_SM2_PROVIDER names, else the fastest found.

    Raises:
        ProviderError: none works, or the one asked for does not.
    """
    global _chosen
    if _chosen is None:
        _chosen = _choose(os.environ.get(CHOICE_VARIABLE, ""))
    return _chosen


def use(name: str) -> None:
    """Compute SM2 with the named provider from now on ("" for the fastest found)."""
    global _chosen
    _chosen = _choose(name)


def _choose(name: str) -> Provider:
    for candidate in found():
        if name in ("", candidate.name):
            return candidate
    known = ", ".join(candidate.name for candidate in found()) or "none"
    raise ProviderError(f"no SM2 provider {name!r}; found: {known}")
