# The environment tests
# Written by nxcc: change the source and compile again.
{
  pkgs,
  lib,
  flavour,
  modulesPath,
  ...
}:
let
  n = 2;
in
{
  roles = {
    data-base = { ... }: { };
    web = { ... }: { };
  };
  rolesDistribution = {
    data-base = [ "data-base" ];
    web = [
      "web1"
      "web2"
    ];
  };
  testScript = ''
    start_all()
    data_base.wait_for_unit("multi-user.target")
    with subtest("all"):
        for machine in machines:
            machine.succeed("echo '${toString n}' ''${HOME} | grep ${pkgs.hello}")
  '';
  testScripts = {
    quick = "web1.succeed('true')";
    "second one" = ''
      def check(node, text="x"):
          try:
              node.succeed(text)
          except Exception as error:
              print(f"{error!r} {[x for x in [1]]}")

      check(web2)
    '';
  };
}
