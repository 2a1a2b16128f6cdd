# nxcc.mounts as file systems: directories of other nodes over NFS, mounted at first use, so that neither node waits for
# the other one's boot.
{ lib }:

lib.mapAttrs (_: mount: {
  device = "${mount.host}:${mount.source}";
  fsType = "nfs";
  options = [ "nfsvers=4.2" "_netdev" "noauto" "x-systemd.automount" "x-systemd.mount-timeout=90s" ];
})
