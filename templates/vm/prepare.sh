# --- before a node starts: what it is given, its disk, its memory ---

# Whether a node's QEMU runs; sets pid. A process that has its number by now is not it.
alive() {
    pid=
    { read -r pid <"$own/node/$1/pid" && kill -0 "$pid"; } 2>/dev/null || return 1
    if [ -e /proc/self/cmdline ]; then
        grep -qaF -- "$own/node/$1/pid" "/proc/$pid/cmdline" 2>/dev/null
    else
        ps -o args= -p "$pid" 2>/dev/null | grep -qF -- "$own/node/$1/pid"
    fi
}

any_alive() {
    for folder in "$own"/node/*/; do
        folder=${folder%/}
        if alive "${folder##*/}"; then return 0; fi
    done
    return 1
}

# The launch scripts check the memory of each role; all of it is held against what this machine has: NODES
check_memory() {
    total=0 of_role='' memory=0
    while read -r node role _; do
        case " $1 " in *" $node "*) ;; *) continue ;; esac
        if [ "$role" != "$of_role" ]; then
            memory=$("$here/node/$node.sh" --memory) || exit 2
            # Beside what the node has, QEMU keeps code that it has translated.
            [ "$accel" = kvm ] || memory=$((memory + 128))
            of_role=$role
        fi
        total=$((total + memory))
    done <<NODES
$nodes
NODES
    available=$(sed -n 's/^MemAvailable: *\([0-9]*\) kB$/\1/p' /proc/meminfo 2>/dev/null || :)
    if [ -n "$available" ] && [ "$total" -gt $((available / 1024)) ]; then
        say "the nodes may use $total MiB of memory, and this machine has $((available / 1024)) MiB to give: they may be killed"
    fi
}

# Sets found: what stands after a word in the lines of a list. LIST WORD
look_up() {
    found=
    while read -r entry rest; do
        [ "$entry" != "$2" ] || found=$rest
    done <<LIST
$1
LIST
}

# The folder of a node that is about to start: NODE ROLE
prepare_node() {
    folder=$own/node/$1
    mkdir -p "$folder" || die "cannot write in $own"
    rm -f -- "$folder/pid"
    look_up "$reads" "$2"
    # shellcheck disable=SC2086 # names of secrets
    said=$(pack_host "$1" "$folder" $found 2>&1) || die "cannot write in $folder: $said"
    look_up "$disks" "$2"
    bytes=$found
    if [ -z "$bytes" ] || [ -e "$folder/disk.qcow2" ] || [ -e "$folder/disk.raw" ]; then return 0; fi
    # Both take no more room than what the node writes.
    if command -v qemu-img >/dev/null; then
        qemu-img create -q -f qcow2 "$folder/disk.new" "$bytes" || die "cannot make a disk in $folder"
        mv -f -- "$folder/disk.new" "$folder/disk.qcow2"
    else
        dd if=/dev/null of="$folder/disk.new" bs=1 count=0 seek="$bytes" 2>"$folder/disk.log" ||
            die "cannot make a disk in $folder: $(tail -n 1 "$folder/disk.log")"
        mv -f -- "$folder/disk.new" "$folder/disk.raw"
    fi
}

# Changes when a node would boot something else, or otherwise: NODE ROLE
what_boots() {
    from=$result/roles/$2
    { cat "$from/cmdline" "$here/node/$1.sh" && ls -lLn "$from/kernel" "$from/initrd"; } | cksum
}

# Sets ssh_port, which a node's settings begin with: NODE
find_ssh_port() { IFS='=' read -r _ ssh_port <"$own/node/$1/settings"; }

# A node that runs already: NODE ROLE
keep_running() {
    folder=$own/node/$1
    find_ssh_port "$1"
    # The folder of the links may be another one by now.
    ssh_host "$1" 127.0.0.1 "$ssh_port" "$sockets" >"$folder/ssh"
    if ! grep -qxF "boots='$(what_boots "$1" "$2")'" "$folder/settings"; then
        printf '%s said runs an older build or compile: "run down %s" and "run up" renew it\n' "$1" "$1" >&3
    fi
}

# Starts QEMU, on another port for ssh where the chosen one is taken; says on the standard output why it cannot:
# NODE NUMBER ROLE
launch() {
    folder=$own/node/$1
    for _ in 1 2 3 4 5; do
        # shellcheck disable=SC2046 # two numbers
        set -- "$1" "$2" "$3" $(od -An -N2 -tu1 /dev/urandom)
        ssh_port=$((20000 + ($4 * 256 + $5) % 12000))
        printf "ssh_port=%s\nboots='%s'\n" "$ssh_port" "$(what_boots "$1" "$3")" >"$folder/settings" || {
            echo "cannot write in $folder: no space left?"
            return 1
        }
        ssh_host "$1" 127.0.0.1 "$ssh_port" "$sockets" >"$folder/ssh"
        if "$here/node/$1.sh" -daemonize >"$folder/start.log" 2>&1 </dev/null; then return 0; fi
        taken=$(sed -n "s/.*host forwarding rule '[a-z]*:[^:]*:\([0-9]*\)-:\([0-9]*\)'.*/\1 \2/p" "$folder/start.log")
        case $taken in
        '') break ;;
        "$ssh_port "*) continue ;;
        *)
            echo "port ${taken% *} of this machine is taken, or not yours to open: --port PORT=OTHER publishes it elsewhere"
            return 1
            ;;
        esac
    done
    said=$(grep -v ': warning:' "$folder/start.log" | tail -n 1)
    echo "QEMU does not start: ${said#"$qemu: "}"
    return 1
}
