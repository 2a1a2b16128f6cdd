"""The source that a new environment starts with."""

from __future__ import annotations

from nxcc.emit.nxc import is_name
from nxcc.model.names import host_label

START = '''environment {name} "A web server, and clients that ask it"

param clients: int = 2 in 1..64 "number of clients"
let   port = 80

profile base "what every node has" {{
  packages curl
  resources {{ cpus 1; memory 1GiB }}
}}

role server : base "serves a page" {{
  ports port
  publish 8080:port               # http://127.0.0.1:8080/ where the flavour can do that
  service nginx {{
    virtualHosts."${{server.host}}" {{
      default = true
      locations."/".return = "200 'It works'"     # any NixOS option, by its own name
    }}
  }}
  ready port port
}}

role client[clients] : base "asks for the page" {{
  after server
}}

test """
  server.wait_for_unit("nginx.service")
  client1.wait_until_succeeds("curl --fail --silent http://${{server.host}}:${{port}}/ | grep -q 'It works'")
  """
'''


def start(name: str) -> str:
    """A small source to begin with, of an environment of that name; ValueError where it cannot have it."""
    if not can_name(name):
        raise ValueError(f"`{name}` cannot be the name of an environment")
    return START.format(name=name)


def can_name(name: str) -> bool:
    """Whether an environment can have a name: one of the language that is a DNS label too."""
    return is_name(name) and host_label(name)
