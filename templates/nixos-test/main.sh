# --- tests: what Nix builds of them, and what runs here ---

# Sets attribute, folder and title: [NAME], the first test without
find_test() {
    number=1
    if [ "$#" -gt 0 ]; then
        number=$(printf '%s\n' "$tests" | grep -nxF -- "$1" | head -n 1 | cut -d : -f 1)
        [ -n "$number" ] || refuse "no test is called $1; there are: $(printf '%s\n' "$tests" | sed "s/.*/'&'/" | tr '\n' ' ')"
    fi
    title=$(printf '%s\n' "$tests" | sed -n "${number}p")
    attribute=$(printf '%s\n' "$attributes" | sed -n "${number}p")
    folder=$own/$(printf '%s\n' "$folders" | sed -n "${number}p")
}

need_nix() {
    command -v nix-build >/dev/null || [ -n "$dry" ] || refuse "nix-build is not here: NixOS's test driver is built by Nix"
}

# nix-build of a part of the test, kept from being collected: PART LINK, "" for the test itself
build() {
    act nix-build "$here/test.nix" -A "$attribute$1" -o "$folder/$2" >"$output"
}

# Without a part to name, -A takes none.
build_test() {
    if [ -n "$attribute" ]; then
        act nix-build "$here/test.nix" -A "$attribute" -o "$folder/result"
    else
        act nix-build "$here/test.nix" -o "$folder/result"
    fi >"$output"
}

dotted() { [ -z "$attribute" ] || attribute=$attribute.; }

make_folder() { [ -n "$dry" ] || mkdir -p "$folder/out" || die "cannot write in $own"; }

# [NAME]: the driver and all systems, and nothing runs
do_build() {
    need_nix
    find_test "$@"
    make_folder
    begin build
    dotted
    build driver driver
    finish
}

# [NAME]: in Nix's sandbox
do_test() {
    do_build "$@"
    find_test "$@"
    begin test
    build_test || failed "$?"
    finish
    [ -n "$dry" ] || say "$title: passed; what the script copied from nodes is in $folder/result"
}

failed() {
    finish
    say "$title: not passed. \`run here\` runs it outside of Nix's sandbox, \`run interactive\` leaves the nodes to you"
    exit "$1"
}

# [NAME]: as a program of this user's
do_here() {
    do_build "$@"
    begin run
    start driver
    finish
    [ -n "$dry" ] || say "$title: passed; what the script copied from nodes is in $folder/out"
}

# [NAME]: Python with the nodes in it
do_interactive() {
    need_nix
    find_test "$@"
    make_folder
    begin build
    dotted
    build interactive interactive
    finish
    [ -n "$dry" ] || tell_nodes
    start interactive
}

tell_nodes() {
    say "start_all() starts the nodes, test_script() runs the script, Ctrl-D ends it all; the nodes:"
    while read -r node role; do say "  $node  ($role)"; done <<NODES
$nodes
NODES
}

# Runs a driver in the folder of what it makes. Until 21.05 it ran what stands in `tests`, and was interactive without;
# later ones do not look at it: driver or interactive
start() {
    if [ -n "$dry" ]; then
        act cd "$folder/out"
        act "$folder/$1/bin/nixos-test-driver"
        return 0
    fi
    cd "$folder/out"
    export out="$folder/out"
    unset tests
    # shellcheck disable=SC2016 # of the driver's Python
    [ "$1" = interactive ] || export tests='exec(os.environ["testScript"])'
    outcome=0
    "$folder/$1/bin/nixos-test-driver" || outcome=$?
    [ "$outcome" -eq 0 ] || [ "$1" = interactive ] || failed "$outcome"
    [ "$outcome" -eq 0 ] || exit "$outcome"
}

do_list() { printf '%s\n' "$tests"; }

# Of a build the links go, which keep it from being collected.
do_down() {
    [ -n "$all" ] || refuse "nothing runs between two commands; \`down --all\` forgets what was built"
    forget_state
}

# --- command line ---

usage() {
    cat <<'USAGE'
usage: run [OPTIONS] COMMAND

  list                the tests of the environment
  build [NAME]        build the test's driver and the systems of all nodes with Nix; nothing runs
  test [NAME]         run the test in Nix's sandbox; one that has passed is not run again until something changes
  here [NAME]         run it outside of the sandbox, as a program of yours: for machines whose Nix has no KVM
  interactive [NAME]  a Python prompt with the nodes in it: start_all(), node.shell_interact(), test_script()
  down --all          forget what was built

Without NAME: the environment's main test; without any test, one that waits until every node is ready.
By hand: nix-build test.nix, nix-build test.nix -A interactive.

  --dry-run           print the commands that would change something

Exit: 0 passed, 1 something failed, 2 wrong usage or something is missing on this machine.
USAGE
}

find_place
dry='' all=''
output=/dev/null
command=

while [ "$#" -gt 0 ]; do
    case $1 in
    --dry-run) dry=yes && output=/dev/stdout && shift ;;
    --all) all=yes && shift ;;
    -h | --help) command=help && break ;;
    -*) refuse "no option $1 (\`run help\` lists them)" ;;
    *)
        [ -z "$command" ] || break
        command=$1
        shift
        ;;
    esac
done

need_command

case $command in
build | test | here | interactive)
    find_test "$@"
    make_state
    lock
    ;;
esac
case $command in
list) do_list ;;
build) do_build "$@" ;;
test) do_test "$@" ;;
here) do_here "$@" ;;
interactive) do_interactive "$@" ;;
down) do_down ;;
*) no_command ;;
esac
