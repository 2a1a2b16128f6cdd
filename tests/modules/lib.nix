# As much of nixpkgs' lib as nix/ uses, written anew; `release` is the one that it claims to be.
{ release, record ? null }:

let
  inherit (builtins)
    attrNames attrValues concatLists concatMap concatStringsSep elem elemAt filter foldl' genList hasAttr head isAttrs
    isList isString length listToAttrs mapAttrs match replaceStrings split stringLength substring tail;

  self = {
    trivial = { inherit release; };
    inherit (builtins) any all attrNames attrValues concatLists concatMap concatStringsSep elem elemAt filter foldl';
    inherit (builtins) functionArgs genList hasAttr head isAttrs isBool isFunction isInt isList isString length;
    inherit (builtins) listToAttrs mapAttrs partition removeAttrs replaceStrings sort stringLength substring tail;

    # ---------------------------------------------------------- lists
    last = list: elemAt list (length list - 1);
    imap0 = f: list: genList (number: f number (elemAt list number)) (length list);
    imap1 = f: self.imap0 (number: f (number + 1));
    optional = condition: value: if condition then [ value ] else [ ];
    optionals = condition: values: if condition then values else [ ];
    count = test: list: length (filter test list);
    findFirst = test: default: list: let found = filter test list; in if found == [ ] then default else head found;
    unique = foldl' (found: value: if elem value found then found else found ++ [ value ]) [ ];
    subtractLists = unwanted: filter (value: !(elem value unwanted));
    toList = value: if isList value then value else [ value ];
    flatten = value: if isList value then concatMap self.flatten value else [ value ];
    range = first: last: if first > last then [ ] else genList (number: first + number) (last - first + 1);
    take = count: list: genList (elemAt list) (self.min count (length list));
    drop = count: list: genList (number: elemAt list (count + number)) (self.max 0 (length list - count));
    min = a: b: if a < b then a else b;
    max = a: b: if a > b then a else b;

    # ---------------------------------------------------------- sets
    nameValuePair = name: value: { inherit name value; };
    optionalAttrs = condition: set: if condition then set else { };
    mapAttrsToList = f: set: map (name: f name set.${name}) (attrNames set);
    mapAttrs' = f: set: listToAttrs (self.mapAttrsToList f set);
    filterAttrs = test: set: removeAttrs set (filter (name: !(test name set.${name})) (attrNames set));
    genAttrs = names: f: listToAttrs (map (name: self.nameValuePair name (f name)) names);
    hasAttrByPath = path: set:
      path == [ ] || (isAttrs set && hasAttr (head path) set && self.hasAttrByPath (tail path) set.${head path});
    attrByPath = path: default: set:
      if path == [ ] then set
      else if isAttrs set && hasAttr (head path) set then self.attrByPath (tail path) default set.${head path}
      else default;
    setAttrByPath = path: value: if path == [ ] then value else { ${head path} = self.setAttrByPath (tail path) value; };
    recursiveUpdate = first: second:
      first // mapAttrs
        (name: value:
          if isAttrs value && isAttrs (first.${name} or null) then self.recursiveUpdate first.${name} value else value)
        second;
    isDerivation = value: value.type or null == "derivation";

    # ---------------------------------------------------------- text
    concatStrings = concatStringsSep "";
    concatMapStrings = f: list: self.concatStrings (map f list);
    concatMapStringsSep = separator: f: list: concatStringsSep separator (map f list);
    optionalString = condition: text: if condition then text else "";
    toInt = builtins.fromJSON;
    hasPrefix = prefix: text: substring 0 (stringLength prefix) text == prefix;
    hasSuffix = suffix: text:
      stringLength suffix <= stringLength text
      && substring (stringLength text - stringLength suffix) (stringLength suffix) text == suffix;
    hasInfix = infix: text: replaceStrings [ infix ] [ "" ] text != text;
    removePrefix = prefix: text:
      if self.hasPrefix prefix text then substring (stringLength prefix) (stringLength text) text else text;
    removeSuffix = suffix: text:
      if self.hasSuffix suffix text then substring 0 (stringLength text - stringLength suffix) text else text;
    splitString = separator: text:
      let
        special = [ "\\" "." "+" "*" "?" "^" "$" "(" ")" "[" "{" "|" ];
        escaped = replaceStrings special (map (character: "\\${character}") special) separator;
      in
      filter isString (split escaped text);
    toLower = replaceStrings
      (self.splitString " " "A B C D E F G H I J K L M N O P Q R S T U V W X Y Z")
      (self.splitString " " "a b c d e f g h i j k l m n o p q r s t u v w x y z");
    # Quotes what needs none in old releases alone.
    escapeShellArg = value:
      let text = toString value; in
      if self.versionAtLeast release "23.11" && match "[[:alnum:],._+:@%/-]+" text != null then text
      else "'${replaceStrings [ "'" ] [ "'\\''" ] text}'";
    escapeShellArgs = self.concatMapStringsSep " " self.escapeShellArg;
    versionAtLeast = version: other: builtins.compareVersions version other >= 0;
    versionOlder = version: other: builtins.compareVersions version other < 0;
    importJSON = path: builtins.fromJSON (builtins.readFile path);

    # ---------------------------------------------------------- packages
    getName = package: if isString package then package else package.pname or package.name;
    getOutput = output: package: package.${output} or package;
    getBin = package: package.bin or package;
    makeBinPath = packages: concatStringsSep ":" (map (package: "${self.getBin package}/bin") packages);
    composeExtensions = first: second: final: prev:
      let done = first final prev; in done // second final (prev // done);
  };
  complete = self // import ./system.nix { lib = complete; inherit record; };
in
complete
