# --- single nodes: ssh, logs, fetch; and test ---

# Where the tools of a node are, NixOS or not.
node_path='PATH=/run/wrappers/bin:/run/current-system/sw/bin:/usr/bin:/bin:/usr/sbin:/sbin; export PATH'

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

do_fetch() {
    case ${1:-} in ?*:?*) ;; *) refuse "fetch NODE:PATH [FOLDER]" ;; esac
    node=${1%%:*}
    path=${1#*:}
    while [ "${path%/}" != "$path" ] && [ "$path" != / ]; do path=${path%/}; done
    folder=${2:-.}
    find_node "$node"
    parent=.
    case $path in
    */*)
        parent=${path%/*}
        parent=${parent:-/}
        ;;
    esac
    base=${path##*/}
    base=${base:-.}
    # Not the engine's own copy, which sees no tmpfs: /run, /tmp.
    # shellcheck disable=SC2016 # for the node's shell
    set -- exec -i "$container" /bin/sh -c "$node_path"'; exec tar -C "$1" -cf - -- "$2"' sh "$parent" "$base"
    if [ -n "$dry" ]; then
        act "$engine" "$@"
        say "then tar unpacks that into $folder"
        return 0
    fi
    umask "$mask"
    mkdir -p -- "$folder"
    # The status of a pipe is its last command's: the first one's goes another way.
    outcome=$({ { "$engine" "$@" 3>&- </dev/null && echo sent >&3 || echo failed >&3; } | tar -C "$folder" -xof - 3>&-; } 3>&1) || :
    [ "$outcome" = sent ] || die "cannot fetch $path of $node"
}

do_test() {
    if [ -n "$tests" ]; then
        refuse "no test driver for containers yet: composition.nix has this environment's testScript; on the nodes you can do its steps by \`run ssh\`"
    fi
    refuse "this environment declares no test"
}
