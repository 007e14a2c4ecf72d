"""Takes 10 GiB of memory and touches every page: of its own, shared, and in memory file systems."""
import mmap
import os
import sys

WANTED = 10 << 30
STEP = 64 << 20
held = []
try:
    for _ in range(WANTED // STEP):
        block = mmap.mmap(-1, STEP, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        for page in range(0, STEP, mmap.PAGESIZE):
            block[page] = 1
        held.append(block)
    print("OPEN 10 GiB of memory")
    sys.exit(1)
except (MemoryError, OSError) as error:
    taken = len(held) * STEP >> 20
held.clear()
block = None
piece = b"1" * (1 << 20)
for folder in ("/dev/shm", "/tmp"):
    try:
        with open(folder + "/much", "wb") as file:
            for _ in range(WANTED // len(piece)):
                file.write(piece)
        print("OPEN 10 GiB in", folder)
        os.remove(folder + "/much")
        sys.exit(1)
    except OSError:
        try:
            os.remove(folder + "/much")
        except OSError:
            pass
print("CLOSED after", taken, "MiB")
