"""The Nix library of a bundle, by a real Nix on a real nixpkgs (20.09's options): what roles evaluate to."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from nix_systems import make_bundle, nixpkgs, of_bundle, run_nix
from tools import need

from nxcc.resources import resource

LIBRARY = Path(resource("nix"))

COMPOSITION = """
{ pkgs, lib, flavour, ... }:
let
  base = { documentation.enable = false; };
  secret = { token = "/run/nxcc/secrets/token"; };
in
{
  roles = {
    server = { config, ... }: {
      imports = [ base ./nix/modules/secrets.nix ./nix/modules/shares.nix ]
        ++ [ ./nix/modules/links.nix ./nix/modules/readiness.nix ]
        ++ lib.optionals (flavour.name == "docker") [ { environment.variables.WHERE = "docker"; } ];
      nxcc.secrets.token = { };
      nxcc.secrets.key = { owner = "nobody"; mode = "0440"; units = [ "nscd" ]; };
      nxcc.shares."/data" = { };
      nxcc.shares."/home/a b".readOnly = true;
      users.users.alice = { isNormalUser = true; group = "wheel"; };
      users.users.inner = { isNormalUser = true; home = "/home/alice/inner"; };
      nxcc.shares."/home/alice" = { };
      nxcc.shares."/home/alice/results" = { };
      nxcc.shares."/home/alice/inner/x".owner = "root";
      nxcc.shares."/home/alices".group = "wheel";
      nxcc.shares."/tmp" = { };
      nxcc.shares."/srv/theirs" = { };
      nxcc.shares."/srv/ours".owner = "alice";
      systemd.tmpfiles.rules = [ "d /srv/theirs 0700 nobody nogroup -" "d /srv/ours 0700 nobody nogroup -" ];
      nxcc.shares."/scratch".mode = "1777";
      nxcc.links = [
        { to = [ "agent1" "agent2" ]; delay = 100; jitter = 0.5; loss = 1; rate = 1000000000; }
        { to = [ "other" ]; rate = 5000000; }
      ];
      nxcc.ready = [ { port = 6443; } { unit = "k3s.service"; } { command = "test 'a b' = \\"a b\\""; } ];
      services.k3s = { enable = true; role = "server"; extraFlags = "--token-file ${secret.token}"; };
      networking.firewall.allowedTCPPorts = [ 6443 ];
      # A path that cannot be copied to the store: looking for secrets must not try.
      systemd.services.elsewhere.serviceConfig = { WorkingDirectory = /dev; Restart = "no"; };
      systemd.services.stops.postStop = "rm ${secret.token}";
    };
    agent = {
      imports = [ base ./nix/modules/shares.nix ];
      nxcc.mounts."/data" = { role = "server"; host = "server"; source = "/data"; };
    };
  };
}
"""


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the tests ask about the composition above, evaluated once."""
    bundle = make_bundle(tmp_path_factory.mktemp("library") / "bundle", COMPOSITION)
    found: dict[str, Any] = of_bundle(
        bundle,
        """
        let
          inherit (bundle) systems;
          docker = systems.docker.server.config;
          plain = systems.plain.server.config;
          unit = config: name: { inherit (config.systemd.services.${name}) after requires; };
          ready = config: (lib.findFirst (p: p.name or "" == "nxcc-ready") null config.environment.systemPackages).text;
        in {
          flavours = lib.attrNames bundle.roles;
          packages = lib.mapAttrs (_: p: p.name) bundle.packages;
          k3s = unit docker "k3s";
          nscd = unit docker "nscd";
          stops = unit docker "stops";
          elsewhere = docker.systemd.services.elsewhere.after;
          sshd = docker.systemd.services.nix-daemon.after;
          secrets = docker.systemd.services.nxcc-secrets.script;
          links = docker.systemd.services.nxcc-links.script;
          modules = { plain = plain.boot.kernelModules; docker = docker.boot.kernelModules; };
          exports = plain.services.nfs.server.exports;
          rules = plain.systemd.tmpfiles.rules;
          docker_rules = docker.systemd.tmpfiles.rules;
          mount = systems.plain.agent.config.fileSystems."/data";
          docker_nfs = docker.services.nfs.server.enable;
          docker_mounts = lib.attrNames systems.docker.agent.config.fileSystems;
          where = { plain = plain.environment.variables ? WHERE; docker = docker.environment.variables.WHERE; };
          ready = { server = ready docker; agent = ready systems.docker.agent.config; };
          firewall = { plain = plain.networking.firewall.enable; docker = docker.networking.firewall.enable; };
          noXlibs = docker.environment.noXlibs or false;
          polkit = docker.security.polkit.enable;
          same = lib.mapAttrs (_: lib.mapAttrs (_: e: e.pkgs.hello.outPath == bundle.pkgs.hello.outPath)) systems;
        }
        """,
    )
    return found


@pytest.mark.parametrize("file", sorted(LIBRARY.rglob("*.nix")), ids=lambda file: file.name)
def test_parses(file: Path) -> None:
    run_nix(need("nix-instantiate"), "--parse", str(file))


def test_shell_is_clean() -> None:
    for file in sorted(LIBRARY.rglob("*.sh")):
        subprocess.run([need("shellcheck"), "-s", "sh", str(file)], check=True)


def test_every_flavour_has_roles_and_packages(facts: dict[str, Any]) -> None:
    flavours = sorted(file.stem for file in (LIBRARY / "flavours").glob("*.nix"))
    assert facts["flavours"] == flavours
    # Plain is nothing to build.
    built = {*flavours, "docker-host"} - {"plain"}
    names = {name: f"nxcc-lab-{name}" for name in built}
    assert facts["packages"] == {**names, "nixos-test": "vm-test-run-nxcc-lab"}
    assert facts["where"] == {"plain": False, "docker": "docker"}
    assert facts["same"]["docker"] == {"agent": True, "server": True}


def test_containers_leave_network_and_wall_to_the_engine(facts: dict[str, Any]) -> None:
    assert facts["firewall"] == {"plain": True, "docker": False}
    assert facts["noXlibs"] is False
    assert facts["polkit"] is False


def test_units_wait_for_their_secrets(facts: dict[str, Any]) -> None:
    for unit in ("k3s", "nscd", "stops"):
        assert "nxcc-secrets.service" in facts[unit]["after"]
        assert facts[unit]["requires"] == ["nxcc-secrets.service"]
    for unit in ("sshd", "elsewhere"):
        assert "nxcc-secrets.service" not in facts[unit]


def test_shares_are_nfs_on_machines_and_nothing_in_docker(facts: dict[str, Any]) -> None:
    assert facts["exports"].splitlines()[:2] == [
        '"/data" *(rw,no_subtree_check,no_root_squash,crossmnt,fsid=1)',
        '"/home/a b" *(ro,no_subtree_check,no_root_squash,crossmnt,fsid=2)',
    ]
    assert 'd "/home/a b" - - - -' in facts["rules"]
    assert facts["mount"]["device"] == "server:/data"
    assert "x-systemd.automount" in facts["mount"]["options"]
    assert facts["docker_nfs"] is False
    assert "/data" not in facts["docker_mounts"]


@pytest.mark.parametrize("rules", ["rules", "docker_rules"])
def test_a_shared_home_stays_its_user_s(rules: str, facts: dict[str, Any]) -> None:
    found = [rule for rule in facts[rules] if rule.startswith(('d "/home/alice', 'd "/scratch', 'd "/data', 'd "/tmp'))]
    assert found == [
        'd "/home/alice/inner/x" 0755 root root -',
        'd "/home/alices" - - wheel -',
        'd "/scratch" 1777 - - -',
        'd "/data" - - - -',
        'd "/home/alice" 0700 alice wheel -',
        'd "/home/alice/results" 0755 alice wheel -',
        'd "/tmp" 1777 - - -',
    ]


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives directories away")
@pytest.mark.parametrize("rules", ["rules", "docker_rules"])
def test_rules_for_shared_directories_are_where_they_count(rules: str, facts: dict[str, Any], tmp_path: Path) -> None:
    """By the real systemd-tmpfiles, in a root of its own: what is said counts, and nothing unsaid is changed."""
    mine = [rule for rule in facts[rules] if "/srv/" in rule or '"/data"' in rule or '"/tmp"' in rule]
    for name in ("tmp", "data"):
        (tmp_path / name).mkdir()
    (tmp_path / "data").chmod(0o2751)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nalice:x:1:1::/:\nnobody:x:65534:65534::/:\n")
    (tmp_path / "etc/group").write_text("root:x:0:\nwheel:x:1:\nnogroup:x:65534:\n")
    (tmp_path / "rules.conf").write_text("".join(f"{rule}\n" for rule in mine))
    run_nix(need("systemd-tmpfiles"), f"--root={tmp_path}", "--create", str(tmp_path / "rules.conf"))

    def found(name: str) -> tuple[int, int]:
        status = (tmp_path / name).stat()
        return status.st_uid, status.st_mode & 0o7777

    assert (found("tmp"), found("data")) == ((0, 0o1777), (0, 0o2751))
    assert (found("srv/ours"), found("srv/theirs")) == ((1, 0o755), (65534, 0o700))


def test_links(facts: dict[str, Any]) -> None:
    # 1 Gbit/s for 100.5 ms are 8375 packets of 1500 bytes, doubled.
    assert "'1000000000' 'delay 100ms 0.500000ms loss 1% limit 16750' 'agent1 agent2'" in facts["links"]
    assert "'5000000' '-' 'other'" in facts["links"]
    assert "sch_netem" in facts["modules"]["plain"]
    assert "sch_netem" not in facts["modules"]["docker"]


def script(text: str) -> str:
    """A script of the library as it runs without its store: with the PATH of this machine."""
    return "\n".join(line for line in text.splitlines() if not line.startswith(("#!", "export PATH")))


def test_ready_looks_at_each_condition(facts: dict[str, Any]) -> None:
    import socket

    need("ss")
    text = script(facts["ready"]["server"])
    assert "systemctl is-active --quiet 'multi-user.target'" in facts["ready"]["agent"]
    with socket.create_server(("127.0.0.1", 0)) as server:
        text = text.replace("6443", str(server.getsockname()[1])).replace("systemctl is-active --quiet", "test -n")

        def run(text: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run([need("bash"), "-c", text], capture_output=True, text=True, check=False)

        assert run(text).returncode == 0
        failed = run(text.replace('= "a b"\'', '= "c"\''))
        assert failed.returncode == 1
        assert failed.stderr.startswith("not ready: fails: test")
    closed = run(text)
    assert closed.returncode == 1
    assert "nothing listens on port" in closed.stderr


def namespace(*options: str) -> list[str]:
    """A command that runs another with a /run and, if asked for, a network of its own."""
    command = [need("unshare"), "--mount", *options]
    if subprocess.run([*command, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine allows no namespaces")
    return [*command, need("bash"), "-c", 'mount -t tmpfs tmpfs /run && exec bash -e -c "$0"']


def test_secrets_are_waited_for_and_copied(facts: dict[str, Any]) -> None:
    text = script(facts["secrets"])
    deliver = """
        (
            sleep 0.5
            mkdir -p -m 0700 /run/nxcc/host/secrets
            umask 022
            printf pub > /run/nxcc/host/secrets/key.pub
            printf one > /run/nxcc/host/secrets/key
            printf two > /run/nxcc/host/secrets/token
        ) &
    """
    show = "stat -c '%n %U %a' /run/nxcc/secrets /run/nxcc/secrets/*; cat /run/nxcc/secrets/*"
    done = subprocess.run(
        [*namespace(), f"{deliver}{text}\n{show}"], capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "waiting for /run/nxcc/host/secrets/key",
        "/run/nxcc/secrets root 711",
        "/run/nxcc/secrets/key nobody 440",
        "/run/nxcc/secrets/key.pub root 444",
        "/run/nxcc/secrets/token root 400",
        "onepubtwo",
    ]


def links(arguments: str, then: str) -> subprocess.CompletedProcess[str]:
    need("tc")
    source = LIBRARY / "modules" / "links.sh"
    text = (
        "ip link add eth0 type veth peer name port; ip link set lo up; ip link set eth0 up;"
        f"ip address add 10.0.0.1/24 dev eth0; sh {source} {arguments}; {then}"
    )
    return subprocess.run([*namespace("--net"), text], capture_output=True, text=True, check=False, timeout=30)


def test_link_shapes_by_address_and_lets_go() -> None:
    done = links(
        "5000000 - 10.0.0.2",
        f"tc class show dev eth0; tc filter show dev eth0; sh {LIBRARY}/modules/links.sh stop; tc qdisc show dev eth0",
    )
    assert done.returncode == 0, done.stderr
    assert "class htb 1:10 root prio" in done.stdout
    assert "rate 5Mbit" in done.stdout
    assert "match 0a000002/ffffffff" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("qdisc noqueue")


def test_link_of_a_node_to_itself_is_none() -> None:
    done = links("5000000 - 'localhost 10.0.0.1 10.0.0.2'", "tc qdisc show dev lo; tc filter show dev eth0")
    assert done.returncode == 0, done.stderr
    assert "qdisc noqueue" in done.stdout
    assert "qdisc htb" not in done.stdout
    assert done.stdout.count("match ") == 1


def test_links_start_again_after_a_kill() -> None:
    done = links(
        "5000000 - 10.0.0.2",
        f"sh {LIBRARY}/modules/links.sh 7000000 - 10.0.0.2; tc filter show dev eth0; tc class show dev eth0",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("match 0a000002/ffffffff") == 1
    assert "rate 7Mbit" in done.stdout


def test_links_of_a_killed_run_are_let_go() -> None:
    done = links(
        "5000000 - 10.0.0.2",
        "ip link add eth1 type veth peer name port1; ip link set eth1 up; ip address add 10.0.1.1/24 dev eth1;"
        f"sh {LIBRARY}/modules/links.sh 7000000 - 10.0.1.2; tc qdisc show",
    )
    assert done.returncode == 0, done.stderr
    assert "qdisc htb 1: dev eth1" in done.stdout
    assert "dev eth0" not in done.stdout.replace("qdisc noqueue 0: dev eth0", "")


def test_link_without_netem_says_so() -> None:
    done = links("- 'delay 10ms limit 1000' 10.0.0.2", "tc qdisc show dev eth0")
    if done.returncode == 0:
        assert "delay 10ms" in done.stdout
    else:
        assert "the kernel needs sch_netem" in done.stderr


def test_image_is_an_archive_with_links(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle", "_: { roles.node = { documentation.enable = false; }; }")
    source = nixpkgs()
    run_nix("nix-instantiate", f"{bundle}/default.nix", "--arg", "nixpkgs", source, "-A", "docker")
    text = of_bundle(bundle, "bundle.docker.buildCommand")
    assert "node nxcc/lab-node:" in text
    assert "$out/images/node.tar.gz" in text
    assert "$out/toplevels/node" in text


def test_nixos_compose_arguments(tmp_path: Path) -> None:
    composition = """{ pkgs, lib, system, modulesPath, helpers, flavour, setup, nur }: {
      nodes = helpers.makeMany { environment.variables.SYSTEM = "${system} ${flavour.name} ${setup.name}"; } "node" 2
        // { by = { imports = [ (modulesPath + "/profiles/headless.nix") ]; }; };
    }"""
    bundle = make_bundle(tmp_path / "bundle", composition)
    found = of_bundle(
        bundle, "lib.mapAttrs (_: r: r.config.environment.variables.SYSTEM or null) bundle.systems.docker"
    )
    assert found == {"by": None, "node1": "x86_64-linux docker ", "node2": "x86_64-linux docker "}


def test_error_in_a_role_names_it(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "bundle", "_: { roles.node.services.nothing.enable = true; }")
    message = of_bundle(bundle, "bundle.roles.plain.node.drvPath", expect=1)
    assert "role node of" in message
