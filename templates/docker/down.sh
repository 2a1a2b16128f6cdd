# --- down: nothing is left ---

do_down() {
    ready_engine
    check_owner
    # Compose asks for the values of its variables even to stop; what is gone anyway needs no real ones.
    compose down -v --remove-orphans -t 30 </dev/null
    if [ -z "$dry" ]; then
        leftovers
        if [ -e "$own/ready" ]; then
            read -r start since <"$own/ready"
            # The clock starts anew when the machine does.
            [ "$(clock)" -lt "$since" ] || record run "$start" $(($(clock) - since))
        fi
        rm -f "$own/ready" "$own/ports" "$own/project" "$own/deployed.json"
    fi
    [ -z "$all" ] || remove_state
}

# What the compose files of an older compile knew and these do not.
leftovers() {
    for container in $(ours containers); do "$engine" rm -f -v "$container" >/dev/null; done
    for network in $(ours networks); do "$engine" network rm "$network" >/dev/null; done
    for volume in $(ours volumes); do "$engine" volume rm "$volume" >/dev/null; done
    left="$(ours containers)$(ours networks)$(ours volumes)"
    [ -z "$left" ] || die "this is still there: $left"
}

# down --all: images and state too, secrets among it. Other flavours' parts of the state stay.
remove_state() {
    if [ "$store" = image ] && [ -e "$own/images.txt" ]; then
        while read -r _ image _; do
            for tag in "${image%:*}:latest" "$image"; do
                # Another copy of the bundle may be using it.
                if [ -n "$dry" ]; then
                    act "$engine" rmi "$tag"
                elif ! answer=$("$engine" rmi "$tag" 2>&1); then
                    say "image $tag stays: $answer"
                fi
            done
        done <"$own/images.txt"
    fi
    forget_state
}
