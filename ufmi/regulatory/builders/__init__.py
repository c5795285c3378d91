"""From the ledger to report objects (向监管链报送): one module a protocol of the guide.

docs/reporting.md has the table: which message brings which objects, with which fields, and why.
"""

from ufmi.regulatory.builders.builder import Builder
from ufmi.regulatory.builders.documents import ERASED, MISSING, UNREADABLE, Documents
from ufmi.regulatory.builders.draft import OWNER, Draft

__all__ = ["ERASED", "MISSING", "OWNER", "UNREADABLE", "Builder", "Documents", "Draft"]
