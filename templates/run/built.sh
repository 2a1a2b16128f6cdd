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
