# --- secrets: made at the first `up`, kept in the state ---

# Makes what is missing. The nodes mount the files; root alone can enter the folder that they are mounted in.
make_secrets() {
    [ -n "$secrets" ] || return 0
    if [ -n "$dry" ]; then
        say "then the secrets that $own/secrets does not have are made: $(printf '%s\n' "$secrets" | cut -d ' ' -f 1 | tr '\n' ' ')"
        return 0
    fi
    mkdir -p "$own/secrets"
    chmod 700 "$own/secrets"
    while read -r secret kind; do
        to=$own/secrets/$secret
        from=$(given_file "$secret")
        [ -n "$from" ] || from=$(secret_source "$secret")
        if [ -n "$from" ] && [ -r "$from" ]; then
            take_secret "$from" "$to"
            if [ "$kind" = ssh-key ]; then public_half "$from" "$to"; fi
        elif [ -e "$to" ]; then
            [ -z "$from" ] || say "secret $secret: $from cannot be read, so the copy of the last time is used"
        elif [ -n "$from" ] || [ "$kind" = file ]; then
            refuse "secret $secret: cannot read ${from:-its file}; name it with --secret $secret=FILE"
        elif [ "$kind" = ssh-key ]; then
            command -v ssh-keygen >/dev/null || refuse "ssh-keygen is not installed: secret $secret needs it"
            rm -f "$to.new" "$to.new.pub"
            ssh-keygen -q -t ed25519 -N '' -C "$secret@$environment" -f "$to.new" </dev/null
            chmod 400 "$to.new" "$to.new.pub"
            mv -f "$to.new.pub" "$to.pub"
            mv -f "$to.new" "$to"
        else
            made=$(head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=\n')
            case $made in
            ???????????????????????????????????????????) ;;
            *) die "no random bytes for secret $secret" ;;
            esac
            # An interrupted run may have left one that cannot be written.
            rm -f -- "$to.new"
            printf '%s' "$made" >"$to.new"
            made=
            chmod 400 "$to.new"
            mv -f "$to.new" "$to"
        fi
    done <<SECRETS
$secrets
SECRETS
}

# The public half of a key of the user's: FROM TO
public_half() {
    if [ -r "$1.pub" ]; then
        take_secret "$1.pub" "$2.pub"
    else
        ssh-keygen -y -f "$2" </dev/null >"$2.pub.new" || refuse "$1 has no $1.pub beside it, and none can be made of it"
        chmod 400 "$2.pub.new"
        mv -f -- "$2.pub.new" "$2.pub"
    fi
}

# --secret names the file that a secret is read from: NAME=FILE
take_secret_option() {
    case $1 in ?*=?*) ;; *) refuse "--secret takes NAME=FILE" ;; esac
    printf '%s\n' "$secrets" | cut -d ' ' -f 1 | grep -qxF -- "${1%%=*}" || refuse "no secret is called ${1%%=*}"
    [ -r "${1#*=}" ] || refuse "cannot read ${1#*=}"
    given_secrets="$given_secrets$1
"
}

# The file that --secret names for a secret: NAME
given_file() { printf '%s\n' "$given_secrets" | sed -n "s/^$1=//p" | tail -n 1; }

# A copy of a file of the user's, unless the state has the same: FROM TO
take_secret() {
    # It is read once: it may be a pipe.
    rm -f -- "$2.new"
    cp -- "$1" "$2.new"
    chmod 400 "$2.new"
    if cmp -s -- "$2.new" "$2"; then rm -f -- "$2.new"; else mv -f -- "$2.new" "$2"; fi
}
