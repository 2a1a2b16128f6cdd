# --- up: start the nodes and wait until they are ready ---

do_up() {
    ready_engine
    check_owner
    need_build
    export_settings

    begin deploy
    do_load
    check_links
    make_secrets
    keep_ports
    [ -n "$dry" ] || printf '%s %s\n' "$project" "$bundle" >"$own/project"
    export_settings
    finish

    begin provision
    if [ -n "$dry" ]; then
        compose up -d --remove-orphans
        say "then it waits up to $timeout s until every node is healthy"
        return 0
    fi
    # In the background, for it waits itself for nodes that others come after, and knows no deadline.
    compose up -d --remove-orphans >"$own/up.log" 2>&1 </dev/null &
    composing=$!
    children=$composing
    wait_ready
    finish
    tell_ready
    if [ ! -e "$own/ready" ]; then printf '%s %s\n' "$(now)" "$(clock)" >"$own/ready"; fi
    do_status
}

tell_ready() {
    found=$("$engine" ps --filter "label=com.docker.compose.project=$project" \
        --format '{{.Label "com.docker.compose.service"}} {{.Names}}')
    while read -r node role; do
        container=$(printf '%s\n' "$found" | sed -n "s/^$node //p" | head -n 1)
        address=$("$engine" inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}' "$container")
        address=${address%% *}
        printf '%s %s %s %s\n' "$node" "$role" "${address:--}" "$container"
    done <<NODES | tell_deployed "$engine"
$nodes
NODES
}

# One line a node: NAME STATE STATUS, as the engine tells them (`Up 4 seconds (healthy)`).
node_states() {
    "$engine" ps -a --filter "label=com.docker.compose.project=$project" \
        --format '{{.Label "com.docker.compose.service"}} {{.State}} {{.Status}}'
}

# Waits for compose and for every node, tells of progress, and gives up at the deadline or when a node has failed.
wait_ready() {
    deadline=$(($(clock) + timeout * 100))
    all=$(printf '%s\n' "$nodes" | wc -l)
    told=
    while :; do
        states=$(node_states) || die "$engine does not answer any more"
        ready=0
        waiting=
        failed=
        while read -r node _; do
            case $(printf '%s\n' "$states" | grep "^$node ") in
            *'(healthy)') ready=$((ready + 1)) ;;
            *'(unhealthy)') failed="$failed $node" ;;
            *' exited '* | *' dead '*) failed="$failed $node" ;;
            *) waiting="$waiting $node" ;;
            esac
        done <<NODES
$nodes
NODES
        if [ "$told" != "$ready$waiting$failed" ]; then
            told=$ready$waiting$failed
            say "$((ready)) of $((all)) nodes ready${waiting:+, waiting for$waiting}"
        fi
        if [ -n "$composing" ] && ! kill -0 "$composing" 2>/dev/null; then
            # A node that stood still from an earlier time may count as failed until compose has started it.
            children=
            if wait "$composing"; then composing=; else
                composing=
                compose_failed
            fi
            continue
        fi
        [ -n "$composing" ] || [ "$ready" -ne "$all" ] || return 0
        if [ -n "$failed" ] && [ -z "$composing" ]; then not_ready "$failed" "failed"; fi
        [ "$(clock)" -lt "$deadline" ] || not_ready "$failed$waiting" "not ready within $timeout s (--timeout)"
        sleep 1
    done
}

# Compose itself gave up: at a node, or before there was any.
compose_failed() {
    if [ -n "$failed" ]; then not_ready "$failed" "failed"; fi
    tail -n 5 "$own/up.log" >&2
    if grep -qE 'port is already allocated|address already in use' "$own/up.log"; then
        say "another program has that port: --port PORT=OTHER publishes it elsewhere"
    fi
    die "the nodes were not started (all of it: $own/up.log)"
}

# Names the nodes and shows what they say last: NODES WHAT
not_ready() {
    for node in $1; do
        say "-- node $node: $2"
        container=$(ours containers --filter "label=com.docker.compose.service=$node")
        if [ -z "$container" ] || [ "$("$engine" inspect --format '{{.State.Status}}' "$container")" = created ]; then
            say "   not started: it comes after nodes that are not ready"
            continue
        fi
        "$engine" inspect --format '{{if .State.Health}}{{range .State.Health.Log}}{{.Output}}{{println}}{{end}}{{end}}' "$container" 2>/dev/null |
            sed '/^$/d; s/^/   /' | tail -n 1 >&2
        last_lines "$container" 2>/dev/null | tail -n 15 | sed 's/^/   | /' >&2
    done
    die "not all nodes are ready; they are left as they are: \`run ssh NODE\`, \`run logs NODE\`, \`run down\`"
}

# What a node said last: its journal, or what its console had where it does not run.
last_lines() {
    if [ "$("$engine" inspect --format '{{.State.Running}}' "$1")" = true ] &&
        "$engine" exec "$1" /bin/sh -c "$node_path; systemctl --no-pager --no-legend --plain --failed; journalctl --no-pager -q -b -p warning -n 10" </dev/null; then
        return 0
    fi
    "$engine" logs --tail 15 "$1" 2>&1 | tr -d '\r'
}

# Links need queues that not every kernel has. They are tried in a network of their own, which vanishes with them.
check_links() {
    if [ -z "$shaping" ]; then return 0; fi
    if [ -n "$ignore_links" ]; then
        say "links are not checked: where this kernel cannot shape them, they have no effect"
        return 0
    fi
    role=${shaping%% *}
    name=$(printf '%s\n' "$roles" | sed -n "s/^$role //p")
    set -- run --rm --network none --cap-add NET_ADMIN --entrypoint /nxcc/system/sw/bin/tc
    if [ "$store" = host ]; then
        eval "set -- \"\$@\" -v /nix/store:/nix/store:ro -v \"\$NXCC_TOPLEVEL_$name:/nxcc/system:ro\" nxcc/base:1"
    else
        eval "set -- \"\$@\" \"\${NXCC_IMAGE_$name:-$(image_of "$role")}\""
    fi
    while read -r queue; do
        # shellcheck disable=SC2086 # words of tc
        try_queue "${queue%% *}" "$@" qdisc add dev lo root $queue </dev/null
    done <<QUEUES
$queues
QUEUES
}

# QUEUE ARGUMENTS OF THE ENGINE
try_queue() {
    tried=$1
    shift
    if [ -n "$dry" ]; then
        act "$engine" "$@"
        return 0
    fi
    if answer=$("$engine" "$@" 2>&1); then return 0; fi
    case $answer in
    *"kind is unknown"* | *"Unknown qdisc"* | *"RTNETLINK answers: No such file"* | *"not supported"*)
        refuse "this kernel has no $tried (module sch_$tried), so the links of this environment would have no effect; --ignore-links starts it without them"
        ;;
    *) die "cannot tell whether this kernel can shape links: $answer (--ignore-links goes on without)" ;;
    esac
}

# The image's name in docker-compose.yml: ROLE
image_of() { printf 'nxcc/%s-%s:latest' "$environment" "$1" | tr '[:upper:]' '[:lower:]'; }

do_status() {
    [ -n "${cgroup_case:-}" ] || ready_engine
    states=$("$engine" ps -a --filter "label=com.docker.compose.project=$project" \
        --format '{{.Label "com.docker.compose.service"}}|{{.Status}}|{{.Ports}}|{{.ID}}')
    [ -n "$states" ] || say "nothing runs (project $project)"
    row='%-16s %-12s %-16s %-32s %s\n'
    # shellcheck disable=SC2059 # the format stands above
    printf "$row" NODE ROLE ADDRESS STATUS PORTS
    while read -r node role; do
        line=$(printf '%s\n' "$states" | grep "^$node|" | head -n 1) || line="$node|-|-|"
        address=-
        container=${line##*|}
        if [ -n "$container" ]; then
            address=$("$engine" inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}' "$container")
            address=${address%% *}
        fi
        status=${line#*|}
        published=${status#*|}
        # shellcheck disable=SC2059
        printf "$row" "$node" "$role" "${address:--}" "${status%%|*}" "$(shown_ports "${published%%|*}")"
    done <<NODES
$nodes
NODES
}

# Only what is published; the engine also lists ports that an image merely names.
shown_ports() { printf '%s' "$1" | tr ',' '\n' | sed -n 's/^ *\(.*->.*\)$/\1/p' | tr '\n' ' '; }
