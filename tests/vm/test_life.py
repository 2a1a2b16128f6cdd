"""What test scripts do to the life of machines: reboot, power off and start again, cut off; and files both ways."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from machines import Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from clusters import Bundle

pytestmark = pytest.mark.slow

SOURCE = '''
environment life
role one { resources { memory 384MiB } }
role two { resources { memory 384MiB } }
test """
  start_all()
  with subtest("files"):
      one.succeed("mkdir -p /srv/a; head -c 3000000 /dev/urandom >/srv/a/b; touch /run/gone")
      one.copy_from_vm("/srv/a", "got")
      two.copy_from_host(os.environ["out"] + "/got/a/b", "/srv/new/b")
      assert one.succeed("md5sum </srv/a/b") == two.succeed("md5sum </srv/new/b")
      assert one.execute("echo out; exit 3") == (3, "out\\n")
      one.succeed("sleep 300 >/dev/null &")
  with subtest("cut off"):
      one.succeed("ping -c 1 -w 60 two")
      two.block()
      one.fail("ping -c 1 -W 2 two")
      two.unblock()
      one.wait_until_succeeds("ping -c 1 -W 5 two", timeout=300)
  with subtest("reboot"):
      one.reboot()
      one.fail("test -e /run/gone")
      one.wait_for_unit("multi-user.target")
      one.wait_until_succeeds("ping -c 1 -W 5 two", timeout=300)
  with subtest("power"):
      two.shutdown()
      two.start()
      two.succeed("hostname | grep two")
"""
'''


def test_life(cluster: Callable[..., Bundle]) -> None:
    bundle = cluster(SOURCE, {"one": Role(), "two": Role()})
    done = bundle.run("test", timeout=3000)
    assert done.returncode == 0, done.stderr
    assert (bundle.state / "test/test/got/a/b").stat().st_size == 3_000_000
