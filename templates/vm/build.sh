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
    else
        if [ -n "$dry" ]; then
            act nix-build "$bundle" -A "$flavour" --no-out-link
            say "then its files are copied to $own/result"
            return 0
        fi
        copy_result "$(nix-build "$bundle" -A "$flavour" --no-out-link)"
    fi
    [ -z "$dry" ] || return 0
    stamp >"$own/built"
    rm -f -- "$own/elsewhere"
    result=$own/result
    check_result
    finish
}

# Copies a build unless it is the one of the last time; its links are what makes it small: RESULT
copy_result() {
    [ -d "$1/pairs" ] || die "nix-build gave no result"
    if [ -d "$own/result" ] && [ "$(cat "$own/copied" 2>/dev/null)" = "$1" ]; then return 0; fi
    say "copying $1"
    rm -rf -- "$own/result.new"
    for pair in "$1"/pairs/*; do
        to=$own/result.new/pairs/${pair##*/}
        mkdir -p "$to"
        said=$(cp -L -- "$pair/kernel" "$pair/initrd" "$to/" 2>&1) || die "cannot copy the build: $said"
    done
    for role in $roles; do
        to=$own/result.new/roles/$role
        mkdir -p "$to"
        said=$(cp -L -- "$1/roles/$role/cmdline" "$to/" 2>&1) || die "cannot copy the build: $said"
        for file in kernel initrd; do ln -s "$(readlink "$1/roles/$role/$file")" "$to/$file"; done
    done
    printf '%s\n' "$1" >"$own/copied.new"
    chmod -R u+w "$own/result.new"
    rm -rf -- "$own/result"
    mv -- "$own/result.new" "$own/result"
    mv -f -- "$own/copied.new" "$own/copied"
}

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
    to=${1:-$own/$environment-$flavour.tar}
    # To tar, HOST:FILE is on another machine.
    case $to in /*) ;; *) to=./$to ;; esac
    folder=${bundle##*/}
    set -- "$folder" "$folder.state/$flavour/built" "$folder.state/$flavour/result"
    if [ -n "$dry" ]; then
        act tar -C "${bundle%/*}/" -cf "$to" -- "$@"
        return 0
    fi
    tar -C "${bundle%/*}/" -cf "$to.new" -- "$@" || die "cannot write $to"
    mv -f -- "$to.new" "$to"
    say "packed $to: unpack it on the other machine, then $folder/$flavour/run up"
}
