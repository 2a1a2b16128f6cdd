# --- build, image: the archive of all roles, and the descriptions that go with it ---

# What later commands need of the build: FROM TO
copy_build() {
    copy_cmdlines "$1" "$2"
    copy_files "$1/image.tar.$extension" "$2/"
}

check_result() {
    [ -s "$own/result/image.tar.$extension" ] || refuse "$own/result has no image.tar.$extension: \`run build\` first"
    for role in $roles; do
        [ -s "$own/result/roles/$role/cmdline" ] || refuse "$own/result is no build of this bundle: it has no roles/$role/cmdline"
    done
}

# Where Kadeploy reads the image. Its client serves a file that you can read; a web server's file must be in the folder
# that it shows.
place_of_image() {
    if [ -n "$image_url" ]; then
        printf '%s/%s\n' "$image_url" "$image"
    else
        printf '%s/%s\n' "${image_folder:-$own/image}" "$image"
    fi
}

# Copies the image where it is read, and writes the descriptions to deploy.
prepared=
prepare() {
    need_build
    place=$(place_of_image)
    # Kadeploy's clients read the paths of image, description and keys as URIs.
    case $own in
    *[!A-Za-z0-9_./:@+~-]*) refuse "Kadeploy takes no path with blanks or other special characters: $own; move or rename the bundle" ;;
    esac
    if [ -n "$dry" ]; then
        say "then the image is copied to ${image_folder:-$own/image}/$image, and descriptions are written to $own/env"
        return 0
    fi
    check_result
    begin image
    copy_image
    mkdir -p "$own/env"
    for role in $roles; do write_description "$role"; done
    finish
    prepared=yes
}

copy_image() {
    from=$own/result/image.tar.$extension
    folder=${image_folder:-$own/image}
    # What a web server shows, it reads as somebody else.
    (if [ -n "$image_url" ]; then umask 022; fi && mkdir -p "$folder") || die "cannot make $folder"
    to=$folder/$image
    now_there=$(cksum <"$from")
    if [ -e "$to" ] && [ "$(cat "$own/image.sum" 2>/dev/null)" = "$to $now_there" ]; then
        say "the image is in $folder already"
        return 0
    fi
    if [ -z "$image_folder" ]; then
        # The same file system: another name for the same bytes.
        rm -f -- "$to"
        ln "$from" "$to" 2>/dev/null || { check_room "$(kib "$from")" "$folder" "the image" && cp -- "$from" "$to"; } || die "cannot copy the image to $folder"
    else
        check_room "$(kib "$from")" "$folder" "the image"
        say "copying the image to $folder"
        cp -- "$from" "$to.new" || die "cannot copy the image to $folder"
        # It holds neither keys nor secrets.
        if [ -n "$image_url" ]; then chmod 644 "$to.new"; else chmod 600 "$to.new"; fi
        mv -f -- "$to.new" "$to"
    fi
    printf '%s %s\n' "$to" "$now_there" >"$own/image.sum"
}

# The kernel parameters that a role's nodes are deployed with: ROLE
parameters_of() {
    line=$(cat "$own/result/roles/$1/cmdline")
    printf '%s %s' "$line" "$provision_parameter"
    more=$(printf '%s\n' "$extra" | sed -n "s/^$1 //p")
    [ -z "$more" ] || printf ' %s' "$more"
}

# The compiled description, with the image's place and what the evaluation knew: ROLE
write_description() {
    line=$(parameters_of "$1")
    case $line in
    *[\"\$\`\\]* | *"'"*) refuse "role $1: a kernel parameter holds a quote, \$, \` or \\, which Kadeploy cannot hand on: $line" ;;
    *[';&|<>{}']* | *' #'*) refuse "role $1: a kernel parameter holds one of ; & | < > { }, or begins with #, which GRUB reads in another way: $line" ;;
    esac
    length=$(printf '%s' "$line" | wc -c)
    [ "$length" -le "$longest" ] ||
        refuse "role $1: its kernel parameters have $((length)) bytes, $longest is the most: $line"
    mkdir -p "$own/env"
    # What sed would read in another way is in neither.
    sed -e "/^image:\$/,/^[^ ]/ s|^  file: .*|  file: \"$place\"|" \
        -e "/^boot:\$/,/^[^ ]/ s|^  kernel_params: .*|  kernel_params: \"$line\"|" \
        "$here/$1.yaml" >"$own/env/$1.yaml.new"
    { grep -qxF "  file: \"$place\"" "$own/env/$1.yaml.new" && grep -qxF "  kernel_params: \"$line\"" "$own/env/$1.yaml.new"; } ||
        die "$here/$1.yaml has no image or no kernel_params as nxcc writes them: compile again"
    if ! cmp -s -- "$own/env/$1.yaml.new" "$own/env/$1.yaml"; then
        say "$1: what is deployed differs from $flavour/$1.yaml by"
        diff "$here/$1.yaml" "$own/env/$1.yaml.new" | sed -n 's/^[<>]/   &/p' >&2 || :
    fi
    mv -f -- "$own/env/$1.yaml.new" "$own/env/$1.yaml"
}

# Registers what changed since the last time.
register_environments() {
    [ -n "$register" ] || return 0
    for role in $roles; do
        if [ -n "$dry" ]; then
            act kaenv3 -d "$environment-$role" --env-version 1
            act kaenv3 -a "$own/env/$role.yaml"
            continue
        fi
        what=$(what_is_deployed "$role")
        [ "$(cat "$own/env/$role.registered" 2>/dev/null)" != "$what" ] || continue
        if [ -e "$own/env/$role.registered" ]; then
            unregister "$role" >/dev/null 2>&1 || :
            said=$(register_one "$role" 2>&1) || die "Kadeploy does not take $own/env/$role.yaml: $said"
        else
            # From now on it is ours to remove, unless it is there already: then it is of another bundle or hand.
            : >"$own/env/$role.registered"
            said=$(register_one "$role" 2>&1) || {
                rm -f -- "$own/env/$role.registered"
                case $said in
                *already*) said="$said; where nobody needs it any more, \`kaenv3 -d $environment-$role --env-version 1\` removes it" ;;
                esac
                die "Kadeploy does not take $own/env/$role.yaml: $said"
            }
        fi
        printf '%s\n' "$what" >"$own/env/$role.registered"
        say "registered $environment-$role"
    done
}

# Its client may read all of the image for its sum: ROLE
register_one() {
    registered=0
    timeout 600 kaenv3 -a "$own/env/$1.yaml" </dev/null || registered=$?
    [ "$registered" -ne 124 ] || echo "its server does not answer"
    return "$registered"
}

# Without a version Kadeploy removes all of them, also those that are the user's own. Newer clients ask, unless they are told
# not to; 3.3.11 does not know that option: ROLE
unregister() {
    asking kaenv3 --yes -d "$environment-$1" --env-version 1 </dev/null 2>/dev/null ||
        asking kaenv3 -d "$environment-$1" --env-version 1 </dev/null
}

# For programs that deploy by the environments' names: they are there, and so are the keys that such a program hands on.
do_register() {
    [ -n "$register" ] || refuse "the source does not ask for it: \`flavour $flavour { register true }\`"
    prepare
    [ -n "$dry" ] || gather_keys
    register_environments
}

# What tells one deployment from another: ROLE
what_is_deployed() { { cat "$own/env/$1.yaml" "$own/image.sum"; } | cksum; }

# The image's copy and the registered environments.
do_clean() {
    need_state
    for role in $roles; do
        if [ -e "$own/env/$role.registered" ] || [ -n "$dry" ] && [ -n "$register" ]; then
            if [ -n "$dry" ]; then
                act kaenv3 -d "$environment-$role" --env-version 1
            else
                unregister "$role" >&2 || say "$environment-$role stays registered"
            fi
            act rm -f -- "$own/env/$role.registered"
        fi
    done
    to=${image_folder:-$own/image}/$image
    if [ -e "$to" ] || [ -n "$dry" ]; then act rm -f -- "$to"; fi
    act rm -f -- "$own/image.sum"
}
