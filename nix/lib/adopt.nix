# The roles of an existing composition of NixOS Compose's: { ROLE = module; }.
#
# args   what our composition was called with
# path   the composition: a set, or a function of any of the arguments that NixOS Compose passes
args: path:

let
  inherit (args) pkgs flavour;
  place = toString path;

  # Theirs is the folder that ours is in: compositions import "${modulesPath}/tests/ssh-keys.nix".
  modulesPath = toString (pkgs.path + "/nixos");
  theirs = { flavour = { }; helpers = { }; inputs = { }; lib = { }; nur = { }; pkgs = { }; setup = { }; system = { }; };
  passed = builtins.intersectAttrs theirs args // { inherit modulesPath nur setup; };

  # What NixOS Compose has beyond: the name of the variant, and modules of repositories that are flakes.
  setup = { project.selected = args.setup.name or ""; } // args.setup or { };
  nur = (args.nur or { }) // {
    repos = builtins.mapAttrs (_: repo: { modules = repo.nixosModules or { }; } // repo) (args.nur.repos or { });
  };

  found = import ./call.nix passed (import path);

  listed = set: builtins.concatStringsSep ", " (builtins.attrNames set);
  roles = found.roles or found.nodes or (throw
    "${place} is no composition: it has neither roles nor nodes, but ${if found == { } then "nothing" else listed found}");

  # What a role may say there and nowhere else: options of NixOS Compose's, and of NixOS's own virtual machines, which a
  # NixOS test has by itself.
  compatible = [ ../modules/nxc-compat.nix ]
    ++ (if flavour.name == "nixos-test" then [ ] else [ ../modules/nxc-virtualisation.nix ]);

  adopted = builtins.mapAttrs
    (role: content: {
      _file = "role ${role} of ${place}";
      imports = compatible ++ (if builtins.isList content then content else [ content ]);
    })
    roles;

  # Hosts have no `_` in their names: the role a_b may be adopted as a-b.
  renamed = builtins.listToAttrs (map
    (role: { name = builtins.replaceStrings [ "_" ] [ "-" ] role; value = adopted.${role}; })
    (builtins.attrNames adopted));

  # Roles of the environment that this composition does not have, for those who ask for one of them.
  description = ../../environment.json;
  names =
    if builtins.pathExists description then
      map (role: role.name) ((builtins.fromJSON (builtins.readFile description)).roles or [ ])
    else [ ];
  missing = builtins.listToAttrs (map
    (name: { inherit name; value = throw "${place} has no role ${name}; it has ${listed roles}"; })
    names);
in
missing // renamed // adopted
