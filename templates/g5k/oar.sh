# --- the job: what is asked of OAR, and what it gave ---

# Where the nodes come from, in this order: --nodes FILE; --job ID; the job of the last time; the job this shell is in.
# Sets job (a number; - for a list of nodes of the user's), and made, where it is ours to end.
find_job() {
    made=
    if [ -n "$nodes_option" ]; then
        job=-
    elif [ -n "$job_option" ]; then
        job=$job_option
        # The job of the last time by its number is still ours to end.
        if { read -r kept ours <"$own/job"; } 2>/dev/null && [ "$kept" = "$job" ]; then made=$ours; fi
    elif { read -r job made <"$own/job"; } 2>/dev/null; then
        case $job in
        -) nodes_option=$own/nodes.given ;;
        '' | *[!0-9]*) die "$own/job is damaged: remove it" ;;
        esac
    else
        job=${OAR_JOB_ID:-}
    fi
}

need_oar() {
    command -v oarsub >/dev/null ||
        refuse "oarsub is not here: this command runs on a frontend of Grid'5000; \`run push${site:+ $site}\` brings the bundle to one"
    [ -z "$site" ] || check_site
}

# A frontend's name ends with its site's: fgrenoble.grenoble.grid5000.fr.
check_site() {
    here_name=$(hostname -f 2>/dev/null || hostname 2>/dev/null || :)
    case $here_name in
    *".$site.grid5000.fr") ;;
    *.grid5000.fr) refuse "this is $here_name, and the environment is for the site $site: \`run push $site\`" ;;
    esac
}

# A program that asks a server, which may never answer.
asking() { timeout 60 "$@"; }

# One line of what oarstat tells about the job, as JSON; nothing where OAR does not know it.
job_facts() { asking oarstat -f -J -j "$job" 2>/dev/null | tr -d '\n'; }

# A number or a text of a job's facts: NAME FACTS
fact() {
    printf '%s\n' "$2" | sed -n "s/.*\"$1\" *: *\"\([^\"\\]*\(\\\\.[^\"\\]*\)*\)\".*/\1/p; t
s/.*\"$1\" *: *\([^\", }]*\).*/\1/p" | sed 's/\\\(.\)/\1/g'
}

# Sets job_state: Waiting, Running, Terminated, Error … , or nothing for a job that OAR does not know.
ask_state() {
    tries=0
    # A scheduler that does not answer is not one that knows no such job.
    until said=$(asking oarstat -s -j "$job" 2>&1); do
        tries=$((tries + 1))
        [ "$tries" -lt 5 ] || die "OAR does not answer, and job $job stays as it is: ${said:-oarstat takes more than a minute}"
        sleep "$pause"
    done
    job_state=$(printf '%s\n' "$said" | sed -n "s/^$job: *//p")
}

# Whether a job that ended is why nothing answers any more.
job_is_over() {
    [ "$job" != - ] || return 1
    case $(asking oarstat -s -j "$job" 2>/dev/null) in *Finishing* | *Terminated* | *Error*) ;; *) return 1 ;; esac
}

# Sets left: seconds of walltime that the job has yet.
ask_left() {
    facts_now=$(job_facts)
    began=$(fact startTime "$facts_now")
    lasts=$(fact walltime "$facts_now")
    left=
    case $began$lasts in '' | *[!0-9]*) return 0 ;; esac
    left=$((began + lasts - $(date +%s)))
}

# H:MM from seconds.
spell() { printf '%d:%02d h' $(($1 / 3600)) $(($1 / 60 % 60)); }

# What is asked for with -l: one group a cluster, the nodes of any cluster last.
resources() {
    wanted_groups=
    for cluster in $(printf '%s\n' "$nodes" | cut -d ' ' -f 3 | grep -vx -e - | sort -u) -; do
        count=$(printf '%s\n' "$nodes" | cut -d ' ' -f 3 | grep -cxF -e "$cluster" || :)
        # A group of none would hang OAR's scheduler.
        [ "$count" -gt 0 ] || continue
        group="{cpuarch='$architecture'}/host=$count"
        [ "$cluster" = - ] || group="{cluster='$cluster'}/host=$count"
        wanted_groups="$wanted_groups${wanted_groups:++}$group"
    done
    printf '%s,walltime=%s\n' "$wanted_groups" "${walltime_option:-$walltime}"
}

# Clusters that the site does not have, or of another processor, before anything is asked for.
check_clusters() {
    command -v oarnodes >/dev/null || return 0
    for cluster in $(printf '%s\n' "$nodes" | cut -d ' ' -f 3 | grep -vx -e - | sort -u); do
        count=$(printf '%s\n' "$nodes" | cut -d ' ' -f 3 | grep -cxF "$cluster")
        told=$(asking oarnodes -J --sql "cluster='$cluster'" 2>/dev/null) || return 0
        there=$(printf '%s\n' "$told" | sed -n 's/.*"network_address" *: *"\([^"]*\)".*/\1/p' | sort -u | grep -c . || :)
        [ "$there" -gt 0 ] || refuse "this site has no cluster $cluster"
        [ "$there" -ge "$count" ] || refuse "cluster $cluster has $there nodes, and the environment wants $count of it"
        of=$(printf '%s\n' "$told" | sed -n 's/.*"cpuarch" *: *"\([^"]*\)".*/\1/p' | sort -u)
        [ -z "$of" ] || [ "$of" = "$architecture" ] ||
            refuse "cluster $cluster has $of processors, and the environment is built for $architecture (\`system\`)"
        case $(printf '%s\n' "$told" | sed -n 's/.*"exotic" *: *"\([^"]*\)".*/\1/p' | sort -u) in
        YES)
            printf '%s\n' "$job_types" | grep -qx exotic ||
                refuse "cluster $cluster is exotic: the source needs \`flavour $flavour { job-types exotic }\`"
            ;;
        esac
    done
}

do_reserve() {
    find_job
    [ "$job" = - ] || need_oar
    if [ "$job" = - ]; then
        keep_job
        return 0
    fi
    if [ -n "$job" ]; then
        ask_state
        case $job_state in
        Terminated | Error | toError | Finishing)
            [ -z "$job_option$dry" ] || die "job $job is over ($job_state)"
            say "job $job is over: another one is asked for"
            forget_job
            ;;
        '') die "OAR knows no job $job; if that was long ago, remove $own/job" ;;
        *)
            keep_job
            if [ -z "$dry" ]; then wait_job; fi
            return 0
            ;;
        esac
    fi
    check_clusters
    # A job that cannot be noted would run for nobody.
    [ -n "$dry" ] || need_room
    begin reserve
    set -- oarsub -n "$job_name"
    [ "$flavour" != g5k-image ] || set -- "$@" -t deploy
    while read -r type; do
        case $type in '' | deploy) ;; *) set -- "$@" -t "$type" ;; esac
    done <<TYPES
$job_types
TYPES
    [ "$queue" = default ] || set -- "$@" -q "$queue"
    [ -z "$project" ] || set -- "$@" --project "$project"
    [ -z "$properties" ] || set -- "$@" -p "$properties"
    [ -z "$start_option" ] || set -- "$@" -r "$start_option"
    set -- "$@" -l "$(resources)" "sleep infinity"
    if [ -n "$dry" ]; then
        act "$@"
        say "then it waits until the job runs"
        return 0
    fi
    ask_oar "$@"
    if ! { read -r job made <"$own/job"; } 2>/dev/null; then
        sed 's/^/   /' "$own/answer" >&2
        die "OAR gives no job: $(quoted "$@")"
    fi
    wait_job
    finish
}

# Asks OAR with these words. Its client tells the job's number at once, and of a reservation in advance only ends when OAR has
# validated it; until then it takes the job back at an interrupt, and OAR does where the client is gone.
ask_oar() {
    {
        # An interrupt is the client's to answer.
        trap : INT TERM HUP
        answered=0
        # OAR writes the job's own output where it is asked for.
        (cd "$own" && exec "$@" 2>&1) || answered=$?
        # Its last words may have no end of line.
        printf '\nexit %s\n' "$answered"
    } | note_job
}

# Notes the job that OAR's client tells of, whatever becomes of this run meanwhile, and forgets it where it is taken back.
note_job() {
    trap '' INT TERM HUP
    while IFS= read -r line; do
        case $line in
        OAR_JOB_ID=*)
            job=${line#*=} made=made
            say "job $job: $(resources)"
            keep_job
            ;;
        *"waiting for validation"*) say "OAR validates the reservation; an interrupt takes it back" ;;
        # Done, or ended by a signal: the job is OAR's.
        'exit 0' | 'exit 1'[2-9][0-9] | '') ;;
        'exit '*) forget_job ;;
        *) printf '%s\n' "$line" ;;
        esac
    done >"$own/answer"
}

keep_job() {
    [ -z "$dry" ] || return 0
    if [ "$job" = - ] && [ "$nodes_option" != "$own/nodes.given" ]; then
        # It is read once: it may be a pipe.
        cp -- "$nodes_option" "$own/nodes.new"
        check_given "$own/nodes.new"
        if ! cmp -s -- "$own/nodes.new" "$own/nodes.given"; then forget_job; fi
        mv -f -- "$own/nodes.new" "$own/nodes.given"
        nodes_option=$own/nodes.given
    fi
    if [ "$(cat "$own/job" 2>/dev/null || :)" != "$job $made" ]; then
        if [ -e "$own/job" ]; then forget_job; fi
        printf '%s %s\n' "$job" "$made" >"$own/job"
    fi
}

# What was known of the nodes of a job that is not ours any more.
forget_job() {
    [ -z "$dry" ] || return 0
    rm -rf -- "$own/job" "$own/table" "$own/deployed.json" "$own/deployed" "$own/first" "$own/provision" "$own/ready"
}

# Waits until the job runs; an interrupt leaves it in the queue.
wait_job() {
    told=
    job_deadline=
    [ -z "$wait_option" ] || job_deadline=$(($(clock) + wait_option * 100))
    while :; do
        ask_state
        case $job_state in
        Running) break ;;
        Terminated | Error | toError | Finishing)
            said=$(fact message "$(job_facts)")
            die "job $job ended before it ran ($job_state)${said:+: $said}"
            ;;
        '') die "OAR knows no job $job any more" ;;
        esac
        at_time=$(fact scheduledStart "$(job_facts)")
        case $at_time in '' | null | *[!0-9]*) at_time='at an unknown time' ;; *) at_time="about $(date -d "@$at_time" '+%F %T' 2>/dev/null || echo "second $at_time")" ;; esac
        if [ "$told" != "$job_state $at_time" ]; then
            told="$job_state $at_time"
            say "job $job: $job_state, starts $at_time; an interrupt leaves it in the queue, the same command goes on"
        fi
        if [ -n "$job_deadline" ] && [ "$(clock)" -ge "$job_deadline" ]; then
            die "job $job does not run within $wait_option s (--wait); it stays in the queue: \`run release\` takes it out"
        fi
        sleep "$pause"
    done
    ask_left
    if [ -n "$left" ]; then say "job $job runs for another $(spell "$left")"; fi
}

# Refuses to go on with a job that does not run.
need_job() {
    find_job
    if [ "$job" = - ]; then
        keep_job
        return 0
    fi
    if [ -n "$dry" ] && [ -z "$job" ]; then
        job=JOB
        return 0
    fi
    need_oar
    [ -n "$job" ] || die "nothing is reserved: \`run reserve\`, --job ID or --nodes FILE"
    ask_state
    case $job_state in
    Running) ;;
    Waiting | toLaunch | Launching | Hold | toAckReservation) die "job $job does not run yet ($job_state): \`run reserve\` waits for it" ;;
    *) die "job $job is over (${job_state:-OAR knows none}): \`run up\` asks for another one" ;;
    esac
    keep_job
    ask_left
    if [ -n "$left" ] && [ "$left" -lt 900 ]; then
        say "job $job has only $(spell "$left") left (oarwalltime $job +1:00 asks for more)"
    fi
}

do_release() {
    find_job
    if [ -e "$own/ready" ] && [ -z "$dry" ]; then
        read -r start since <"$own/ready"
        # The clock starts anew when the machine does.
        [ "$(clock)" -lt "$since" ] || record run "$start" $(($(clock) - since))
        rm -f -- "$own/ready"
    fi
    close_connections
    if [ "$job" = - ] || [ -z "$job" ]; then
        [ -z "$nodes_option" ] || say "the nodes were given with --nodes, and stay as they are"
    elif [ -z "$made" ] && [ "$command" != release ]; then
        say "job $job was not made here, and stays: \`run release\` ends it"
    else
        need_oar
        ask_state
        case $job_state in
        Terminated | Error | toError | Finishing | '') say "job $job is over already" ;;
        *) if [ -n "$dry" ]; then act oardel "$job"; else asking oardel "$job"; fi >&2 || die "job $job cannot be ended" ;;
        esac
    fi
    forget_job
}
