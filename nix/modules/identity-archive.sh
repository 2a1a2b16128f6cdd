# What a launcher delivers to a node as a tar archive: docs/nodes.md says what is in it. Whoever made the archive, nothing
# is written outside $host, and nothing but the files that belong there. Part of identity.sh, which sets host and new.
# shellcheck disable=SC2154

# A secret's name, or that of its public half.
is_file_name() {
    case $1 in
    '' | .* | *[!A-Za-z0-9._-]*) return 1 ;;
    esac
}

# The name below $host of a member of an archive, or of nothing else that belongs there: MEMBER
placed() {
    member=${1#./}
    case $member in
    nodes | authorized_keys | ssh_host_ed25519_key | ssh_host_ed25519_key.pub) ;;
    secrets/*) is_file_name "${member#secrets/}" || return 1 ;;
    *) return 1 ;;
    esac
}

# Copies the files of an archive to $new; writes nowhere else, whatever is in it: ARCHIVE
unpack() {
    if ! tar -tf "$1" >"$new/names" 2>/dev/null || ! tar -tvf "$1" >"$new/kinds" 2>/dev/null || [ ! -s "$new/names" ]; then
        bad 'the archive is empty or broken: nothing of it is taken'
        return 1
    fi
    while IFS= read -r line; do
        case $line in
        *' -> '* | *' link to '* | [!d-]*)
            bad "the archive has more than files and folders, nothing of it is taken: $line"
            return 1
            ;;
        esac
    done <"$new/kinds"
    mkdir -p "$new/files/secrets"
    while IFS= read -r line; do
        case $line in ./ | . | secrets/ | ./secrets/ | secrets | ./secrets) continue ;; esac
        if ! placed "$line" || [ -e "$new/files/$member" ]; then
            bad "the archive has a member that does not belong there, nothing of it is taken: $line"
            return 1
        fi
        # By content, not by path: an archive cannot say where this goes.
        if ! tar -xOf "$1" "$line" >"$new/files/$member" 2>/dev/null; then
            bad "cannot unpack $line of the archive: nothing of it is taken"
            return 1
        fi
    done <"$new/names"
}

# Files of $new to their places, each complete at once: nxcc-secrets.service waits for them. `once` leaves alone what is
# there already: it was delivered later.
place() {
    taken=
    set +f
    for file in "$new"/files/nodes "$new"/files/authorized_keys "$new"/files/ssh_host_ed25519_key* "$new"/files/secrets/*; do
        if [ ! -e "$file" ]; then continue; fi
        member=${file#"$new/files/"}
        if [ "$1" = once ] && [ -e "$host/$member" ]; then continue; fi
        if mv -f "$file" "$host/$member"; then taken="$taken $member"; else bad "cannot write $host/$member"; fi
    done
    set -f
    if [ -n "$taken" ]; then say "received$taken"; fi
}

# An archive on standard input to $host: once or always
take() {
    old=$(umask)
    umask 077
    if mkdir -p "$host/secrets" && chmod 0700 "$host" && rm -rf "$new" && mkdir "$new" && cat >"$new/archive"; then
        unpack "$new/archive" && place "$1"
    else
        bad 'the archive cannot be read'
    fi
    rm -rf "$new"
    umask "$old"
}
