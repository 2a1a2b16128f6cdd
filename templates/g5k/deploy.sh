# --- deploy: Kadeploy, all roles at once, and once more the nodes that failed ---

# [NODE…]: `deploy NODE` installs it anew in any case
do_deploy() {
    need_targets "$@"
    command -v kadeploy3 >/dev/null || [ -n "$dry" ] || refuse "kadeploy3 is not here: this command runs on a frontend of Grid'5000"
    if [ -n "$dry" ]; then
        register_environments
        for role in $roles; do kadeploy "$role"; done
        say "then once more with the nodes that failed"
        return 0
    fi
    # Another build is another image.
    [ -n "$prepared" ] || prepare
    begin deploy
    need_ssh
    mkdir -p "$own/deployed" "$own/first"
    gather_keys
    register_environments
    choose_hosts
    if [ -z "$deploying" ]; then
        say "all nodes are deployed already"
        finish
        return 0
    fi
    one_round first
    if some_failed; then
        for role in $deploying; do mv -f -- "$own/deploy/$role.ko" "$own/deploy/$role.nodes"; done
        deploying=$(for role in $deploying; do [ ! -s "$own/deploy/$role.nodes" ] || printf '%s ' "$role"; done)
        say "once more: $(cat "$own"/deploy/*.nodes 2>/dev/null | tr '\n' ' ')"
        one_round again
    fi
    finish
    if some_failed; then tell_failed; fi
}

# The hosts of each role that are not deployed with what is to be deployed; sets deploying to roles that have some.
choose_hosts() {
    rm -rf -- "$own/deploy"
    mkdir -p "$own/deploy"
    deploying=
    for role in $roles; do
        what="$job $(what_is_deployed "$role")"
        printf '%s\n' "$table" | while read -r node of host _; do
            [ "$of" = "$role" ] || continue
            case " $targets " in *" $node "*) ;; *) continue ;; esac
            if [ -n "$forced" ] || [ "$(cat "$own/deployed/$host" 2>/dev/null)" != "$what" ]; then
                # Kadeploy knows a node by its own name, also in a VLAN.
                printf '%s\n' "$(plain_host "$host")"
                rm -rf -- "$own/deployed/$host" "$own/first/$node" "$own/provision/$node".*
            fi
        done >"$own/deploy/$role.nodes"
        if [ -s "$own/deploy/$role.nodes" ]; then deploying="$deploying$role "; fi
    done
}

plain_host() { printf '%s\n' "$1" | sed 's/^\([^.]*\)-kavlan-[0-9]*\(\..*\)\{0,1\}$/\1\2/'; }

# Deploys what deploying and its lists say, all roles at the same time: first or again
one_round() {
    for role in $deploying; do
        say "$role: $(tr '\n' ' ' <"$own/deploy/$role.nodes")"
        rm -f -- "$own/deploy/$role.ok" "$own/deploy/$role.ko" "$own/deploy/$role.status"
        (
            kadeploy "$role" >"$own/deploy/$role.$1.log" 2>&1 </dev/null &
            deployment=$!
            # At an interrupt its client tells the server to stop; at anything else the nodes stay in that deployment.
            trap 'kill -INT "$deployment"' TERM
            status=0
            wait "$deployment" || status=$?
            echo "$status" >"$own/deploy/$role.status"
        ) &
        children="$children $!"
    done
    for child in $children; do wait "$child" || :; done
    children=
    refused=
    for role in $deploying; do
        log=$own/deploy/$role.$1.log
        status=$(cat "$own/deploy/$role.status" 2>/dev/null || echo 1)
        if [ "$status" -ne 0 ] && [ ! -s "$own/deploy/$role.ok" ] && [ ! -s "$own/deploy/$role.ko" ]; then
            # Nothing was deployed: the description, the rights, the server, or no end.
            case $status in
            124) say "-- $role: kadeploy3 took more than $deploy_timeout s (--deploy-timeout)" ;;
            137) say "-- $role: kadeploy3 took more than $deploy_timeout s (--deploy-timeout), and did not end when told to: its server may still deploy" ;;
            *) say "-- $role: kadeploy3 exits $status" ;;
            esac
            tail -n 5 "$log" | sed 's/^/   | /' >&2
            refused="$refused $role"
            continue
        fi
        collect "$role" "$log"
    done
    [ -z "$refused" ] || ! job_is_over || die "job $job is over: \`run up\` asks for another one"
    [ -z "$refused" ] || die "not deployed:$refused; all that Kadeploy said is in $own/deploy; the same command goes on where this stops"
}

# kadeploy3 for the nodes of a role: ROLE
kadeploy() {
    if [ -n "$register" ]; then
        set -- "$1" -e "$environment-$1" --env-version 1
    else
        set -- "$1" -a "$own/env/$1.yaml"
    fi
    role=$1
    shift
    set -- kadeploy3 "$@" -f "$own/deploy/$role.nodes" -k "$own/keys" -o "$own/deploy/$role.ok" -n "$own/deploy/$role.ko"
    partition=$(printf '%s\n' "$partitions" | sed -n "s/^$role //p")
    [ -z "$partition" ] || set -- "$@" -p "$partition"
    [ -z "$vlan" ] || set -- "$@" --vlan "$vlan"
    if [ -n "$dry" ]; then
        act "$@"
    else
        # After an interrupt the client tells the server to stop, and waits up to 120 s for its answer.
        exec timeout -k 150 -s INT "$deploy_timeout" "$@"
    fi
}

# Notes what became of the nodes of a role; a node that Kadeploy says nothing about has failed: ROLE LOG
collect() {
    what="$job $(what_is_deployed "$1")"
    touch "$own/deploy/$1.ok"
    grep -vxF -f "$own/deploy/$1.ok" "$own/deploy/$1.nodes" >"$own/deploy/$1.ko" || :
    while read -r name; do
        host=$(reached_as "$name")
        printf '%s\n' "$what" >"$own/deployed/$host"
        rm -f -- "$own/deployed/$host.why"
    done <"$own/deploy/$1.ok"
    while read -r name; do
        why=$(sed -n "s/^$name (\(.*\))\$/\1/p" "$2" | tail -n 1)
        printf '%s\n' "${why:-Kadeploy does not say why}" >"$own/deployed/$(reached_as "$name").why"
    done <"$own/deploy/$1.ko"
}

some_failed() {
    for role in $deploying; do [ ! -s "$own/deploy/$role.ko" ] || return 0; done
    return 1
}

tell_failed() {
    again=
    for role in $deploying; do
        [ -s "$own/deploy/$role.ko" ] || continue
        while read -r name; do
            host=$(reached_as "$name")
            node=$(printf '%s\n' "$table" | sed -n "s/^\([^ ]*\) [^ ]* $host .*/\1/p")
            again="$again $node"
            say "-- $node ($host): $(cat "$own/deployed/$host.why")"
            say "   log: $own/deploy/$role.again.log; console: kaconsole3 -m $name"
        done <"$own/deploy/$role.ko"
    done
    die "not deployed:$again; \`run deploy$again\` tries these again, the others are deployed"
}
