"""Spreads connections evenly over the web processes, which keep them for as long as clients do.

The kernel gives a connection to whichever process asks first. With few clients that keep their connections, one process
may get them all while another idles. So the processes tell each other in shared memory how many they have, and one that
has more than another lets that one go first, for PAUSE_SECONDS at most.
"""

import mmap
import struct

# A process that is too busy to accept within this time does not get the connection.
PAUSE_SECONDS = 0.01
_SLOTS = 64
_SLOT = struct.Struct("ii")


class ConnectionCounts:
    """A process id and its connections in each slot; 0 for none. Make it before the processes are forked."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _SLOTS * _SLOT.size)

    def write(self, slot: int, pid: int, connections: int) -> None:
        """Sets the number of a process. slot: a number of its own; only the last 64 processes differ."""
        _SLOT.pack_into(self._memory, slot % _SLOTS * _SLOT.size, pid, connections)

    def remove(self, pid: int) -> None:
        """Forgets a process that accepts no more."""
        for slot, (other, _) in enumerate(_SLOT.iter_unpack(self._memory[:])):
            if other == pid:
                self.write(slot, 0, 0)

    def fewest_of_others(self, pid: int) -> int | None:
        """The least that any other process has; None if there is no other."""
        others = [count for other, count in _SLOT.iter_unpack(self._memory[:]) if other not in (0, pid)]
        return min(others, default=None)


counts = ConnectionCounts()
