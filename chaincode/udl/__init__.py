"""The business channel's contract."""

from chaincode.udl.contract import EVENT_EXECUTED, UdlContract

__all__ = ["EVENT_EXECUTED", "UdlContract"]
