"""`feedd print-config`: how web servers are told to serve the feeds."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from feedd.commands.edges import load
from feedd.commands.options import configured
from feedd.commands.terminal import fail
from feedd.errors import ConfigError

if TYPE_CHECKING:
    from feedd.config import Config
    from feedd.feeds.manifest import Manifest


@click.command(epilog="Example: feedd print-config nginx > /etc/nginx/snippets/feedd.conf")
@configured
@click.argument("server", type=click.Choice(["nginx", "caddy"]))
def command(file: Path, server: str) -> None:
    """Print how nginx or Caddy serves the feeds as feedd does.

    It is to be included in the block of the site that [site] feeds_url leads to, and serves the directory of
    [output] path with the same types, headers and redirects as `feedd serve`.
    """
    from feedd.webservers import PRINTERS

    config = load(file)
    try:
        text = PRINTERS[server](config, _completed(_manifest(config.output.path), config))
    except ConfigError as error:
        fail(error)
    click.echo(os.fsencode(text), nl=False)


def _completed(manifest: "Manifest", config: "Config") -> "Manifest":
    """What a directory says of itself, and what it will of formats in which nothing was written yet."""
    from msgspec.structs import replace

    from feedd.feeds.formats import FORMATS, formats_of

    formats, _ = formats_of(name for name in config.output.formats if name not in FORMATS)
    return replace(manifest, types=manifest.types | {form.suffix: form.media_type for form in formats})


def _manifest(directory: Path) -> "Manifest":
    """What an output directory says of itself; nothing, with a word about it, if that cannot be read."""
    from feedd.feeds.manifest import NAME, Manifest, decode

    try:
        return decode((directory / NAME).read_bytes())
    except FileNotFoundError:
        return Manifest()
    except (OSError, ValueError) as error:
        click.echo(f"feedd: {directory / NAME}: {error}; what moved or is gone is left out", err=True)
        return Manifest()
