# --- test: the environment's test script, against the nodes ---

# [NAME]
do_test() {
    [ -n "$tests" ] || refuse "this environment declares no test"
    command -v python3 >/dev/null || refuse "python3 is not installed: the test scripts are Python"
    python3 -c 'import sys; sys.exit(sys.version_info < (3, 8))' || refuse "python3 is older than 3.8"
    [ -r "$bundle/test/driver.py" ] || refuse "this bundle has no test/driver.py: compile it again"
    if [ "$#" -gt 0 ]; then set -- --name "$1"; fi
    set -- python3 "$bundle/test/driver.py" --run "$here/run" "$@"
    if [ -n "$dry" ]; then
        act "$@"
        return 0
    fi
    make_state
    begin test
    outcome=0
    "$@" || outcome=$?
    finish
    exit "$outcome"
}
