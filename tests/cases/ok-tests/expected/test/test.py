start_all()
data_base.wait_for_unit("multi-user.target")
with subtest("all"):
    for machine in machines:
        machine.succeed("echo '2' ${HOME} | grep @nxcc:nix@")
