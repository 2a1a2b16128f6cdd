#!/bin/sh
# A Docker engine that sees cgroup v2 only, on a machine of cgroup v1, in mount and network namespaces of its own:
#   setsid unshare -m -n --propagation private cgroup2.sh FOLDER
# Its socket is FOLDER/docker.sock. Controllers stay bound to v1, so nodes have no limits there.
set -eu

folder=$1
for mount in /sys/fs/cgroup/*; do umount -l "$mount" 2>/dev/null || :; done
umount -l /sys/fs/cgroup 2>/dev/null || :
mount -t cgroup2 none /sys/fs/cgroup
ip link set lo up
mount --make-rprivate /
exec dockerd --data-root "$folder/data" --exec-root "$folder/exec" --pidfile "$folder/docker.pid" \
    -H "unix://$folder/docker.sock" --exec-opt native.cgroupdriver=cgroupfs >"$folder/dockerd.log" 2>&1
