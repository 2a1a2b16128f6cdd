# --- build, pack, push: from the machine that builds to a site's frontend ---

do_build() {
    command -v nix-build >/dev/null || [ -n "$dry" ] ||
        refuse "nix-build is not here: build on a machine with Nix, and \`run push\` from there"
    begin build
    build_copy
    finish
}

# What the later commands need: [FILE]
do_pack() {
    need_build
    pack_archive "${1:-}" "the frontend" built result
}

# Bundle and build to ~/nxcc of a site, through the gateway; secrets and keys stay here: [SITE]
do_push() {
    target=${1:-$site}
    [ -n "$target" ] || refuse "push SITE: the source names none (\`flavour $flavour { site NAME }\`)"
    case $target in -* | *[!a-z0-9-]*) refuse "$target is no site" ;; esac
    need_build
    command -v ssh >/dev/null || refuse "ssh is not installed"
    login=${login_option:-${NXCC_G5K_LOGIN:-}}
    # Who has Grid'5000's own advice in ~/.ssh/config reaches sites as SITE.g5k.
    if [ -n "$login" ]; then
        set -- -J "$login@access.grid5000.fr" "$login@$target"
    elif ssh -G "$target.g5k" 2>/dev/null | grep -qiE '^proxy(jump|command) '; then
        set -- "$target.g5k"
    else
        refuse "how do you get to $target? --login NAME of your account, or \`Host *.g5k\` in ~/.ssh/config (https://www.grid5000.fr/w/SSH)"
    fi
    folder=${bundle##*/}
    unpack="mkdir -p nxcc && chmod 700 nxcc && tar -C nxcc -xf - && echo 'nxcc/'$(quoted "$folder")'/$flavour/run'"
    if [ -n "$dry" ]; then
        act tar -C "${bundle%/*}/" -cf - -- "$folder" "$folder.state/$flavour/built" "$folder.state/$flavour/result"
        act ssh "$@" "$unpack"
        return 0
    fi
    begin push
    # shellcheck disable=SC2029 # made here, for the site's shell
    outcome=$({ { tar -C "${bundle%/*}/" -cf - -- "$folder" "$folder.state/$flavour/built" "$folder.state/$flavour/result" 3>&- &&
        echo sent >&3 || echo failed >&3; } | ssh "$@" "$unpack" 3>&-; } 3>&1) || die "$target does not take it"
    case $outcome in *failed*) die "the bundle cannot be read" ;; esac
    finish
    say "on $target: nxcc/$folder/$flavour/run up"
}
