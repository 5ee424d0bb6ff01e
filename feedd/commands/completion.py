"""`feedd completion`: what a shell needs to complete commands, options and names of feeds."""

import click

_SHELLS = ("bash", "zsh", "fish")


@click.command(epilog="Example: feedd completion bash > /etc/bash_completion.d/feedd")
@click.argument("shell", type=click.Choice(_SHELLS))
def command(shell: str) -> None:
    """Print what lets a shell complete commands and feeds.

    bash: eval "$(feedd completion bash)" in ~/.bashrc, or the file of the example. zsh: save it as _feedd in a
    directory of $fpath. fish: save it as ~/.config/fish/completions/feedd.fish.
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101 - click knows all three
    completion = kind(click.get_current_context().find_root().command, {}, "feedd", "_FEEDD_COMPLETE")
    # `source` would also look which bash this is, and complain on standard error where there is none.
    click.echo(completion.source_template % completion.source_vars())
