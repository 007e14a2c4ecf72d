"""Reads environment, memory and root of every other process. The canary is in the environment of who started the sandbox."""
import os
import sys

CANARY = b"MAB_HOSTILE_" + b"CANARY"
found = []
processes = {str(os.getppid()), "1", "self/../1"} | {name for name in os.listdir("/proc") if name.isdigit()}
processes |= set(sys.argv[1:])
processes.discard(str(os.getpid()))
for process in sorted(processes):
    try:
        with open(f"/proc/{process}/environ", "rb") as file:
            text = file.read()
        if CANARY in text:
            found.append(f"environment of {process}: {len(text)} bytes with the canary")
    except OSError:
        pass
    for task in ("task",):
        try:
            for thread in os.listdir(f"/proc/{process}/{task}"):
                with open(f"/proc/{process}/{task}/{thread}/environ", "rb") as file:
                    if CANARY in file.read():
                        found.append(f"environment of thread {thread} of {process}")
        except OSError:
            pass
    try:
        with open(f"/proc/{process}/mem", "rb") as memory, open(f"/proc/{process}/maps") as maps:
            for line in maps:
                if "[stack]" in line:
                    begin, end = (int(part, 16) for part in line.split()[0].split("-"))
                    memory.seek(begin)
                    if CANARY in memory.read(end - begin):
                        found.append(f"memory of {process}")
    except (OSError, ValueError):
        pass
    if process in sys.argv[1:]:
        try:
            os.listdir(f"/proc/{process}/root/")
            found.append(f"root of {process}")
        except OSError:
            pass
if CANARY.decode() in os.environ:
    found.append("the canary is in this program's own environment")
for why in found:
    print("OPEN", why)
if not found:
    print("CLOSED none of", len(processes), "processes gave anything away")
sys.exit(bool(found))
