# The kernel's command line that a role is started with, ROLE INIT CONFIG, without what a launcher adds.
{ lib }:

let
  # What no launcher can hand on, whatever it writes it into: a shell's command between double quotes, most of the time.
  refused = [ "\"" "'" "$" "`" "\\" "\n" "\r" "\t" ];
in
role: init: config:

let
  # The context is discarded: in an image, a ramdisk or behind NFS the store is elsewhere, and for vm a link keeps it.
  text = builtins.unsafeDiscardStringContext (lib.concatStringsSep " " ([ "init=${init}" ] ++ config.boot.kernelParams));
  found = builtins.filter (character: builtins.replaceStrings [ character ] [ "" ] text != text) refused;
in
if found == [ ] then text
else throw "role ${role}: a kernel parameter holds ${lib.concatMapStringsSep ", " builtins.toJSON found}: ${text}"
