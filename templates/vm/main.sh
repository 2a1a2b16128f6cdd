# --- command line ---

usage() {
    cat <<'USAGE'
usage: run [OPTIONS] COMMAND

  build              build what the nodes boot from with Nix; what later commands need goes to DIR.state
  pack [FILE]        one archive of bundle and build, for a machine without Nix (vm-ramdisk)
  up [NODE…]         start the nodes, wait until they are ready, list them; harmless when they run
  status             list the nodes
  ssh NODE [COMMAND] a shell, or a command, as root on a node
  console NODE       the serial console of a node; Ctrl-] leaves it
  logs [NODE]        what the nodes wrote on their consoles
  fetch NODE:PATH [FOLDER]
  test [NAME]        the environment's test script, against the nodes
  down [NODE…]       stop the nodes and remove their disks; with --all, keys, secrets and build too

  --dry-run          print the commands that would change something
  --result DIR       what the nodes boot from, built elsewhere; kept in mind until `down` or `build`
  --secret NAME=FILE where a secret is read from
  --port PORT=OTHER  publish a port of this machine elsewhere, until `down`
  --timeout SECONDS  how long `up` waits (default 300, without KVM 900)
  --grace SECONDS    how long `down` waits for nodes to power off (default 10)
  --accel ACCEL      kvm or tcg, instead of the one that works
  --no-build         take the last build, whatever it was built from
  --all              with `down`

By hand: node/NAME.sh --print shows a node's command line; ssh -F DIR.state/…/ssh_config NODE.
Exit: 0 done, 1 something failed, 2 wrong usage or something is missing on this machine.
NXCC_RESULT: as --result. NXCC_QEMU: the QEMU to take.
USAGE
}

find_place
dry='' all='' no_build='' given='' given_secrets='' moved_ports='' result_option='' accel_option='' timeout=''
grace=10
command=

# The options of `run` stand before the node or file that a command is about; what follows is not ours.
while [ "$#" -gt 0 ]; do
    case $1 in
    --result | --secret | --port | --timeout | --grace | --accel)
        [ "$#" -gt 1 ] || refuse "$1 needs a value"
        option=$1 value=$2
        shift 2
        ;;
    --result=* | --secret=* | --port=* | --timeout=* | --grace=* | --accel=*)
        option=${1%%=*} value=${1#*=}
        shift
        ;;
    --dry-run) dry=yes && shift && continue ;;
    --all) all=yes && shift && continue ;;
    --no-build) no_build=yes && shift && continue ;;
    -h | --help) command=help && break ;;
    -*) refuse "no option $1 (\`run help\` lists them)" ;;
    *)
        if [ -n "$command" ]; then break; fi
        command=$1
        shift
        case $command in ssh) break ;; esac
        continue
        ;;
    esac
    case $option in
    --result)
        [ -d "$value" ] || refuse "there is no folder $value"
        result_option=$value
        ;;
    --accel)
        case $value in kvm | tcg) ;; *) refuse "--accel takes kvm or tcg" ;; esac
        accel_option=$value
        ;;
    --timeout | --grace)
        seconds "$option" "$value"
        if [ "$option" = --grace ]; then grace=$value; else timeout=$value; fi
        ;;
    --secret) take_secret_option "$value" ;;
    --port) take_port_option "$value" ;;
    esac
done

need_command
find_result
case $command in
build | pack | up | down)
    make_state
    lock
    ;;
esac
case $command in
build) do_build ;;
pack) do_pack "$@" ;;
up) do_up "$@" ;;
down) do_down "$@" ;;
status) do_status ;;
ssh) do_ssh "$@" ;;
console) do_console "$@" ;;
logs) do_logs "$@" ;;
fetch) do_fetch "$@" ;;
test) do_test "$@" ;;
*) no_command ;;
esac
