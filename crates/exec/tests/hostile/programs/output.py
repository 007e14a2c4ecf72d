"""Writes 1 GiB, half of it to its standard error, and says so if nobody stops it."""
import os
import sys

block = b"0123456789abcde\n" * 4096
for _ in range((1 << 30) // len(block) // 2):
    for descriptor in (1, 2):
        left = block
        while left:
            left = left[os.write(descriptor, left):]
print("OPEN wrote 1 GiB", file=sys.stderr)
sys.exit(1)
