{ stdenv }:

stdenv.mkDerivation {
  name = "switches";
  src = ./switches.c;
  dontUnpack = true;
  buildPhase = "$CC -O2 -Wall -o switches $src";
  installPhase = "install -D -t $out/bin switches";
}
