"""`feedd man`: the manual pages."""

import click


@click.command(epilog="Example: feedd man > /usr/local/share/man/man1/feedd.1")
@click.argument("page", type=click.Choice(["feedd", "feedd.toml"]), default="feedd")
def command(page: str) -> None:
    """Print a manual page: feedd(1), or feedd.toml(5).

    The former is about all commands, the latter about all keys of the configuration. To read one at once:
    feedd man feedd.toml | man -l -
    """
    from feedd import __version__, manual

    if page == "feedd.toml":
        from feedd.config.schema import schema

        text = manual.of_configuration(schema(), __version__)
    else:
        main = click.get_current_context().find_root().command
        assert isinstance(main, click.Group)  # noqa: S101 - it has found this command
        text = manual.of_commands(main, __version__)
    click.echo(text, nl=False)
