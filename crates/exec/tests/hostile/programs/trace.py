"""Attaches to other processes: its parent, the first one, a child that does not agree, and the one that is given."""
import ctypes
import os
import platform
import signal
import sys
import time

ATTACH, SEIZE = 16, 0x4206
number = {"x86_64": 101, "aarch64": 117}.get(platform.machine())
if number is None:
    print("CLOSED not tried on", platform.machine())
    sys.exit(0)
libc = ctypes.CDLL(None, use_errno=True)
child = os.fork()
if child == 0:
    time.sleep(60)
    os._exit(0)
found = []
for process in {os.getppid(), 1, child} | {int(text) for text in sys.argv[1:]}:
    # Attaching stops a process: only the own child is tried so.
    ways = (("PTRACE_SEIZE", SEIZE), ("PTRACE_ATTACH", ATTACH))
    for name, request in ways[: 1 + (process == child)]:
        ctypes.set_errno(0)
        if libc.syscall(number, request, process, 0, 0) == 0:
            found.append(f"{name} of {process}")
            libc.syscall(number, 17, process, 0, 0)
        else:
            print("CLOSED", name, process, os.strerror(ctypes.get_errno()))
    try:
        with open(f"/proc/{process}/mem", "r+b"):
            if process != child:
                found.append(f"memory of {process} for writing")
    except OSError:
        pass
os.kill(child, signal.SIGKILL)
os.waitpid(child, 0)
for why in found:
    print("OPEN", why)
sys.exit(bool(found))
