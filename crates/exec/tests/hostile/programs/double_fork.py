"""Leaves its session, group and parent, ignores polite signals, and writes to `survivor` as long as it lives."""
import os
import signal
import sys
import time


def detach(again):
    if os.fork():
        return False
    os.setsid()
    if again and os.fork():
        os._exit(0)
    return True


mode = sys.argv[1] if len(sys.argv) > 1 else "leave"
open("survivor", "wb").close()
for again in (False, True, True):
    if detach(again):
        for number in set(range(1, signal.NSIG)) - {signal.SIGKILL, signal.SIGSTOP, 32, 33}:
            try:
                signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError):
                pass
        os.closerange(0, 1024)
        while True:
            with open("survivor", "ab") as file:
                file.write(b".")
            time.sleep(0.02)
print("STARTED three processes", flush=True)
while mode == "stay":
    time.sleep(1)
