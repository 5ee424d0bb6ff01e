"""`feedd schema`: what a configuration file may hold, for editors."""

import click

from feedd.commands.terminal import print_json


@click.command(epilog="Example: feedd schema > feedd.schema.json")
def command() -> None:
    """Print the JSON Schema of the configuration.

    Editors complete and check by it a file that begins with `#:schema ./feedd.schema.json`, if that is where it was
    saved: VS Code with Even Better TOML, others with taplo. `feedd check` finds more, since it sees the whole.
    """
    from feedd.config.schema import schema

    print_json(schema())
