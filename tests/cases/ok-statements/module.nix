{ ... }:
{
  imports = [ ./parts/ntp.nix ];
  environment.etc.data.source = ./data.txt;
}
