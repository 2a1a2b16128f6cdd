# --- turns: many nodes at the same time, but not more than this machine takes ---

# From now on at_once commands may run at the same time; processes that were ended keep their turns.
open_turns() {
    rm -f -- "$sockets/turns"
    mkfifo "$sockets/turns"
    exec 9<>"$sockets/turns"
    rm -f -- "$sockets/turns"
    turn=0
    while [ "$turn" -lt "$at_once" ]; do
        echo
        turn=$((turn + 1))
    done >&9
}

# Runs a command once there is a turn for it: COMMAND
in_turn() {
    read -r _ <&9
    turned=0
    "$@" || turned=$?
    echo >&9
    return "$turned"
}
