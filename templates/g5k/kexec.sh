# --- deploy: load kernel and ramdisk on all nodes at once, then jump, then wait until they are others ---

# [NODE…]: `deploy NODE` starts it anew in any case
do_deploy() {
    need_targets "$@"
    if [ -n "$dry" ]; then
        for node in $targets; do
            find_line "$node"
            say "then $node ($host) loads kernel and ramdisk of $role, and jumps:"
            act ssh "$host" "kexec -l KERNEL --initrd=INITRD --append='…'; systemctl kexec || kexec -e"
        done
        return 0
    fi
    choose_launcher
    prepare
    begin deploy
    ready_ssh
    choose_nodes
    if [ -z "$targets" ]; then
        say "all nodes run their kernels already"
        finish
        return 0
    fi
    rm -rf -- "$own/deploy"
    mkdir -p "$own/deploy"
    # On the nodes; the same each time, so that what an interrupted one left there does not take memory for ever.
    folder=/dev/shm/${sockets##*/}
    say "loading: $targets"
    limit="timeout $deploy_timeout"
    on_all greet_node greeted
    for pair in "$own"/result/pairs/*; do
        (cd "$pair" && sha256sum kernel initrd && cd ../.. && sha256sum kexec) >"$own/deploy/sums-${pair##*/}"
    done
    spread
    # Nobody jumps where one cannot: its job's time would go by.
    on_all load_node loaded
    tell_brought
    for node in $targets; do
        find_line "$node"
        jump_node "$node" "$role" "$host" </dev/null >>"$own/deploy/$node.log" 2>&1 &
        children="$children $!"
    done
    wait_started
    children='' limit=
    finish
}

# Runs a function for all targets, and ends where one of them has not come to what it leaves: FUNCTION MARK
on_all() {
    for node in $targets; do
        find_line "$node"
        in_turn "$1" "$node" "$role" "$host" </dev/null >>"$own/deploy/$node.log" 2>&1 &
        children="$children $!"
    done
    for child in $children; do wait "$child" || :; done
    children=
    failed=
    for node in $targets; do [ -e "$own/deploy/$node.$2" ] || failed="$failed $node"; done
    [ -z "$failed" ] || not_started "cannot load kernel and ramdisk"
}

# Leaves of targets those that do not run what they are to run.
choose_nodes() {
    remaining=
    for node in $targets; do
        find_line "$node"
        if [ -n "$forced" ] || [ "$(cat "$own/deployed/$host" 2>/dev/null)" != "$job $(what_is_deployed "$role")" ]; then
            remaining="$remaining$node "
        fi
    done
    targets=$remaining
}

# ssh as you to a node with the site's own system: its host key is the site's where that has it in /etc/ssh, else the
# first answer's: HOST COMMAND
base() {
    to=$1
    shift
    # shellcheck disable=SC2086 # words
    $limit ssh -o BatchMode=yes -o ConnectTimeout=15 -o ServerAliveInterval=30 -o StrictHostKeyChecking=accept-new -o LogLevel=ERROR \
        -o "UserKnownHostsFile=$sockets/first/$to" "$to" "$@"
}

# A shell of root's on a node, whatever runs there now: NODE HOST COMMAND. Sets way to how it was reached.
as_root() {
    case $way in
    base) base "$2" "sudo-g5k sh -c $(quoted "$3")" ;;
    *) "$way" "$1" "$node_path; $3" ;;
    esac
}

# The boot id in what a node says, whose shell may say more; nothing where there is none: WORDS
boot_id() { printf '%s\n' "$1" | grep -xE '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}' | tail -n 1; }

# What a node says instead: WORDS
no_boot_id() { printf 'it tells no boot id but "%s": does a file of its shell (.bashrc) end it?\n' "$(printf '%s' "$1" | tail -n 1)"; }

# What runs on a node: the site's system (base), ours with its host key (known), or ours without (newcomer): NODE HOST.
# Sets way and was, its boot id; without, why.
find_way() {
    why=
    for way in base known newcomer; do
        status=0
        said=$(limit='timeout 60' && as_root "$1" "$2" 'cat /proc/sys/kernel/random/boot_id' 2>&1) || status=$?
        case $status in
        0)
            was=$(boot_id "$said")
            [ -z "$was" ] || return 0
            why=$(no_boot_id "$said")
            return 1
            ;;
        124)
            why="its shell does not answer within a minute: is your home there?"
            return 1
            ;;
        esac
        [ "$way" != base ] || why=$(printf '%s' "$said" | tail -n 1)
    done
    return 1
}

# In a process of its own: whether a node answers and has the memory; what the site's own system sees of your home is
# copied there: NODE ROLE HOST
greet_node() {
    if ! find_way "$1" "$3"; then
        reason_of "$1" "$why"
        return 1
    fi
    needed=$(memory_for "$2")
    # shellcheck disable=SC2016 # for the node's shell
    check='umask 077; rm -rf '$folder' && mkdir '$folder' || exit
available=$(sed -n "s/^MemAvailable: *\([0-9]*\) kB$/\1/p" /proc/meminfo)
if [ "$((available / 1024))" -lt '$needed' ]; then
    echo "it has $((available / 1024)) MiB of memory free, and needs '$needed'"
    exit 1
fi'
    # On the site's own system this is done as you: root may not read your home.
    case $way in
    base) said=$(base "$3" "$check" 2>&1) ;;
    *) said=$("$way" "$1" "$node_path; $check" 2>&1) ;;
    esac || {
        reason_of "$1" "${said:-it takes no files}"
        return 1
    }
    if [ "$way" = base ]; then
        if base "$3" "cd $(quoted "$own/result") && cp roles/$2/kernel roles/$2/initrd kexec $folder/" 2>/dev/null; then
            echo "copied over NFS"
        else
            : >"$own/deploy/$1.lacks"
        fi
    fi
    printf '%s %s\n' "$was" "$way" >"$own/deploy/$1.greeted"
}

# In a process of its own: load what is in the node's memory, which is brought there unless it is: NODE ROLE HOST
load_node() {
    read -r was way <"$own/deploy/$1.greeted"
    if ! arrived "$@"; then
        bring "$@"
        if ! arrived "$@"; then
            reason_of "$1" "the files cannot be copied ($own/deploy/$1.log)"
            return 1
        fi
        : >"$own/deploy/$1.brought"
    fi
    line=$(parameters_of "$2")
    # Never two --initrd (the last counts), never --reuse-cmdline (it keeps the old root).
    loading="chmod 700 $folder/kexec && $folder/kexec -l $folder/kernel --initrd=$folder/initrd --append=$(quoted "$line")"
    if ! said=$(as_root "$1" "$3" "$loading" 2>&1); then
        printf '%s\n' "$said"
        reason_of "$1" "kexec does not load it: $(printf '%s' "$said" | tail -n 1)"
        return 1
    fi
    : >"$own/deploy/$1.loaded"
}

# NODE ROLE HOST
bring() {
    echo "copying over ssh"
    unpack="tar -C $folder -xf - && mv $folder/roles/$2/* $folder/"
    tar -C "$own/result" -chf - "roles/$2/kernel" "roles/$2/initrd" kexec | case $way in
    base) base "$3" "$unpack" ;;
    *) "$way" "$1" "$node_path; $unpack" ;;
    esac || :
}

# Whether a node has the files as they are here, whoever brought them: NODE ROLE HOST
arrived() {
    as_root "$1" "$3" "cd $folder && printf '%s\\n' $(quoted "$(cat "$own/deploy/sums-$(pair_of "$2")")") | sha256sum -c - >/dev/null 2>&1"
}

# In a process of its own: jump, and wait until another kernel answers with this bundle's key: NODE ROLE HOST
jump_node() {
    read -r was way <"$own/deploy/$1.greeted"
    rm -rf -- "$own/first/$1" "$own/provision/$1".*
    rm -f -- "$own/deployed/$3"
    jump="systemctl kexec || $folder/kexec -e"
    # Detached, so that the connection ends before the node does. Not every system has nohup.
    in_turn as_root "$1" "$3" "sh -c $(quoted "trap '' HUP; sleep 1; $jump") >/dev/null 2>&1 </dev/null &" || {
        reason_of "$1" "kexec cannot be started"
        return 1
    }
    ssh -F "$own/ssh_config" -O exit "$1" 2>/dev/null || :
    told=
    limit='timeout 60'
    while :; do
        # An open port says nothing: the old system answers until it ends.
        if said=$(in_turn newcomer "$1" cat /proc/sys/kernel/random/boot_id 2>&1); then
            case $(boot_id "$said") in
            '') said=$(no_boot_id "$said") ;;
            "$was") said="the old system still answers" ;;
            *) break ;;
            esac
        fi
        case $said in
        *"Permission denied"*) said="the old system still answers, or the new one does not know the bundle's key" ;;
        *"HOST IDENTIFICATION"*) rm -f -- "$own/first/$1" ;;
        esac
        reason_of "$1" "$(printf '%s' "$said" | tail -n 1)"
        rest
    done
    rm -f -- "$own/deployed/$3.why"
    printf '%s\n' "$job $(what_is_deployed "$2")" >"$own/deployed/$3"
}

# NODE WORDS
reason_of() {
    printf '%s\n' "$2"
    printf '%s\n' "$2" | printable | cut -c 1-200 >"$own/deploy/$1.reason"
}

# Waits for the jumps; ends where the time is over.
wait_started() {
    deadline=$(($(clock) + deploy_timeout * 100))
    told=
    while :; do
        failed='' started=0 all_targets=0
        for node in $targets; do
            all_targets=$((all_targets + 1))
            find_line "$node"
            if [ -s "$own/deployed/$host" ]; then started=$((started + 1)); else failed="$failed $node"; fi
        done
        if [ "$told" != "$started" ]; then
            told=$started
            say "of $all_targets nodes, $started run their new kernel"
        fi
        [ -n "$failed" ] || return 0
        if [ "$(clock)" -ge "$deadline" ]; then
            # shellcheck disable=SC2086 # processes
            kill $children 2>/dev/null || :
            not_started "do not run their kernel within $deploy_timeout s (--deploy-timeout)"
        fi
        sleep "$pause"
    done
}

# WHAT, about the nodes in failed
not_started() {
    for node in $failed; do
        find_line "$node"
        why=$(cat "$own/deploy/$node.reason" 2>/dev/null || echo "no answer yet")
        printf '%s\n' "$why" >"$own/deployed/$host.why"
        say "-- $node ($host): $why"
        say "   log: $own/deploy/$node.log; console: kaconsole3 -m $host"
    done
    ! job_is_over || die "job $job is over: \`run up\` asks for another one"
    die "$1:$failed; \`run deploy$failed\` tries these again"
}
