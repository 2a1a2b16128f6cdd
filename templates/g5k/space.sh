# --- room: what a disk and a quota leave for a copy ---

# KiB that a file takes
kib() { echo $((($(wc -c <"$1") + 1023) / 1024)); }

# Refuses to fill a disk or a quota: KIB FOLDER WHAT
check_room() {
    needed=$1
    free=$(df -Pk "$2" | sed -n '2s/^[^ ]* *[0-9]* *[0-9]* *\([0-9]*\) .*/\1/p')
    if [ -n "$free" ] && [ "$free" -lt "$needed" ]; then
        refuse "$2 has $((free / 1024)) MiB left, and $3 takes $((needed / 1024)) MiB"
    fi
    command -v quota >/dev/null || return 0
    # File system, KiB used (* where over the quota), quota, limit.
    quota -w 2>/dev/null | while read -r what used soft hard _; do
        case $what in *:*) ;; *) continue ;; esac
        used=${used%\*}
        case $used$soft$hard in *[!0-9]*) continue ;; esac
        [ "$hard" -gt 0 ] || hard=$soft
        [ "$hard" -gt 0 ] || continue
        # Without the copy of the last time, which goes.
        if [ $((hard - used)) -lt "$needed" ]; then echo "$((hard - used))"; fi
    done >"$own/quota"
    if [ -s "$own/quota" ]; then
        read -r free <"$own/quota"
        refuse "your quota leaves $((free / 1024)) MiB, and $3 takes $((needed / 1024)) MiB"
    fi
}

need_state() { [ -d "$own" ] || [ -n "$dry" ] || refuse "there is no $own"; }
