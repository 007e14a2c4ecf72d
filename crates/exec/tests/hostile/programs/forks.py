"""Starts processes until that fails or 20,000 are there."""
import os
import signal
import sys
import time

started = []
why = "OPEN"
for _ in range(20_000):
    try:
        child = os.fork()
    except OSError as error:
        why = f"CLOSED after {len(started)}: {error.strerror}"
        break
    if child == 0:
        time.sleep(600)
        os._exit(0)
    started.append(child)
for child in started:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
print(why, "20000 processes" if why == "OPEN" else "")
sys.exit(why == "OPEN")
