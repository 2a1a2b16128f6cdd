"""The unit of nix/modules/secrets.nix: whose the copies are that a node reads."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from machines import secrets_script

if TYPE_CHECKING:
    from pathlib import Path

NOBODY = 65534


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
def test_the_public_half_is_root_s_whoever_owns_the_secret(tmp_path: Path) -> None:
    """Users log in with it: the secret's owner is to add no key for them."""
    host = tmp_path / "host/secrets"
    host.mkdir(parents=True)
    (host / "key").write_text("private\n")
    (host / "key.pub").write_text("public\n")
    script = secrets_script(["key"]).replace("/run/nxcc", str(tmp_path)).replace("root root 0400", "65534 65534 0600")
    subprocess.run(["sh", "-c", f"umask 077\n{script}"], check=True, timeout=60)
    folder = tmp_path / "secrets"
    assert sorted(os.listdir(folder)) == ["key", "key.pub"]
    private, public = (folder / "key").stat(), (folder / "key.pub").stat()
    assert (private.st_uid, private.st_gid, private.st_mode & 0o777) == (NOBODY, NOBODY, 0o600)
    assert (public.st_uid, public.st_gid, public.st_mode & 0o777) == (0, 0, 0o444)
    # Both are found by who knows their names, and listed by root alone.
    assert folder.stat().st_mode & 0o777 == 0o711
