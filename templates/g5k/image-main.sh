# --- command line ---

usage() {
    cat <<'USAGE'
usage: run [OPTIONS] COMMAND

where Nix is
  build              build the image with Nix; what later commands need goes to DIR.state
  push [SITE]        bundle and image to ~/nxcc of a site's frontend; `pack [FILE]` makes an archive instead

on a frontend; each looks at what is done already
  up [NODE…]         all of the following in order
  image              put the image where Kadeploy reads it, write the descriptions to deploy
  reserve            ask OAR for nodes and wait for them
  deploy [NODE…]     install the nodes that are not, or those named; once more those that fail
  provision [NODE…]  names, nodes file and secrets over ssh, then the roles' units in order
  status             who is where, and how far
  ssh NODE [COMMAND] a shell, or a command, as root on a node
  console NODE       its serial console (kaconsole3)
  ssh-config         a configuration of ssh for your own machine, through the gateway
  fetch NODE:PATH [FOLDER]
  test [NAME]        the environment's test script, against the nodes
  release            end the job
  clean              remove the image's copy and the registered environments
  down               release what was reserved here; with --all also clean, and forget keys, secrets and build

  --dry-run          print the commands that would change something
  --job ID           the nodes of a job that is there already
  --nodes FILE       these nodes, a line each; no job
  --walltime H:M:S   instead of the source's
  --at 'YYYY-MM-DD HH:MM:SS'  reserve in advance
  --wait SECONDS     how long to wait for the job (default: until it runs)
  --deploy-timeout SECONDS    for one round of Kadeploy (default 2400)
  --timeout SECONDS  how long `provision` waits until all nodes are ready (default 600)
  --secret NAME=FILE where a secret is read from
  --login NAME       your account, for `push`
  --no-build         take the last build, whatever it was built from
  --all              with `down`

Exit: 0 done, 1 something failed, 2 wrong usage or something is missing on this machine.
NXCC_G5K_LOGIN: as --login.
USAGE
}

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
bundle=${here%/*}
state=$bundle.state
own=$state/$flavour
mask=$(umask)
umask 077

dry='' all='' no_build='' given='' given_secrets='' nodes_option='' job_option='' at='' wait_option='' walltime_option=''
login_option=''
timeout=600
deploy_timeout=2400
pause=2
command=

# The options of `run` stand before the node or file that a command is about; what follows is not ours.
while [ "$#" -gt 0 ]; do
    case $1 in
    --job | --nodes | --walltime | --at | --wait | --deploy-timeout | --timeout | --secret | --login | --pause)
        [ "$#" -gt 1 ] || refuse "$1 needs a value"
        option=$1 value=$2
        shift 2
        ;;
    --job=* | --nodes=* | --walltime=* | --at=* | --wait=* | --deploy-timeout=* | --timeout=* | --secret=* | --login=* | --pause=*)
        option=${1%%=*} value=${1#*=}
        shift
        ;;
    --dry-run) dry=yes && shift && continue ;;
    --all) all=yes && shift && continue ;;
    --no-build) no_build=yes && shift && continue ;;
    -h | --help) command=help && break ;;
    -*) refuse "no option $1 (\`run help\` lists them)" ;;
    *)
        [ -z "$command" ] || break
        command=$1
        shift
        case $command in ssh) break ;; esac
        continue
        ;;
    esac
    case $option in
    --job)
        case $value in '' | *[!0-9]*) refuse "--job takes the number of a job" ;; esac
        job_option=$value
        ;;
    --nodes)
        [ -r "$value" ] || refuse "cannot read $value"
        nodes_option=$value
        ;;
    --walltime)
        case $value in '' | *[!0-9:]* | :* | *: | *:*:*:*) refuse "--walltime takes H, H:M or H:M:S" ;; esac
        walltime_option=$value
        ;;
    --at)
        case $value in
        [0-9][0-9][0-9][0-9]-[0-9]*-[0-9]*' '[0-9]*:[0-9]*) ;;
        *) refuse "--at takes 'YYYY-MM-DD HH:MM:SS'" ;;
        esac
        at=$value
        ;;
    --wait | --deploy-timeout | --timeout)
        case $value in '' | *[!0-9]*) refuse "$option takes seconds" ;; esac
        case $option in
        --wait) wait_option=$value ;;
        --timeout) timeout=$value ;;
        *) deploy_timeout=$value ;;
        esac
        ;;
    --pause) pause=$value ;;
    --login)
        case $value in '' | -* | *[!a-z0-9_.-]*) refuse "--login takes the name of an account" ;; esac
        login_option=$value
        ;;
    --secret)
        case $value in ?*=?*) ;; *) refuse "--secret takes NAME=FILE" ;; esac
        printf '%s\n' "$secrets" | cut -d ' ' -f 1 | grep -qxF -- "${value%%=*}" || refuse "no secret is called ${value%%=*}"
        [ -r "${value#*=}" ] || refuse "cannot read ${value#*=}"
        given_secrets="$given_secrets$value
"
        ;;
    esac
done

if [ -z "$command" ]; then
    usage >&2
    exit 2
fi
if [ "$command" = help ]; then
    usage
    exit 0
fi
[ ! -e "$bundle/$journal" ] ||
    refuse "a compile of this bundle was interrupted: run \`nxcc compile\` on it again, then this"

case $command in
build | pack | push | image | reserve | deploy | provision | up | release | clean | down)
    make_state
    lock
    ;;
esac

do_up() {
    choose_targets "$@"
    # What can be wrong is looked at before nodes are asked for.
    find_job
    [ "$job" = - ] || need_oar
    do_image
    do_reserve
    do_deploy "$@"
    do_provision "$@"
    [ -n "$dry" ] || show_table
}

do_down() {
    do_release
    if [ -n "$all" ]; then
        do_clean
        remove_links
        forget_state
    fi
}

remove_links() {
    links=$(cat "$own/sockets" 2>/dev/null || :)
    if [ -n "$links" ] && [ -n "$(find "$links" -prune -type d -user "$(id -u)" -perm 700 2>/dev/null)" ]; then act rm -rf -- "$links"; fi
}

case $command in
build) do_build ;;
pack) do_pack "$@" ;;
push) do_push "$@" ;;
image) do_image ;;
reserve) do_reserve ;;
deploy) do_deploy "$@" ;;
provision) do_provision "$@" ;;
up) do_up "$@" ;;
status) do_status ;;
ssh) do_ssh "$@" ;;
console) do_console "$@" ;;
ssh-config) do_ssh_config ;;
fetch) do_fetch "$@" ;;
test) do_test "$@" ;;
release) do_release ;;
clean) do_clean ;;
down) do_down ;;
*) refuse "no command $command (\`run help\` lists them)" ;;
esac
