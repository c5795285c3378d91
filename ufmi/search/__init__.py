"""Search over users and assets (7.3.4, 8.4.1.2): full text and fields, built from blocks."""

from ufmi.search.index import Index, erase, find_offline
from ufmi.search.lookup import Found, Hit

__all__ = ["Found", "Hit", "Index", "erase", "find_offline"]
