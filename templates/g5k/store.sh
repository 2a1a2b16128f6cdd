# --- store: what the nodes' /nix/store is to hold, in a folder that the site's file server exports ---

# One archive for each path of the store, those of the last build again: FROM TO. Archives keep the modes that an umask
# takes, and are few files.
pack_store() {
    copy_files "$1/store-paths" "$1/registration" "$2/"
    mkdir -p "$2/store"
    while read -r path; do
        archive=store/${path##*/}.tar
        ln "$own/result/$archive" "$2/$archive" 2>/dev/null ||
            tar -C "${path%/*}" --owner=0 --group=0 --numeric-owner -cf "$2/$archive" -- "${path##*/}" ||
            die "cannot pack $path"
    done <"$2/store-paths"
}

# Where the store's paths go: a folder of this bundle's own, for what it holds is removed with it.
store_place() { printf '%s/%s\n' "${store_folder:-$HOME/nxcc-store}" "${bundle##*/}"; }

# Sets place, within (where what is exported begins) and store_parameter. Refuses what nodes could not mount.
find_store() {
    place=$(store_place)
    within=${place%/*}
    if [ -n "$store_server" ]; then
        export=$store_server/${place##*/}
    else
        near=$within
        while [ ! -d "$near" ]; do
            near=${near%/*}
            near=${near:-/}
        done
        place=$(cd "$near" && pwd -P)${place#"${near%/}"}
        # shellcheck disable=SC2046 # source, three numbers, percent, place
        set -- $(df -P "$near" | sed -n 2p)
        case ${1:-} in
        *:/*) ;;
        *) refuse "$near is not on a file server, but on ${1:-nothing that is known}: the setting folder names one that is, or server says as what it is exported" ;;
        esac
        within=$6
        export=$1${place#"${within%/}"}
    fi
    case $export in
    *[!A-Za-z0-9_./:@+~-]*) refuse "nodes take no path with blanks or other special characters: $export; the setting folder names another folder" ;;
    esac
    file_server=$(address_of "${export%%:*}")
    [ -n "$file_server" ] || refuse "no address is known of the file server ${export%%:*}"
    store_parameter=" nxcc.store=$file_server:${export#*:}"
}

# Copies the paths that are not there. A path is renamed to its name when all of it is there, and never changes then.
copy_store() {
    begin store
    (umask 022 && mkdir -p "$place") || die "cannot make $place"
    check_folder
    # What an interrupt left.
    drop "$place/.new"
    needed=0
    : >"$own/missing"
    while read -r path; do
        name=${path##*/}
        [ -s "$own/result/store/$name.tar" ] || refuse "$own/result is no build of this bundle: it has no store/$name.tar"
        if [ ! -e "$place/$name" ] && [ ! -L "$place/$name" ]; then
            printf '%s\n' "$name" >>"$own/missing"
            needed=$((needed + $(kib "$own/result/store/$name.tar")))
        fi
    done <"$own/result/store-paths"
    all_paths=$(wc -l <"$own/result/store-paths")
    if [ -s "$own/missing" ]; then
        check_room "$needed" "$place" "what is missing of the store"
        say "copying $(wc -l <"$own/missing") of $((all_paths)) paths to $place"
    else
        say "all $((all_paths)) paths are in $place"
    fi
    printf '%s\n' "$place" >"$own/place"
    while read -r name; do
        # The same folder: a folder that its owner may not write to cannot move to another.
        tar -C "$place" --transform='s|^[^/]*|.new|S' --no-same-owner -xpf "$own/result/store/$name.tar" ||
            die "cannot copy $name to $place"
        mv -T -- "$place/.new" "$place/$name"
    done <"$own/missing"
    # Nodes read it at their first boot.
    cp -- "$own/result/registration" "$place/.registration"
    chmod 444 "$place/.registration"
    mv -f -- "$place/.registration" "$place/nix-path-registration"
    finish
}

# The file server takes root of a node for nobody, who must get to the store; and what nodes run as root, nobody else may
# put there.
check_folder() {
    [ -n "$(find "$place" -prune -type d -user "$(id -u)")" ] || refuse "$place is not yours"
    at=$place
    while :; do
        [ -n "$(find "$at" -prune -perm -001)" ] ||
            refuse "others may not enter $at, and the file server takes the nodes for others: chmod o+x $(quoted "$at"), or the setting folder names another folder"
        [ -z "$(find "$at" -prune -perm -002 ! -perm -1000)" ] ||
            refuse "everyone may write to $at, and so change what the nodes run: chmod o-w $(quoted "$at"), or the setting folder names another folder"
        if [ "$at" = "$within" ] || [ "$at" = / ]; then break; fi
        at=${at%/*}
        at=${at:-/}
    done
}

# Removes a part of a store, whose folders nobody may write to.
drop() {
    if [ ! -e "$1" ] && [ ! -L "$1" ]; then return 0; fi
    [ -L "$1" ] || act chmod -R u+w "$1"
    act rm -rf -- "$1"
}

# The store's folder, or with --old the paths in it that the last build does not need; nodes that run end with it.
do_clean() {
    need_state
    find_job
    if [ -n "$job" ] && [ "$job" != - ] && command -v oarstat >/dev/null; then
        ask_state
        [ "$job_state" != Running ] || [ -n "$dry" ] || [ "$command" = down ] || refuse "nodes of job $job live on the store: \`run release\` first"
    fi
    if [ -n "$old" ]; then
        drop_old
        return 0
    fi
    [ ! -s "$own/place" ] || drop "$(cat "$own/place")"
    act rm -f -- "$own/place"
}

# Removes the paths that only earlier builds needed.
drop_old() {
    [ -s "$own/place" ] || return 0
    [ -s "$own/result/store-paths" ] || refuse "nothing was built yet, so nothing says what is old"
    needed_paths=$(sed 's|.*/||' "$own/result/store-paths")
    place=$(cat "$own/place")
    dropped=0
    for path in "$place"/????????????????????????????????-*; do
        if [ ! -e "$path" ] && [ ! -L "$path" ] || printf '%s\n' "$needed_paths" | grep -qxF -- "${path##*/}"; then continue; fi
        drop "$path"
        dropped=$((dropped + 1))
    done
    say "$dropped paths of earlier builds$([ -z "$dry" ] || echo ' would be') removed from $place"
}
