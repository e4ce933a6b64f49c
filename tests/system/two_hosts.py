"""Two hosts on one machine: network namespaces joined by a cable, as far as programs can tell two computers on a switch.

They share the file system, as the nodes of a cluster share a disk; each has a name of its own, by which Open MPI 5 tells
them apart. Needs root and the command ip.
"""

import contextlib
import os
import shutil
import subprocess

import pytest

ADDRESSES = ("10.77.0.1", "10.77.0.2")


def ip(*words):
    return subprocess.run(["ip", *map(str, words)], capture_output=True, text=True, timeout=30)


class TwoHosts:
    """Names carry the process id, so that several of these can live on a machine."""

    def __init__(self, folder):
        self.names = [f"canine{os.getpid()}{side}" for side in "ab"]
        self.cards = [f"cv{os.getpid()}{side}" for side in "ab"]
        self.folder = folder

    def build(self):
        """"" or why these hosts cannot be built here."""
        if os.geteuid() != 0:
            return "network namespaces need root"
        if shutil.which("ip") is None:
            return "the command ip (iproute2) is not there"
        steps = [("netns", "add", name) for name in self.names]
        steps.append(("link", "add", self.cards[0], "netns", self.names[0], "type", "veth", "peer", "name",
                      self.cards[1], "netns", self.names[1]))
        for name, card, address in zip(self.names, self.cards, ADDRESSES):
            steps += [("-n", name, "address", "add", f"{address}/24", "dev", card), ("-n", name, "link", "set", "lo", "up"),
                      ("-n", name, "link", "set", card, "up")]
        for step in steps:
            result = ip(*step)
            if result.returncode != 0:
                return f"ip {' '.join(step)}: {result.stderr.strip()}"
        return ""

    def remove(self):
        for name in self.names:
            ip("netns", "delete", name)  # takes its card along, and with it the other end

    def on(self, host):
        """What stands before a command that runs on host 0 or 1."""
        name = self.names[host]
        return ["ip", "netns", "exec", name, "unshare", "--uts", "sh", "-c", f'hostname {name} && exec "$0" "$@"']

    def cut(self):
        """Pulls the plug of host 1: nothing is refused, nothing arrives."""
        assert ip("-n", self.names[1], "link", "set", self.cards[1], "down").returncode == 0

    def mend(self):
        assert ip("-n", self.names[1], "link", "set", self.cards[1], "up").returncode == 0

    def agent(self):
        """A program that mpirun takes for ssh."""
        path = self.folder / "agent"
        cases = "\n".join(f"  {address}) host={name} ;;" for address, name in zip(ADDRESSES, self.names))
        path.write_text("#!/bin/bash\n"
                        'while [[ "$1" == -* ]]; do shift; done\n'
                        f'case "$1" in\n{cases}\nesac\n'
                        "shift\n"
                        'exec ip netns exec "$host" unshare --uts /bin/bash -c "hostname $host && $*"\n')
        path.chmod(0o755)
        return path


@contextlib.contextmanager
def two_hosts_or_skip(folder):
    hosts = TwoHosts(folder)
    try:
        problem = hosts.build()
        if problem:
            pytest.skip(f"no second host can be built here: {problem}")
        yield hosts
    finally:
        hosts.remove()
