{ ... }:
{
  imports = [ ./other.nix ./missing.nix ];
  environment.etc.x.source = ../../outside/x;
}
