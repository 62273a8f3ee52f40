"""`jobpoolctl completion SHELL`: what a shell has to read so that Tab completes our commands and options."""

import click
from click.shell_completion import get_completion_class

from jobpool.cli.ctl_options import Leaf

PROGRAM = "jobpoolctl"
VARIABLE = "_JOBPOOLCTL_COMPLETE"
"""By which the script asks us, as click reads it."""


@click.command(cls=Leaf)
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@click.pass_context
def completion(ctx: click.Context, *, shell: str) -> None:
    """Print the completion script of a shell.

    \b
    bash: eval "$(jobpoolctl completion bash)"    in ~/.bashrc
    zsh:  eval "$(jobpoolctl completion zsh)"     in ~/.zshrc
    fish: jobpoolctl completion fish | source     in ~/.config/fish/config.fish
    """
    kind = get_completion_class(shell)
    assert kind is not None  # click knows these three
    script = kind(ctx.find_root().command, {}, PROGRAM, VARIABLE)
    click.echo(script.source_template % script.source_vars())
