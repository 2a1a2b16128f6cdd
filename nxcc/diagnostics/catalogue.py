"""Every code that nxcc can report, with its severity and its headline.

A code never changes its meaning and is never given to another. NX01 syntax, NX02 names, NX03 values and types, NX04
roles and nodes, NX05 files, NX06 options and secrets, NX07 flavours, NX08 bundles, NX09 the machine nxcc runs on,
NX10 what `nxcc init` takes over.
``explanations.md`` beside this file holds the long text of each, with a wrong and a right example.
"""

from __future__ import annotations

from nxcc.records import NamedTuple


class Entry(NamedTuple):
    """Severity and headline of a code; the headline is a ``str.format`` template."""

    severity: str
    message: str


CATALOGUE: dict[str, Entry] = {
    # Syntax
    "NX0101": Entry("error", "unexpected {found}"),
    "NX0102": Entry("error", "the file is not valid UTF-8 text"),
    "NX0103": Entry("error", "the file is larger than {limit} KiB"),
    "NX0104": Entry("error", "brackets are nested more than {limit} deep"),
    "NX0105": Entry("error", "the {what} is not closed"),
    "NX0106": Entry("error", "unknown escape `{escape}`"),
    "NX0107": Entry("error", "the file contains a NUL character"),
    "NX0108": Entry("error", "unknown unit `{unit}`"),
    "NX0109": Entry("error", "unexpected character `{character}`"),
    "NX0110": Entry("error", "`{bracket}` is never closed"),
    "NX0111": Entry("error", "`{found}` does not close `{opener}`"),
    "NX0112": Entry("error", "`{bracket}` closes nothing"),
    "NX0113": Entry("error", "`{name}` cannot stand {where}"),
    "NX0114": Entry("error", "this is given twice in one statement"),
    "NX0115": Entry("error", "`order` takes a whole number"),
    "NX0116": Entry("error", "the number is out of range"),
    "NX0117": Entry("error", "the escape stands for no character"),
    "NX0118": Entry("error", "unknown statement `{name}` {where}"),
    "NX0119": Entry("error", "`{name}` is a reserved word"),
    "NX0120": Entry("error", "the brackets of the Nix fragment do not match"),
    "NX0121": Entry("error", "a `;` ends the Nix fragment too early"),
    "NX0122": Entry("error", "a relative path in Nix would point into the output"),
    "NX0123": Entry("error", "a {what} in the Nix fragment is not closed"),
    "NX0124": Entry("error", "the Nix fragment is empty"),
    "NX0125": Entry("error", "Nix cannot parse this fragment: {reason}"),
    # Names
    "NX0201": Entry("error", "`{name}` is declared twice"),
    "NX0202": Entry("error", "`{name}` cannot be a name of your own"),
    "NX0203": Entry("error", "unknown {kind} `{name}`"),
    "NX0204": Entry("error", "unknown setting `{name}` of {what}"),
    "NX0205": Entry("error", "unknown type `{name}`"),
    "NX0207": Entry("error", "`{name}` is no function"),
    "NX0208": Entry("error", "`{name}` hides another declaration"),
    "NX0209": Entry("error", "`{name}` is {found}, not {wanted}"),
    "NX0210": Entry("error", "`{name}` is defined by itself"),
    "NX0211": Entry("error", "there is no `environment` statement"),
    "NX0212": Entry("error", "there is more than one `{what}` statement"),
    "NX0213": Entry("error", "`{what}` cannot stand in an included file"),
    # Values and types
    "NX0301": Entry("error", "expected {expected}, found {found}"),
    "NX0302": Entry("error", "`{operator}` does not work on {operands}"),
    "NX0303": Entry("error", "`{name}` is {value}, which is not {allowed}"),
    "NX0304": Entry("error", "`{name}` takes {type}, not {found}"),
    "NX0305": Entry("error", "the condition is {found}, neither true nor false"),
    "NX0306": Entry("error", "{found} cannot stand in a string"),
    "NX0307": Entry("error", "index {index} is outside the list of {length}"),
    "NX0308": Entry("error", "division by zero"),
    "NX0309": Entry("error", "the units {left} and {right} do not go together"),
    "NX0310": Entry("error", "{text} is not a whole number of {unit}"),
    "NX0311": Entry("error", "a percentage cannot be an option's value"),
    "NX0312": Entry("error", "`{name}` needs an argument `{argument}`"),
    "NX0313": Entry("error", "`{name}` takes no such argument"),
    "NX0314": Entry("error", "{what} is known only when Nix evaluates it"),
    "NX0315": Entry("error", "the list is longer than {limit} elements"),
    "NX0316": Entry("error", "{found} has no `{name}`"),
    "NX0317": Entry("error", "`flavour.name` is not known here"),
    "NX0319": Entry("error", "`{name}` is set twice"),
    "NX0320": Entry("error", "the expression is nested too deep"),
    "NX0321": Entry("error", "the number does not fit into 64 bits"),
    "NX0322": Entry("error", "{what} has more than {limit}"),
    "NX0323": Entry("warning", "`{name}` is text, no interpolation"),
    # Roles and nodes
    "NX0401": Entry("error", "a role needs at least one node, not {count}"),
    "NX0402": Entry("error", "`{name}` cannot be {what}"),
    "NX0403": Entry("error", "two nodes are named `{name}`"),
    "NX0404": Entry("error", "the roles wait for each other: {cycle}"),
    "NX0405": Entry("error", "role `{role}` shares no directory `{directory}`"),
    "NX0406": Entry("error", "host port {port} is published twice"),
    "NX0407": Entry("error", "{port} is not a port"),
    "NX0408": Entry("error", "the environment has no role"),
    "NX0409": Entry("error", "the link from `{source}` to `{target}` is given twice"),
    "NX0410": Entry("error", "`{subnet}` cannot be the network of the nodes"),
    "NX0411": Entry("error", "{nodes} nodes do not fit into {subnet}"),
    "NX0412": Entry("error", "the test script is not valid Python: {reason}"),
    "NX0413": Entry("error", "the test script uses `{name}`, which is no node"),
    "NX0414": Entry("error", "every node of role `{role}` would get the host name {name}"),
    "NX0415": Entry("error", "`{path}` is not an absolute path"),
    "NX0416": Entry("error", "`{directory}` is given twice"),
    "NX0417": Entry("error", "the profiles build on each other: {cycle}"),
    "NX0418": Entry("error", "more than {limit} nodes"),
    "NX0419": Entry("error", "users {names} would have one uid, {uid}"),
    "NX0420": Entry("warning", "user `{name}` {has} another uid on the nodes of role `{role}`"),
    # Files
    "NX0501": Entry("error", "there is no {what} `{path}`"),
    "NX0502": Entry("error", "the files include each other: {cycle}"),
    "NX0503": Entry("error", "cannot read `{path}`: {reason}"),
    "NX0504": Entry("error", "`{path}` is not a text file"),
    "NX0521": Entry("error", "`{file}`, line {line}, names `{path}`, which does not exist"),
    "NX0522": Entry("warning", "`{file}`, line {line}, uses `{path}`, which the bundle cannot contain"),
    "NX0523": Entry("error", "the content of secret file `{path}` would be copied into the bundle"),
    "NX0524": Entry("error", "`{path}` is too large for a bundle"),
    "NX0526": Entry("warning", "`{file}`, line {line}: {what}"),
    "NX0527": Entry("error", "folder `{path}` has no default.nix"),
    "NX0528": Entry("error", "folder `{path}` has no files"),
    "NX0529": Entry("warning", "link `{path}` leads nowhere"),
    # Options and secrets
    "NX0601": Entry("error", "`{option}` is given two values"),
    "NX0602": Entry("error", "`{option}` cannot be set in a role"),
    "NX0603": Entry("error", "the content of secret `{name}` would land in the Nix store"),
    "NX0604": Entry("error", "`{option}` is both a set and a plain value"),
    "NX0605": Entry("error", "a private key would land in the Nix store"),
    # Flavours
    "NX0701": Entry("error", "unknown flavour `{name}`"),
    "NX0702": Entry("error", "flavour `{flavour}` has no setting `{name}`"),
    "NX0703": Entry("error", "setting `{name}` takes {expected}"),
    "NX0704": Entry("error", "flavour `{flavour}` cannot honour {what}"),
    "NX0705": Entry("warning", "flavour `{flavour}` does not honour {what}"),
    "NX0707": Entry("warning", "flavour `{name}` is left out"),
    "NX0708": Entry("error", "these statements hold in no flavour"),
    "NX0709": Entry("error", "setting `{name}` of flavour `{flavour}` cannot stand in a role"),
    # Bundles and locks
    "NX0801": Entry("error", "`{path}` was edited by hand"),
    "NX0802": Entry("note", "the inputs are not locked"),
    "NX0803": Entry("warning", "`{name}` in env.lock is not what the source names"),
    "NX0804": Entry("error", "the lock file cannot be used: {reason}"),
    "NX0805": Entry("error", "`{path}` is in the way, and nxcc did not write it"),
    # What is taken over from other tools
    "NX1001": Entry("warning", "{what} is not taken over"),
    "NX1002": Entry("error", "`{path}` has no role to take over"),
    "NX1003": Entry("error", "`{path}` is not valid {form}: {reason}"),
}
