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

# Bundle and build to ~/nxcc of a site, through the gateway, as far as they are not there; secrets and keys stay here: [SITE]
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
    if [ -n "$dry" ]; then
        act tar -C "${bundle%/*}/" -cf - -- "$folder" "$folder.state/$flavour/built" "$folder.state/$flavour/result"
        act ssh "$@" "tar -C nxcc -xf -"
        say "but for the files of the build that $target has already"
        return 0
    fi
    begin push
    result=./$folder.state/$flavour/result built=./$folder.state/$flavour/built
    cd "${bundle%/*}/"
    find "$result" -type f -exec sha256sum -- {} + >"$own/sums" || die "cannot read $own/result"
    # The site says what it has of the build, in no language of the user's, and removes what this build has no more.
    # shellcheck disable=SC2016 # for the site's shell
    compare='mkdir -p nxcc && chmod 700 nxcc && cd nxcc && rm -f -- "$2" && cat >.sums || exit
LC_ALL=C sha256sum -c .sums 2>/dev/null | sed -n "s/: OK\$//p"
if [ -d "$1" ]; then
    find "$1" -type f | while read -r file; do grep -qF -- "  $file" .sums || rm -f -- "$file"; done
fi
rm -f .sums'
    # shellcheck disable=SC2029 # made here, for the site's shell
    ssh "$@" "$(quoted sh -c "$compare" sh "$result" "$built")" <"$own/sums" >"$own/there" || die "$target does not take it"
    say "$target has $(wc -l <"$own/there") of $(wc -l <"$own/sums") files of the build already"
    # What says of which bundle the build is goes last, and went first: after an interrupt the site has no build.
    { find "./$folder" "$result" && echo "$built"; } >"$own/files"
    # shellcheck disable=SC2029
    outcome=$({ { grep -vxF -f "$own/there" "$own/files" | tar --no-recursion -T - -cf - 3>&- &&
        echo sent >&3 || echo failed >&3; } | ssh "$@" "tar -C nxcc -xf -" 3>&-; } 3>&1) || die "$target does not take it"
    case $outcome in *failed*) die "the bundle cannot be read" ;; esac
    rm -f -- "$own/sums" "$own/there" "$own/files"
    finish
    say "on $target: nxcc/$folder/$flavour/run up"
}
