# --- what `run help` says ---

usage() {
    cat <<'USAGE'
usage: run [OPTIONS] COMMAND

where Nix is
  build              build the image with Nix; what later commands need goes to DIR.state
  push [SITE]        bundle and image to ~/nxcc of a site's frontend; `pack [FILE]` makes an archive instead

on a frontend; each looks at what is done already
  up [NODE…]         all of the following in order
  image              put the image where Kadeploy reads it, write the descriptions to deploy
  register           with the setting register: tell Kadeploy the descriptions (`deploy` does it)
  reserve            ask OAR for nodes and wait for them
  deploy [NODE…]     install the nodes that are not, or those named; once more those that fail
  provision [NODE…]  names, nodes file and secrets over ssh, then the roles' units in order
  status             who is where, and how far
  ssh NODE [COMMAND] a shell, or a command, as root on a node
  console NODE       its serial console (kaconsole3)
  ssh-config         a configuration of ssh for your own machine, through the gateway
  fetch NODE:PATH [FOLDER]
  test [NAME]        the environment's test script, against the nodes
  release            end the job
  clean              remove the image's copy and the registered environments
  down               release what was reserved here; with --all also clean, and forget keys, secrets and build

  --dry-run          print the commands that would change something
  --job ID           the nodes of a job that is there already
  --nodes FILE       these nodes, a line each, HOST or HOST NODE; no job
  --walltime H:M:S   instead of the source's
  --at 'YYYY-MM-DD HH:MM:SS'  reserve in advance
  --wait SECONDS     how long to wait for the job (default: until it runs)
  --deploy-timeout SECONDS    for one round of Kadeploy (default 2400)
  --timeout SECONDS  how long `provision` waits until all nodes are ready (default 600)
  --secret NAME=FILE where a secret is read from
  --login NAME       your account, for `push`
  --no-build         take the last build, whatever it was built from
  --all              with `down`

Exit: 0 done, 1 something failed, 2 wrong usage or something is missing on this machine.
NXCC_G5K_LOGIN: as --login.
USAGE
}
