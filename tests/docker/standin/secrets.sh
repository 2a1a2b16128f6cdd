#!/bin/sh
# Copies the secrets that the launcher mounted to where units read them, for root alone.
set -eu
mkdir -p /run/nxcc/secrets
chmod 0700 /run/nxcc/secrets
for file in /run/nxcc/host/secrets/*; do
    [ -e "$file" ] || continue
    install -o root -g root -m 0400 -- "$file" "/run/nxcc/secrets/${file##*/}"
done
