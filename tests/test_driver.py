"""The test driver: what scripts find, how they end, what the compiler writes for it. Nodes: test_driver_nodes.py."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from driven import Driven, processes
from tools import need

from nxcc.compiler import compile_file
from nxcc.emit.testscripts import file_name
from nxcc.model.names import DRIVER_GLOBALS
from nxcc.resources import resource

if TYPE_CHECKING:
    from pathlib import Path

FILES = ("driver.py", "lib/channel.py", "lib/life.py", "lib/nodes.py")


@pytest.fixture
def driven(tmp_path: Path) -> Driven:
    return Driven(tmp_path)


# ---------------------------------------------------------------- scripts


def test_subtests_and_the_summary(driven: Driven) -> None:
    script = """
with subtest("first"):
    server.sleep(0.5)
with subtest("second"):
    server.succeed("false")
print("after")
"""
    done = driven.play(script)
    assert done.returncode == 1
    assert 'Test "second" failed with error: "command `false` failed (exit code 1)"\n' in done.stderr
    assert "test/test.py:5: server.succeed" in done.stderr
    *_, first, second, last = done.stderr.splitlines()
    assert first.split()[0] == "ok"
    assert 0.5 < float(first.split()[1]) < 5
    assert second.split()[::3] == ["FAILED", "second"]
    assert last.startswith("test/test.py FAILED after ")
    assert "after" not in done.stdout
    done = driven.play(script, "--keep-going", "yes")
    assert (done.returncode, done.stdout) == (1, "after\n")
    assert "test/test.py:5: server.succeed" in done.stderr


def test_the_names_that_the_compiler_knows_are_there(driven: Driven) -> None:
    driven.passes("\n".join(sorted(DRIVER_GLOBALS)))
    driven.passes(
        "assert machines == machines_qemu == [server, web_1] and driver.machines == machines\n"
        "assert isinstance(server, Machine) and vlans == machines_nspawn == []\n"
        "serial_stdout_off(); serial_stdout_on(); debug.breakpoint(); dump_machine_ssh(0)\n"
        "log.log('a'); log.info('b'); log.warning('c'); log.error('d'); server.log('e')\n"
        "with log.nested('f'), server.nested('g'): pass"
    )
    for call in ("create_machine({})", "run_tests()", "test_script()", "machine.succeed('true')"):
        assert f"test/test.py:1: {call}" in driven.fails(call)
    assert "machine: there are 2 nodes: server, web-1" in driven.fails("machine.succeed('true')")


def test_a_single_node_is_the_machine(tmp_path: Path) -> None:
    assert Driven(tmp_path, ("db-main",)).passes("print(machine.name, machine is db_main)") == "db-main True\n"


def test_a_node_without_bash(driven: Driven) -> None:
    """It is not waited for, nor said to be down."""
    driven.run.write_text(driven.run.read_text().replace("s,/run/systemd", "s/ bash / no-bash /g; s,/run/systemd"))
    for call in ("server.succeed('true')", "server.wait_until_succeeds('true')", "start_all()"):
        said = driven.fails(call).splitlines()
        assert "server has no bash, which runs the commands of test scripts" in said
    assert not any(line.startswith("up") for line in (driven.fake / "asked").read_text().splitlines())


def test_retry_and_join_all(driven: Driven) -> None:
    driven.passes("seen = []\nretry(lambda last: seen.append(last) or len(seen) > 1)\nassert seen == [False, False]")
    for limit in ("0.1", "timeout_seconds=0.1", "timeout=0.1"):
        assert "action timed out after 0." in driven.fails(f"retry(lambda last: False, {limit})")
    driven.passes("for node in machines: node.shutdown()\njoin_all()")


def test_assertions(driven: Driven) -> None:
    driven.passes("t.assertIn('a', 'abc')\nt.assertEqual(1, 1)")
    said = driven.fails("x = 1\nt.assertIn('z', 'abc')")
    assert "test/test.py:2: t.assertIn" in said
    assert said.splitlines()[-2] == "'z' not found in 'abc'"
    assert "AssertionError: reason" in driven.fails("assert 1 == 2, 'reason'")


def test_polling_conditions(driven: Driven) -> None:
    script = """
@polling_condition(seconds_interval=0)
def here():
    "the file is here"
    server.succeed("test -e x")
server.succeed("touch x")
with here:
    server.succeed("true")
    server.succeed("rm x")
    server.succeed("echo too late")
"""
    said = driven.fails(script)
    assert "test/test.py:10: server.succeed" in said
    assert "polling condition failed: the file is here" in said
    driven.passes(
        "@polling_condition\ndef gone():\n    return server.execute('test -e y')[0] == 0\n"
        "server.execute('sleep 1; touch y', check_output=False)\ngone.wait()\nwith gone: server.succeed('rm y')"
    )


@pytest.mark.parametrize(
    ("script", "lines"),
    [
        ("def f(n):\n    n.nothing()\n\nf(server)", ["test/test.py:4: f(server)", "test/test.py:2, in f: n.nothing()"]),
        ("x = 1\nx.y", ["test/test.py:2: x.y", "AttributeError: 'int' object has no attribute 'y'"]),
        ("x = (\n", ["test/test.py:1: x = (", "SyntaxError: "]),
        ("import sys\nsys.exit(3)", ["test/test.py:2: sys.exit(3)", "SystemExit: 3"]),
        ("raise Exception('two\\nlines')", ["test/test.py:1: raise", "Exception: two\nlines"]),
    ],
)
def test_errors_show_the_lines_of_the_script_only(driven: Driven, script: str, lines: list[str]) -> None:
    said = driven.fails(script)
    for line in lines:
        assert line in said
    assert "nodes.py" not in said
    debugged = driven.play(script, env={"NXCC_DEBUG": "1"}).stderr
    assert "Traceback" in debugged or "SyntaxError" in debugged


def test_a_script_may_end_early(driven: Driven) -> None:
    driven.passes("import sys\nsys.exit()")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 1)])
def test_interrupted(driven: Driven, number: int, code: int) -> None:
    command = driven.command({"": "print('go', flush=True)\nserver.succeed('exec sleep 984')\n"})
    with subprocess.Popen(
        command, cwd=driven.bundle, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout
        child.stdout.readline()
        deadline = time.monotonic() + 10
        while "\nsleep 984" not in processes() and time.monotonic() < deadline:
            time.sleep(0.1)
        child.send_signal(number)
        _, said = child.communicate(timeout=15)
    assert child.returncode == code
    assert "test/test.py:2: server.succeed" in said
    assert "Traceback" not in said
    assert "sleep 984" not in processes()


def test_which_test_runs(driven: Driven) -> None:
    scripts = {"json": "print('json')", "second one": "print('two')"}

    def chosen(*arguments: str, **more: str) -> tuple[int, str]:
        done = subprocess.run(
            driven.command({**scripts, **more}, *arguments),
            cwd=driven.bundle,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout or done.stderr

    # The first, where none is without a name; a script called as a module of Python's is not taken for it.
    assert chosen() == (0, "json\n")
    assert chosen("--name", "second one") == (0, "two\n")
    assert chosen("--name", "third") == (2, "test/driver.py: no test is called third; there are: json, second one\n")
    scripts[""] = "print('main')"
    assert chosen() == (0, "main\n")
    assert chosen("--name", "test") == (0, "main\n")
    scripts.clear()
    assert chosen() == (2, "test/driver.py: this environment declares no test\n")


def test_the_bundle_stays_as_it_is(driven: Driven) -> None:
    before = sorted(driven.bundle.joinpath("test").rglob("*"))
    driven.passes("server.succeed('true')")
    assert [path for path in sorted(driven.bundle.joinpath("test").rglob("*")) if path.name != "test.py"] == before


# ---------------------------------------------------------------- what the compiler writes


SOURCE = '''
environment lab
role web[2] { }
param n: int = 2
test """
  print("${flavour.name} ${n} ${./data.txt} @nxcc:flavour@ @nxcc:")
"""
test "driver" "print('of the name')"
test "a/b: ünï" "web1.succeed('${pkgs.hello}')"
'''


def compiled(folder: Path) -> dict[str, bytes]:
    (folder / "env.nxc").write_text(SOURCE)
    (folder / "data.txt").write_text("data")
    done = compile_file(str(folder / "env.nxc"), ("docker",), directory=str(folder / "out"))
    assert done.ok, done.diagnostics
    return {file.path: file.content for file in done.files}


def test_a_compiled_bundle_has_driver_and_scripts(tmp_path: Path, driven: Driven) -> None:
    files = compiled(tmp_path)
    names = [path for path in files if path.startswith("test/")]
    assert names == [*(f"test/{one}" for one in FILES), "test/test.py", "test/%64river.py", "test/a%2fb%3a ünï.py"]
    for one in FILES:
        with open(resource("templates", "test", one), "rb") as file:
            assert files[f"test/{one}"] == file.read()
    driven.nodes = ("web1", "web2")
    text = files["test/test.py"].decode()
    assert driven.passes(text) == f"fake 2 {driven.bundle}/sources/data.txt @nxcc:flavour@ @nxcc:\n"
    assert files["test/a%2fb%3a ünï.py"].decode() == "web1.succeed('@nxcc:nix@')"
    assert b"`test/`" in files["README.md"]


def test_what_nix_alone_knows_is_asked_of_nix(driven: Driven) -> None:
    need("nix-instantiate")
    (driven.bundle / "default.nix").write_text(
        '{ }: { tests.fake = { script = "print(1)"; scripts.${"a\\"b"} = "print(2)"; }; }'
    )
    assert driven.passes("'@nxcc:nix@'") == "1\n"
    scripts = {'a"b': ""}
    command = driven.command(scripts)
    (driven.bundle / "test" / file_name('a"b')).write_text("@nxcc:nix@")
    done = subprocess.run(command, cwd=driven.bundle, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "2\n"), done.stderr
    without = driven.play("'@nxcc:nix@'", env={"PATH": os.path.dirname(sys.executable)})
    assert without.returncode == 2
    assert "parts of this test are known to Nix alone" in without.stderr
    (driven.bundle / "default.nix").write_text("{ }: { }")
    broken = driven.play("'@nxcc:nix@'")
    assert broken.returncode == 2
    assert "Nix cannot tell the text of this test: see above" in broken.stderr


@pytest.mark.parametrize(
    "name", ["", "a", "test", "driver", "a/b", "../x", ".x", "-x", "é\n\0", "x" * 300, "%2f", "lib"]
)
def test_compiler_and_driver_agree_on_file_names(name: str) -> None:
    scope: dict[str, object] = {"hashlib": __import__("hashlib")}
    with open(resource("templates", "test", "driver.py"), encoding="utf-8") as file:
        tree = ast.parse(file.read())
    own = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "file_name")
    exec(compile(ast.Module([own], []), "driver", "exec"), scope)
    found = scope["file_name"](name)  # type: ignore[operator]
    assert found == file_name(name)
    assert "/" not in found
    assert len(found.encode()) < 255
    assert found != "driver.py"
    assert (found == "test.py") == (name == "")


@pytest.mark.parametrize("file", FILES)
def test_the_driver_is_python_3_8(file: str) -> None:
    with open(resource("templates", "test", file), encoding="utf-8") as opened:
        ast.parse(opened.read(), feature_version=(3, 8))
