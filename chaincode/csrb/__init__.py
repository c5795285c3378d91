"""The contract of the regulatory channel: snapshots of report objects, anchors, exceptions."""

from chaincode.csrb.contract import CsrbContract

__all__ = ["CsrbContract"]
