{ pkgs, lib, modulesPath, nur, helpers, flavour, ... }:
{
  roles = {
    server = { pkgs, ... }: {
      imports = [ ./nginx.nix ];
      environment.systemPackages = [ pkgs.hello ];
    };
    client = { ... }: { environment.systemPackages = [ pkgs.curl ]; };
  };
  testScript = "";
}
