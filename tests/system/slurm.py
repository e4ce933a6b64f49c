"""A real Slurm over two hosts on this machine: munged, slurmctld and one slurmd per host, all of the test's own.

Needs root and the packages slurmctld, slurmd, slurm-client and munge; nothing of a Slurm that the machine may have is used.
"""

import contextlib
import os
import shutil
import subprocess
import time

import pytest

from jobs import free_port
from two_hosts import ADDRESSES, two_hosts_or_skip

NODES = ("canine-a", "canine-b")
DAEMONS = ("munged", "slurmctld", "slurmd")
CLIENTS = ("srun", "sbatch", "scontrol", "sinfo", "scancel")
CPUS = 4  # of each node, whatever the machine has
IN_TIME = 20  # seconds

CONFIGURATION = """
ClusterName=canine
SlurmctldHost={nodes[0]}({addresses[0]})
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
NodeName={nodes[0]} NodeAddr={addresses[0]} CPUs={cpus} SocketsPerBoard=1 CoresPerSocket={cpus} ThreadsPerCore=1
NodeName={nodes[1]} NodeAddr={addresses[1]} CPUs={cpus} SocketsPerBoard=1 CoresPerSocket={cpus} ThreadsPerCore=1
PartitionName=main Nodes=ALL Default=YES State=UP MaxTime=INFINITE
"""


class Slurm:
    """The cluster; the daemons live as long as the test."""

    def __init__(self, hosts, folder):
        self.hosts = hosts
        self.folder = folder
        self.daemons = []

    def on_first(self, *command):
        """A command on the first node, from where users submit."""
        return [*self.as_node(0), "env", f"SLURM_CONF={self.folder / 'slurm.conf'}", *command]

    def start(self):
        (self.folder / "state").mkdir()
        (self.folder / "hosts").write_text(
            "127.0.0.1 localhost\n" + "".join(f"{address} {node}\n" for address, node in zip(ADDRESSES, NODES)))
        (self.folder / "slurm.conf").write_text(CONFIGURATION.format(
            nodes=NODES, addresses=ADDRESSES, ports=(free_port(), free_port()), folder=self.folder, cpus=CPUS))
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        self.daemon("munged", ["munged", "--foreground", "--force", f"--socket={self.folder}/munge.socket",
                               f"--key-file={key}", f"--pid-file={self.folder}/munged.pid", f"--log-file={self.folder}/munged.log",
                               f"--seed-file={self.folder}/munged.seed"])
        self.daemon("slurmctld", [*self.as_node(0), "slurmctld", "-D", "-c"])
        for node in range(len(NODES)):
            self.daemon(f"slurmd-{node}", [*self.as_node(node), "slurmd", "-D"])
        self.wait_for_nodes()

    def as_node(self, node):
        """What stands before a command: its host's network, with names of its own. Unlike `ip netns exec` this leaves /sys
        in place, where slurmd looks for control groups."""
        return ["nsenter", f"--net=/run/netns/{self.hosts.names[node]}", "unshare", "--uts", "--mount", "sh", "-c",
                f'hostname {NODES[node]} && mount --bind {self.folder}/hosts /etc/hosts && exec "$0" "$@"']

    def daemon(self, name, command):
        environment = {**os.environ, "SLURM_CONF": str(self.folder / "slurm.conf")}
        with open(self.folder / f"{name}.out", "wb") as out:
            self.daemons.append(subprocess.Popen(["setpriv", "--pdeathsig", "TERM", *command], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=out,
                                                 stderr=subprocess.STDOUT, env=environment))

    def wait_for_nodes(self):
        end = time.monotonic() + IN_TIME
        while time.monotonic() < end:
            states = subprocess.run(self.on_first("sinfo", "--noheader", "--Node", "--format=%T"), capture_output=True, text=True)
            if states.stdout.split() == ["idle", "idle"]:
                return
            time.sleep(0.1)
        said = "\n".join(f"{path.name}: {path.read_text(errors='replace')[-1000:]}" for path in self.folder.glob("*.out"))
        raise AssertionError(f"the nodes are not idle after {IN_TIME} s: {states.stdout} {states.stderr}\n{said}")

    def stop(self):
        for daemon in reversed(self.daemons):
            daemon.terminate()
        for daemon in self.daemons:
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()


@contextlib.contextmanager
def slurm_or_skip(folder):
    missing = [name for name in (*DAEMONS, *CLIENTS) if shutil.which(name) is None]
    if missing:
        pytest.skip(f"Slurm is not there: {', '.join(missing)}")
    with two_hosts_or_skip(folder) as hosts:
        slurm = Slurm(hosts, folder)
        try:
            slurm.start()
            yield slurm
        finally:
            slurm.stop()
