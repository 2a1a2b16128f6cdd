# The environment expressions
# Written by nxcc: change the source and compile again.
{
  pkgs,
  lib,
  flavour,
  modulesPath,
  ...
}:
let
  count = 4;
  rate = 1.5;
  memory = 2147483648;
  wait = 90;
  words = [
    "a"
    "b"
  ];
  on-off = true;
  label = ''
    x"y
    4'';
  sum = 9;
  half = 3;
  quoted = "raw \${not} \\n";
  block = ''
    first ${toString count}
      ''${kept} back\slash
  '';
  rawblock = "''\${x} ''\n";
  set = {
    a = 1;
    "x/y" = 2;
    b.c = 3;
  };
  peers = [
    "role-b1:80"
    "role-b2:80"
  ];
  squares = [
    1
    4
    9
    16
  ];
  all-ports = [
    "a"
    "b"
    "c"
  ];
  choice = "yes";
  tool = pkgs.gawk;
  path = "${pkgs.gawk}/bin/awk";
  picked = (pkgs.lib.last [ 1 2 ]);
  from-nix = if (pkgs.stdenv.isLinux) then 1 else 2;
in
{
  roles = {
    role-a =
      { ... }:
      {
        x.sum = sum;
        x.half = half;
        x.rate = rate;
        x.rate-text = "1.50 2GiB 90s";
        x.memory = memory;
        x.half-memory = 1073741824;
        x.memory-mib = "-Xmx2048m";
        x.wait = wait;
        x.words = [
          "a"
          "b"
          "c"
          "d"
        ];
        x.label = label;
        x.quoted = quoted;
        x.block = block;
        x.rawblock = rawblock;
        x.set = set;
        x.set-a = 4;
        x.peers = peers;
        x.first-peer = "role-b1:80";
        x.squares = squares;
        x.range = [
          1
          2
          3
        ];
        x.choice = choice;
        x.tool = tool;
        x.awk = "${tool}/bin/awk";
        x.path = path;
        x.picked = picked;
        x.sum-nix = (pkgs.lib.last [ 1 2 ]) + 1;
        x.cond = from-nix;
        x.equal = flavour.name == "docker";
        x.name = "on ${flavour.name} with ${toString count}";
        x.nothing = null;
        x.truth = [
          true
          false
          true
          true
          false
        ];
        x.len = 2;
        x.joined = "a, b";
        x.lines = [
          "a"
          "b"
        ];
        x.text = pkgs.writeText "name.txt" "content ${toString count}";
        x.base64 = "aGVsbG8=";
        x.dollar = "costs \${5} $5 é";
        x.hosts = [
          "role-b1"
          "role-b2"
        ];
        x.count = 4;
        x.percent = 1000000000;
        x.interp = "a${path}bc${toString count}";
        x.list = [
          1
          2
          3
        ];
        x.both = {
          a = 1;
          b.c = 2;
          "odd key" = 3;
        };
        x.long = 6;
      };
    role-b = { ... }: { };
  };
  rolesDistribution = {
    role-a = [ "role-a" ];
    role-b = [
      "role-b1"
      "role-b2"
    ];
  };
}
