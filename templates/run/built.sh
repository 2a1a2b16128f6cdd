# --- what was built, and of what ---

# What a build was made from: it is of no use for another version of the bundle.
stamp() {
    if [ -e "$bundle/manifest.json" ]; then cksum <"$bundle/manifest.json"; else echo none; fi
}

# Builds unless there is a build of this very bundle.
need_build() {
    [ -z "$given" ] || return 0
    if [ -s "$own/built" ]; then
        if [ -n "$no_build" ] || [ "$(cat "$own/built")" = "$(stamp)" ]; then return 0; fi
        command -v nix-build >/dev/null ||
            refuse "the build in $own is of another version of this bundle and nix-build is not here; --no-build takes it all the same"
    elif [ -n "$no_build" ]; then
        refuse "nothing was built yet: \`run build\` first"
    fi
    do_build
}

# One archive of the bundle and what was built, for a machine without Nix: FILE MACHINE PART…, parts of the state
pack_archive() {
    to=${1:-$own/$environment-$flavour.tar}
    # To tar, HOST:FILE is on another machine.
    case $to in /*) ;; *) to=./$to ;; esac
    machine_without=$2
    folder=${bundle##*/}
    shift 2
    for part; do
        shift
        set -- "$@" "$folder.state/$flavour/$part"
    done
    if [ -n "$dry" ]; then
        act tar -C "${bundle%/*}/" -cf "$to" -- "$folder" "$@"
        return 0
    fi
    tar -C "${bundle%/*}/" -cf "$to.new" -- "$folder" "$@" || die "cannot write $to"
    mv -f -- "$to.new" "$to"
    say "packed $to: unpack it on $machine_without, then $folder/$flavour/run up"
}
