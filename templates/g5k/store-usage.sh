# --- what `run help` says ---

usage() {
    cat <<'USAGE'
usage: run [OPTIONS] COMMAND

where Nix is
  build              build kernels, ramdisks and the store with Nix; what later commands need goes to DIR.state
  push [SITE]        bundle and build to ~/nxcc of a site's frontend; `pack [FILE]` makes an archive instead

on a frontend; each looks at what is done already
  up [NODE…]         all of the following in order
  store              copy what is missing of the store to the folder that nodes mount
  reserve            ask OAR for whole nodes, with the site's own system, and wait for them
  deploy [NODE…]     start the roles' kernels by kexec, without a reboot, on the nodes that do not run them, or on those named
  provision [NODE…]  names, nodes file and secrets over ssh, then the roles' units in order
  status             who is where, and how far
  ssh NODE [COMMAND] a shell, or a command, as root on a node
  console NODE       its serial console (kaconsole3)
  ssh-config         a configuration of ssh for your own machine, through the gateway
  fetch NODE:PATH [FOLDER]
  test [NAME]        the environment's test script, against the nodes
  release            end the job
  clean              remove that folder
  down               release what was reserved here; with --all also clean, and forget keys, secrets and build

  --dry-run          print the commands that would change something
  --job ID           the nodes of a job that is there already
  --nodes FILE       these nodes, a line each, HOST or HOST NODE; no job
  --walltime H:M:S   instead of the source's
  --at 'YYYY-MM-DD HH:MM:SS'  reserve in advance
  --wait SECONDS     how long to wait for the job (default: until it runs)
  --deploy-timeout SECONDS    how long `deploy` waits for the nodes' new kernels (default 600)
  --timeout SECONDS  how long `provision` waits until all nodes are ready (default 600)
  --secret NAME=FILE where a secret is read from
  --login NAME       your account, for `push`
  --no-build         take the last build, whatever it was built from
  --all              with `down`

Exit: 0 done, 1 something failed, 2 wrong usage or something is missing on this machine.
NXCC_G5K_LOGIN: as --login.
USAGE
}
