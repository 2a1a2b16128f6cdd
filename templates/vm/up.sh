# --- up: start the nodes in order and wait until they are ready ---

# What `up` has: wanted, begun, finished are names with blanks around them. Each node that it brings up has a process of
# its own, which tells of it on a pipe: NODE EVENT [WORDS]. A clock ticks there once a second.

# [NODE…]
do_up() {
    wanted=' '
    for node; do
        role_of "$node"
        wanted="$wanted$node "
    done
    if [ "$#" -eq 0 ]; then
        while read -r node _; do wanted="$wanted$node "; done <<NODES
$nodes
NODES
    fi
    find_qemu
    need_ssh
    need_build
    if [ -n "$dry" ]; then
        make_secrets
        say "then, each once those that it comes after are ready, for up to ${timeout:-300 or, without KVM, 900} s:"
        for node in $wanted; do "$here/node/$node.sh" --print; done
        for moved in $moved_ports; do say "with port ${moved%%=*} of this machine published at ${moved#*=}"; done
        return 0
    fi
    check_result

    need_room
    begin deploy
    [ -z "$given" ] || printf '%s\n' "$result" >"$own/elsewhere"
    mkdir -p "$own/node" || die "cannot write in $own"
    make_key
    # shellcheck disable=SC2086 # names
    make_host_keys $wanted
    make_secrets
    keep_ports
    find_sockets id_ed25519 known_hosts
    choose_accel
    choose_network
    write_settings
    check_memory "$wanted"
    finish

    begin provision
    # Nothing of an earlier start runs, and after a boot of this machine its clock means another time.
    any_alive || rm -f -- "$own/ready"
    case $accel in kvm) patience=300 ;; *) patience=900 ;; esac
    wait_ready "${timeout:-$patience}"
    finish
    tell_ready
    if [ ! -e "$own/ready" ]; then printf '%s %s\n' "$(now)" "$(clock)" >"$own/ready"; fi
    # Those were asked just now.
    show_nodes "$(ask_nodes "$wanted")"
}

tell_ready() {
    while read -r node role _ address; do
        [ ! -e "$own/node/$node/ready" ] || printf '%s %s %s -\n' "$node" "$role" "$address"
    done <<NODES | tell_deployed -
$nodes
NODES
}

# Starts the nodes that nothing keeps from it any more.
start_possible() {
    unready=' '
    while read -r node role _; do
        case $wanted in *" $node "*) ;; *) continue ;; esac
        case $finished in *" $node "*) ;; *) unready="$unready$role " ;; esac
    done <<NODES
$nodes
NODES
    while read -r node role number _; do
        case $wanted in *" $node "*) ;; *) continue ;; esac
        case $begun in *" $node "*) continue ;; esac
        if [ "$role" != "$of_role" ]; then
            of_role=$role free=yes
            look_up "$waits" "$role"
            for other in $found; do
                case $unready in *" $other "*) free= ;; esac
            done
        fi
        [ -n "$free" ] || continue
        begun="$begun$node "
        bring_up "$node" "$role" "$number" </dev/null >/dev/null &
        children="$children $!"
    done <<NODES
$nodes
NODES
    of_role=
}

# One node, in a process of its own: NODE ROLE NUMBER
bring_up() {
    folder=$own/node/$1
    rm -f -- "$folder/ready" "$folder/reason"
    if alive "$1"; then keep_running "$1" "$2"; else
        # A QEMU that is being started must be known to `down`: the shell obeys only after it.
        trap 'exit 143' TERM
        said=$(prepare_node "$1" "$2" 2>&1 && launch "$1" "$3" "$2" 2>&1) || {
            printf '%s failed %s\n' "$1" "$(printf '%s' "$said" | tail -n 1)" >&3
            return 0
        }
        trap - TERM
        printf '%s started\n' "$1" >&3
    fi
    begun_at=$(clock)
    count_endings "$1"
    before=$times
    told=
    # A `run` that is killed by force cannot end this.
    while alive "$1" && kill -0 $$ 2>/dev/null; do
        # An answer that takes longer than a tenth of the boot is not waited for: what was sent to a node that could not
        # hear it yet is sent again late, and a new connection gets through at once.
        patience=$(((1000 + $(clock) - begun_at) / 1000))
        [ "$patience" -le 15 ] || patience=15
        outcome=0
        said=$(timeout 60 ssh -n -F "$folder/ssh" -o ConnectTimeout="$patience" "$1" "$node_path; nxcc-ready 2>&1" 2>"$folder/ssh.log") ||
            outcome=$?
        if [ "$outcome" -eq 0 ]; then
            : >"$folder/ready"
            printf '%s ready\n' "$1" >&3
            return 0
        fi
        if panicked "$1"; then
            printf '%s failed its kernel panicked\n' "$1" >&3
            return 0
        fi
        # Once may be meant, or be mended by it.
        count_endings "$1"
        times=$((times - before))
        if [ "$times" -ge 3 ]; then
            printf '%s loops it panics or reboots again and again, %s times by now\n' "$1" "$times" >&3
            return 0
        fi
        said=$(printf '%s' "$said" | tail -n 1 | cut -c 1-200)
        if [ -n "$said" ] && [ "$said" != "$told" ]; then
            told=$said
            printf '%s\n' "$said" >"$folder/reason"
            printf '%s said %s\n' "$1" "$said" >&3
        fi
        # A node that answers is not asked too often: each question is work for it. 255 is ssh's own.
        if [ "$outcome" -eq 255 ]; then pause; else sleep 1; fi
    done
    printf '%s failed its machine has stopped\n' "$1" >&3
}

# Brings the wanted nodes up, tells of progress, and gives up at the deadline or when a node fails: SECONDS
wait_ready() {
    begun=' ' finished=' ' of_role='' ready=0 patient=yes
    # Seconds without a word of any node, and how many make one of our own.
    silence=0 enough=10
    all=0
    for node in $wanted; do all=$((all + 1)); done
    deadline=$(($(clock) + $1 * 100))
    mkfifo "$sockets/events.$$"
    exec 3<>"$sockets/events.$$"
    rm -f -- "$sockets/events.$$"
    (while sleep 1 && kill -0 $$ 2>/dev/null; do echo '- tick' >&3; done) </dev/null >/dev/null 2>&1 &
    ticker=$!
    children="$children $ticker"
    start_possible
    while [ "$ready" -lt "$all" ]; do
        read -r node event words <&3
        [ "$event" = tick ] || { silence=0 && enough=10; }
        case $event in
        started) say "$node: starts" ;;
        said) say "$node: $words" ;;
        ready)
            finished="$finished$node "
            ready=$((ready + 1))
            say "$node: ready ($ready of $all)"
            gather_ssh
            start_possible
            ;;
        failed) not_ready "$node" "$words" ;;
        # By now it may be far in its next start.
        loops) not_ready "$node" "$words" "$endings" ;;
        tick)
            left=$((deadline - $(clock)))
            [ "$left" -gt 0 ] || not_ready "" "not ready within $1 s (--timeout)"
            silence=$((silence + 1))
            if [ "$silence" -ge "$enough" ]; then
                enough=$((enough * 2))
                # QEMU stops a node whose disk cannot grow.
                need_room
                say "$ready of $all nodes are ready after $(($1 - left / 100)) s of $1 (--timeout)"
            fi
            ;;
        esac
    done
    exec 3>&-
    # The others have ended by themselves.
    kill "$ticker" 2>/dev/null || :
    wait
    children=
}

# One ssh_config of all nodes that were ever started.
gather_ssh() {
    cat "$own"/node/*/ssh >"$own/ssh_config.new" || die "cannot write in $own"
    mv -f -- "$own/ssh_config.new" "$own/ssh_config"
}

# Shows what the nodes that are not ready say last, and ends: NODE or "" for all that have not finished, WHAT [PATTERN], that
# of the last line to show
not_ready() {
    gather_ssh
    culprits=$1
    for node in $wanted; do
        [ -z "$1" ] || break
        case $finished in *" $node "*) ;; *) culprits="$culprits $node" ;; esac
    done
    for node in $culprits; do
        case $begun in
        *" $node "*) say "-- node $node: $2" ;;
        *)
            say "-- node $node: not started, it comes after nodes that are not ready"
            continue
            ;;
        esac
        [ ! -s "$own/node/$node/reason" ] || say "   $(cat "$own/node/$node/reason")"
        [ ! -s "$own/node/$node/console.log" ] || last_lines "$node" "${3:-}" | sed 's/^/   | /' | lines >&2
    done
    die "not all nodes are ready; they are left as they are: \`run logs NODE\`, \`run console NODE\`, \`run down\`"
}

# The last of what a node wrote on its console, or of that up to the last line of a PATTERN: NODE PATTERN
last_lines() {
    last=
    [ -z "$2" ] || last=$(console_lines "$1" | grep -nE "$2" | tail -n 1 | cut -d : -f 1)
    console_lines "$1" | sed -n "1,${last:-\$}p" | tail -n 12
}

# Standard input, the last line ended too.
lines() {
    while IFS= read -r line || [ -n "$line" ]; do printf '%s\n' "$line"; done
}

# What a node wrote on its console, without what only a terminal understands: NODE
console_lines() {
    escape=$(printf '\033')
    tr -d '\r' <"$own/node/$1/console.log" | sed "s/${escape}\[[0-9;?]*[A-Za-z]//g; s/${escape}[()][A-Z0-9]//g; s/${escape}c//g" |
        LC_ALL=C tr -d '\000-\010\013-\037\177'
}
