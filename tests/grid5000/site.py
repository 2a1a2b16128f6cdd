"""The state of a site: what is described in site.json, what goes wrong in scenario.json, jobs, nodes, and a log."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

VARIABLE = "G5K_STANDIN"
"""Names the folder of the site that the programs play."""

DEFAULT_SCENARIO: dict[str, Any] = {
    "waits": 0,  # seconds until a job starts
    "never_starts": False,
    "validates_after": 0,  # seconds until a reservation in advance is validated
    "not_valid": "",  # why it never is
    "fails_to_start": False,  # goes to Error
    "ends_after": None,  # seconds a job runs, whatever its walltime: a walltime that is over
    "admission": "",  # a rule that refuses each job with this text
    "deploy_seconds": 0,
    "deploy_hangs": False,
    "ko": {},  # node -> how many of its deployments fail
    "server_down": False,  # kadeploy's
    "unreachable": [],  # nodes that do not answer by ssh
    "ready_after": 0,  # seconds from `systemctl start default.target` until the node is ready
    "never_ready": [],  # nodes
    "unseen": "",  # a folder of the home that nodes do not see
    "no_files": [],  # nodes whose memory keeps no files
    "shut": [],  # nodes that other nodes cannot connect to
    "hangs": [],  # nodes whose shells never answer
    "babbles": {},  # node -> the system whose shell tells something else than its boot id
    "no_kexec": [],  # nodes whose kexec jumps nowhere: the old system stays
    "home_is_local": False,  # no file server has the home
    "room": 1 << 30,  # KiB free where the home is
    "no_mount": [],  # nodes that cannot mount the home
    "quota": None,  # bytes free in the home, as `quota` tells; None for no such program
}


def fail(message: str, status: int = 1) -> NoReturn:
    """End the program."""
    sys.stderr.write(message if message.endswith("\n") else message + "\n")
    raise SystemExit(status)


class Site:
    """A site in a folder."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        with open(os.path.join(folder, "site.json"), encoding="utf-8") as file:
            self.facts: dict[str, Any] = json.load(file)
        self.scenario: dict[str, Any] = dict(DEFAULT_SCENARIO)
        try:
            with open(os.path.join(folder, "scenario.json"), encoding="utf-8") as file:
                given = json.load(file)
        except FileNotFoundError:
            given = {}
        unknown = set(given) - set(DEFAULT_SCENARIO)
        if unknown:
            raise ValueError(f"scenario.json: nothing is called {unknown}")
        self.scenario.update(given)

    @property
    def name(self) -> str:
        return str(self.facts["site"])

    @property
    def user(self) -> str:
        return str(self.facts.get("user", "alice"))

    @property
    def nodes(self) -> dict[str, dict[str, Any]]:
        """Host -> its resource properties, as OAR has them."""
        found = {}
        for cluster, facts in self.facts["clusters"].items():
            for index in range(1, facts["nodes"] + 1):
                host = f"{cluster}-{index}.{self.name}.grid5000.fr"
                found[host] = {
                    "host": host,
                    "network_address": host,
                    "cluster": cluster,
                    "site": self.name,
                    "type": "default",
                    "deploy": "YES",
                    "exotic": "YES" if facts.get("exotic") else "NO",
                    "production": "YES" if facts.get("queue") == "production" else "NO",
                    "cpuarch": facts.get("arch", "x86_64"),
                    "memnode": facts.get("memory", 196608),
                    "cores": facts.get("cores", 2),
                }
        return found

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One program at a time changes the state, and what it does at an interrupt can take the lock once more."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGHUP])
        try:
            with open(os.path.join(self.folder, ".lock"), "w", encoding="utf-8") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def deployments(self) -> dict[str, Any]:
        """What Kadeploy's server is at: the client's process -> its nodes, and when the server would end by itself."""
        try:
            with open(os.path.join(self.folder, "deployments.json"), encoding="utf-8") as file:
                found: dict[str, Any] = json.load(file)
        except FileNotFoundError:
            found = {}
        return found

    def log(self, program: str, arguments: list[str], **more: Any) -> None:
        """What tests ask about afterwards: one JSON object a line."""
        entry = {"time": time.time(), "program": program, "arguments": arguments, **more}
        with open(os.path.join(self.folder, "log"), "a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    # Jobs

    def _job_path(self, number: int) -> str:
        return os.path.join(self.folder, "jobs", f"{number}.json")

    def jobs(self) -> dict[int, dict[str, Any]]:
        """All jobs by number, each as it is by now."""
        folder = os.path.join(self.folder, "jobs")
        os.makedirs(folder, exist_ok=True)
        numbers = sorted(int(name[:-5]) for name in os.listdir(folder) if name.endswith(".json"))
        return {number: self.job(number) for number in numbers}

    def job(self, number: int) -> dict[str, Any]:
        """A job as it is by now; KeyError where there is none."""
        job = self._read(number)
        if _gone(job):
            # As it was when it ended.
            job = self._read(number)
            if _gone(job):
                # oar_meta_sched takes back what it cannot tell oarsub of.
                job = {**job, "client": 0, "state": "Error", "message": "[MetaSched] Can not notify oarsub"}
                self.save(job)
        return self._by_now(job)

    def _read(self, number: int) -> dict[str, Any]:
        try:
            with open(self._job_path(number), encoding="utf-8") as file:
                job: dict[str, Any] = json.load(file)
        except FileNotFoundError:
            raise KeyError(number) from None
        return job

    def _by_now(self, job: dict[str, Any]) -> dict[str, Any]:
        now = time.time()
        if job["state"] in ("Terminated", "Error", "toError", "Finishing"):
            return job
        start = max(job["wanted_start"], job["submitted"] + self.scenario["waits"])
        if self.scenario["never_starts"] or now < start:
            job["state"] = "Waiting"
            return job
        if self.scenario["fails_to_start"]:
            job = {**job, "state": "Error", "message": "CANNOT_CREATE_TMP_DIRECTORY"}
            self.save(job)
            return job
        lasts = min(job["walltime"], _duration(job["command"]))
        if self.scenario["ends_after"] is not None:
            lasts = min(lasts, self.scenario["ends_after"])
        job["start"] = int(start)
        job["state"] = "Running"
        if now >= start + lasts:
            job["state"] = "Terminated"
            self.save(job)
        return job

    def save(self, job: dict[str, Any]) -> None:
        path = self._job_path(job["id"])
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + ".new", "w", encoding="utf-8") as file:
            json.dump(job, file)
        os.replace(path + ".new", path)

    def busy(self) -> set[str]:
        """Hosts of jobs that run or wait."""
        return {host for job in self.jobs().values() if job["state"] in ("Running", "Waiting") for host in job["hosts"]}

    # Nodes

    def node(self, host: str) -> str:
        """The folder of a node, made at its first use with a freshly booted standard environment."""
        path = os.path.join(self.folder, "nodes", host)
        if not os.path.isdir(path):
            from grid5000.nodes import boot

            with self.locked():
                if not os.path.isdir(path):
                    boot(self, host, "standard")
        return path

    def home(self) -> str:
        """The user's home on the frontend and, over NFS, on its nodes."""
        return os.path.join(self.folder, "home")


def _gone(job: dict[str, Any]) -> bool:
    """Whether nobody waits any more for the validation of a job."""
    return bool(job.get("client")) and not os.path.exists(f"/proc/{job['client']}")


def _duration(command: str) -> float:
    """How long a job's command lasts: only `sleep` is played, and a job without a command (a reservation)."""
    if not command:
        return float("inf")
    found = re.fullmatch(r"(?:exec )?sleep (infinity|(\d+)([smhd]?))", command)
    if not found:
        raise ValueError(f"the stand-in for OAR plays no command but sleep: {command}")
    if found[1] == "infinity":
        return float("inf")
    return int(found[2]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[found[3]]


def here() -> Site:
    """The site that the environment names."""
    return Site(os.environ[VARIABLE])
