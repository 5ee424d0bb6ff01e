"""`feedd man`: the manual page."""

import click


@click.command(epilog="Example: feedd man > /usr/local/share/man/man1/feedd.1")
def command() -> None:
    """Print the manual page, about all commands.

    To read it at once: feedd man | man -l -
    """
    from feedd import __version__
    from feedd.manual import page

    main = click.get_current_context().find_root().command
    assert isinstance(main, click.Group)  # noqa: S101 - it has found this command
    click.echo(page(main, __version__), nl=False)
