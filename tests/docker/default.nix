# What `nix-build BUNDLE -A docker` gives (docs/flavours/docker.md), built without nixpkgs: images that hold next to
# nothing, or with `store` = "host" a system that is busybox. For the tests of `run build`, `load`, `pack` and `up`.
{ store, busybox, archive, says }:

let
  build = name: script: derivation {
    inherit name;
    system = builtins.currentSystem;
    builder = "/bin/sh";
    args = [ "-euc" "PATH=/usr/bin:/bin\n${script}" ];
  };

  box = build "busybox" "mkdir -p $out/bin; cp ${builtins.path { path = busybox; name = "box"; }} $out/bin/busybox";

  system = build "nixos-system-toy" ''
    mkdir -p $out/sw/bin
    cat > $out/init <<'INIT'
    #!${box}/bin/busybox sh
    ${box}/bin/busybox mkdir -p /bin
    ${box}/bin/busybox --install -s /bin
    export PATH=/bin
    trap 'exit 0' 37 # SIGRTMIN+3
    echo "${says}" > /run/booted
    while :; do sleep 0.2; done
    INIT
    chmod +x $out/init
  '';

  image = builtins.path { path = archive; name = "archive.tar"; };
in
{
  docker =
    if store == "host" then build "docker-host" ''
      mkdir -p $out/toplevels
      : > $out/images.txt
      ln -s ${system} $out/toplevels/a
    ''
    else build "docker" ''
      mkdir -p $out/images $out/toplevels
      cp ${image} $out/images/a.tar
      echo "a nxcc-test/toy-a:0123456789abcdef images/a.tar" > $out/images.txt
      ln -s ${system} $out/toplevels/a
    '';
}
