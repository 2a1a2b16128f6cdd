# A module system for tests: as much of nixpkgs' lib/modules.nix and lib/types.nix as the modules of nix/ use, written
# anew from their manual. Stricter in one point: each option takes values of its type only, there is nothing freeform.
#
# With `record`, a folder as text, it traces "defines OPTION" and "reads OPTION" for what modules from there define and
# read of the options that others declare; names within are written <name>, as in NixOS's manual.
{ lib, record ? null }:

let
  inherit (builtins)
    all any attrNames attrValues concatLists concatMap concatStringsSep elem filter foldl' functionArgs head isAttrs
    isBool isFloat isFunction isInt isList isString length mapAttrs sort tail trace typeOf zipAttrsWith;

  show = concatStringsSep ".";
  # Modules without a name are the library's: tests give names to theirs.
  isOurs = file: record != null && (file == "<unknown>" || lib.hasPrefix record file);
  isOption = value: isAttrs value && value._type or "" == "option";
  isProperty = kind: value: isAttrs value && value._type or "" == kind;

  # ------------------------------------------------------------ properties

  mkOverride = priority: content: { _type = "override"; inherit priority content; };
  mkOrder = priority: content: { _type = "order"; inherit priority content; };
  properties = {
    inherit mkOverride mkOrder;
    mkIf = condition: content: { _type = "if"; inherit condition content; };
    mkMerge = contents: { _type = "merge"; inherit contents; };
    mkForce = mkOverride 50;
    mkVMOverride = mkOverride 10;
    mkImageMediaOverride = mkOverride 60;
    mkDefault = mkOverride 1000;
    mkOptionDefault = mkOverride 1500;
    mkBefore = mkOrder 500;
    mkAfter = mkOrder 1500;
    mkOption = attributes: { _type = "option"; } // attributes;
  };

  # A definition of a set as definitions of its attributes, with the conditions and priorities carried to each.
  pushDown = value:
    if isProperty "merge" value then concatMap pushDown value.contents
    else if isProperty "if" value then
      map (mapAttrs (_: content: properties.mkIf value.condition content)) (pushDown value.content)
    else if isProperty "override" value then
      map (mapAttrs (_: content: mkOverride value.priority content)) (pushDown value.content)
    else [ value ];

  # [ { file, value } ] without conditions.
  discharge = { file, value }:
    if isProperty "merge" value then concatMap (content: discharge { inherit file; value = content; }) value.contents
    else if isProperty "if" value then
      (if isBool value.condition then if value.condition then discharge { inherit file; value = value.content; } else [ ]
      else throw "mkIf in ${file} was given a ${typeOf value.condition}")
    else [{ inherit file value; }];

  priorityOf = one: if isProperty "override" one.value then one.value.priority else 100;
  strongest = definitions:
    let
      highest = foldl' (found: one: if priorityOf one < found then priorityOf one else found) 9999 definitions;
      content = one: if isProperty "override" one.value then one // { value = one.value.content; } else one;
    in
    concatMap (one: discharge (content one)) (filter (one: priorityOf one == highest) definitions);

  orderOf = one: if isProperty "order" one.value then one.value.priority else 1000;
  ordered = definitions: map
    (one: if isProperty "order" one.value then one // { value = one.value.content; } else one)
    (sort (a: b: orderOf a < orderOf b) definitions);

  # ------------------------------------------------------------ types

  filesOf = definitions: concatStringsSep ", " (map (one: one.file) definitions);
  mkType = { name, check, merge ? one, join ? null, nested ? null }: { inherit name check merge join nested; };

  # The only value there is, or several that are the same.
  one = at: definitions:
    let first = (head definitions).value; in
    if length definitions == 1 || all (other: other.value == first) definitions then first
    else throw "${show at.loc} has different values, in ${filesOf definitions}";

  reversed = list: builtins.genList (number: builtins.elemAt list (length list - 1 - number)) (length list);

  # The values of a type's own kind; all others are errors.
  checked = at: type: definitions:
    let wrong = filter (one: !(type.check one.value)) definitions; in
    if wrong == [ ] then type.merge at definitions
    else throw "${show at.loc} in ${filesOf wrong} is no ${type.name} but a ${typeOf (head wrong).value}";

  at = where: { real, manual ? real }: { loc = where.loc ++ [ real ]; manual = where.manual ++ [ manual ]; };

  simple = name: check: mkType { inherit name check; };
  isText = value: isString value || (isAttrs value && value ? outPath);

  types = rec {
    str = simple "str" isString;
    bool = simple "bool" isBool;
    int = simple "int" isInt;
    float = simple "float" isFloat;
    path = simple "path" (value: typeOf value == "path" || (isText value && builtins.substring 0 1 "${value}" == "/"));
    package = simple "package" (value: isAttrs value && value.type or "" == "derivation");
    port = simple "port" (value: isInt value && value >= 0 && value < 65536);
    anything = simple "anything" (_: true);
    raw = anything;
    unspecified = anything;
    lines = mkType {
      name = "lines";
      check = isString;
      merge = _: definitions: concatStringsSep "\n" (map (one: one.value) definitions);
    };
    attrs = mkType {
      name = "attrs";
      check = isAttrs;
      merge = _: foldl' (found: one: found // one.value) { };
    };
    strMatching = pattern: simple "str matching ${pattern}" (value: isString value && builtins.match pattern value != null);
    enum = values: simple "one of ${builtins.toJSON values}" (value: elem value values);
    nullOr = type: mkType {
      name = "null or ${type.name}";
      check = value: value == null || type.check value;
      merge = where: definitions:
        if all (one: one.value == null) definitions then null
        else if any (one: one.value == null) definitions then
          throw "${show where.loc} is null and is not, in ${filesOf definitions}"
        else type.merge where definitions;
      nested = type;
    };
    either = first: second: mkType {
      name = "${first.name} or ${second.name}";
      check = value: first.check value || second.check value;
      merge = where: definitions:
        if all (one: first.check one.value) definitions then first.merge where definitions
        else checked where second definitions;
    };
    oneOf = choices: foldl' either (head choices) (tail choices);
    listOf = type: mkType {
      name = "list of ${type.name}";
      check = isList;
      merge = where: definitions: concatMap
        (definition: concatLists (lib.imap1
          (number: value:
            let
              within = at where { real = toString number; manual = "*"; };
              values = strongest (discharge { inherit value; inherit (definition) file; });
            in
            if values == [ ] then [ ] else [ (checked within type values) ])
          definition.value))
        definitions;
      join = other: listOf (joined other.nested type);
      nested = type;
    };
    attrsOf = type: mkType {
      name = "attrs of ${type.name}";
      check = isAttrs;
      merge = where: definitions:
        let
          pushed = concatMap
            (definition: map (value: mapAttrs (_: value: { inherit (definition) file; inherit value; }) value)
              (pushDown definition.value))
            definitions;
          merged = zipAttrsWith
            (name: definitions:
              let values = ordered (strongest (concatMap discharge definitions)); in
              { inherit values; value = checked (at where { real = name; manual = "<name>"; }) type values; })
            pushed;
        in
        mapAttrs (_: found: found.value) (lib.filterAttrs (_: found: found.values != [ ]) merged);
      join = other: attrsOf (joined other.nested type);
      nested = type;
    };
    lazyAttrsOf = attrsOf;
    submodule = content: submodules (if isList content then content else [ content ]);
    submodules = modules: mkType {
      name = "submodule";
      check = value: isAttrs value || isFunction value;
      merge = where: definitions: (evaluate {
        modules = modules ++ map
          (one: { _file = one.file; } // (if isFunction one.value then { imports = [ one.value ]; } else { config = one.value; }))
          definitions;
        specialArgs = { name = lib.last where.loc; };
        inherit where;
      }).config;
      join = other: submodules (modules ++ other.modules);
    } // { inherit modules; };
  };

  # One type for an option that is declared twice: submodules may be extended, nothing else.
  joined = second: first:
    if first.join or null == null || second.join or null == null then throw "declared twice, as ${first.name}"
    else first.join second;

  # ------------------------------------------------------------ modules

  loadedFrom = parent: number: module:
    if isFunction module || isAttrs module then { key = "${parent.key}:${toString number}"; inherit (parent) file; inherit module; }
    else { key = toString module; file = toString module; module = import module; };

  # Modules with all that they import, each once.
  closure = arguments: modules:
    let
      normal = { key, file, module }:
        let
          called = if isFunction module then module (argumentsOf file module) else module;
          argumentsOf = file: function: arguments file // mapAttrs (name: _: (arguments file).${name}) (functionArgs function);
          plain = !(called ? config || called ? options);
          known = [ "_file" "key" "imports" "options" "config" "disabledModules" "meta" ];
          unknown = filter (name: !(elem name known)) (attrNames called);
          here = called._file or file;
        in
        if !plain && unknown != [ ] then throw "module ${here} has config or options, and beside them ${toString unknown}"
        else {
          inherit key;
          file = here;
          options = called.options or { };
          config = if plain then removeAttrs called known else called.config or { };
          imports = called.imports or [ ];
        };
      load = parent: lib.imap1 (number: module: normal (loadedFrom parent number module));
    in
    builtins.genericClosure {
      startSet = load { key = "root"; file = "<unknown>"; } modules;
      operator = module: load { inherit (module) key file; } module.imports;
    };

  evaluate = { modules, specialArgs ? { }, where ? { loc = [ ]; manual = [ ]; } }:
    let
      arguments = file: {
        inherit lib options;
        config = if where.loc != [ ] || isOurs file then watched where options else config;
      } // specialArgs;

      # What a module imports comes before what it says itself.
      loaded = reversed (closure arguments modules);
      definitions = concatMap
        (module: map (value: { inherit (module) file; inherit value; }) (pushDown module.config))
        loaded;
      declarations = map (module: { inherit (module) file; tree = module.options; }) loaded;

      level = where: declarations: definitions:
        let
          declared = zipAttrsWith (_: values: values)
            (map (one: mapAttrs (_: tree: { inherit (one) file; inherit tree; }) one.tree) declarations);
          defined = zipAttrsWith (_: values: values)
            (map (one: mapAttrs (_: value: { inherit (one) file; inherit value; }) one.value) definitions);
        in
        mapAttrs
          (name: declarations:
            let here = at where { real = name; }; in
            if any (one: isOption one.tree) declarations then option here declarations (defined.${name} or [ ])
            else level here declarations (concatMap pushed (defined.${name} or [ ])))
          declared;
      # Apart from the options: which of them there are must not depend on what is defined.
      known = where: tree: all (definition: all
        (name:
          let here = at where { real = name; }; in
          if !(tree ? ${name}) then
            throw "The option `${show here.loc}' does not exist; it is defined in ${definition.file}"
          else isOption tree.${name} || known here tree.${name} (pushed (definition // { value = definition.value.${name}; })))
        (attrNames definition.value));
      pushed = one: map (value: { inherit (one) file; inherit value; }) (pushDown one.value);

      option = here: declarations: definitions:
        let
          first = (head declarations).tree;
          type = foldl'
            (found: one: builtins.addErrorContext "while ${show here.loc} is declared in ${one.file}" (joined one.tree.type found))
            first.type or types.unspecified
            (tail declarations);
          default = foldl' (found: one: if one.tree ? default then [ one.tree.default ] else found) [ ] declarations;
          live = concatMap discharge definitions;
          used = ordered (strongest (live ++ map (value: { file = "default"; value = properties.mkOptionDefault value; }) default));
          merged = builtins.addErrorContext "while ${show here.loc} is evaluated" (
            if used == [ ] then throw "${show here.loc} is read, but nothing defines it"
            else if first.readOnly or false && length live > 1 then throw "${show here.loc} is read-only; set in ${filesOf live}"
            else checked here type used
          );
          ours = isOurs (head declarations).file;
          applied = (first.apply or (value: value)) merged;
          # What this repository's files define, whether or not the definition is the strongest.
          said = foldl'
            (value: one: if isOurs one.file && !ours then trace "defines ${show here.manual}" value else value)
            applied
            live;
        in
        if !(first ? description) && lib.hasPrefix "nxcc" (show here.manual) then throw "${show here.loc} has no description"
        else {
          _type = "option";
          inherit (here) loc;
          inherit type default ours;
          value = said;
          isDefined = used != [ ];
          files = map (one: one.file) live;
        };

      options = level where declarations definitions;
      values = tree: mapAttrs (_: value: if isOption value then value.value else values value) tree;
      config = values options;
      watched = where: mapAttrs (name: value:
        let here = at where { real = name; }; in
        if !(isOption value) then watched here value
        else if record == null || value.ours then value.value
        else trace "reads ${show here.manual}" value.value);
    in
    assert known where options definitions;
    { inherit config options; watched = watched where options; };
in
properties // {
  inherit types;
  # Beside config and options, `watched`: config, with what is read of it traced.
  evalModules = { modules, specialArgs ? { } }: evaluate { inherit modules specialArgs; };
}
