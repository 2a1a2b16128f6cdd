"""Mistakes, and what is said about each: code, line:column, headline, then labels and helps.

Seen, one by one, to say what is wrong where it is wrong. ``test_syntax_errors.py`` checks them.
"""

# ruff: noqa: E501, RUF001
MISTAKES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "environment x\nrole web {\n  ports 80\n",
        ("NX0110 2:10 `{` is never closed | opened here, never closed | help: close it with `}`",),
    ),
    (
        "role web {\n  ports 80\n\nrole db {\n  ports 1\n}\n",
        (
            "NX0110 1:10 `{` is never closed | opened here, never closed | 4:1 before this statement | help: close it with `}`",
        ),
    ),
    (
        "role web {\n  service nginx {\n    a = 1\n  ports 80\n}\n\nrole db {\n  ports 1\n}\n",
        (
            "NX0110 2:17 `{` is never closed | opened here, never closed | 4:3 before this statement | help: close it with `}`",
        ),
    ),
    (
        "role web {\n  ports 80\n}\n}\n\nrole db { ports 1 }",
        ("NX0112 4:1 `}` closes nothing | 3:1 the block ends here",),
    ),
    (
        "role web {\n  service x { a = 1 }\n  }\n  ports 80\n}\n",
        (
            "NX0113 4:3 `ports` cannot stand at top level | 3:3 the block ends here | help: it belongs in a role or profile",
        ),
    ),
    ("role web { x = [1, 2 }\n", ("NX0111 1:22 `}` does not close `[` | expected `]` | 1:16 opened here",)),
    ("role web { x = (1 + 2 }\n", ("NX0111 1:23 `}` does not close `(` | expected `)` | 1:16 opened here",)),
    (
        "role web { x = {1 + 2] }\n",
        (
            "NX0110 1:10 `{` is never closed | opened here, never closed | help: close it with `}`",
            "NX0101 1:17 unexpected `1` | expected a name, a string, `}`, `on` or `when`",
        ),
    ),
    ("let x = f(1, 2", ("NX0110 1:10 `(` is never closed | opened here, never closed | help: close it with `)`",)),
    (
        'let x = "abc',
        (
            'NX0105 1:9 the string is not closed | opened here, never closed on this line | help: close it with `"`, or write `"""` around a text of several lines',
        ),
    ),
    (
        'let x = "abc\nlet y = 3 +',
        (
            'NX0105 1:9 the string is not closed | opened here, never closed on this line | help: close it with `"`, or write `"""` around a text of several lines',
            "NX0101 2:12 unexpected end of the file | expected a value",
        ),
    ),
    (
        "let x = 'abc\n",
        (
            "NX0105 1:9 the string is not closed | opened here, never closed on this line | help: close it with `'`, or write `'''` around a text of several lines",
        ),
    ),
    (
        'let x = """abc\nrole a { b = }\n',
        (
            'NX0105 1:9 the string is not closed | opened here, never closed | help: close it with `"""`',
            "NX0101 2:14 unexpected `}` | expected a value | help: a value follows `=`",
        ),
    ),
    (
        "let x = '''abc\n",
        ("NX0105 1:9 the string is not closed | opened here, never closed | help: close it with `'''`",),
    ),
    (
        "let x = `abc\nlet y = ",
        (
            "NX0105 1:9 the Nix fragment is not closed | opened here, never closed | help: close it with a backtick, or write three backticks around Nix of several lines or with backticks in its strings",
            "NX0101 2:9 unexpected end of the file | expected a value | help: a value follows `=`",
        ),
    ),
    (
        "let x = ```abc\n",
        (
            "NX0105 1:9 the Nix fragment is not closed | opened here, never closed | help: close it with three backticks",
        ),
    ),
    (
        "rol web { ports 80 }\nlet y = *",
        (
            "NX0118 1:1 unknown statement `rol` at top level | help: did you mean `role`?",
            "NX0101 2:9 unexpected `*` | expected a value",
        ),
    ),
    (
        "role web {\n  pakages htop\n  prots 80\n  ports 80 =\n}\nrole b { x = = 3 }",
        (
            "NX0118 2:3 unknown statement `pakages` in a role | help: did you mean `packages`?",
            "NX0118 3:3 unknown statement `prots` in a role | help: did you mean `ports`?",
            "NX0101 4:12 unexpected `=` | expected a port, `,`, `/tcp` or `/udp`, `}` or the end of the statement",
            "NX0101 6:14 unexpected `=` | expected a value",
        ),
    ),
    ("ports 80\n", ("NX0113 1:1 `ports` cannot stand at top level | help: it belongs in a role or profile",)),
    (
        "services.nginx.enable = true\n",
        (
            "NX0118 1:1 unknown statement `services` at top level | help: a constant is declared with `let services = …`; an option stands in a role or profile",
        ),
    ),
    (
        "role web {\n  environment x\n  secret y\n}",
        (
            "NX0113 2:3 `environment` cannot stand in a role | help: it belongs at top level",
            "NX0113 3:3 `secret` cannot stand in a role | help: it belongs at top level",
        ),
    ),
    ("role web {\n  role db { }\n}", ("NX0113 2:3 `role` cannot stand in a role | help: it belongs at top level",)),
    (
        "role web {\n  network.x 3\n  x.y 3\n foo bar\n}",
        (
            "NX0101 2:13 unexpected `3` | expected `=` or `{`",
            "NX0101 3:7 unexpected `3` | expected `=` or `{`",
            "NX0118 4:2 unknown statement `foo` in a role | help: an option is set with `foo = value`",
        ),
    ),
    ("let x 3", ("NX0101 1:7 unexpected `3` | expected `=`",)),
    (
        "let x: int = 3",
        ("NX0101 1:6 unexpected `:` | expected `=` | help: a constant has no type: `let NAME = VALUE`",),
    ),
    ("let x = ", ("NX0101 1:9 unexpected end of the file | expected a value | help: a value follows `=`",)),
    (
        "let x =\nlet y = 3",
        (
            "NX0101 2:5 unexpected `y` | expected an operator or the end of the statement | help: line 1 ends with `=` and goes on here: something is missing there",
        ),
    ),
    (
        "role a {\n  x =\n  y = 3\n}",
        (
            "NX0101 3:5 unexpected `=` | expected an operator, `}` or the end of the statement | help: line 2 ends with `=` and goes on here: something is missing there",
        ),
    ),
    ("role a { x = ; y = 2 }", ("NX0101 1:14 unexpected `;` | expected a value | help: a value follows `=`",)),
    ("role a { x = }", ("NX0101 1:14 unexpected `}` | expected a value | help: a value follows `=`",)),
    (
        "role a {\n  foo: bar\n}",
        ("NX0101 2:6 unexpected `:` | expected `=` or `{` | help: write `=` between a name and its value",),
    ),
    (
        'role a { x = { "a": 1, "b": [1, 2] } }',
        ("NX0101 1:19 unexpected `:` | expected `=` or `{` | help: write `=` between a name and its value",),
    ),
    (
        "role a { x = a && b }",
        ("NX0101 1:16 unexpected `&&` | expected an operator, `}` or the end of the statement | help: write `and`",),
    ),
    (
        "role a { x = a || b }",
        ("NX0101 1:16 unexpected `||` | expected an operator, `}` or the end of the statement | help: write `or`",),
    ),
    ("role a { x = !a }", ("NX0101 1:14 unexpected `!` | expected a value | help: write `not`",)),
    (
        "role a { when x = 3 { ports 1 } }",
        ("NX0101 1:17 unexpected `=` | expected an operator or `{` | help: equality is `==`",),
    ),
    (
        "let x = if a = 3 then 1 else 2",
        ("NX0101 1:14 unexpected `=` | expected an operator or `then` | help: equality is `==`",),
    ),
    (
        "role a {\n  packages with pkgs; [ htop git ]\n}",
        (
            "NX0101 2:23 unexpected `[` | expected a statement or `}` | help: names after `packages` are those of pkgs: no `with pkgs;` is needed",
        ),
    ),
    (
        "let x = [ a b ]",
        (
            "NX0101 1:13 unexpected `b` | expected an operator, `,` or `]` | 1:9 opened here | help: the elements of a list are separated by commas: `[a, b]`",
        ),
    ),
    (
        'let x = [ "a" "b" ]',
        (
            "NX0101 1:15 unexpected string | expected `,`, `]` or `for` | 1:9 opened here | help: the elements of a list are separated by commas: `[a, b]`",
        ),
    ),
    (
        "let x = [1; 2]",
        (
            "NX0101 1:11 unexpected `;` | expected an operator, `,` or `]` | 1:9 opened here | help: the elements of a list are separated by commas or newlines",
        ),
    ),
    (
        "// comment\nrole a { }",
        ("NX0101 1:1 unexpected `//` | expected a statement | help: a comment begins with `#`",),
    ),
    ("/* c */", ("NX0101 1:1 unexpected `/*` | expected a statement | help: a comment begins with `#`",)),
    (
        "role a { ports 80 // web\n}",
        (
            "NX0101 1:19 unexpected `//` | expected a port, `,`, `/tcp` or `/udp`, `}` or the end of the statement | help: a comment begins with `#`",
        ),
    ),
    (
        "role a {\n  // web\n  ports 80\n}",
        ("NX0101 2:3 unexpected `//` | expected a statement or `}` | help: a comment begins with `#`",),
    ),
    ("role a { resources { memory 2GB } }", ("NX0108 1:30 unknown unit `GB` | help: did you mean `GiB`?",)),
    (
        "role a { resources { memory 2 GiB } }",
        (
            "NX0101 1:31 unexpected `GiB` | expected an operator, `,`, `}` or the end of the statement | help: a unit follows its number without a blank",
        ),
    ),
    ("let x = 0x1F", ("NX0108 1:10 unknown unit `x1F` | help: numbers are decimal",)),
    ("let x = 1_000", ("NX0108 1:10 unknown unit `_000` | help: the digits of a number stand together, without `_`",)),
    ("let x = 5sec", ("NX0108 1:10 unknown unit `sec` | help: did you mean `s`?",)),
    ("let x = 10mb", ("NX0108 1:11 unknown unit `mb` | help: did you mean `MiB`?",)),
    ("let x = .5", ("NX0101 1:9 unexpected `.` | expected a value | help: write `0.5`",)),
    (
        'let x = "a\\qb"',
        (
            "NX0106 1:11 unknown escape `\\q` | help: the escapes are `\\n` `\\r` `\\t` `\\\"` `\\\\` `\\${` and `\\u{…}`; a raw string '…' has none",
        ),
    ),
    ('let x = "\\u{110000}"', ("NX0117 1:10 the escape stands for no character",)),
    (
        'let x = "\\u00e9"',
        (
            "NX0106 1:10 unknown escape `\\u` | help: the escapes are `\\n` `\\r` `\\t` `\\\"` `\\\\` `\\${` and `\\u{…}`; a raw string '…' has none",
        ),
    ),
    (
        'let x = "\\x41"',
        (
            "NX0106 1:10 unknown escape `\\x` | help: the escapes are `\\n` `\\r` `\\t` `\\\"` `\\\\` `\\${` and `\\u{…}`; a raw string '…' has none",
        ),
    ),
    ("let if = 3", ("NX0119 1:5 `if` is a reserved word | help: choose another name",)),
    ("role in { }", ("NX0119 1:6 `in` is a reserved word | help: choose another name",)),
    ("let x = then", ("NX0119 1:9 `then` is a reserved word | help: choose another name",)),
    ("role true { }", ("NX0119 1:6 `true` is a reserved word",)),
    ("param for: int = 3", ("NX0119 1:7 `for` is a reserved word | help: choose another name",)),
    ("let x = “abc”", ('NX0109 1:9 unexpected character `“` | help: strings stand in straight quotes: `"…"`',)),
    (
        "role a { file ‘x’ = 1 }",
        ("NX0109 1:15 unexpected character `‘` | help: raw strings stand in straight quotes: `'…'`",),
    ),
    ("let x = 5 – 3", ("NX0109 1:11 unexpected character `–` | help: the sign for minus is `-`",)),
    ("let x\xa0= 3", ("NX0109 1:6 unexpected character `no-break space` | help: write an ordinary blank",)),
    ("rôle a { }", ("NX0118 1:1 unknown statement `rôle` at top level | help: did you mean `role`?",)),
    (
        "role rôle { }",
        ("NX0109 1:7 unexpected character `ô` | help: text other than ASCII stands in strings and comments",),
    ),
    (
        "let café = 3",
        ("NX0109 1:8 unexpected character `é` | help: text other than ASCII stands in strings and comments",),
    ),
    ("role 7up { }", ("NX0101 1:6 unexpected `7up` | expected a name | help: a name does not begin with a digit",)),
    (
        "role a { packages 7zz htop }",
        (
            'NX0101 1:19 unexpected `7zz` | expected `[`, a name or Nix in backticks | help: a name does not begin with a digit; write `pkgs."7zz"`',
        ),
    ),
    (
        "role a { packages 7zip }",
        (
            'NX0101 1:19 unexpected `7zip` | expected `[`, a name or Nix in backticks | help: a name does not begin with a digit; write `pkgs."7zip"`',
        ),
    ),
    ("role a[3 { ports 80 }\nrole b { }", ("NX0101 1:10 unexpected `{` | expected `]` | 1:7 opened here",)),
    ("role a[ { }", ("NX0110 1:7 `[` is never closed | opened here, never closed | help: close it with `]`",)),
    ("role a[] { }", ("NX0101 1:8 unexpected `]` | expected a value | 1:7 opened here",)),
    (
        "link a => b",
        (
            "NX0101 1:8 unexpected `=>` | expected `->` or `<->` | help: a link is `link A -> B` in one direction, `link A <-> B` in both",
        ),
    ),
    (
        "link a - b",
        (
            "NX0101 1:8 unexpected `-` | expected `->` or `<->` | help: a link is `link A -> B` in one direction, `link A <-> B` in both",
        ),
    ),
    ("link a -> ", ("NX0101 1:11 unexpected end of the file | expected a name",)),
    (
        "link a to b",
        (
            "NX0101 1:8 unexpected `to` | expected `->` or `<->` | help: a link is `link A -> B` in one direction, `link A <-> B` in both",
        ),
    ),
    ("link a -> b -> c", ("NX0101 1:13 unexpected `->` | expected `{` or the end of the statement",)),
    ("role a { after }", ("NX0101 1:16 unexpected `}` | expected a name",)),
    ("role a { after ; ports 80 }", ("NX0101 1:16 unexpected `;` | expected a name",)),
    (
        "let x = 1 < 2 < 3",
        (
            "NX0101 1:15 unexpected `<` | expected the end of the statement, `and` or `or` | help: comparisons are not chained: `a < b and b < c`",
        ),
    ),
    (
        "let x = a == b == c",
        (
            "NX0101 1:16 unexpected `==` | expected the end of the statement, `and` or `or` | help: comparisons are not chained: `a < b and b < c`",
        ),
    ),
    (
        "let x = f (1)",
        (
            "NX0101 1:11 unexpected `(` | expected an operator or the end of the statement | help: a call and an index follow their name without a blank: `f(x)`, `x[i]`",
        ),
    ),
    (
        "let x = a [1]",
        (
            "NX0101 1:11 unexpected `[` | expected an operator or the end of the statement | help: a call and an index follow their name without a blank: `f(x)`, `x[i]`",
        ),
    ),
    (
        "let x = 1..2..3",
        (
            "NX0101 1:13 unexpected `..` | expected an operator or the end of the statement | help: a range has two ends: `1..5`",
        ),
    ),
    (
        "param x = 3",
        ("NX0101 1:9 unexpected `=` | expected `:` | help: a parameter has a type: `param NAME: int = 3`",),
    ),
    ("param x: int", ("NX0101 1:13 unexpected end of the file | expected `=`",)),
    (
        "param x: int in 1..3",
        (
            "NX0101 1:14 unexpected `in` | expected `=` | help: a parameter has a default: `param NAME: int = 3 in 1..5`",
        ),
    ),
    ("param x: int = 3 in", ("NX0101 1:20 unexpected end of the file | expected a value",)),
    (
        "param x: int = 3 1..5",
        (
            "NX0101 1:18 unexpected `1..5` | expected an operator, a string, the end of the statement or `in` | help: what a parameter may be follows `in`: `in 1..5` or `in [1, 3]`",
        ),
    ),
    ("param x int = 3", ("NX0101 1:9 unexpected `int` | expected `:`",)),
    (
        'let x = "${a"\nlet y = = 3',
        (
            "NX0110 1:10 `${` is never closed | opened here, never closed | help: close it with `}`",
            "NX0101 2:9 unexpected `=` | expected a value",
        ),
    ),
    ('let x = "${}"', ("NX0101 1:12 unexpected `}` | expected a value | 1:10 opened here",)),
    ('let x = "${a b}"', ("NX0101 1:14 unexpected `b` | expected an operator or `}` | 1:10 opened here",)),
    (
        'let x = "a\nb"',
        (
            'NX0105 1:9 the string is not closed | opened here, never closed on this line | help: close it with `"`, or write `"""` around a text of several lines',
        ),
    ),
    (
        "role a {\n  when x { ports 1 }\n  ports 2\n  else { ports 3 }\n}",
        (
            "NX0101 4:3 unexpected `else` | expected a port, `,`, `/tcp` or `/udp`, `}` or the end of the statement | help: `else` follows the `}` of a `when`, or a value behind `then`",
        ),
    ),
    ("role a { else { } }", ("NX0119 1:10 `else` is a reserved word | help: `else` follows the `}` of a `when`",)),
    (
        "role a { when x { } else if y { } }",
        ("NX0101 1:26 unexpected `if` | expected `{` or `when` | help: write `else when`",),
    ),
    (
        "role a { when x { } elif y { } }",
        (
            "NX0101 1:21 unexpected `elif` | expected `}`, the end of the statement or `else` | help: write `else when CONDITION { … }`",
        ),
    ),
    (
        "role a { if x { ports 1 } }",
        ("NX0101 1:13 unexpected `x` | expected `=` or `{` | help: statements are chosen with `when CONDITION { … }`",),
    ),
    (
        "role a { for i in 1..3 { } }",
        (
            "NX0101 1:14 unexpected `i` | expected `=` or `{` | help: a role of several nodes is `role NAME[COUNT]`; `[x for x in LIST]` makes a list",
        ),
    ),
    (
        "if x { role a { } }",
        (
            "NX0101 1:1 unexpected `if` | expected a statement | help: statements are chosen with `when CONDITION { … }`",
        ),
    ),
    (
        "role a { x = 1 y = 2 }",
        (
            "NX0101 1:16 unexpected `y` | expected an operator, `}` or the end of the statement | help: two statements on one line are separated by `;`",
        ),
    ),
    (
        "let a = 1 let b = 2",
        (
            "NX0101 1:11 unexpected `let` | expected an operator or the end of the statement | help: two statements on one line are separated by `;`",
        ),
    ),
    (
        "role a { service nginx { } ports 80 }",
        (
            "NX0101 1:28 unexpected `ports` | expected `}` or the end of the statement | help: two statements on one line are separated by `;`",
        ),
    ),
    (
        "role a { ports 80 } role b { }",
        (
            "NX0101 1:21 unexpected `role` | expected the end of the statement | help: two statements on one line are separated by `;`",
        ),
    ),
    (
        "let x = 1\n  - 2",
        (
            "NX0101 2:3 unexpected `-` | expected a statement | help: a statement goes on behind a line's end where the line ends with an operator, a comma or a bracket",
        ),
    ),
    (
        "let x = a\n  .b",
        (
            "NX0101 2:3 unexpected `.` | expected a statement | help: a statement goes on behind a line's end where the line ends with an operator, a comma or a bracket",
        ),
    ),
    (
        "role a {\n  packages a\n    b c\n}",
        (
            "NX0118 3:5 unknown statement `b` in a role | help: `packages` goes on in the next line where a line ends with a comma; `packages [ … ]` needs none",
        ),
    ),
    ("let x = a\n  && b", ("NX0101 2:3 unexpected `&&` | expected a statement | help: write `and`",)),
    ('environment "k3s"', ("NX0101 1:13 unexpected string | expected a name | help: a name stands without quotes",)),
    (
        "environment my env",
        (
            'NX0101 1:16 unexpected `env` | expected a string or the end of the statement | help: a description stands in quotes: `environment NAME "text"`',
        ),
    ),
    ("environment", ("NX0101 1:12 unexpected end of the file | expected a name",)),
    ('role "web" { }', ("NX0101 1:6 unexpected string | expected a name | help: a name stands without quotes",)),
    ("role { }", ("NX0101 1:6 unexpected `{` | expected a name",)),
    (
        "role a(b) { }",
        (
            "NX0101 1:7 unexpected `(` | expected `:`, `[`, `{`, a string, the end of the statement or `from` | help: several nodes are a count: `role a[3]`",
        ),
    ),
    (
        "role a : b c { }",
        (
            "NX0101 1:12 unexpected `c` | expected `(`, `,`, `{`, a string or the end of the statement | help: several profiles are separated by commas: `: a, b`",
        ),
    ),
    (
        "role a extends b { }",
        (
            "NX0101 1:8 unexpected `extends` | expected `:`, `[`, `{`, a string, the end of the statement or `from` | help: profiles that a role builds on follow `:`",
        ),
    ),
    (
        "role a b { }",
        ("NX0101 1:8 unexpected `b` | expected `:`, `[`, `{`, a string, the end of the statement or `from`",),
    ),
    (
        "profile p (x) { }",
        (
            "NX0101 1:11 unexpected `(` | expected `(`, `:`, `{` or a string | help: a call and an index follow their name without a blank: `f(x)`, `x[i]`",
        ),
    ),
    ("profile p(x) { }", ("NX0101 1:12 unexpected `)` | expected `:` | 1:10 opened here",)),
    ("profile p", ("NX0101 1:10 unexpected end of the file | expected `(`, `:`, `{` or a string",)),
    (
        "include common.nxc",
        (
            "NX0101 1:9 unexpected `common` | expected a path or a string | help: a path begins with `./`: `./common.nxc`",
        ),
    ),
    (
        "include /etc/x.nxc",
        (
            "NX0101 1:9 unexpected `/` | expected a path or a string | help: a path begins with `./` or `../`, relative to this file",
        ),
    ),
    (
        "role a { import modules/x.nix }",
        (
            "NX0101 1:24 unexpected `/` | expected `}` or the end of the statement | help: a path begins with `./` or `../`, relative to this file",
        ),
    ),
    (
        "role a { import <nixpkgs/x> }",
        (
            "NX0101 1:17 unexpected `<` | expected a name, Nix in backticks, a path or a string | help: what only Nix knows stands in backticks: `` `<…>` ``",
        ),
    ),
    (
        "role a { import ~/x.nix }",
        ("NX0109 1:17 unexpected character `~` | help: a path begins with `./` or `../`, relative to this file",),
    ),
    (
        "role a { imports [ ./x.nix ] }",
        (
            "NX0118 1:10 unknown statement `imports` in a role | help: a statement `import ./module.nix` for each module",
        ),
    ),
    (
        'secret token = "x"',
        (
            "NX0101 1:14 unexpected `=` | help: a secret is made at deployment, or read from a file: `secret NAME from ./file`",
        ),
    ),
    ("secret", ("NX0101 1:7 unexpected end of the file | expected a name",)),
    ("secret t mode 9999", ("NX0101 1:15 unexpected `9999` | expected a mode such as 0644",)),
    ('secret t mode "0440"', ("NX0101 1:15 unexpected string | expected a mode such as 0644",)),
    ('script x = "y"', ("NX0101 1:10 unexpected `=` | expected `bash`, `sh` or `python`",)),
    ('script x perl = "y"', ("NX0101 1:10 unexpected `perl` | expected `bash`, `sh` or `python`",)),
    ('script x bash "y"', ("NX0101 1:15 unexpected string | expected `=`, `from` or `with`",)),
    (
        "role a { ports 80:80 }",
        (
            "NX0101 1:18 unexpected `:` | expected a port, `,`, `/tcp` or `/udp`, `}` or the end of the statement | help: `publish 8080:80` maps a port of the host to one of the node",
        ),
    ),
    ("role a { publish 80 }", ("NX0101 1:21 unexpected `}` | expected `:`",)),
    (
        "role a { ports 80/TCP }",
        (
            "NX0101 1:18 unexpected `/` | expected a port, `,`, `/tcp` or `/udp`, `}` or the end of the statement | help: a protocol is `/tcp` or `/udp`",
        ),
    ),
    (
        "role a { ports 80/sctp }",
        (
            "NX0101 1:18 unexpected `/` | expected a port, `,`, `/tcp` or `/udp`, `}` or the end of the statement | help: a protocol is `/tcp` or `/udp`",
        ),
    ),
    ('role a { ports "80" }', ("NX0101 1:16 unexpected string | expected a port",)),
    (
        "role a { service nginx.enable = true }",
        (
            "NX0101 1:31 unexpected `=` | expected `,`, `{`, a name, a string, `}` or the end of the statement | help: an option is set by itself: `services.nginx.enable = …`",
        ),
    ),
    (
        "role a { enable programs.x = true }",
        (
            "NX0101 1:28 unexpected `=` | expected `,`, a name, a string, `}` or the end of the statement | help: an option is set by itself: `programs.x = …`",
        ),
    ),
    (
        "role a { resources { cpus = 2 } }",
        (
            "NX0101 1:27 unexpected `=` | expected a value | help: a setting and its value stand side by side, without `=`",
        ),
    ),
    (
        "role a { resources { cpus: 2 } }",
        (
            "NX0101 1:26 unexpected `:` | expected a value | help: a setting and its value stand side by side: `NAME VALUE`",
        ),
    ),
    (
        "role a { resources cpus 2 }",
        ("NX0101 1:20 unexpected `cpus` | expected `{` | help: write `resources { cpus 2; memory 2GiB; disk 10GiB }`",),
    ),
    (
        "flavour docker { memory = 3 }",
        (
            "NX0101 1:25 unexpected `=` | expected a value, `,`, `}` or the end of the statement | help: a setting and its value stand side by side, without `=`",
        ),
    ),
    (
        "flavour docker {\n memory: 3\n}",
        (
            "NX0101 2:8 unexpected `:` | expected a value, `,`, `}` or the end of the statement | help: a setting and its value stand side by side: `NAME VALUE`",
        ),
    ),
    ("setup x { param y = 3 }", ("NX0101 1:17 unexpected `y` | expected `=`",)),
    ("setup x { ports 80 }", ("NX0101 1:17 unexpected `80` | expected `=`",)),
    ("setup x { y 3 }", ("NX0101 1:13 unexpected `3` | expected `=`",)),
    ("test x", ("NX0101 1:6 unexpected `x` | expected a string",)),
    ("test", ("NX0101 1:5 unexpected end of the file | expected a string",)),
    ("test { }", ("NX0101 1:6 unexpected `{` | expected a string",)),
    (
        'test """\n  x\n',
        ('NX0105 1:6 the string is not closed | opened here, never closed | help: close it with `"""`',),
    ),
    ('network "x"', ("NX0101 1:9 unexpected string | expected `{`",)),
    ("override x", ("NX0101 1:11 unexpected end of the file | expected `.` or `{`",)),
    ("override pkgs.x", ("NX0101 1:16 unexpected end of the file | expected `.` or `{`",)),
    ("package x", ("NX0101 1:10 unexpected end of the file | expected a path",)),
    ("package x foo", ("NX0101 1:11 unexpected `foo` | expected a path",)),
    (
        "nixpkgs nixos-25.11",
        (
            'NX0101 1:9 unexpected `nixos-25` | expected a path or a string | help: where it comes from stands in quotes: `"github:…"`',
        ),
    ),
    (
        'nixpkgs = "x"',
        (
            "NX0101 1:9 unexpected `=` | expected a path or a string | help: `nixpkgs` and what follows it stand side by side, without `=`",
        ),
    ),
    (
        "input x",
        (
            'NX0101 1:8 unexpected end of the file | expected a path or a string | help: where it comes from stands in quotes: `"github:…"`',
        ),
    ),
    ('overlay "x"', ("NX0101 1:9 unexpected string | expected a name or Nix in backticks",)),
    ("role a { user { } }", ("NX0101 1:15 unexpected `{` | expected `(` or a name",)),
    (
        "role a { user bob { group wheel } }",
        ("NX0101 1:27 unexpected `wheel` | expected `=` or `{` | help: write `groups`",),
    ),
    (
        "role a { share /data }",
        ('NX0101 1:16 unexpected `/` | expected a value | help: a path on the node stands in quotes: `share "/…"`',),
    ),
    ('role a { mount "/x" }', ("NX0101 1:21 unexpected `}` | expected `from`",)),
    (
        'role a { mount "/x" from "b" }',
        ("NX0101 1:26 unexpected string | expected a name | help: a name stands without quotes",),
    ),
    (
        "role a { ready 80 }",
        (
            "NX0101 1:16 unexpected `80` | expected `unit`, `command` or `port` | help: each condition has its word: `ready port 80, port 443`",
        ),
    ),
    ("role a { ready http 80 }", ("NX0101 1:16 unexpected `http` | expected `unit`, `command` or `port`",)),
    ("role a { kernel }", ("NX0101 1:17 unexpected `}` | expected a value",)),
    ('role a { variable X "y" }', ("NX0101 1:21 unexpected string | expected `=`",)),
    (
        'role a { file /etc/x = "y" }',
        ('NX0101 1:15 unexpected `/` | expected a string | help: a path on the node stands in quotes: `file "/…"`',),
    ),
    (
        'role a { file "/etc/x" "y" }',
        ("NX0101 1:24 unexpected string | expected `=`, `user`, `from`, `group` or `mode`",),
    ),
    (
        "role a { on-boot x { } }",
        (
            'NX0101 1:20 unexpected `{` | expected `after`, `before`, `=`, `needs`, `wants` or `with` | help: the script is a string: `on-boot NAME = """…"""`',
        ),
    ),
    (
        'role a { on-boot x with parted "ls" }',
        ("NX0101 1:32 unexpected string | help: the script comes after `=`",),
    ),
    ("role a { on docker ports 80 }", ("NX0101 1:20 unexpected `ports` | expected `,` or `{`",)),
    ("role a { on docker vm { } }", ("NX0101 1:20 unexpected `vm` | expected `,` or `{`",)),
    ("role a { when { } }", ("NX0101 1:19 unexpected `}` | expected `{`",)),
    ("role a { when x ports 80 }", ("NX0101 1:17 unexpected `ports` | expected an operator or `{`",)),
    (
        "role a { nix { services.x = 1; } }",
        ("NX0101 1:14 unexpected `{` | expected Nix in backticks | help: Nix stands between backticks: `` nix `…` ``",),
    ),
    ("role a { x = pkgs: 3 }", ("NX0101 1:18 unexpected `:` | expected an operator, `}` or the end of the statement",)),
    ("role a { x = `{ a = [ 1; }` }", ("NX0120 1:21 the brackets of the Nix fragment do not match | never closed",)),
    ("role a { x = `` }", ("NX0124 1:14 the Nix fragment is empty",)),
    ("role a { x = $y }", ("NX0101 1:14 unexpected `$` | expected a value | help: a name is written without `$`",)),
    (
        "role a { x = ${y} }",
        (
            "NX0101 1:14 unexpected `${` | expected a value | help: `${…}` stands in strings; outside of them write the expression by itself",
        ),
    ),
    (
        'role a { x = "a" "b" }',
        (
            'NX0101 1:18 unexpected string | expected `}` or the end of the statement | help: join strings by interpolation: `"${a}${b}"`',
        ),
    ),
    (
        "role a { x = f(a b) }",
        (
            "NX0101 1:18 unexpected `b` | expected an operator, `,`, `=` or `)` | 1:15 opened here | help: arguments are separated by commas",
        ),
    ),
    ("role a { x = @y }", ("NX0109 1:14 unexpected character `@`",)),
    ("role a { x ? 3 }", ("NX0109 1:12 unexpected character `?`",)),
    (
        "role a { x += [1] }",
        (
            "NX0101 1:12 unexpected `+=` | expected `=` or `{` | help: write `=`: what several places add to a list comes together by itself",
        ),
    ),
    (
        "role a { x := 1 }",
        ("NX0101 1:12 unexpected `:=` | expected `=` or `{` | help: write `=` between a name and its value",),
    ),
    ("role a { a.b. = 3 }", ("NX0101 1:15 unexpected `=` | expected a name or a string",)),
    ("role a { .b = 3 }", ("NX0101 1:10 unexpected `.` | expected a statement or `}`",)),
    ("role a { a..b = 3 }", ("NX0101 1:12 unexpected `.` | expected a name or a string",)),
    ("let x = 1 +", ("NX0101 1:12 unexpected end of the file | expected a value",)),
    ("let x = * 3", ("NX0101 1:9 unexpected `*` | expected a value",)),
    ("let x = (1", ("NX0110 1:9 `(` is never closed | opened here, never closed | help: close it with `)`",)),
    ("let x = 1)", ("NX0112 1:10 `)` closes nothing",)),
    ("let x = [1", ("NX0110 1:9 `[` is never closed | opened here, never closed | help: close it with `]`",)),
    ("let x = 1]", ("NX0112 1:10 `]` closes nothing",)),
    ("let x = {", ("NX0110 1:9 `{` is never closed | opened here, never closed | help: close it with `}`",)),
    ("let x = }", ("NX0112 1:9 `}` closes nothing",)),
    ("role a { x = order b 3 }", ("NX0101 1:20 unexpected `b` | expected a number",)),
    ("role a { x = force }", ("NX0101 1:20 unexpected `}` | expected a value",)),
    ("let x = not", ("NX0101 1:12 unexpected end of the file | expected a value",)),
    ("let x = if a then b", ("NX0101 1:20 unexpected end of the file | expected `else`",)),
    ("let x = [x for x]", ("NX0101 1:17 unexpected `]` | expected `in` | 1:9 opened here",)),
    (
        "let x = [for x in y]",
        (
            "NX0101 1:14 unexpected `x` | expected an operator, `,` or `]` | 1:9 opened here | help: what the list holds comes first: `[x * 2 for x in LIST]`",
        ),
    ),
    ("{ }", ("NX0101 1:1 unexpected `{` | expected a statement",)),
    ('"x"', ("NX0101 1:1 unexpected string | expected a statement",)),
    ("42", ("NX0101 1:1 unexpected `42` | expected a statement",)),
    ("=", ("NX0101 1:1 unexpected `=` | expected a statement",)),
    ("[role]\nx = 3", ("NX0101 1:1 unexpected `[` | expected a statement",)),
    ("---\nrole:\n  a: 1\n", ("NX0101 1:1 unexpected `-` | expected a statement | help: a comment begins with `#`",)),
    ("<xml>", ("NX0101 1:1 unexpected `<` | expected a statement",)),
    (
        "role a {\n  x = 1\n  y = (\n  z = 2\n}\nrole b { q = ] }\nlet c = = 1",
        (
            "NX0110 3:7 `(` is never closed | opened here, never closed | 4:3 before this | help: close it with `)`",
            "NX0112 6:14 `]` closes nothing",
            "NX0101 7:9 unexpected `=` | expected a value",
        ),
    ),
    (
        'role a {\n  x = "${y\n  z = 1\n}\nlet c = = 1',
        (
            "NX0110 2:8 `${` is never closed | opened here, never closed | 3:3 before this | help: close it with `}`",
            "NX0101 5:9 unexpected `=` | expected a value",
        ),
    ),
    (
        'role a {\n  file "/x" = """\n    ${a b}\n  """\n  y = = 1\n}\n',
        (
            "NX0101 3:9 unexpected `b` | expected an operator or `}` | 3:5 opened here",
            "NX0101 5:7 unexpected `=` | expected a value",
        ),
    ),
    ("role a {\n  ports\n}", ("NX0101 2:8 unexpected end of the line | expected a port",)),
    ("role a {\n  packages\n}", ("NX0101 2:11 unexpected end of the line | expected `[`, a name or Nix in backticks",)),
    ("role a { x = 99999999999999999999 }", ("NX0116 1:14 the number is out of range",)),
    ("secret t owner a owner b", ("NX0114 1:18 this is given twice in one statement",)),
    ("role a { x = order 1.5 [1] }", ("NX0115 1:20 `order` takes a whole number",)),
    ("role a { let pkgs 3 }", ("NX0101 1:19 unexpected `3` | expected `=`",)),
    (
        'test """\n  a\nrole x { ports = = 3 }\ntest """\n  b\n"""\nlet y = = 3',
        (
            'NX0105 1:6 the string is not closed | opened here | 4:6 closed here, behind other statements | help: close it with `"""`',
            "NX0101 3:18 unexpected `=` | expected a value",
            "NX0101 7:9 unexpected `=` | expected a value",
        ),
    ),
    (
        "role a {\n  x = '''\n  foo\n}\nrole b { y = '''\n  bar\n''' }\n",
        (
            "NX0105 2:7 the string is not closed | opened here | 5:14 closed here, behind other statements | help: close it with `'''`",
        ),
    ),
    (
        "role a {\n  x = ```\n  foo\n}\nrole b { y = ```\n  bar\n``` }\n",
        (
            "NX0105 2:7 the Nix fragment is not closed | opened here | 5:14 closed here, behind other statements | help: close it with three backticks",
        ),
    ),
    (
        'role a {\n  x = 1 &&\n  y = 2\n  z = "\n  w = [1 2]\n}\nprofile b {\n  prots 1\n}\nlink a > b\ntest "',
        (
            "NX0101 2:9 unexpected `&&` | expected an operator, `}` or the end of the statement | help: write `and`",
            'NX0105 4:7 the string is not closed | opened here, never closed on this line | help: close it with `"`, or write `"""` around a text of several lines',
            "NX0101 5:10 unexpected `2` | expected an operator, `,` or `]` | 5:7 opened here | help: the elements of a list are separated by commas: `[a, b]`",
            "NX0118 8:3 unknown statement `prots` in a profile | help: did you mean `ports`?",
            "NX0101 10:8 unexpected `>` | expected `->` or `<->` | help: a link is `link A -> B` in one direction, `link A <-> B` in both",
            'NX0105 11:6 the string is not closed | opened here, never closed on this line | help: close it with `"`, or write `"""` around a text of several lines',
        ),
    ),
    (
        "role a { x = 5 MiB }",
        (
            "NX0101 1:16 unexpected `MiB` | expected an operator, `}` or the end of the statement | help: a unit follows its number without a blank",
        ),
    ),
    (
        "role a { x = [\n  a,\n  ,\n] }",
        (
            "NX0101 3:3 unexpected `,` | expected a value or `]` | 1:14 opened here | help: a comma stands at a line's end, not at the beginning of the next",
        ),
    ),
    (
        "role a { x = [\n  a\n  , b\n] }",
        (
            "NX0101 3:3 unexpected `,` | expected a value or `]` | 1:14 opened here | help: a comma stands at a line's end, not at the beginning of the next",
        ),
    ),
    ("role a { ports 80;; }; }", ("NX0112 1:24 `}` closes nothing | 1:21 the block ends here",)),
    (
        "let x = (1,\n 2)",
        ("NX0101 1:11 unexpected `,` | expected `)` | 1:9 opened here | help: a list stands in `[ ]`",),
    ),
    (
        'let a = "x" + \'y',
        (
            "NX0105 1:15 the string is not closed | opened here, never closed on this line | help: close it with `'`, or write `'''` around a text of several lines",
        ),
    ),
    ("role a { when not { } }", ("NX0101 1:23 unexpected `}` | expected `{`",)),
    (
        "role a { x = { a: 1 } }",
        ("NX0101 1:17 unexpected `:` | expected `=` or `{` | help: write `=` between a name and its value",),
    ),
    (
        "flavour d { x [1 2] }",
        (
            "NX0101 1:18 unexpected `2` | expected an operator, `,` or `]` | 1:15 opened here | help: the elements of a list are separated by commas: `[a, b]`",
        ),
    ),
    (
        "role a { packages htop; git = 3; packages }",
        ("NX0101 1:43 unexpected `}` | expected `[`, a name or Nix in backticks",),
    ),
    (
        "role a { service x {\n  ports 80\n  packages htop\n  on = 3\n} }",
        (
            "NX0113 2:3 `ports` cannot stand among options | help: it belongs in a role or profile",
            "NX0113 3:3 `packages` cannot stand among options | help: it belongs in a role or profile",
        ),
    ),
    ("let x = a <> b", ("NX0101 1:12 unexpected `>` | expected a value | help: write `!=`",)),
    ("let x = a % b", ("NX0101 1:11 unexpected `%` | expected an operator or the end of the statement",)),
    ("let x = a ** b", ("NX0101 1:12 unexpected `*` | expected a value",)),
    ("let x = a ? b : c", ("NX0109 1:11 unexpected character `?` | help: write `if CONDITION then VALUE else VALUE`",)),
    ("let x = a => b", ("NX0101 1:11 unexpected `=>` | expected an operator or the end of the statement",)),
    ("let x = 5 percent", ("NX0101 1:11 unexpected `percent` | expected an operator or the end of the statement",)),
    (
        "let x = 'it's'",
        (
            "NX0101 1:13 unexpected `s` | expected an operator or the end of the statement | help: a text with `'` in it stands in double quotes",
        ),
    ),
    (
        'let x = "C:\\Users"',
        (
            "NX0106 1:12 unknown escape `\\U` | help: the escapes are `\\n` `\\r` `\\t` `\\\"` `\\\\` `\\${` and `\\u{…}`; a raw string '…' has none",
        ),
    ),
    ("let x = a.", ("NX0101 1:11 unexpected end of the file | expected a name or a string",)),
    ("let x = .a", ("NX0101 1:9 unexpected `.` | expected a value",)),
    ("let x = a.1", ("NX0101 1:11 unexpected `1` | expected a name or a string",)),
    ("let x = a..", ("NX0101 1:12 unexpected end of the file | expected a value",)),
    ("role a { on { } }", ("NX0101 1:13 unexpected `{` | expected a name",)),
    (
        "role a {\n\tports 80 =\n}",
        ("NX0101 2:11 unexpected `=` | expected a port, `,`, `/tcp` or `/udp`, `}` or the end of the statement",),
    ),
    (
        'let x = "日本" "語"',
        (
            'NX0101 1:14 unexpected string | expected the end of the statement | help: join strings by interpolation: `"${a}${b}"`',
        ),
    ),
    (
        'role a { user alice { password "x" } }',
        (
            "NX0101 1:32 unexpected string | expected `=` or `{` | help: `keys` are what users log in with; NixOS's options for passwords are set with `=`",
        ),
    ),
    (
        'role a { user alice { key "x" } }',
        ("NX0101 1:27 unexpected string | expected `=` or `{` | help: write `keys`",),
    ),
    (
        "role a { user alice { groups a; sudo } }",
        ("NX0101 1:38 unexpected `}` | expected `=` or `{` | help: write `admin`",),
    ),
    (
        "role a { user alice uid 1001 }",
        (
            "NX0101 1:25 unexpected `1001` | expected `,`, `{`, `(`, a name, `}` or the end of the statement | help: what is said of a user stands in braces: `user NAME { uid 1001 }`",
        ),
    ),
    (
        "role a { ready port 3000 9090 }",
        (
            "NX0101 1:26 unexpected `9090` | expected `,`, `}`, `unit`, the end of the statement, `command` or `port` | help: each condition has its word: `ready port 80, port 443`",
        ),
    ),
    (
        "role a { ready port 3000, 9090 }",
        (
            "NX0101 1:27 unexpected `9090` | expected `unit`, `command` or `port` | help: each condition has its word: `ready port 80, port 443`",
        ),
    ),
    (
        'role a { mount "/home" from head:/home }',
        (
            'NX0101 1:33 unexpected `:` | expected `}`, the end of the statement or `at` | help: where the role has it follows `at`: `mount "/…" from ROLE at "/…"`',
        ),
    ),
    (
        'role a { mount from head "/data" }',
        (
            'NX0101 1:21 unexpected `head` | expected an operator or `from` | help: the directory comes first: `mount "/…" from ROLE`',
        ),
    ),
    (
        "role a { on-boot x from ./script.sh }",
        (
            "NX0101 1:20 unexpected `from` | expected `after`, `before`, `=`, `needs`, `wants` or `with` | help: the text of a file is `= read(./…)`",
        ),
    ),
    (
        'role a { on-boot x after head = "ls" }',
        (
            "NX0101 1:26 unexpected `head` | expected a unit such as sshd.service | help: a unit has its kind: `head.service`; `after ROLE` is a statement of its own",
        ),
    ),
    (
        'role a { on-boot x needs network-online = "ls" }',
        (
            "NX0101 1:26 unexpected `network-online` | expected a unit such as sshd.service | help: a unit has its kind: `network-online.target`; `after ROLE` is a statement of its own",
        ),
    ),
    (
        'role a { on-boot x requires sshd.service = "ls" }',
        (
            "NX0101 1:20 unexpected `requires` | expected `after`, `before`, `=`, `needs`, `wants` or `with` | help: write `needs`",
        ),
    ),
    (
        'role a { on-boot x path iproute2 = "ls" }',
        (
            "NX0101 1:20 unexpected `path` | expected `after`, `before`, `=`, `needs`, `wants` or `with` | help: write `with`",
        ),
    ),
    (
        'role a { share "/data" rw }',
        (
            "NX0101 1:24 unexpected `rw` | expected `}`, the end of the statement, `group`, `mode`, `owner` or `read-only` | help: others may write where it is not `read-only`",
        ),
    ),
    (
        'role a { share "/data" to worker }',
        (
            'NX0101 1:24 unexpected `to` | expected `}`, the end of the statement, `group`, `mode`, `owner` or `read-only` | help: roles that have it say so themselves: `mount "/…" from ROLE`',
        ),
    ),
    (
        'role a { share "/data" readonly }',
        (
            "NX0101 1:24 unexpected `readonly` | expected `}`, the end of the statement, `group`, `mode`, `owner` or `read-only` | help: write `read-only`",
        ),
    ),
    (
        'role a { share "/data" owned alice }',
        (
            "NX0101 1:24 unexpected `owned` | expected `}`, the end of the statement, `group`, `mode`, `owner` or `read-only`",
        ),
    ),
    (
        'role a { share "/srv" = "x" }',
        (
            'NX0101 1:23 unexpected `=` | expected `}`, the end of the statement, `group`, `mode`, `owner` or `read-only` | help: a directory has no content here; a file is `file "/…" = "…"`',
        ),
    ),
    (
        'role a { mount "/x" from b at /srv }',
        ('NX0101 1:31 unexpected `/` | expected a value | help: a path on the node stands in quotes: `mount "/…"`',),
    ),
    (
        "role a { memory 2GiB }",
        (
            "NX0118 1:10 unknown statement `memory` in a role | help: write `resources { cpus 2; memory 2GiB; disk 10GiB }`",
        ),
    ),
    (
        'role a { run "echo hi" }',
        (
            'NX0118 1:10 unknown statement `run` in a role | help: `on-boot NAME = "…"` runs a script at each boot, `script NAME bash = "…"` installs one',
        ),
    ),
    (
        "role a { depends-on head }",
        (
            "NX0118 1:10 unknown statement `depends-on` in a role | help: `after ROLE` waits until the nodes of a role are ready",
        ),
    ),
    ("role a { env A = 1 }", ("NX0118 1:10 unknown statement `env` in a role | help: write `variable NAME = …`",)),
    (
        "role a { expose 80 }",
        (
            "NX0118 1:10 unknown statement `expose` in a role | help: `ports 80` opens a port, `publish 8080:80` leads to it from the host",
        ),
    ),
    (
        "role a { ready unit nginx }",
        (
            "NX0101 1:21 unexpected `nginx` | expected a string or a unit such as sshd.service | help: a unit has its kind: `nginx.service`",
        ),
    ),
    (
        'role a { packages "git" }',
        (
            "NX0101 1:19 unexpected string | expected `[`, a name or Nix in backticks | help: a name stands without quotes",
        ),
    ),
    (
        'role a { file "/x" owner alice = "x" }',
        ("NX0101 1:20 unexpected `owner` | expected `=`, `user`, `from`, `group` or `mode` | help: write `user`",),
    ),
    (
        'role a { share "/x" user alice }',
        (
            "NX0101 1:21 unexpected `user` | expected `}`, the end of the statement, `group`, `mode`, `owner` or `read-only` | help: write `owner`",
        ),
    ),
    ("secret key user alice", ("NX0101 1:12 unexpected `user` | help: write `owner`",)),
    (
        "role a * 3 { }",
        (
            "NX0101 1:8 unexpected `*` | expected `:`, `[`, `{`, a string, the end of the statement or `from` | help: several nodes are a count: `role a[3]`",
        ),
    ),
    (
        "role a(3) { }",
        (
            "NX0101 1:7 unexpected `(` | expected `:`, `[`, `{`, a string, the end of the statement or `from` | help: several nodes are a count: `role a[3]`",
        ),
    ),
)
