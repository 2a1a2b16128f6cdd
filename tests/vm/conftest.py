"""Virtual clusters of the vm flavours that really boot."""

from __future__ import annotations

import os
import shutil
import signal
from typing import TYPE_CHECKING

import pytest
from clusters import Bundle
from machines import fixture
from tools import need

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from machines import Role


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Bundle]]:
    """Makes bundles; their nodes end with the module's tests."""
    for tool in ("qemu-system-x86_64", "ssh", "ssh-keygen"):
        need(tool)
    fixture()
    made: list[Bundle] = []

    def new(
        text: str,
        roles: Mapping[str, Role],
        tiny: bool = False,
        flavour: str = "vm-ramdisk",
        beside: Sequence[str] = (),
    ) -> Bundle:
        made.append(Bundle(tmp_path_factory.mktemp("cluster") / "env", text, roles, tiny, flavour, beside))
        return made[-1]

    yield new
    for one in made:
        one.run("down", "--grace", "0", "--all")
        for process in one.processes().values():
            os.kill(process.pid, signal.SIGKILL)
        # A ramdisk each: more than pytest should keep.
        shutil.rmtree(one.result, ignore_errors=True)
