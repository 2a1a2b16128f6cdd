# --- QEMU: its version, its accelerator, the network between the nodes ---

# Sets qemu and version.
find_qemu() {
    qemu=${NXCC_QEMU:-qemu-system-$machine}
    package='qemu-system-x86'
    [ "$machine" = x86_64 ] || package='qemu-system-arm'
    command -v "$qemu" >/dev/null ||
        refuse "$qemu is not installed (Debian, Ubuntu: $package; Fedora: qemu-system-$machine; Arch: qemu-full; NixOS: qemu)"
    # It takes longer to say its version than all else before the first node: asked once of each program.
    program=$(ls -lin -- "$(readlink -f -- "$(command -v "$qemu")")")
    if ! { { read -r known && read -r version; } <"$own/qemu"; } 2>/dev/null || [ "$program" != "$known" ]; then
        answer=$("$qemu" --version 2>&1) || refuse "$qemu does not run: $answer"
        version=${answer#*version }
        version=${version%%[!0-9.]*}
        [ -n "$dry" ] || printf '%s\n%s\n' "$program" "$version" >"$own/qemu" || die "cannot write in $own"
    fi
    at_least "$version" 4 2 || refuse "QEMU $version is too old: 4.2 is the oldest that works"
}

# Sets accel and cpu.
choose_accel() {
    case ${accel_option:-$accel_setting} in
    kvm) accel=kvm ;;
    tcg) accel=tcg ;;
    *)
        if kvm_works; then accel=kvm; else
            accel=tcg
            say "KVM does not work here ($why): QEMU interprets, which takes ten times as long"
        fi
        ;;
    esac
    cpu=host
    if [ "$accel" = tcg ]; then
        cpu=max
        # MiB of translated code. QEMU's own choice would be up to 1 GiB for each node. The boot of a Debian makes 430 MiB,
        # and with 128, where that is thrown away three times, it takes 4 % more processor time than with 512.
        accel=tcg,thread=multi,tb-size=128
    fi
}

# Whether KVM runs a kernel: /dev/kvm can be there and fail, or hang. Tried once a boot of this machine. Sets why.
kvm_works() {
    why=
    if [ "$(uname -m)" != "$machine" ]; then
        why="this machine is no $machine"
    elif [ ! -e /dev/kvm ]; then
        why="there is no /dev/kvm"
    elif [ ! -r /dev/kvm ] || [ ! -w /dev/kvm ]; then
        why="you may not use /dev/kvm: join the group kvm"
    fi
    [ -z "$why" ] || return 1
    read -r boot </proc/sys/kernel/random/boot_id
    now_here="$boot $(command -v "$qemu") $version"
    if { { read -r then_here && read -r why; } <"$own/kvm"; } 2>/dev/null && [ "$now_here" = "$then_here" ]; then
        [ "$why" != works ] || return 0
        return 1
    fi
    say "trying KVM"
    # Without an initrd the kernel finds no root, panics at once, and with that QEMU ends.
    outcome=0
    timeout 10 "$qemu" -machine "$board,accel=kvm" -cpu host -m 256 -nodefaults -no-user-config -display none -no-reboot \
        -kernel "$result/roles/${roles%% *}/kernel" -append 'panic=-1 quiet' </dev/null >"$own/kvm.log" 2>&1 || outcome=$?
    case $outcome in
    0) why=works ;;
    124) why="a kernel hangs under it" ;;
    *)
        why=$(sed -n 1p "$own/kvm.log")
        why=${why#"$qemu: "}
        why=${why#error: }
        why=${why:-QEMU ends with $outcome}
        ;;
    esac
    printf '%s\n%s\n' "$now_here" "$why" >"$own/kvm"
    [ "$why" = works ]
}

# The network between the nodes: a multicast group and port on the loopback device, and bytes of their MACs, all random,
# so that two bundles or two users never meet. Sets network and mac.
choose_network() {
    if { read -r group udp mac <"$own/network"; } 2>/dev/null; then
        if any_alive || free_udp "$udp"; then
            network_option
            return 0
        fi
        say "another program has the nodes' network (UDP port $udp): they get a new one"
    fi
    while :; do
        # shellcheck disable=SC2046 # eight numbers
        set -- $(od -An -N8 -tu1 /dev/urandom)
        group=239.$((192 + $1 % 4)).$2.$3
        udp=$((20000 + ($4 * 256 + $5) % 12000))
        mac=$(printf '%02x:%02x:%02x' "$6" "$7" "$8")
        if free_udp "$udp"; then break; fi
    done
    printf '%s %s %s\n' "$group" "$udp" "$mac" >"$own/network"
    network_option
}

network_option() {
    network=socket,mcast=$group:$udp,localaddr=127.0.0.1
    if at_least "$version" 7 2; then
        network=dgram,remote.type=inet,remote.host=$group,remote.port=$udp
        network=$network,local.type=inet,local.host=127.0.0.1,local.port=0
    fi
}

# Whether no socket of anybody here has a UDP port (proc_net_udp: the local address, hexadecimal).
free_udp() {
    [ -r /proc/net/udp ] || return 0
    ! grep -q "^ *[0-9]*: [0-9A-F]*:$(printf '%04X' "$1") " /proc/net/udp
}

# What the launch scripts read.
write_settings() {
    {
        echo "# Chosen by \`run up\`; the launch scripts read it."
        printf 'result=%s\n' "$(quoted "$result")"
        printf 'qemu=%s\n' "$(quoted "$qemu")"
        printf 'accel=%s\ncpu=%s\nnetwork=%s\nmac=%s\nsockets=%s\nkey=%s\nprepared=yes\n' \
            "$accel" "$cpu" "$network" "$mac" "$sockets" "$key"
        if [ -e "$own/ports" ]; then
            while read -r port to; do printf 'port_%s=%s\n' "$port" "$to"; done <"$own/ports"
        fi
    } >"$own/settings.new"
    mv -f -- "$own/settings.new" "$own/settings"
}
