"""Puts a link to a file outside in the place of a file of the workspace, and writes through it; the link stays."""
import os
import sys

outside = sys.argv[1]
wrote = []
for name, target in (("swapped", outside), ("swapped-folder", os.path.dirname(outside)), ("swapped-root", "/")):
    path = name
    with open(name + ".plain", "w") as file:
        file.write("plain\n")
    for _ in range(200):
        try:
            os.symlink(target, name + ".link")
            os.replace(name + ".link", name)
            path = name if target == outside else os.path.join(name, os.path.relpath(outside, target))
            with open(path, "a") as file:
                file.write("written through a link\n")
            wrote.append(path)
        except OSError:
            pass
        try:
            os.replace(name + ".plain", name)
        except OSError:
            pass
        with open(name + ".plain", "w") as file:
            file.write("plain\n")
    # What the host writes to or restores after the end must not follow this.
    try:
        os.symlink(target, name + ".link")
        os.replace(name + ".link", name)
    except OSError:
        pass
for path in sorted(set(wrote)):
    print("OPEN written through", path)
if not wrote:
    print("CLOSED no link led outside")
sys.exit(bool(wrote))
