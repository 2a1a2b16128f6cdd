# --- the nodes of the job, and who is who ---

# The hosts of the job, each once, by cluster and number.
job_hosts() {
    if [ "$job" = - ]; then
        sed 's/#.*//; s/^[[:space:]]*\([^[:space:]]*\).*$/\1/' <"$nodes_option"
    elif [ "$job" = "${OAR_JOB_ID:-}" ] && [ -r "${OAR_NODEFILE:-}" ]; then
        cat -- "$OAR_NODEFILE"
    else
        job_facts | sed -n 's/.*"assigned_network_address" *: *\[\([^]]*\)\].*/\1/p' | tr ',' '\n' | tr -d ' "'
    fi | sed 's/[[:space:]]//g; /^$/d' | sed 's/^\([^.]*\)-\([0-9][0-9]*\)\(.*\)$/\1 \2 &/; t
s/^.*$/& 0 &/' | LC_ALL=C sort -u -k 1,1 -k 2,2n -k 3,3 | cut -d ' ' -f 3
}

# The host that a list of the user's names for a node, in a line HOST NODE: NODE
host_given() {
    [ "$job" != - ] || awk -v node="$1" '{ sub(/#.*/, ""); sub(/\r$/, "") } $2 == node { print $1; exit }' "$nodes_option"
}

# Refuses a list that says something else than who is who: FILE
check_given() {
    wrong=$(awk -v names=" $(printf '%s\n' "$nodes" | cut -d ' ' -f 1 | tr '\n' ' ')" '
        { sub(/#.*/, ""); sub(/\r$/, "") }
        NF == 0 { next }
        $1 !~ /^[A-Za-z0-9][A-Za-z0-9._-]*$/ { wrong = $1 " is no host" }
        NF > 1 && !index(names, " " $2 " ") { wrong = "no node is called " $2 "; there are:" names }
        NF > 1 && $1 in node_of && node_of[$1] != $2 { wrong = $1 " cannot be both " node_of[$1] " and " $2 }
        NF > 1 && $2 in host_of && host_of[$2] != $1 { wrong = $2 " cannot be both " host_of[$2] " and " $1 }
        NF > 1 { node_of[$1] = $2; host_of[$2] = $1 }
        wrong != "" { print "line " NR ": " wrong; exit }' "$1")
    [ -z "$wrong" ] || refuse "$nodes_option, $wrong"
}

# The cluster of a host: dahu-3.grenoble.grid5000.fr is of dahu.
cluster_of() {
    cluster=${1%%.*}
    cluster=${cluster%-*}
}

# The name by which a host is reached: another one in a VLAN.
reached_as() {
    if [ -n "${vlan:-}" ]; then printf '%s-kavlan-%s%s\n' "${1%%.*}" "$vlan" "${1#"${1%%.*}"}"; else printf '%s\n' "$1"; fi
}

# The IPv4 address of a host: one that is given as such, or what the site's name server says.
address_of() {
    case $1 in *[!0-9.]*) ;; *) printf '%s\n' "$1" && return ;; esac
    getent ahostsv4 "$1" 2>/dev/null | sed -n '1s/[[:space:]].*//p'
}

# Refuses nodes of another processor than the build's, where OAR knows them: a job of the user's may have any.
check_architecture() {
    [ -z "$made" ] && command -v oarnodes >/dev/null || return 0
    quoted_hosts=$(printf '%s\n' "$pairs" | sed -n "s/^.* .* \(.*\)\$/'\1'/p" | paste -s -d , -)
    of=$(asking oarnodes -J --sql "network_address IN ($quoted_hosts)" 2>/dev/null | sed -n 's/.*"cpuarch" *: *"\([^"]*\)".*/\1/p' | sort -u)
    for one in $of; do
        [ "$one" = "$architecture" ] || refuse "$said has nodes with $one processors, and the environment is built for $architecture (\`system\`)"
    done
}

# The table: NODE ROLE HOST ADDRESS, a line a node. First those whose host the user names, then those that want a cluster,
# each the first of it that is free, then the others: the same hosts always give the same table.
make_table() {
    hosts=$(job_hosts)
    said="job $job"
    [ "$job" != - ] || said=$nodes_option
    [ -n "$hosts" ] || die "$said has no nodes"
    pairs=
    lacking=
    for turn in given named any; do
        while read -r node role wanted; do
            found=$(host_given "$node")
            its=any
            [ "$wanted" = - ] || its=named
            [ -z "$found" ] || its=given
            [ "$turn" = "$its" ] || continue
            for host in $hosts; do
                [ -z "$found" ] || break
                cluster_of "$host"
                if [ "$wanted" = - ] || [ "$wanted" = "$cluster" ]; then found=$host; fi
            done
            if [ -z "$found" ]; then
                lacking="$lacking
$wanted"
                continue
            fi
            hosts=$(printf '%s\n' "$hosts" | grep -vxF -- "$found" || :)
            pairs="$pairs
$node $role $found"
        done <<NODES
$nodes
NODES
    done
    if [ -n "$lacking" ]; then
        printf '%s\n' "$lacking" | sed '/^$/d' | sort | uniq -c | while read -r count wanted; do
            if [ "$wanted" = - ]; then say "   $count more of any cluster"; else say "   $count more of cluster $wanted"; fi
        done
        refuse "$said has too few nodes: $(job_hosts | tr '\n' ' ')"
    fi
    check_architecture
    [ -z "$hosts" ] || say "these are not needed: $(printf '%s' "$hosts" | tr '\n' ' ')"
    # In the order of the source.
    table=$(while read -r node role _; do
        host=$(printf '%s\n' "$pairs" | sed -n "s/^$node $role //p")
        host=$(reached_as "$host")
        address=$(address_of "$host")
        printf '%s %s %s %s\n' "$node" "$role" "$host" "${address:--}"
    done <<NODES
$nodes
NODES
    )
    printf '%s\n' "$table" | while read -r _ _ host address; do
        [ "$address" != - ] || say "no address is known of $host: other nodes will not know it"
    done
    [ -z "$dry" ] || return 0
    # What is known of nodes is known by their names.
    if [ "$(cat "$own/table" 2>/dev/null)" != "$table" ]; then rm -rf -- "$own/provision" "$own/first"; fi
    printf '%s\n' "$table" >"$own/table.new"
    mv -f -- "$own/table.new" "$own/table"
    printf '%s\n' "$nodes ${vlan:-}" >"$own/table.of"
}

# Sets table; made anew unless it is of this job already, and of the same environment.
need_table() {
    if [ -s "$own/table" ] && [ "$(cat "$own/table.of" 2>/dev/null)" = "$nodes ${vlan:-}" ]; then
        table=$(cat "$own/table")
    elif [ -n "$dry" ]; then
        table=$(printf '%s\n' "$nodes" | sed 's/^\([^ ]*\) \([^ ]*\) .*/\1 \2 HOST-OF-\1 -/')
    else
        make_table
    fi
}

show_table() {
    # shellcheck disable=SC2059 # the format stands here
    row='%-16s %-16s %-34s %-16s %s\n'
    # shellcheck disable=SC2059
    printf "$row" NODE ROLE HOST ADDRESS STATE
    printf '%s\n' "$table" | while read -r node role host address; do
        # shellcheck disable=SC2059
        printf "$row" "$node" "$role" "$host" "$address" "$(state_of "$node" "$host")"
    done
}

# NODE HOST
state_of() {
    if [ -e "$own/provision/$1.ready" ]; then
        echo ready
    elif [ -e "$own/provision/$1.started" ]; then
        echo started
    elif [ -s "$own/provision/$1.reason" ]; then
        printf 'not provisioned: %s\n' "$(tail -n 1 "$own/provision/$1.reason")"
    elif [ -s "$own/deployed/$2" ]; then
        echo deployed
    elif [ -s "$own/deployed/$2.why" ]; then
        printf 'failed: %s\n' "$(cat "$own/deployed/$2.why")"
    else
        echo reserved
    fi
}

do_status() {
    find_job
    if [ -z "$job" ]; then
        say "nothing is reserved"
        return 0
    fi
    if [ "$job" != - ]; then
        need_oar
        ask_state
        ask_left
        say "job $job: ${job_state:-unknown to OAR}$([ "$job_state" != Running ] || [ -z "$left" ] || printf ', another %s' "$(spell "$left")")"
        [ "$job_state" = Running ] || return 0
    fi
    need_table
    show_table
}

# The line of a node in the table, to role host address; refuses a name that no node has: NODE
find_line() {
    role_of "$1"
    line=$(printf '%s\n' "$table" | sed -n "s/^$1 //p")
    role=${line%% *}
    line=${line#* }
    host=${line%% *}
    address=${line#* }
}

# Sets targets to the nodes that a command is about: NODE…, all without
choose_targets() {
    targets=
    for node; do
        role_of "$node"
        targets="$targets $node"
    done
    [ "$#" -gt 0 ] || targets=$(printf '%s\n' "$nodes" | cut -d ' ' -f 1 | tr '\n' ' ')
}

# For what is done to nodes of a job that runs: sets table and targets, and forced where what was done is done again.
# NODE…, all without
need_targets() {
    need_job
    need_table
    choose_targets "$@"
    # `up NODE` only does what is missing.
    forced=
    [ "$#" -eq 0 ] || [ "$command" = up ] || forced=yes
}
