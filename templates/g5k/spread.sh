# --- spread: kernel and ramdisk to the nodes that cannot read them in your home ---

# Sets launcher: what is asked for, else the best that is here.
choose_launcher() {
    launcher=${launcher:-${NXCC_LAUNCHER:-}}
    case $launcher in
    '')
        launcher=ssh
        for tool in clush taktuk; do
            if command -v "$tool" >/dev/null; then launcher=$tool; fi
        done
        ;;
    ssh) ;;
    clush | taktuk) command -v "$launcher" >/dev/null || refuse "$launcher is not installed" ;;
    *) refuse "--launcher takes taktuk, clush or ssh" ;;
    esac
}

# Brings each pair to the nodes of targets that lack it, all at once. What does not arrive there, load_node brings.
spread() {
    lacking=
    for node in $targets; do [ ! -e "$own/deploy/$node.lacks" ] || lacking="$lacking $node"; done
    [ -n "$lacking" ] || return 0
    say "$launcher copies to:$lacking"
    [ "$launcher" != ssh ] || return 0
    # The same path here as on the nodes, which connect to others with what they find there.
    rm -rf -- "$folder"
    mkdir "$folder" || die "cannot make $folder"
    strict="-o BatchMode=yes -o ConnectTimeout=15 -o LogLevel=ERROR -o StrictHostKeyChecking=yes -o UserKnownHostsFile=$folder/known_hosts"
    for pair in "$own"/result/pairs/*; do
        hosts=$own/deploy/hosts-${pair##*/}
        cat /etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2 >"$folder/known_hosts" 2>/dev/null || :
        for node in $lacking; do
            find_line "$node"
            [ "$(pair_of "$role")" = "${pair##*/}" ] || continue
            printf '%s\n' "$host"
            # As base knows it.
            cat "$own/first/$host" >>"$folder/known_hosts" 2>/dev/null || :
        done >"$hosts"
        if [ -s "$hosts" ]; then (cd "$pair" && "with_$launcher") </dev/null >>"$own/deploy/$launcher.log" 2>&1 || :; fi
    done
    rm -rf -- "$folder"
}

# A tree that finds its shape by itself: nodes that have it go on with others. It needs Perl on the nodes, and nodes that
# may log in on each other; they are given the host keys.
with_taktuk() {
    timeout "$deploy_timeout" taktuk -s -c "ssh $strict" -S "$folder/known_hosts:$folder/known_hosts" -f "$hosts" \
        broadcast put [ kernel ] [ "$folder/kernel" ] ';' \
        broadcast put [ initrd ] [ "$folder/initrd" ] ';' \
        broadcast put [ ../../kexec ] [ "$folder/kexec" ]
}

# From here to each, at_once of them at the same time.
with_clush() {
    timeout "$deploy_timeout" clush -f "$at_once" -o "-S $(quoted "$(command -v ssh)") $strict" --hostfile "$hosts" \
        --copy kernel initrd ../../kexec --dest "$folder/"
}

# Names the nodes that the launcher did not reach.
tell_brought() {
    [ "$launcher" != ssh ] || return 0
    for node in $lacking; do
        [ ! -e "$own/deploy/$node.brought" ] || say "-- $node: $launcher did not copy to it, ssh did; log: $own/deploy/$launcher.log"
    done
}
