# Stands in for github:oar-team/nur-kapack where nothing can be fetched: the names that the examples use of it, with the
# options of its module oar. Packages are those of nixpkgs that build nothing.
{ pkgs }:

rec {
  npb = pkgs.callPackage
    ({ writeScriptBin, benchs ? "ep cg", classes ? "A B", buildOmp ? true }:
      writeScriptBin "npb" "# ${benchs}, ${classes}, ${if buildOmp then "OpenMP too" else "MPI alone"}")
    { };
  melissa = pkgs.writeScriptBin "melissa-launcher" "true";
  melissa-heat-pde = pkgs.writeScriptBin "heatc" "true";
  oar = pkgs.python3Packages.setuptools;

  nixosModules.oar = { config, lib, pkgs, ... }:
    let
      cfg = config.services.oar;
      given = type: default: lib.mkOption { inherit type default; };
      switch = given lib.types.bool false;
      waits = {
        wantedBy = [ "network.target" ];
        before = [ "network.target" ];
        serviceConfig.Type = "oneshot";
      };
    in
    {
      options.services.oar = {
        package = given lib.types.package pkgs.nur.repos.kapack.oar;
        privateKeyFile = given lib.types.str "/run/keys/oar_id_rsa_key";
        publicKeyFile = given lib.types.str "/run/keys/oar_id_rsa_key.pub";
        database = {
          host = given lib.types.str "localhost";
          passwordFile = given (lib.types.nullOr lib.types.path) null;
          initPath = given (lib.types.listOf lib.types.package) [ ];
          postInitCommands = given lib.types.lines "";
        };
        extraConfig = given lib.types.attrs { };
        client.enable = switch;
        node.enable = switch;
        server = { enable = switch; host = given lib.types.str "localhost"; };
        dbserver.enable = switch;
        web = { enable = switch; drawgantt.enable = switch; };
      };

      config = lib.mkIf (cfg.client.enable || cfg.node.enable || cfg.server.enable || cfg.dbserver.enable) {
        environment.systemPackages = [ cfg.package ];
        environment.etc."oar/oar-base.conf".text = builtins.toJSON cfg.extraConfig;
        systemd.services.oar-user-init = waits // { script = "cp ${cfg.privateKeyFile} ${cfg.publicKeyFile} ."; };
        systemd.services.oar-conf-init = waits // { script = "cat ${cfg.database.passwordFile}"; };
        systemd.services.oar-node = lib.mkIf cfg.node.enable { script = "true"; };
        systemd.services.oar-server = lib.mkIf cfg.server.enable { script = "true"; };
        systemd.services.oar-db-init = lib.mkIf cfg.dbserver.enable {
          path = cfg.database.initPath;
          script = cfg.database.postInitCommands;
        };
      };
    };
}
