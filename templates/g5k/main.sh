# --- command line ---

find_place
dry='' all='' no_build='' given='' given_secrets='' nodes_option='' job_option='' start_option='' wait_option='' walltime_option=''
login_option='' launcher='' old=''
at_once=32
timeout=600
deploy_timeout=2400
[ "$flavour" = g5k-image ] || deploy_timeout=600
pause=2
command=

# The options of `run` stand before the node or file that a command is about; what follows is not ours.
while [ "$#" -gt 0 ]; do
    case $1 in
    --job | --nodes | --walltime | --at | --wait | --deploy-timeout | --timeout | --secret | --login | --launcher | --at-once | --pause)
        [ "$#" -gt 1 ] || refuse "$1 needs a value"
        option=$1 value=$2
        shift 2
        ;;
    --job=* | --nodes=* | --walltime=* | --at=* | --wait=* | --deploy-timeout=* | --timeout=* | --secret=* | --login=* | --launcher=* | --at-once=* | --pause=*)
        option=${1%%=*} value=${1#*=}
        shift
        ;;
    --dry-run) dry=yes && shift && continue ;;
    --all) all=yes && shift && continue ;;
    --no-build) no_build=yes && shift && continue ;;
    --old) old=yes && shift && continue ;;
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
        start_option=$value
        ;;
    --wait | --deploy-timeout | --timeout)
        seconds "$option" "$value"
        case $option in
        --wait) wait_option=$value ;;
        --timeout) timeout=$value ;;
        *) deploy_timeout=$value ;;
        esac
        ;;
    --pause) pause=$value ;;
    --launcher) launcher=$value ;;
    --at-once)
        case $value in '' | 0* | *[!0-9]* | ????*) refuse "--at-once takes a number, from 1 to 999" ;; esac
        at_once=$value
        ;;
    --login)
        case $value in '' | -* | *[!a-z0-9_.-]*) refuse "--login takes the name of an account" ;; esac
        login_option=$value
        ;;
    --secret) take_secret_option "$value" ;;
    esac
done

need_command
# What not every flavour has.
[ -z "$launcher" ] || [ "$flavour" != g5k-image ] || refuse "Kadeploy has a launcher of its own: --launcher is for kexec"
[ -z "$old" ] || [ "$flavour $command" = "g5k-nfs-store clean" ] || refuse "--old goes with \`clean\` of g5k-nfs-store"
case $command in
clean) [ "$flavour" != g5k-ramdisk ] || no_command ;;
image | register) [ "$flavour" = g5k-image ] || no_command ;;
store) [ "$flavour" = g5k-nfs-store ] || no_command ;;
esac
case $command in
build | pack | push | image | register | store | reserve | deploy | provision | up | release | clean | down)
    make_state
    lock
    ;;
esac

do_up() {
    choose_targets "$@"
    # What can be wrong is looked at before nodes are asked for.
    find_job
    [ "$job" = - ] || need_oar
    prepare
    do_reserve
    do_deploy "$@"
    do_provision "$@"
    [ -n "$dry" ] || show_table
}

do_down() {
    do_release
    remove_links
    if [ -n "$all" ]; then
        [ "$flavour" = g5k-ramdisk ] || do_clean
        forget_state
    fi
}

remove_links() {
    if own_sockets; then act rm -rf -- "$sockets" "$own/sockets"; fi
}

case $command in
build) do_build ;;
pack) do_pack "$@" ;;
push) do_push "$@" ;;
image | store) prepare ;;
register) if [ "$flavour" = g5k-image ]; then do_register; fi ;;
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
clean) if [ "$flavour" != g5k-ramdisk ]; then do_clean; fi ;;
down) do_down ;;
*) no_command ;;
esac
