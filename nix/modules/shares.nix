# Directories shared between nodes: NFS on machines. In docker they are volumes, whose owner alone is set here.
{ config, lib, ... }:

let
  onMachines = config.nxcc.flavour != "docker";
  compat = import ../lib/compat.nix { inherit lib; };
  shares = config.nxcc.shares;
  directories = builtins.attrNames shares;

  # A number of its own for each export: folders of one tmpfs or overlay have none by themselves. 0 would make the
  # folder the root of all exports.
  export = number: directory:
    let
      access = if shares.${directory}.readOnly then "ro" else "rw";
      # exports(5) has octal digits for what would end the name.
      name = builtins.replaceStrings [ "\\" "\"" ] [ "\\134" "\\042" ] directory;
    in
    ''"${name}" *(${access},no_subtree_check,no_root_squash,crossmnt,fsid=${toString number})'';

  hasUser = name: builtins.any (user: user.name == name) (builtins.attrValues config.users.users);

  # A home, and what is in it, stays its user's: of several homes the innermost counts.
  homes = builtins.filter (user: user.createHome) (builtins.attrValues config.users.users);
  length = user: builtins.stringLength user.home;
  userOf = directory:
    let
      within = builtins.filter (user: builtins.substring 0 (length user + 1) "${directory}/" == "${user.home}/") homes;
      innermost = builtins.sort (one: other: length one > length other) within;
    in
    if within == [ ] then null else builtins.head innermost;

  # What is not said, and is nobody's home, tmpfiles leaves as it finds it, and makes root's with mode 0755: what a
  # service has there is the service's. To tmpfiles.d(5) a % is the beginning of a specifier.
  made = directory:
    let
      name = builtins.replaceStrings [ "\\" "\"" "%" ] [ "\\\\" "\\\"" "%%" ] directory;
      share = shares.${directory};
      given = value: usual: if value == null then usual else value;
      user = userOf directory;
      owner = given share.owner (if user == null then "-" else user.name);
      group = given share.group (if owner == "-" then "-" else config.users.users.${owner}.group or "root");
      mode = given share.mode (
        if builtins.elem directory [ "/tmp" "/var/tmp" ] then "1777"
        else if user == null then "-"
        else if directory == user.home then compat.homeMode user
        else "0755"
      );
    in
    "d \"${name}\" ${mode} ${owner} ${group} -";

  # Of two rules for one path tmpfiles takes the first: what a share says, then other modules' rules, then what is usual.
  isSaid = directory:
    let share = shares.${directory}; in share.owner != null || share.group != null || share.mode != null;
  rules = lib.mkMerge [
    (lib.mkBefore (map made (builtins.filter isSaid directories)))
    (lib.mkAfter (map made (builtins.filter (directory: !isSaid directory) directories)))
  ];
in
{
  imports = [ ./flavour.nix ];

  options.nxcc.shares = lib.mkOption {
    default = { };
    example = { "/data".readOnly = false; };
    description = "Directories of this node that other nodes of the environment may mount.";
    type = lib.types.attrsOf (lib.types.submodule {
      options.readOnly = lib.mkOption {
        type = lib.types.bool;
        default = false;
        description = "Whether the other nodes may only read.";
      };
      options.owner = lib.mkOption {
        type = lib.types.nullOr lib.types.str;
        default = null;
        description = "User who owns the directory; of a home, and of what is in it, its user, else who has it, or root.";
      };
      options.group = lib.mkOption {
        type = lib.types.nullOr lib.types.str;
        default = null;
        description = "Group of the directory; else that of its owner, or the one that it has.";
      };
      options.mode = lib.mkOption {
        type = lib.types.nullOr lib.types.str;
        default = null;
        description = "Mode of the directory; of a home the one that homes have, else the one that it has, or 0755.";
      };
    });
  };

  options.nxcc.mounts = lib.mkOption {
    default = { };
    example = { "/data" = { role = "server"; host = "server"; source = "/data"; }; };
    description = "Directories of other nodes, by the place where this node has them.";
    type = lib.types.attrsOf (lib.types.submodule {
      options = {
        role = lib.mkOption {
          type = lib.types.str;
          description = "Role of the node that shares the directory.";
        };
        host = lib.mkOption {
          type = lib.types.str;
          description = "Host name of the node that shares the directory.";
        };
        source = lib.mkOption {
          type = lib.types.str;
          description = "The directory on that node.";
        };
      };
    });
  };

  # Everyone who reaches the port may mount; that only the nodes of the environment do is the firewall's business,
  # which lets peers in and opens nothing for anyone else.
  config = lib.mkMerge [
    (lib.mkIf (onMachines && shares != { }) {
      services.nfs.server = {
        enable = true;
        exports = lib.concatStringsSep "\n" (lib.imap1 export directories) + "\n";
      };
    })
    {
      systemd.tmpfiles = { inherit rules; };
      # tmpfiles would leave the directory out, and NFS with it.
      assertions = map
        (directory: {
          assertion = builtins.elem shares.${directory}.owner [ null "root" ] || hasUser shares.${directory}.owner;
          message = "the owner of the share ${directory} is no user of the node: ${toString shares.${directory}.owner}";
        })
        directories;
    }
    (lib.mkIf (onMachines && config.nxcc.mounts != { }) {
      fileSystems = import ../lib/mounts.nix { inherit lib; } config.nxcc.mounts;
    })
  ];
}
