# --- messages, dry runs, clock, lock ---

say() { printf '%s\n' "$*" >&2; }

# Something went wrong: exit 1.
die() {
    say "$flavour/run: $*"
    exit 1
}

# Wrong usage, or this machine lacks something: exit 2.
refuse() {
    say "$flavour/run: $*"
    exit 2
}

# Prints words so that a shell reads them as they are.
quoted() {
    blank=
    for word; do
        case $word in
        '' | *[!A-Za-z0-9_./:=@%+,-]*)
            printf "%s'%s'" "$blank" "$(printf '%s' "$word" | sed "s/'/'\\\\''/g")"
            ;;
        *) printf '%s%s' "$blank" "$word" ;;
        esac
        blank=' '
    done
    printf '\n'
}

# Runs a command, or with --dry-run prints it.
act() {
    if [ -n "$dry" ]; then quoted "$@"; else "$@"; fi
}

# Hundredths of a second since a fixed moment.
clock() {
    if { read -r up _ </proc/uptime; } 2>/dev/null; then
        echo $((${up%.*} * 100 + 1${up#*.} - 100))
    else
        echo $(($(date +%s) * 100))
    fi
}

pause() { sleep 0.2 2>/dev/null || sleep 1; }

now() { date -u +%Y-%m-%dT%H:%M:%SZ; }

begin() {
    phase=$1
    phase_start=$(now)
    phase_clock=$(clock)
    say "== $1"
}

finish() { record "$phase" "$phase_start" $(($(clock) - phase_clock)); }

# Adds a phase to the state's phases.json, which has those of every flavour: PHASE START HUNDREDTHS
record() {
    [ -z "$dry" ] || return 0
    printf '%s %s %d.%02d\n' "$1" "$2" $(($3 / 100)) $(($3 % 100)) >>"$own/phases"
    {
        printf '['
        separator=
        for list in "$state"/*/phases; do
            of=${list%/phases}
            while read -r name start seconds; do
                printf '%s\n  {"flavour": "%s", "phase": "%s", "start": "%s", "seconds": %s}' \
                    "$separator" "${of##*/}" "$name" "$start" "$seconds"
                separator=,
            done <"$list"
        done
        printf '\n]\n'
    } >"$state/phases.json.new"
    mv "$state/phases.json.new" "$state/phases.json"
}

# What other programs read of the nodes that are ready, docs/deployed.schema.json: from lines NODE ROLE ADDRESS CONTAINER,
# each - where there is none: [ENGINE]
tell_deployed() (
    [ -z "$dry" ] || exit 0
    config=-
    [ ! -s "$own/ssh_config" ] || config=ssh_config
    {
        printf '{\n  "format": 1,\n  "environment": "%s",\n  "flavour": "%s",\n' "$environment" "$flavour"
        printf '  "ssh_config": %s,\n  "engine": %s,\n  "nodes": [' "$(json "$config")" "$(json "${1:--}")"
        separator=
        while read -r one of at within; do
            printf '%s\n    {"name": "%s", "role": "%s", "address": %s, "container": %s}' \
                "$separator" "$one" "$of" "$(json "$at")" "$(json "$within")"
            separator=,
        done
        printf '\n  ]\n}\n'
    } >"$own/deployed.json.new"
    mv -f -- "$own/deployed.json.new" "$own/deployed.json"
)

# A word as JSON has it, - for none.
json() {
    case $1 in
    -) printf null ;;
    *[\\\"]*) printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\"]/\\&/g')" ;;
    *) printf '"%s"' "$1" ;;
    esac
}

# The folder for what this makes, for the launcher's eyes only.
make_state() {
    [ -z "$dry" ] || return 0
    mkdir -p "$own"
    chmod 700 "$state" "$own" || die "$state is not yours"
}

# down --all: what this flavour keeps goes, secrets among it. Other flavours' parts of the state stay.
forget_state() {
    act rm -rf -- "$own"
    [ -z "$dry" ] || return 0
    locked=
    # The times of what no longer is; with another flavour's state beside, its own stay.
    set -- "$state"/*/
    if [ ! -d "$1" ]; then
        rm -f -- "$state/phases.json"
        rmdir -- "$state" 2>/dev/null || :
    fi
}

# One at a time, on all machines that have this folder: a second `run` that would change the same nodes is refused. Each
# writes a file of its own and then looks for others, so that of two at least the later one sees the other. What a process
# left that is gone is nobody's, and does no harm whoever removes it.
locked=
lock() {
    [ -z "$dry" ] || return 0
    here_is=$(uname -n)
    # No two runs have the same, also where a process has the number of an earlier one.
    locked=$own/lock.$$.$(date +%s).$here_is
    { echo >"$locked"; } 2>/dev/null || die "cannot write in $own: no space left?"
    for other in "$own"/lock.*; do
        [ "$other" != "$locked" ] || continue
        holder=${other##*/lock.}
        process=${holder%%.*}
        if [ "${holder#*.*.}" != "$here_is" ] || kill -0 "$process" 2>/dev/null; then
            refuse "another run is at work on this bundle (process $process on ${holder#*.*.}); if it is gone, remove $other"
        fi
        if [ -e "$other" ]; then say "removing the lock of process $process, which is gone"; fi
        rm -f -- "$other"
    done
}

# Processes that end with this one, and whether it waits until they have.
children='' patient=''
cleanup() {
    # A second Ctrl-C does not stop it half way.
    trap '' INT TERM HUP
    # shellcheck disable=SC2086 # several
    [ -z "$children" ] || kill $children 2>/dev/null || :
    if [ -n "$patient" ]; then
        # A process that has only just begun may lose the signal; one that is gone cannot be sent any.
        for child in $children; do
            while kill "$child" 2>/dev/null; do pause; done
        done
    fi
    [ -z "$locked" ] || rm -f -- "$locked"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# A full disk is better known before anything starts.
need_room() {
    if ! head -c 1048576 /dev/zero 2>/dev/null >"$own/room"; then
        rm -f -- "$own/room"
        die "no space left in $own"
    fi
    rm -f -- "$own/room"
}

# The role of a node, or a refusal that lists the nodes.
role_of() {
    while read -r node role _; do
        [ "$node" != "$1" ] || return 0
    done <<NODES
$nodes
NODES
    refuse "no node is called $1; there are: $(printf '%s\n' "$nodes" | cut -d ' ' -f 1 | tr '\n' ' ')"
}

# Whether a version is not below another: VERSION MAJOR MINOR
at_least() {
    major=${1#v}
    minor=${major#*.}
    major=${major%%.*}
    minor=${minor%%[!0-9]*}
    case $major in '' | *[!0-9]*) return 0 ;; esac
    [ "$major" -gt "$2" ] || { [ "$major" -eq "$2" ] && [ "${minor:-0}" -ge "$3" ]; }
}
