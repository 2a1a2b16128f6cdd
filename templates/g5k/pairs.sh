# --- build: pairs of kernel and ramdisk, the roles' command lines, and kexec ---

# What later commands need of the build: FROM TO
copy_build() {
    copy_pairs "$1" "$2"
    copy_files "$1/kexec" "$2/"
    [ "$flavour" != g5k-nfs-store ] || pack_store "$1" "$2"
}

# Everything about the files and the command lines that would fail later, before any node is asked for or touched.
prepare() {
    need_build
    if [ -n "$dry" ]; then
        [ "$flavour" != g5k-nfs-store ] || say "then the store's paths are copied to $(store_place)"
        return 0
    fi
    [ -r "$own/result/kexec" ] || refuse "$own/result has no kexec: \`run build\` first"
    make_key
    [ "$flavour" != g5k-nfs-store ] || find_store
    for role in $roles; do
        for file in kernel initrd cmdline; do
            [ -s "$own/result/roles/$role/$file" ] || refuse "$own/result is no build of this bundle: it has no roles/$role/$file"
        done
        check_line "$role"
    done
    [ "$flavour" != g5k-nfs-store ] || copy_store
}

# The kernel parameters that a role's nodes are started with: ROLE
parameters_of() {
    line=$(cat "$own/result/roles/$1/cmdline")
    printf '%s %s nxcc.key=%s%s' "$line" "$provision_parameter" "$key" "${store_parameter:-}"
    more=$(printf '%s\n' "$extra" | sed -n "s/^$1 //p")
    [ -z "$more" ] || printf ' %s' "$more"
}

check_line() {
    line=$(parameters_of "$1")
    case $line in
    *[\"\$\`\\]* | *"'"*) refuse "role $1: a kernel parameter holds a quote, \$, \` or \\, which cannot be handed on: $line" ;;
    esac
    length=$(printf '%s' "$line" | wc -c)
    # kexec fails, and says nothing of why.
    [ "$length" -le "$longest" ] || refuse "role $1: its command line has $((length)) bytes, and Linux takes $longest: $line"
}

# MiB of memory that a node needs: while the new kernel is loaded, the ramdisk is there twice, and it unpacks it again.
memory_for() {
    bytes=$(($(wc -c <"$own/result/roles/$1/initrd") + $(wc -c <"$own/result/roles/$1/kernel")))
    echo $((2 * bytes / 1048576 + 512))
}

# The pair of kernel and ramdisk of a role: ROLE
pair_of() {
    pair_path=$(readlink "$own/result/roles/$1/initrd")
    pair_path=${pair_path%/initrd}
    printf '%s\n' "${pair_path##*/}"
}

# What tells one start from another: ROLE
what_is_deployed() {
    { parameters_of "$1" && cat "$own/built" && ls -lLn "$own/result/roles/$1/kernel" "$own/result/roles/$1/initrd"; } | cksum
}
