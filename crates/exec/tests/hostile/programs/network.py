"""Connects everywhere: to the port and the socket that are given, to addresses that no network has, and by name."""
import errno
import os
import socket
import sys

port = int(sys.argv[1]) if len(sys.argv) > 1 else 9
found = []


def tries(name, action):
    try:
        action()
        found.append(name)
    except OSError as error:
        if error.errno == errno.ECONNREFUSED:
            # Somebody answered: the sandbox's own loopback, where nobody listens.
            print("NOTE", name, error.strerror)


def connect(family, kind, address):
    with socket.socket(family, kind) as connection:
        connection.settimeout(2)
        connection.connect(address)
        if kind == socket.SOCK_DGRAM:
            connection.send(b"x")


tries("tcp to the host's port", lambda: connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", port)))
tries("tcp over IPv6", lambda: connect(socket.AF_INET6, socket.SOCK_STREAM, ("::1", port)))
# 192.0.2.0/24 is kept for documentation (RFC 5737): nobody is there, but a network would take the packet.
tries("udp", lambda: connect(socket.AF_INET, socket.SOCK_DGRAM, ("192.0.2.1", 53)))
tries("a name", lambda: socket.getaddrinfo("example.invalid.", 80) and None)
tries("ping", lambda: connect(socket.AF_INET, socket.SOCK_DGRAM | 0, ("192.0.2.1", 7)))
for path in sys.argv[2:]:
    tries(f"the socket {path}", lambda path=path: connect(socket.AF_UNIX, socket.SOCK_STREAM, path))
try:
    with open("/proc/net/unix") as sockets:
        for line in sockets:
            name = line.split()[-1]
            if name.startswith("@"):
                address = "\0" + name[1:]
                tries(f"the abstract socket {name}", lambda address=address: connect(socket.AF_UNIX, socket.SOCK_STREAM, address))
    for name in os.listdir("/sys/class/net"):
        if name != "lo":
            print("NOTE interface", name)
except OSError:
    pass
for why in found:
    print("OPEN", why)
if not found:
    print("CLOSED nothing was reached")
sys.exit(bool(found))
