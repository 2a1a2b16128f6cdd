"""The model of an environment: what load, evaluate and check make, and what the flavours plan from.

Facts that may stand under ``on FLAVOUR`` carry ``only``: the flavours in which they hold, empty for all.
"""

from __future__ import annotations

from nxcc.diagnostics.core import Source, Span
from nxcc.model.values import Value
from nxcc.records import NamedTuple


class Node(NamedTuple):
    """One machine of a role.

    ``number`` counts all nodes of the environment from 1 in the order of the roles; ``address`` is the node's IPv4
    address on the private network where the flavour makes one.
    """

    name: str
    role: str
    number: int
    address: str


class Ports(NamedTuple):
    """A range of open ports, ``first`` to ``last``; ``protocol`` is tcp or udp."""

    first: int
    last: int
    protocol: str
    only: tuple[str, ...] = ()


class Publish(NamedTuple):
    """A port of the launching machine that leads to one of the node; on a counted role the host port counts up."""

    address: str
    host_port: int
    node_port: int
    protocol: str
    span: Span
    only: tuple[str, ...] = ()


class Ready(NamedTuple):
    """What must hold before a node counts as ready: ``kind`` is port, unit or command, ``argument`` its value."""

    kind: str
    argument: str
    span: Span
    only: tuple[str, ...] = ()


class Share(NamedTuple):
    """A directory of the node that others may mount."""

    directory: str
    read_only: bool
    span: Span
    only: tuple[str, ...] = ()


class Mount(NamedTuple):
    """``directory`` of this role's nodes is ``source`` of the first node of ``role``."""

    directory: str
    role: str
    source: str
    span: Span
    only: tuple[str, ...] = ()


class After(NamedTuple):
    """The role's nodes are brought up once those of ``role`` are ready."""

    role: str
    span: Span
    only: tuple[str, ...] = ()


class Resources(NamedTuple):
    """What a node may use: ``cpus`` in processors, ``memory`` and ``disk`` in bytes; None where not given."""

    cpus: int | float | None
    memory: int | None
    disk: int | None
    span: Span
    only: tuple[str, ...] = ()


class Kernel(NamedTuple):
    """A kernel package (``value``), or with ``parameters`` more kernel parameters."""

    value: Value
    parameters: tuple[str, ...]
    span: Span
    only: tuple[str, ...] = ()


class UseSecret(NamedTuple):
    """The role's nodes read the secret of that name."""

    name: str
    only: tuple[str, ...] = ()


class Settings(NamedTuple):
    """Settings of one flavour: (name, values, place), a value being a literal or a word."""

    flavour: str
    values: tuple[tuple[str, tuple[Value, ...], Span], ...]
    span: Span


class Import(NamedTuple):
    """A NixOS module: a path, a reference or a Nix fragment; ``body`` where a fragment is a module's body."""

    value: Value
    body: bool
    span: Span


class Definition(NamedTuple):
    """A NixOS option given a value. ``path`` has one element an attribute."""

    path: tuple[str, ...]
    value: Value
    span: Span


class UseProfile(NamedTuple):
    """A profile in a module's imports: ``module`` is the key of a Module, ``arguments`` by name."""

    module: str
    arguments: tuple[tuple[str, Value], ...]


class Gated(NamedTuple):
    """A module body that holds in the named flavours only."""

    flavours: tuple[str, ...]
    body: Body


class Body(NamedTuple):
    """A NixOS module: what it imports, its options in order, and the parts for some flavours only.

    ``features`` names the modules of nxcc's own Nix library that its options need.
    """

    profiles: tuple[UseProfile, ...] = ()
    imports: tuple[Import, ...] = ()
    constants: tuple[tuple[str, Value], ...] = ()
    scripts: tuple[Script, ...] = ()
    definitions: tuple[Definition, ...] = ()
    gated: tuple[Gated, ...] = ()
    features: tuple[str, ...] = ()


class Module(NamedTuple):
    """A profile with one set of arguments, as composition.nix binds it.

    ``key`` is unique among the modules; ``parameters`` are the names of its arguments (none for a plain module).
    """

    key: str
    name: str
    parameters: tuple[str, ...]
    body: Body
    text: str


class Role(NamedTuple):
    """A role with its nodes and everything that flavours ask about it, profiles included."""

    name: str
    text: str
    counted: bool
    nodes: tuple[Node, ...]
    body: Body
    span: Span
    adopted: str = ""
    after: tuple[After, ...] = ()
    ready: tuple[Ready, ...] = ()
    ports: tuple[Ports, ...] = ()
    publish: tuple[Publish, ...] = ()
    shares: tuple[Share, ...] = ()
    mounts: tuple[Mount, ...] = ()
    resources: tuple[Resources, ...] = ()
    kernels: tuple[Kernel, ...] = ()
    secrets: tuple[UseSecret, ...] = ()
    settings: tuple[Settings, ...] = ()


class Link(NamedTuple):
    """What each node of ``source`` sends to the nodes of ``target``, together, is shaped.

    ``delay`` and ``jitter`` in milliseconds, ``loss`` in percent, ``rate`` in bits per second; None where not given.
    """

    source: str
    target: str
    delay: int | float | None
    jitter: int | float | None
    loss: int | float | None
    rate: int | None
    span: Span


class Secret(NamedTuple):
    """A secret by name: ``kind`` is random, ssh-key or file.

    ``file`` is the path that ``run`` reads it from: absolute in the model, and relative to the bundle when a flavour
    plans, so that the output does not depend on where the source lies; but where the source itself names it from the
    root, ``fixed``, it stays.
    """

    name: str
    kind: str
    owner: str
    group: str
    mode: str
    text: str
    file: str
    span: Span
    fixed: bool = False


class Nixpkgs(NamedTuple):
    """The nixpkgs to build with: a flake reference, or a path; ``unfree`` is True or the allowed names."""

    reference: str
    path: str
    system: str
    unfree: bool | tuple[str, ...]
    insecure: tuple[str, ...]
    span: Span | None


class Input(NamedTuple):
    """Another flake or Nix repository.

    ``reference`` is a flake reference, or "" where ``path`` names a folder; ``follows`` names the inputs of its that
    are ours; ``attribute`` is where its packages stand below pkgs, () for nowhere.
    """

    name: str
    reference: str
    path: str
    follows: tuple[str, ...]
    attribute: tuple[str, ...]
    span: Span


class Override(NamedTuple):
    """A package built differently: ``target`` is its path below pkgs, or below ``input`` where that is not "".

    ``source`` is a path, or a reference with its hash, or None.
    """

    target: tuple[str, ...]
    source: Value
    hash: str
    version: Value
    patches: tuple[Value, ...]
    attributes: Value
    arguments: Value
    span: Span
    input: str = ""


class Package(NamedTuple):
    """A package of the user's own, made by callPackage from a file, with arguments."""

    name: str
    path: str
    arguments: Value
    span: Span


class Script(NamedTuple):
    """A declared executable: ``language`` is bash, sh or python; ``libraries`` Python packages or references."""

    name: str
    language: str
    libraries: tuple[Value, ...]
    content: Value
    span: Span


class Parameter(NamedTuple):
    """A parameter with the value of this compile."""

    name: str
    type: str
    value: Value
    text: str
    span: Span


class Constant(NamedTuple):
    """A ``let`` with its value."""

    name: str
    value: Value
    span: Span


class Network(NamedTuple):
    """The private network: ``subnet`` in CIDR notation, whether the source gave it, whether peers trust each other.

    ``trust`` is where the source says that they do not.
    """

    subnet: str
    given: bool
    trust_peers: bool
    trust: Span | None = None


class NamedFile(NamedTuple):
    """A file or folder that the output refers to, by its absolute path; ``nix`` where it is Nix that is evaluated."""

    path: str
    nix: bool
    span: Span


class Test(NamedTuple):
    """A NixOS test script; the unnamed one has the name ""."""

    name: str
    script: Value
    span: Span


class Environment(NamedTuple):
    """A whole environment, evaluated.

    ``sources`` are the texts that the compile read, ``files`` what the output refers to, ``folder`` the absolute path
    of the root file's folder.
    """

    name: str
    text: str
    setup: str
    nixpkgs: Nixpkgs
    network: Network
    roles: tuple[Role, ...]
    modules: tuple[Module, ...] = ()
    links: tuple[Link, ...] = ()
    secrets: tuple[Secret, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    constants: tuple[Constant, ...] = ()
    inputs: tuple[Input, ...] = ()
    overlays: tuple[Value, ...] = ()
    overrides: tuple[Override, ...] = ()
    packages: tuple[Package, ...] = ()
    scripts: tuple[Script, ...] = ()
    settings: tuple[Settings, ...] = ()
    tests: tuple[Test, ...] = ()
    sources: tuple[Source, ...] = ()
    files: tuple[NamedFile, ...] = ()
    folder: str = ""

    @property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes, in the order of the roles."""
        return tuple(node for role in self.roles for node in role.nodes)

    def role(self, name: str) -> Role:
        """The role of that name; KeyError where there is none."""
        for role in self.roles:
            if role.name == name:
                return role
        raise KeyError(name)


def holds(fact: Ports | Publish | Ready | Share | Mount | After | Resources | Kernel | UseSecret, flavour: str) -> bool:
    """Whether a fact holds in a flavour."""
    return not fact.only or flavour in fact.only
