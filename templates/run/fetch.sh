# --- fetch: through tar in the node, since an engine's own copy sees no tmpfs ---

# Where the tools of a node are, NixOS or not.
node_path='PATH=/run/wrappers/bin:/run/current-system/sw/bin:/usr/bin:/bin:/usr/sbin:/sbin; export PATH'

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
    # A link to a file gives the file: on NixOS most of /etc are links into the store. Those in folders stay links.
    # Of what is not there it sends an archive of nothing, which tar takes in silence, and EX_NOINPUT of sysexits.h.
    # shellcheck disable=SC2016 # for the node's shell
    set -- "$node_path"'; [ -e "$1/$2" ] || [ -L "$1/$2" ] || { head -c 1024 /dev/zero; exit 66; }
        if [ -L "$1/$2" ] && [ -f "$1/$2" ]; then h=h; else h=; fi
        exec tar -C "$1" "-c${h}f" - -- "$2"' sh "$parent" "$base"
    if [ -n "$dry" ]; then
        on_node "$@"
        say "then tar unpacks that into $folder"
        return 0
    fi
    umask "$mask"
    mkdir -p -- "$folder"
    # The status of a pipe is its last command's: both go another way.
    outcome=$({ { on_node "$@" 3>&- </dev/null && echo sent >&3 || echo "failed $?" >&3; } |
        { tar -C "$folder" -xof - 3>&- || echo failed >&3; }; } 3>&1) || :
    case $outcome in
    sent) ;;
    'failed 66') die "there is no $path on $node" ;;
    *) die "cannot fetch $path of $node" ;;
    esac
}
