# --- what the command lines of all flavours have in common ---

# Sets here, bundle, state and own; what is made from now on is the launcher's alone.
find_place() {
    # It may have been called by a link.
    here=$(CDPATH='' cd -- "$(dirname -- "$(readlink -f -- "$0" || echo "$0")")" && pwd -P)
    bundle=${here%/*}
    state=$bundle.state
    own=$state/$flavour
    # Where the bundle lies among others' files, one of them may have made it, with a configuration of ssh in it. Who calls
    # sudo is no other.
    user=$(id -u)
    [ -z "$(find "$state" -prune ! -user "$user" ! -user "${SUDO_UID:-$user}" 2>/dev/null)" ] || refuse "$state is not yours"
    # shellcheck disable=SC2034 # what `fetch` brings is the user's to share
    mask=$(umask)
    umask 077
}

# Sets value to a number of seconds: OPTION VALUE
seconds() {
    case $2 in '' | *[!0-9]* | ????????*) refuse "$1 takes seconds" ;; esac
    # In arithmetic of the shell, 010 is eight.
    value=${2#"${2%%[!0]*}"}
    value=${value:-0}
}

# Ends here without a command, for `help`, and where the bundle is half of an older one.
need_command() {
    case $command in
    '')
        usage >&2
        exit 2
        ;;
    help)
        usage
        exit 0
        ;;
    esac
    [ ! -e "$bundle/$journal" ] ||
        refuse "a compile of this bundle was interrupted: run \`nxcc compile\` on it again, then this"
}

no_command() { refuse "no command $command (\`run help\` lists them)"; }
