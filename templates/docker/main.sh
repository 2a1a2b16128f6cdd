# --- command line ---

usage() {
    cat <<'USAGE'
usage: run [OPTIONS] COMMAND

  build              build the nodes' systems with Nix; what later commands need goes to DIR.state/docker
  pack [FILE]        one archive of bundle and images, for a machine without Nix
  load               bring the images into the engine (`up` does it)
  up                 start the nodes, wait until they are ready, list them; harmless when they run
  status             list the nodes
  ssh NODE [COMMAND] a shell, or a command, as root on a node (no ssh: an exec of the engine)
  logs [NODE [ARGUMENTS OF JOURNALCTL]]
  fetch NODE:PATH [FOLDER]
  test [NAME]        run the environment's test script, or the one called NAME, against the nodes; starts them if needed
  compose ARGUMENTS  docker compose with this bundle's project and files
  down               remove the nodes, their network and volumes; with --all, images, secrets and state too

  --dry-run          print the commands that would change something
  --project NAME     name of the Compose project (default: made of the environment's name and the bundle's place)
  --secret NAME=FILE where a secret is read from
  --port PORT=OTHER  publish a port of this machine elsewhere, until `down`
  --timeout SECONDS  how long `up` waits (default 300)
  --no-build         take the last build, whatever it was built from
  --ignore-links     start although this kernel cannot shape links
  --engine PROGRAM   docker or podman (default: the first of them that is here)
  --cgroup CASE      cgroup-v2, cgroup-v2-older, cgroup-v1 or none, where the choice made by itself is wrong
  --all              with `down`

Exit: 0 done, 1 something failed, 2 wrong usage or something is missing on this machine.
NXCC_PROJECT, NXCC_ENGINE, NXCC_IGNORE_LINKS=yes: as the options. NXCC_IMAGE_ROLE: an image of your own for a role.
USAGE
}

find_place
dry='' all='' no_build='' given='' preset='' given_secrets='' moved_ports=''
timeout=300
project=${NXCC_PROJECT:-}
engine=${NXCC_ENGINE:-}
ignore_links=${NXCC_IGNORE_LINKS:-}
cgroup_case=
command=

# The options of `run` stand before the node or file that a command is about; what follows is not ours.
while [ "$#" -gt 0 ]; do
    case $1 in
    --project | --secret | --port | --timeout | --engine | --cgroup)
        [ "$#" -gt 1 ] || refuse "$1 needs a value"
        option=$1 value=$2
        shift 2
        ;;
    --project=* | --secret=* | --port=* | --timeout=* | --engine=* | --cgroup=*)
        option=${1%%=*} value=${1#*=}
        shift
        ;;
    --dry-run) dry=yes && shift && continue ;;
    --all) all=yes && shift && continue ;;
    --no-build) no_build=yes && shift && continue ;;
    --ignore-links) ignore_links=yes && shift && continue ;;
    -h | --help) command=help && break ;;
    -*) refuse "no option $1 (\`run help\` lists them)" ;;
    *)
        [ -z "$command" ] || break
        command=$1
        shift
        case $command in ssh | logs | compose) break ;; esac
        continue
        ;;
    esac
    case $option in
    --project) project=$value ;;
    --engine) engine=$value ;;
    --cgroup)
        case $value in
        none | cgroup-v1 | cgroup-v2 | cgroup-v2-older) cgroup_case=$value ;;
        *) refuse "--cgroup takes cgroup-v2, cgroup-v2-older, cgroup-v1 or none" ;;
        esac
        ;;
    --timeout)
        seconds "$option" "$value"
        timeout=$value
        ;;
    --secret) take_secret_option "$value" ;;
    --port) take_port_option "$value" ;;
    esac
done

need_command
find_presets
case $command in
build | pack | load | up | down)
    make_state
    lock
    ;;
esac
case $command in
build) do_build ;;
pack) do_pack "$@" ;;
load)
    ready_engine
    do_load
    ;;
up) do_up ;;
down) do_down ;;
status) do_status ;;
ssh) do_ssh "$@" ;;
logs) do_logs "$@" ;;
fetch) do_fetch "$@" ;;
test)
    if [ -n "$tests" ]; then
        ready_engine
        # For the `run` that the driver calls.
        export NXCC_ENGINE="$engine" NXCC_IGNORE_LINKS="$ignore_links"
    fi
    do_test "$@"
    ;;
compose)
    ready_engine
    compose "$@"
    ;;
*) no_command ;;
esac
