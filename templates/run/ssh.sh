# --- ssh: keys of this environment's own, and a configuration that `ssh -F` takes ---

need_ssh() {
    for tool in ssh ssh-keygen tar timeout; do
        command -v "$tool" >/dev/null || refuse "$tool is not installed (OpenSSH's client, tar, coreutils)"
    done
}

# The key pair that logs in, made at the first `up`; sets key to what stands between type and comment of its public half.
make_key() {
    if [ ! -e "$own/id_ed25519.pub" ]; then new_key "$own/id_ed25519" "nxcc@$environment"; fi
    read -r _ key _ <"$own/id_ed25519.pub"
}

# Host keys of nodes, which are made here so that nobody has to trust a first answer: NODE…
make_host_keys() {
    mkdir -p "$own/host-keys"
    for node; do
        [ -e "$own/host-keys/$node.pub" ] || new_key "$own/host-keys/$node" "$node@$environment"
    done
    for known in "$own"/host-keys/*.pub; do
        read -r type blob _ <"$known"
        node=${known##*/}
        printf '%s %s %s\n' "${node%.pub}" "$type" "$blob"
    done >"$own/known_hosts.new"
    mv -f -- "$own/known_hosts.new" "$own/known_hosts"
}

# FILE COMMENT
new_key() {
    rm -f -- "$1.new" "$1.new.pub"
    ssh-keygen -q -t ed25519 -N '' -C "$2" -f "$1.new" </dev/null || die "cannot make a key in ${1%/*}"
    mv -f -- "$1.new" "$1"
    mv -f -- "$1.new.pub" "$1.pub"
}

# Sets sockets: a folder whose path is short (108 bytes end a socket's) and of plain characters, with links to FILES of the
# state. Not in the state, which may be on NFS, nor $XDG_RUNTIME_DIR, which goes when the user logs out: FILE…
find_sockets() {
    if ! own_sockets; then
        sockets=$(mktemp -d /tmp/nxcc.XXXXXX) || die "cannot make a folder in /tmp"
        printf '%s\n' "$sockets" >"$own/sockets"
    fi
    for file; do
        [ -L "$sockets/$file" ] || ln -s "$own/$file" "$sockets/$file"
    done
}

# Sets sockets; whether that folder is still there, and this state's: in a place where others may write, one that was
# removed could be another's by now, and a copy of the state names the folder of what it was copied from. Who cleans /tmp may take a link alone.
own_sockets() {
    { read -r sockets <"$own/sockets"; } 2>/dev/null || sockets=
    [ -n "$sockets" ] || return 1
    [ -n "$(find "$sockets" -prune -type d \( -user "$user" -o -user "${SUDO_UID:-$user}" \) -perm 700 2>/dev/null)" ] || return 1
    case $(readlink "$sockets/id_ed25519") in '' | "$own/id_ed25519") ;; *) return 1 ;; esac
}

# A node's part of ssh_config: NODE ADDRESS PORT, and LINKS, a folder whose path is short and of plain characters, where
# id_ed25519 and known_hosts are links: ssh_config has no quoting that takes any path.
ssh_host() {
    cat <<CONFIG
Host $1
  HostName $2
  Port $3
  User root
  HostKeyAlias $1
  IdentityFile $4/id_ed25519
  IdentitiesOnly yes
  UserKnownHostsFile $4/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  PasswordAuthentication no
  KbdInteractiveAuthentication no
  ControlMaster auto
  ControlPath $4/%C
  ControlPersist 600
  ServerAliveInterval 30
  LogLevel ERROR
CONFIG
}

# What a node is given beside its kernel parameters, as one archive: NODE FOLDER SECRETS…
pack_host() {
    node=$1 folder=$2
    shift 2
    rm -rf -- "$folder/host"
    mkdir -p "$folder/host/secrets" &&
        cp -- "$own/host-keys/$node" "$folder/host/ssh_host_ed25519_key" &&
        cp -- "$own/host-keys/$node.pub" "$folder/host/ssh_host_ed25519_key.pub" || return 1
    for secret; do
        cp -- "$own/secrets/$secret" "$folder/host/secrets/" || return 1
        [ ! -e "$own/secrets/$secret.pub" ] || cp -- "$own/secrets/$secret.pub" "$folder/host/secrets/" || return 1
    done
    tar -C "$folder/host" -cf "$folder/host.tar.new" . &&
        mv -f -- "$folder/host.tar.new" "$folder/host.tar" || return 1
    rm -rf -- "$folder/host"
}
