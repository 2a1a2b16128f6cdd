# --- single nodes: ssh, logs ---

# Sets container to that of a running node: NODE
find_node() {
    role_of "$1"
    ready_engine
    container=$(ours containers --filter "label=com.docker.compose.service=$1")
    if [ -z "$container" ]; then
        [ -n "$dry" ] || die "$1 does not run: \`run up\` first"
        container=$project-$1-1
    fi
}

# Runs a script of sh on the node that find_node found, its input and output ours: SCRIPT [WORDS AS $0, $1 …]
on_node() { act "$engine" exec -i "$container" /bin/sh -c "$@"; }

do_ssh() {
    [ "$#" -gt 0 ] || refuse "ssh NODE [COMMAND]"
    find_node "$1"
    shift
    if [ "$#" -gt 0 ]; then
        # As with ssh: the words make one command line for the node's shell.
        act "$engine" exec -i "$container" /bin/sh -lc "$*"
    elif [ -t 0 ] && [ -t 1 ]; then
        act "$engine" exec -it "$container" /bin/sh -lc 'if command -v bash >/dev/null; then exec bash -l; else exec sh -l; fi'
    else
        act "$engine" exec -i "$container" /bin/sh -l
    fi
}

do_logs() {
    if [ "$#" -gt 0 ]; then
        node=$1
        shift
        find_node "$node"
        show_logs "$@"
        return
    fi
    printf '%s\n' "$nodes" | cut -d ' ' -f 1 | while read -r node; do
        printf -- '-- %s\n' "$node"
        find_node "$node"
        show_logs </dev/null
    done
}

# The journal of container, or its console where it does not run: [journalctl's arguments]
show_logs() {
    if [ -n "$dry" ]; then
        act "$engine" exec "$container" journalctl --no-pager -b "$@"
    elif [ "$("$engine" inspect --format '{{.State.Running}}' "$container")" = true ]; then
        "$engine" exec "$container" /bin/sh -c "$node_path"'; exec journalctl --no-pager -b "$@"' sh "$@"
    else
        "$engine" logs "$container" 2>&1 | tr -d '\r'
    fi
}
