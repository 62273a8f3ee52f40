"""`jobpoolctl help [COMMAND]…`: what `--help` says, asked the other way round."""

import click

from jobpool.cli.ctl_options import Leaf


@click.command("help", cls=Leaf)
@click.argument("words", metavar="[COMMAND]...", nargs=-1)
@click.pass_context
def show_help(ctx: click.Context, words: tuple[str, ...]) -> None:
    """Show what a command takes."""
    at = ctx.find_root()
    for word in words:
        command = at.command
        inner = command.get_command(at, word) if isinstance(command, click.Group) else None
        if inner is None:
            ctx.fail(f"there is no command {f'{at.command_path} {word}'!r}")
        at = click.Context(inner, parent=at, info_name=inner.name, obj=at.obj)
    click.echo(at.get_help())
