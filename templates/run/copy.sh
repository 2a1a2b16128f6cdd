# --- build: a copy of what Nix built, for machines without Nix ---

# Builds, and copies that unless it is the build of the last time. `copy_build FROM TO`, the flavour's own, takes what
# later commands need of it.
build_copy() {
    if [ -n "$dry" ]; then
        act nix-build "$bundle" -A "$flavour" --no-out-link
        say "then its files are copied to $own/result"
        return 0
    fi
    built=$(nix-build "$bundle" -A "$flavour" --no-out-link)
    if [ ! -d "$own/result" ] || [ "$(cat "$own/copied" 2>/dev/null)" != "$built" ]; then
        say "copying $built"
        rm -rf -- "$own/result.new"
        mkdir -p "$own/result.new"
        copy_build "$built" "$own/result.new"
        printf '%s\n' "$built" >"$own/copied.new"
        chmod -R u+w "$own/result.new"
        rm -rf -- "$own/result"
        mv -- "$own/result.new" "$own/result"
        mv -f -- "$own/copied.new" "$own/copied"
    fi
    stamp >"$own/built"
}

# FILE… FOLDER
copy_files() { said=$(cp -L -- "$@" 2>&1) || die "cannot copy the build: $said"; }

# The command lines of the roles: FROM TO
copy_cmdlines() {
    for role in $roles; do
        mkdir -p "$2/roles/$role"
        copy_files "$1/roles/$role/cmdline" "$2/roles/$role/"
    done
}

# Pairs of kernel and initrd, each once; the roles' links are what makes that small: FROM TO
copy_pairs() {
    [ -d "$1/pairs" ] || die "nix-build gave no pairs of kernel and initrd"
    for pair in "$1"/pairs/*; do
        mkdir -p "$2/pairs/${pair##*/}"
        copy_files "$pair/kernel" "$pair/initrd" "$2/pairs/${pair##*/}/"
    done
    copy_cmdlines "$1" "$2"
    for role in $roles; do
        for file in kernel initrd; do ln -s "$(readlink "$1/roles/$role/$file")" "$2/roles/$role/$file"; done
    done
}
