"""`feedd serve`: a directory over HTTP, without a daemon."""

from pathlib import Path
from typing import cast

import click

from feedd.commands.edges import load
from feedd.commands.options import configured
from feedd.commands.terminal import fail, refuse
from feedd.errors import FeeddError


@click.command(epilog="Example: feedd serve feeds --listen 127.0.0.1:8000")
@configured
@click.argument("directory", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--listen",
    metavar="ADDRESS",
    help="A host and a port, the path of a Unix socket, or systemd; else that of [server], or 127.0.0.1:8000.",
)
@click.option("--max-age", type=click.IntRange(min=0), metavar="SECONDS", help="How long readers may keep it.")
def command(file: Path, directory: Path | None, listen: str | None, max_age: int | None) -> None:
    """Serve DIRECTORY over HTTP, and nothing else.

    Without DIRECTORY, it is the output directory of the configuration, at the address that [server] gives. Hidden
    files are never served. `feedd run` does the same by itself where [server] says so. SIGTERM or Ctrl-C ends.
    """
    from feedd.config import Server
    from feedd.serve.alone import serve

    config = None if directory else load(file)
    place, settings = (config.output.path, config.server) if config else (cast(Path, directory), Server())
    seconds = int(settings.max_age) if max_age is None else max_age
    try:
        address, field = (listen, "--listen") if listen else (settings.listen, "server.listen")
        serve(place.absolute(), address, field, seconds, lambda said: click.echo(said, err=True))
    except FeeddError as error:
        if error.problem.kind == "wrong-value":
            refuse(str(error))
        fail(error)
