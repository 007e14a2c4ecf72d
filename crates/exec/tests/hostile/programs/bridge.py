"""Looks for the bridge: runs its program, opens its data folder and its sockets."""
import os
import shutil
import socket
import subprocess
import sys

state, *sockets = sys.argv[1:] or [""]
home = os.path.expanduser("~")
found = []
for folder in {state, home + "/.local/share/mab", home + "/.config/mab", os.environ.get("XDG_DATA_HOME", "/nowhere") + "/mab"}:
    for name in ("", "bridge.db", "master.key", "approval.key"):
        path = os.path.join(folder, name) if name else folder
        if not path:
            continue
        try:
            if os.path.isdir(path):
                if os.listdir(path):
                    found.append(f"listed {path}")
            elif os.path.exists(path):
                with open(path, "rb") as file:
                    found.append(f"read {len(file.read())} bytes of {path}")
        except OSError:
            pass
if state:
    for flags, name in ((os.O_WRONLY | os.O_CREAT, "planted"), (os.O_RDWR, "bridge.db")):
        try:
            descriptor = os.open(os.path.join(state, name), flags)
            # A mask takes it; what is there must not be the bridge's.
            if os.fstat(descriptor).st_size:
                found.append(f"opened {name} for writing")
            os.close(descriptor)
        except OSError:
            pass
for path in sockets:
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(path)
            found.append(f"connected to {path}")
    except OSError:
        pass
for program in ("mab", "bridge"):
    path = shutil.which(program)
    for words in (["approve", "--all"], ["keys"], ["list"]):
        if path:
            done = subprocess.run([path, *words], capture_output=True, stdin=subprocess.DEVNULL, check=False)
            if done.returncode == 0:
                found.append(f"{program} {words[0]} ended with 0")
for why in found:
    print("OPEN", why)
if not found:
    print("CLOSED no bridge here")
sys.exit(bool(found))
