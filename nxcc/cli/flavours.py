"""``nxcc flavours``: what there is to compile for."""

from typing import Annotated, Literal

import typer

from nxcc.cli.common import flavour_names, put, table


def command(
    output_format: Annotated[
        Literal["text", "json"], typer.Option("--output-format", help="A table, or JSON.")
    ] = "text",
) -> None:
    """List the flavours: what each writes, and the tools that it needs."""
    from nxcc.flavours import find

    found = [find(name) for name in flavour_names()]
    if output_format == "json":
        import json

        rows = [
            {
                "name": flavour.name,
                "platform": flavour.platform,
                "summary": flavour.summary,
                "tools": list(flavour.tools),
                "settings": [
                    {
                        "name": setting.name,
                        "kind": setting.kind,
                        "text": setting.text,
                        "choices": list(setting.choices),
                        "default": setting.default,
                        "several": setting.several,
                        "role": setting.name in flavour.role_settings,
                    }
                    for setting in flavour.settings
                ],
            }
            for flavour in found
            if flavour
        ]
        put(json.dumps({"version": 1, "flavours": rows}, indent=2, ensure_ascii=False) + "\n")
        return
    head = ("FLAVOUR", "PLATFORM", "WRITES", "TOOLS")
    put(table([head, *((f.name, f.platform, f.summary, ", ".join(f.tools)) for f in found if f)]))
