"""What a process that runs a ledger asks of the interpreter and the allocator, once at its start.

The library itself never changes such settings; the commands, the chaincode server and the benchmark
do.
"""

from __future__ import annotations

import ctypes
import gc

_GC_THRESHOLD = (50_000, 20, 50)
# Of glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def tune() -> None:
    """Tunes this process.

    A batch allocates tens of thousands of objects that live until its end; collecting every few
    hundred finds nothing. Its large buffers are wanted again for the next batch; giving them back
    to the system each time costs a tenth of the whole.
    """
    gc.set_threshold(*_GC_THRESHOLD)
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return  # another C library
    mallopt(_M_MMAP_THRESHOLD, 256 * 1024 * 1024)
    mallopt(_M_TRIM_THRESHOLD, 512 * 1024 * 1024)
