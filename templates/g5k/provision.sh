# --- provision: names, nodes file and secrets over ssh, then the roles' own units in order ---

# The public keys that may log in as root: this bundle's own, and the user's.
gather_keys() {
    make_key
    {
        printf 'ssh-ed25519 %s nxcc@%s\n' "$key" "$environment"
        set -- "$HOME"/.ssh/*.pub "$HOME/.ssh/authorized_keys"
        # Certificates are signed for something else, and lines with options may be bound to something else.
        for file; do
            case $file in *-cert.pub) continue ;; esac
            [ ! -r "$file" ] || grep -hE '^(ssh|ecdsa|sk)-' "$file" || :
        done
    } | awk '!seen[$2]++' >"$own/keys.new"
    mv -f -- "$own/keys.new" "$own/keys"
}

# What everything needs that speaks with nodes.
ready_ssh() {
    need_ssh
    mkdir -p "$own/provision" "$own/deployed" "$own/first"
    gather_keys
    # shellcheck disable=SC2046 # names
    make_host_keys $(printf '%s\n' "$nodes" | cut -d ' ' -f 1)
    find_sockets id_ed25519 known_hosts first
    open_turns
    while read -r node _ host _; do
        ssh_host "$node" "$host" 22 "$sockets"
    done >"$own/ssh_config.new" <<TABLE
$table
TABLE
    mv -f -- "$own/ssh_config.new" "$own/ssh_config"
    laptop_config >"$own/ssh_config.laptop.new"
    mv -f -- "$own/ssh_config.laptop.new" "$own/ssh_config.laptop"
}

# The same for a machine outside of Grid'5000: through the gateway and the site, with the host keys in it.
laptop_config() {
    echo "# The nodes of $environment from outside of Grid'5000. For a file of your own: ssh -F FILE NODE"
    me=${USER:-$(id -un)}
    while read -r node _ host _; do
        # The name of a host in a list of the user's may have no site in it.
        case $host in *.*.grid5000.fr) at_site=$host ;; *) at_site=host.${site:-$(hostname -d 2>/dev/null || echo SITE)} ;; esac
        at_site=${at_site#*.}
        at_site=${at_site%.grid5000.fr}
        read -r type blob _ <"$own/host-keys/$node.pub"
        cat <<CONFIG
Host $node
  HostName $host
  User root
  HostKeyAlias $node
  KnownHostsCommand /usr/bin/env echo $node $type $blob
  UserKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  ProxyJump $me@access.grid5000.fr,$me@$at_site
CONFIG
    done <<TABLE
$table
TABLE
}

# Before an ssh that must end: `timeout SECONDS`. A node may answer, and its shell, which waits for a home, never.
limit=

# ssh to a node whose host key is this bundle's: NODE COMMAND
known() {
    to=$1
    shift
    # shellcheck disable=SC2086 # words
    $limit ssh -F "$own/ssh_config" -o ConnectTimeout=15 "$to" "$@"
}

# ssh to a node that was just installed: its key is taken at the first answer and must stay the same.
newcomer() {
    to=$1
    shift
    # shellcheck disable=SC2086 # words
    $limit ssh -F "$own/ssh_config" -o ConnectTimeout=15 -o ControlPath=none -o StrictHostKeyChecking=accept-new \
        -o "HostKeyAlias=$to" -o "UserKnownHostsFile=$sockets/first/$to" "$to" "$@"
}

close_connections() {
    [ -s "$own/ssh_config" ] && [ -s "$own/sockets" ] && [ -z "$dry" ] || return 0
    sed -n 's/^Host //p' "$own/ssh_config" | while read -r node; do
        ssh -F "$own/ssh_config" -O exit "$node" </dev/null >/dev/null 2>&1 || :
    done
}

# What a node is given, as one archive: NODE ROLE FOLDER
pack_delivery() {
    # shellcheck disable=SC2046 # names of secrets
    (pack_host "$1" "$3" $(printf '%s\n' "$reads" | sed -n "s/^$2 //p")) || return 1
    printf '%s\n' "$table" | sed 's/^\([^ ]*\) \([^ ]*\) [^ ]* \(.*\)$/\3 \1 \2/' >"$3/nodes"
    cp -- "$own/keys" "$3/authorized_keys"
    tar -C "$3" --owner=0 --group=0 --numeric-owner --format=ustar -rf "$3/host.tar" ./nodes ./authorized_keys
    rm -f -- "$3/nodes" "$3/authorized_keys"
}

# [NODE…]
do_provision() {
    need_targets "$@"
    if [ -n "$dry" ]; then
        for node in $targets; do
            find_line "$node"
            say "then $node ($host) gets its name, the nodes file and its secrets:"
            act ssh -F "$own/ssh_config" "$node" "nxcc-identity receive $node" "<ARCHIVE"
            say "and, once those that it comes after are ready:"
            act ssh -F "$own/ssh_config" "$node" "systemctl start default.target"
        done
        return 0
    fi
    begin provision
    ready_ssh
    make_secrets
    for node in $targets; do rm -rf -- "$own/provision/$node".*; done
    for node in $targets; do
        find_line "$node"
        provision_node "$node" "$role" </dev/null >"$own/provision/$node.log" 2>&1 &
        children="$children $!"
    done
    wait_provisioned
    children=
    finish
    printf '%s\n' "$table" | while read -r node role _ address; do
        [ ! -e "$own/provision/$node.ready" ] || printf '%s %s %s -\n' "$node" "$role" "$address"
    done | tell_deployed -
    if [ ! -e "$own/ready" ]; then printf '%s %s\n' "$(now)" "$(clock)" >"$own/ready"; fi
}

# What a node says, without what a terminal would do.
printable() { tr -d '\001-\010\013-\037\177'; }

# Why a node is not further: NODE WORDS
reason() {
    to=$1
    shift
    printf '%s\n' "$*" | tail -n 1 | printable | cut -c 1-200 >"$own/provision/$to.reason.new"
    mv -f -- "$own/provision/$to.reason.new" "$own/provision/$to.reason"
}

# Between two looks at a node, in a process of its own, which ends where the parent is gone.
rest() {
    kill -0 $$ 2>/dev/null || exit 1
    sleep "$pause"
}

# One node, in a process of its own, until it is ready or the parent gives up: NODE ROLE
provision_node() {
    limit="timeout $((timeout + 60))"
    folder=$own/provision/$1.files
    rm -rf -- "$folder"
    mkdir -p "$folder"
    if ! pack_delivery "$1" "$2" "$folder"; then
        reason "$1" "its archive cannot be written to $folder"
        : >"$own/provision/$1.failed"
        return 1
    fi
    told=
    while :; do
        # A node that was provisioned before has this bundle's host key; another one's is taken as it is.
        for way in known newcomer; do
            status=0
            said=$(in_turn "$way" "$1" "$node_path; exec nxcc-identity receive $1" <"$folder/host.tar" 2>&1) || status=$?
            printf '%s\n' "$said"
            [ "$status" -eq 255 ] || break 2
        done
        case $said in
        *"Permission denied"*) said="it takes none of the keys in $own/keys" ;;
        *"HOST IDENTIFICATION"* | *"verification failed"*) said="its host key is another one than at the last time: $own/first/$1" ;;
        *) said="no answer by ssh: $(printf '%s' "$said" | tail -n 1)" ;;
        esac
        reason "$1" "$said"
        rest
    done
    rm -rf -- "$folder"
    if [ "$status" -ne 0 ]; then
        reason "$1" "$(printf '%s' "$said" | sed 's/^nxcc-identity: //')"
        : >"$own/provision/$1.failed"
        return 1
    fi
    [ -z "$home" ] || in_turn mount_home "$1" || {
        reason "$1" "your home cannot be mounted ($own/provision/$1.log)"
        : >"$own/provision/$1.failed"
        return 1
    }
    : >"$own/provision/$1.named"
    reason "$1" "waits for those that it comes after"
    until others_ready "$2"; do rest; done
    until said=$(in_turn known "$1" "$node_path; systemctl start --no-block default.target" 2>&1); do
        reason "$1" "default.target cannot be started: $said"
        rest
    done
    : >"$own/provision/$1.started"
    until said=$(in_turn known "$1" "$node_path; nxcc-ready" 2>&1); do
        reason "$1" "${said:-not ready}"
        rest
    done
    rm -f -- "$own/provision/$1.reason"
    : >"$own/provision/$1.ready"
}

# Whether all nodes are ready of the roles that one comes after: ROLE
others_ready() {
    for other in $(printf '%s\n' "$waits" | sed -n "s/^$1 //p"); do
        for one in $(printf '%s\n' "$nodes" | sed -n "s/^\([^ ]*\) $other .*/\1/p"); do
            [ -e "$own/provision/$one.ready" ] || return 1
        done
    done
}

# The user's home of the site, from where the frontend has it: NODE. To a server of NFS 4 clients are who they say they are,
# which is their host name: another experiment's node of the same name would end what this one has open there.
mount_home() {
    # shellcheck disable=SC2046 # source, three numbers, percent, place
    set -- "$1" $(df -P "$HOME" | sed -n 2p)
    from=$2 place=$7
    case $from in
    *:/*) ;;
    *)
        echo "$HOME is not on NFS but on $from"
        return 1
        ;;
    esac
    server=$(address_of "${from%%:*}")
    # shellcheck disable=SC2016 # for the node's shell
    known "$1" "$node_path; $(quoted sh -c 'mkdir -p "$3" && modprobe nfs 2>/dev/null
if mountpoint -q "$3"; then exit 0; fi
unique=/sys/module/nfs/parameters/nfs4_unique_id
[ ! -e "$unique" ] || cat /proc/sys/kernel/random/boot_id >"$unique"
for version in 4.2 4.1 4.0 3; do
    if mount -i -t nfs -o "vers=$version,nolock,addr=$1" "$2" "$3"; then exit 0; fi
done
exit 1' home "$server" "$from" "$place")"
}

# Tells of progress until all targets are ready; ends where one fails or the time is over.
wait_provisioned() {
    deadline=$(($(clock) + timeout * 100))
    told=
    while :; do
        named=0 ready=0 all_targets=0 failed=
        for node in $targets; do
            all_targets=$((all_targets + 1))
            [ ! -e "$own/provision/$node.named" ] || named=$((named + 1))
            [ ! -e "$own/provision/$node.ready" ] || ready=$((ready + 1))
            [ ! -e "$own/provision/$node.failed" ] || failed="$failed $node"
        done
        if [ "$told" != "$named $ready" ]; then
            told="$named $ready"
            say "of $all_targets nodes, $named have their name and secrets, $ready are ready"
        fi
        [ "$ready" -lt "$all_targets" ] || return 0
        [ -z "$failed" ] || not_provisioned "cannot be provisioned"
        [ "$(clock)" -lt "$deadline" ] || not_provisioned "not ready within $timeout s (--timeout)"
        sleep "$pause"
    done
}

# Names what is missing of each node, and how to look at it and go on: WHAT
not_provisioned() {
    again=
    # shellcheck disable=SC2086 # processes
    kill $children 2>/dev/null || :
    limit='timeout 30'
    for node in $targets; do
        [ ! -e "$own/provision/$node.ready" ] || continue
        again="$again $node"
        find_line "$node"
        say "-- $node ($host): $(cat "$own/provision/$node.reason" 2>/dev/null || echo "no answer yet")"
        if [ -e "$own/provision/$node.named" ]; then
            known "$node" "$node_path; journalctl --no-pager -q -b -p warning -n 5" </dev/null 2>/dev/null | printable | sed 's/^/   | /' >&2 || :
        fi
        say "   log: $own/provision/$node.log; console: kaconsole3 -m $host"
    done
    ! job_is_over || die "job $job is over: \`run up\` asks for another one"
    die "$1:$again; \`run provision$again\` tries again"
}

# --- single nodes ---

# Sets node, role, host: NODE. OAR is not asked each time.
find_node() {
    [ -n "$dry" ] || [ -s "$own/table" ] || need_job
    find_job
    need_table
    [ -n "$dry" ] || { [ -s "$own/ssh_config" ] && own_sockets && [ -L "$sockets/id_ed25519" ]; } || ready_ssh
    find_line "$1"
    node=$1
}

# ssh to the node that find_node found, provisioned or not: [COMMAND]
reach() {
    if [ -e "$own/provision/$node.named" ] || [ -n "$dry" ]; then
        act ssh -F "$own/ssh_config" "$node" "$@"
    else
        find_sockets id_ed25519 known_hosts first
        newcomer "$node" "$@"
    fi
}

# Runs a script of sh on the node that find_node found, its input and output ours: SCRIPT [WORDS AS $0, $1 …]
on_node() { reach "$(quoted /bin/sh -c "$@")"; }

do_ssh() {
    [ "$#" -gt 0 ] || refuse "ssh NODE [COMMAND]"
    find_node "$1"
    shift
    reach "$@"
}

do_console() {
    [ "$#" -gt 0 ] || refuse "console NODE"
    need_job
    need_table
    find_line "$1"
    command -v kaconsole3 >/dev/null || [ -n "$dry" ] || refuse "kaconsole3 is not here: this command runs on a frontend of Grid'5000"
    if [ -n "$dry" ]; then act kaconsole3 -m "$host"; else exec kaconsole3 -m "$host"; fi
}

do_ssh_config() {
    [ -s "$own/ssh_config.laptop" ] || die "no node is known yet: \`run up\` first"
    cat "$own/ssh_config.laptop"
}
