# --- build, pack: kernels, initrds and kernel parameters of the roles ---

# Where the nodes boot from: what the caller names, now or at the last `up`, else what `build` made.
find_result() {
    result=${result_option:-${NXCC_RESULT:-}}
    [ -n "$result" ] || result=$(cat "$own/elsewhere" 2>/dev/null || :)
    if [ -n "$result" ]; then
        given=yes
        case $result in /*) ;; *) result=$(pwd)/$result ;; esac
        # The launch scripts read it too.
        export NXCC_RESULT="$result"
    else
        result=$own/result
    fi
}

do_build() {
    missing="nix-build is not here: build on a machine with Nix"
    [ "$store" = host ] || missing="$missing, take the archive of \`run pack\` to this one and unpack it beside the bundle"
    command -v nix-build >/dev/null || [ -n "$dry" ] || refuse "$missing"
    begin build
    if [ "$store" = host ]; then
        # The link also keeps the systems from being collected.
        act nix-build "$bundle" -A "$flavour" -o "$own/result"
        [ -n "$dry" ] || stamp >"$own/built"
    else
        build_copy
    fi
    [ -z "$dry" ] || return 0
    rm -f -- "$own/elsewhere"
    result=$own/result
    check_result
    finish
}

# FROM TO
copy_build() { copy_pairs "$@"; }

# Refuses a result that is not there, or not this bundle's.
check_result() {
    [ -d "$result/roles" ] || refuse "$result is no build of $flavour: it has no folder roles"
    for role in $roles; do
        [ -d "$result/roles/$role" ] || refuse "$result is no build of this bundle: it has no roles/$role"
        for file in kernel initrd cmdline; do
            [ -e "$result/roles/$role/$file" ] || refuse "$result is no build of $flavour: it has no roles/$role/$file"
            [ -r "$result/roles/$role/$file" ] || refuse "cannot read $result/roles/$role/$file"
        done
    done
}

# One archive of the bundle and its build, for a machine without Nix: [FILE]
do_pack() {
    [ "$store" != host ] || refuse "the systems live in this machine's /nix/store: nothing to pack; vm-ramdisk can be packed"
    need_build
    [ -z "$given" ] || refuse "$result was built elsewhere; \`run build\`, then pack"
    pack_archive "${1:-}" "the other machine" built result
}
