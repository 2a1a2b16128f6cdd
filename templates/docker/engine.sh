# --- the engine: docker or podman, its version and its cgroups ---

# Sets engine (the program), kind (docker or podman), server (its version) and compose_program; refuses what cannot work.
find_engine() {
    [ -z "${compose_program:-}" ] || return 0
    if [ -z "$engine" ]; then
        engine=docker
        if ! command -v docker >/dev/null && command -v podman >/dev/null; then engine=podman; fi
    fi
    case $("$engine" --version 2>/dev/null) in
    *[Pp]odman*) kind=podman ;;
    *) kind=docker ;;
    esac
    if ! command -v "$engine" >/dev/null; then
        where=https://docs.docker.com/engine/install/
        [ "${engine##*/}" != podman ] || where=https://podman.io/docs/installation
        answer="$engine is not installed ($where)"
    elif answer=$("$engine" version --format '{{.Server.Version}}' 2>&1); then
        server=$answer
        [ "$kind" = podman ] || at_least "$server" 20 10 || refuse "Docker $server is too old: 20.10 is the oldest that works"
        find_compose
        return 0
    else
        case $answer in
        *"permission denied"*) answer="you may not talk to the $engine daemon: join the group docker, or use sudo" ;;
        *"annot connect"* | *"not running"*)
            answer="the $engine daemon is not running (start it, for example: sudo systemctl start docker)"
            ;;
        *) answer="$engine does not answer: $answer" ;;
        esac
    fi
    [ -n "$dry" ] || refuse "$answer"
    # These ask the engine which containers there are, also in a dry run.
    case $command in status | ssh | logs | fetch) refuse "$answer" ;; esac
    say "$answer; showing what a current Docker would be told"
    engine=docker kind=docker server=28.0 compose_program="docker compose" cgroup_case=${cgroup_case:-cgroup-v2}
}

find_compose() {
    old=
    for compose_program in "$engine compose" docker-compose podman-compose; do
        [ "$kind/$compose_program" != docker/podman-compose ] || continue
        # shellcheck disable=SC2086 # a program and its subcommand
        found=$($compose_program version --short 2>/dev/null) || continue
        if [ "$kind" = podman ] || at_least "$found" 2 20; then return 0; fi
        old=$found
    done
    [ -z "$old" ] || refuse "Docker Compose $old is too old: 2.20 is the oldest that works"
    refuse "Docker Compose v2 is not installed (https://docs.docker.com/compose/install/)"
}

# Sets cgroup_case: which docker-compose.CASE.yml goes with this engine, none for podman.
find_case() {
    [ -z "$cgroup_case" ] || return 0
    if [ "$kind" = podman ]; then
        cgroup_case=none
        return 0
    fi
    answer=$("$engine" info --format '{{.CgroupVersion}} {{.SecurityOptions}}') || die "docker info fails"
    case $answer in
    1*) cgroup_case=cgroup-v1 ;;
    2*rootless*) refuse "rootless Docker gives no node a cgroup to write, which systemd needs: use podman or Docker as root" ;;
    2*userns*) refuse "Docker with userns-remap gives no node a cgroup to write, which systemd needs: turn it off" ;;
    2*)
        if at_least "$server" 28 0; then cgroup_case=cgroup-v2; else cgroup_case=cgroup-v2-older; fi
        ;;
    *) refuse "docker info names no cgroup version (\"$answer\"); choose with --cgroup" ;;
    esac
}

# Docker Compose with this bundle's project and files.
compose() {
    [ "$cgroup_case" = none ] || set -- -f "$here/docker-compose.$cgroup_case.yml" "$@"
    # shellcheck disable=SC2086 # a program and its subcommand
    act $compose_program -p "$project" -f "$here/docker-compose.yml" "$@"
}

# The project's name: asked for, or what this bundle used last, or made of its place on this machine.
find_project() {
    if [ -z "$project" ] && { read -r project place <"$own/project"; } 2>/dev/null; then
        [ "$place" = "$bundle" ] || project=
    fi
    [ -n "$project" ] || project=$(printf '%s' "$environment" | tr '[:upper:]' '[:lower:]')-$(printf '%s' "$bundle" | cksum | cut -d ' ' -f 1)
    case $project in
    [!a-z0-9]* | *[!a-z0-9_-]*) refuse "$project is no project name: small letters, digits, - and _" ;;
    esac
}

# What the compose files ask of the environment.
export_settings() {
    export NXCC_PROJECT="$project" NXCC_STATE="$own"
    for port in $ports; do
        to=$(moved_to "$port")
        [ -z "$to" ] || export "NXCC_PORT_$port=$to"
    done
    while read -r role name; do
        case " $preset " in *" $name "*) continue ;; esac
        if [ "$store" = host ]; then
            toplevel=$(readlink -f "$own/result/toplevels/$role" 2>/dev/null || echo /not/built)
            export "NXCC_TOPLEVEL_$name=$toplevel"
        else
            image=$(sed -n "s/^$role \([^ ]*\) .*/\1/p" "$own/images.txt" 2>/dev/null || :)
            [ -z "$image" ] || export "NXCC_IMAGE_$name=$image"
        fi
    done <<ROLES
$roles
ROLES
}

# Sets preset, the roles whose image or system the caller names, as their variables have them; and given, if all.
find_presets() {
    kind_of=IMAGE
    [ "$store" = image ] || kind_of=TOPLEVEL
    given=yes
    while read -r _ name; do
        eval "value=\${NXCC_${kind_of}_$name:-}"
        if [ -n "$value" ]; then preset="$preset $name"; else given=; fi
    done <<ROLES
$roles
ROLES
}

# Everything that a command needs that talks to the engine about this bundle.
ready_engine() {
    find_engine
    find_case
    find_project
    export_settings
}

# The project's containers, networks or volumes by id: KIND [more arguments]
ours() {
    things=$1
    shift
    case $things in
    containers) "$engine" ps -a -q --filter "label=com.docker.compose.project=$project" "$@" ;;
    networks) "$engine" network ls -q --filter "label=com.docker.compose.project=$project" "$@" ;;
    volumes) "$engine" volume ls -q --filter "label=com.docker.compose.project=$project" "$@" ;;
    esac
}

# Another bundle's project is not ours to change.
check_owner() {
    [ -z "$dry" ] || return 0
    "$engine" ps -a --filter "label=com.docker.compose.project=$project" \
        --format '{{.Label "com.docker.compose.project.working_dir"}}' | sort -u | while read -r place; do
        if [ -n "$place" ] && [ "$place" != "$here" ]; then
            refuse "the project $project belongs to $place: choose another with --project"
        fi
    done
}
