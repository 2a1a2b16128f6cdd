# Secrets: files that no store ever holds.
#
# Whoever starts the node puts each one at /run/nxcc/host/secrets/NAME, complete at once (a mount, or a rename), before
# the boot or at any time after; the public half of an ssh-key is NAME.pub beside it. nxcc-secrets.service waits for
# them and copies them to where the units read them, with their owner and mode; units that use one start after it.
{ config, lib, pkgs, ... }:

let
  secrets = config.nxcc.secrets;
  host = "/run/nxcc/host/secrets";
  folder = "/run/nxcc/secrets";

  copy = name: secret: ''
    deliver ${lib.escapeShellArgs [ "${host}/${name}" secret.path secret.owner secret.group secret.mode ]}
  '';

  # Where a unit's text has the path of a secret, without what stands in files of the store that it runs. Not by
  # builtins.toJSON: it copies each folder that a unit names as a path to the store, all of /tmp for
  # `WorkingDirectory = /tmp`.
  textOf = unit: builtins.unsafeDiscardStringContext (plainText [
    unit.serviceConfig
    unit.environment
    unit.script
    unit.scriptArgs
    unit.preStart
    unit.postStart
    unit.preStop
    unit.postStop
    unit.reload
  ]);
  plainText = value:
    if builtins.isString value then value
    else if builtins.isList value then lib.concatMapStringsSep "\n" plainText value
    else if builtins.typeOf value == "path" then toString value
    else if builtins.isAttrs value && !(lib.isDerivation value) then plainText (builtins.attrValues value)
    else "";
  isFor = unit: secret: builtins.elem unit secret.units || builtins.elem "${unit}.service" secret.units;
  reads = text: secret:
    # Not lib.hasInfix: its regular expressions recurse once a character.
    builtins.replaceStrings [ secret.path ] [ "" ] text != text;
in
{
  imports = [ ./flavour.nix ];

  options.nxcc.secrets = lib.mkOption {
    default = { };
    example = { token = { owner = "root"; mode = "0400"; }; };
    description = "Secrets that this node reads, by name.";
    type = lib.types.attrsOf (lib.types.submodule ({ name, ... }: {
      options = {
        path = lib.mkOption {
          type = lib.types.str;
          default = "${folder}/${name}";
          description = "Where the node reads the secret; the folder is a tmpfs.";
        };
        owner = lib.mkOption {
          type = lib.types.str;
          default = "root";
          description = "User who owns the file.";
        };
        group = lib.mkOption {
          type = lib.types.str;
          default = "root";
          description = "Group of the file.";
        };
        mode = lib.mkOption {
          type = lib.types.strMatching "[0-7]{3,4}";
          default = "0400";
          description = "Mode of the file, in octal digits.";
        };
        units = lib.mkOption {
          type = lib.types.listOf lib.types.str;
          default = [ ];
          example = [ "postgresql" ];
          description = ''
            Services that use the secret. Those whose definition has its path are found without this; it is for paths
            in configuration files.
          '';
        };
      };
    }));
  };

  # Units that use a secret wait for it. Each unit looks at itself: a map over config.systemd.services that defines
  # systemd.services would never end.
  options.systemd.services = lib.mkOption {
    type = lib.types.attrsOf (lib.types.submodule ({ name, config, ... }:
      let
        text = textOf config;
        uses = lib.any (secret: isFor name secret || reads text secret) (builtins.attrValues secrets);
        wait = lib.mkIf (secrets != { } && name != "nxcc-secrets" && uses) [ "nxcc-secrets.service" ];
      in
      {
        config.after = wait;
        config.requires = wait;
      }));
  };

  config = lib.mkIf (secrets != { }) {
    systemd.services.nxcc-secrets = {
      description = "Secrets of this node";
      wantedBy = [ "multi-user.target" ];
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
        TimeoutStartSec = "infinity";
        UMask = "0077";
      };
      path = [ pkgs.coreutils ];
      script = ''
        deliver() {
          if [ ! -e "$1" ]; then
            echo "waiting for $1"
            until [ -e "$1" ]; do sleep 0.2; done
          fi
          # Complete under another name first: nobody reads half a secret, or one with the wrong owner.
          install -o "$3" -g "$4" -m "$5" -- "$1" "$2.new"
          mv -f -- "$2.new" "$2"
          if [ -e "$1.pub" ]; then
            # root's: who may read the secret must not choose who logs in with its public half.
            install -o root -g root -m 0444 -- "$1.pub" "$2.pub.new"
            mv -f -- "$2.pub.new" "$2.pub"
          fi
        }
        mkdir -p /run/nxcc
        chmod 0755 /run/nxcc
        mkdir -p ${folder}
        # Who knows a name may pass, to a secret that is theirs or to a public half; only root can list the names.
        chmod 0711 ${folder}
        ${lib.concatStrings (lib.mapAttrsToList copy secrets)}
      '';
    };
  };
}
