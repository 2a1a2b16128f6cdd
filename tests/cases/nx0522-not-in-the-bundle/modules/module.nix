{ lib, config, ... }:
{
  imports = [ (./. + "/${config.x}.nix") ];
  environment.etc.hosts.source = /etc/hosts;
  environment.etc.home.source = ~/notes;
}
