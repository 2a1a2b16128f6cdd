"""Kills a compile at every one of its file-system operations, and checks what it leaves.

``python tests/kill_moments.py FOLDER SCENARIO`` works in FOLDER, prints how many moments there were, and exits 1 with
the first finding that is wrong. SCENARIO is update, first (a compile into nothing) or recovery (of a killed update).
A process of its own: it forks once a moment, which a test runner with threads had better not do.

A moment is a call of one of ``CALLS``; the process ends by SIGKILL before it, for ``write`` in the middle of it.
fsync does nothing meanwhile: it matters for a power cut, not for a kill, and is slow.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import stat
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

from nxcc.bundle import JOURNAL, Bundle, recover, write

CALLS = ("open", "write", "fsync", "rename", "unlink", "mkdir", "rmdir", "utime")
LIMIT = 400

Tree = dict[str, tuple[bytes, bool] | None]


def bundle_a() -> Bundle:
    bundle = Bundle()
    for number in range(40):
        bundle.add(f"part{number % 6}/file{number}", f"old {number}\n" * 20, number % 10 == 0)
    bundle.add("becomes-folder", "a file")
    bundle.add("becomes-file/one/deep", "in a folder")
    bundle.add("becomes-file/two", "in a folder")
    bundle.add("goes/away/entirely", "gone")
    bundle.add("mode", "the same", False)
    return bundle


def bundle_b() -> Bundle:
    bundle = Bundle()
    for number in range(8, 48):
        text = "old" if number % 4 == 0 else "new"
        bundle.add(f"part{number % 6}/file{number}", f"{text} {number}\n" * 20, number % 10 == 0)
    bundle.add("becomes-folder/with/file", "a folder")
    bundle.add("becomes-file", "a file")
    bundle.add("fresh/one", "x")
    bundle.add("fresh/below/two", "y", True)
    bundle.add("mode", "the same", True)
    return bundle


def tree(folder: str) -> Tree:
    """Everything in a folder but nxcc's own working files: content and executable bit, None for a folder."""
    found: Tree = {}
    for at, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".nxcc-")]
        for name in folders:
            found[os.path.relpath(os.path.join(at, name), folder)] = None
        for name in files:
            if not name.startswith(".nxcc-"):
                path = os.path.join(at, name)
                with open(path, "rb") as file:
                    mode = os.stat(path).st_mode
                    found[os.path.relpath(path, folder)] = (file.read(), bool(mode & stat.S_IXUSR))
    return found


def leftovers(folder: str) -> list[str]:
    return [name for name in os.listdir(folder) if name.startswith(".nxcc-")] if os.path.isdir(folder) else []


def user_files(folder: str) -> None:
    """What a user may have lying in a bundle's folder, beside and among its files."""
    for name in ("notes.txt", "part1/mine", "goes/away/mine", "own/folder/file"):
        path = os.path.join(folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write("the user's\n")
    os.makedirs(os.path.join(folder, "empty"))


def killed_at(moment: int, action: Callable[[], object]) -> bool:
    """Run ``action`` in a child that is killed at its ``moment``-th call; False if it ended before."""
    child = os.fork()
    if child == 0:
        try:
            _arm(moment)
            action()
            os._exit(0)
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(9)
    status = os.waitpid(child, 0)[1]
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL:
        return True
    expect(status == 0, f"the child failed at moment {moment}: status {status}")
    return False


def _arm(moment: int) -> None:
    count = 0

    def armed(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            nonlocal count
            count += 1
            if count == moment:
                if name == "write":
                    real(args[0], args[1][: len(args[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return None if name == "fsync" else real(*args, **options)

        return call

    for name in CALLS:
        setattr(os, name, armed(name, getattr(os, name)))
    fcntl.lockf = armed("lockf", fcntl.lockf)


def expect(condition: bool, text: str) -> None:
    if not condition:
        sys.exit(text)


def fresh(folder: str, template: str) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    if os.path.isdir(template):
        shutil.copytree(template, folder)


def every_moment(base: str, name: str, start: str, goal: Bundle, other: Bundle) -> int:
    """Kill the write of ``goal`` over ``start`` at each moment; finish by recover or by a write, of it or another."""
    done, other_done, folder = (os.path.join(base, part) for part in ("done", "other-done", "work"))
    for template, bundle in ((done, goal), (other_done, other)):
        fresh(template, start)
        write(bundle, template, facts=facts(bundle))
    before, after, after_other = tree(start), tree(done), tree(other_done)
    for moment in range(1, LIMIT):
        fresh(folder, start)
        if not killed_at(moment, lambda: write(goal, folder, facts=facts(goal))):
            expect(tree(folder) == after and not leftovers(folder), f"{name}: unkilled, and not the new bundle")
            return moment - 1
        at = f"{name}, killed at {moment}"
        stands, journal = tree(folder), os.path.lexists(os.path.join(folder, JOURNAL))
        expect(journal or stands in (before, after), f"{at}: neither old nor new, and no journal")
        if moment % 3 == 0:
            expect(recover(folder) == journal, f"{at}: recover does not say what it did")
            expect(tree(folder) == (after if journal else stands), f"{at}: not finished by recover")
        bundle, wanted = (other, after_other) if moment % 3 == 1 else (goal, after)
        written = write(bundle, folder, facts=facts(bundle))
        expect(tree(folder) == wanted, f"{at}: the next compile did not mend it")
        expect(not leftovers(folder), f"{at}: left behind: {leftovers(folder)}")
        expect(not written.kept, f"{at}: {written.kept} seen as edited")
    return LIMIT


def facts(bundle: Bundle) -> dict[str, object]:
    return {"nxcc": "1", "digest": bundle.digest()}


def killed_recovery(base: str, start: str, goal: Bundle) -> int:
    """Kill the write where its journal first stands, then the recovery at each of its moments."""
    done, work, half = (os.path.join(base, part) for part in ("done", "work", "half"))
    fresh(done, start)
    write(goal, done, facts=facts(goal))
    after = tree(done)
    for first in range(1, LIMIT):
        fresh(half, start)
        killed_at(first, lambda: write(goal, half, facts=facts(goal)))
        if os.path.lexists(os.path.join(half, JOURNAL)):
            break
    for moment in range(1, LIMIT):
        fresh(work, half)
        if not killed_at(moment, lambda: recover(work)):
            return moment - 1
        journal = os.path.lexists(os.path.join(work, JOURNAL))
        expect(journal or tree(work) == after, f"recovery killed at {moment}: unfinished, and no journal")
        recover(work)
        expect(tree(work) == after, f"recovery killed at {moment}: not finished by the next")
        write(goal, work, facts=facts(goal))
        expect(not leftovers(work), f"recovery killed at {moment}: left behind: {leftovers(work)}")
    return LIMIT


def main(base: str, scenario: str) -> None:
    os.fsync = lambda fd: None
    nothing, old = os.path.join(base, "nothing"), os.path.join(base, "old")
    write(bundle_a(), old, facts=facts(bundle_a()))
    user_files(old)
    if scenario == "update":
        print(every_moment(base, scenario, old, bundle_b(), bundle_a()))
    elif scenario == "first":
        print(every_moment(base, scenario, nothing, bundle_a(), bundle_b()))
    else:
        print(killed_recovery(base, old, bundle_b()))


if __name__ == "__main__":
    main(*sys.argv[1:])
