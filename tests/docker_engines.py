"""Docker engines and bundles as the engine tests use them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import docker_environments as make

if TYPE_CHECKING:
    from nxcc.model.environment import Environment

USER = 1000
"""Who launches the nodes: one of the socket's group, and nobody else on this machine."""


NIX = "substitute = false\nsandbox = false\nbuild-users-group =\n"
"""For builds that need no other store, on a Debian whose root has no build users."""


class Engine:
    """An engine that answers at ``host``, with the stand-in image under ``image``."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.image = ""
        self.server, self.cgroup = "", 0

    def environment(self) -> dict[str, str]:
        """The variables of this process without settings of the developer's own, and this engine's address."""
        prefixes = ("NXCC_", "DOCKER_", "COMPOSE_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
        return {**kept, "DOCKER_HOST": self.host, "HOME": "/nonexistent", "NIX_CONFIG": NIX}

    def docker(self, *arguments: str, check: bool = True, **more: Any) -> str:
        """The output of a docker command."""
        command = ["docker", *arguments]
        done = subprocess.run(command, env=self.environment(), capture_output=True, text=True, check=False, **more)
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout.strip()

    def answers(self) -> bool:
        command = ["docker", "version", "--format", "{{.Server.Version}}"]
        return subprocess.run(command, env=self.environment(), capture_output=True, check=False).returncode == 0

    def prepare(self, archive: Path, stamp: str) -> None:
        """Learn what it is, and give it the stand-in."""
        info = self.docker("info", "--format", "{{.ServerVersion}} {{.CgroupVersion}}").split()
        self.server, self.cgroup = info[0], int(info[1])
        self.image = f"nxcc-test/standin:{stamp}"
        if not self.docker("image", "ls", "-q", self.image):
            self.docker("import", "-c", 'CMD ["/sbin/init"]', str(archive), self.image)


class Bundle:
    """A bundle of the docker flavour alone, its nodes all of the stand-in image."""

    def __init__(self, engine: Engine, folder: Path, environment: Environment, user: int | None = None) -> None:
        self.engine, self.folder, self.made, self.user = engine, folder, environment, user
        self.state = folder.with_name(folder.name + ".state")
        self.script = make.write(folder, environment)
        self.images = {f"NXCC_IMAGE_{role.name.upper().replace('-', '_')}": engine.image for role in environment.roles}

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """`run` with these arguments; as the bundle's user."""
        return subprocess.run(
            [str(self.script), *arguments],
            env={**self.engine.environment(), **self.images, **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
            **self._identity(),
        )

    def _identity(self) -> dict[str, Any]:
        if self.user is None:
            return {}
        groups = [os.stat(self.engine.host.removeprefix("unix://")).st_gid]
        return {"user": self.user, "group": self.user, "extra_groups": groups}

    def up(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        done = self.run("up", "--timeout", "600", *arguments, **variables)
        assert done.returncode == 0, done.stderr
        return done

    def ssh(self, node: str, command: str) -> str:
        done = self.run("ssh", node, command)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    @property
    def project(self) -> str:
        return (self.state / "docker" / "project").read_text().split()[0]

    def container(self, node: str) -> str:
        label = f"label=com.docker.compose.project={self.project}"
        found = self.engine.docker(
            "ps", "-aq", "--filter", label, "--filter", f"label=com.docker.compose.service={node}"
        )
        assert found
        return found

    def left(self, project: str) -> str:
        """What the engine still has of a project."""
        label = f"label=com.docker.compose.project={project}"
        docker = self.engine.docker
        return (
            docker("ps", "-aq", "--filter", label)
            + docker("network", "ls", "-q", "--filter", label)
            + docker("volume", "ls", "-q", "--filter", label)
        )
