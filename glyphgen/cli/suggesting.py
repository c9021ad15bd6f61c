"""What a user may have meant by a word that no command knows: a command, a flag or a key."""

from collections.abc import Iterator
from difflib import get_close_matches

import click

__all__ = ["SuggestingGroup", "explain_option"]


class SuggestingGroup(click.Group):
    """A group whose error about an unknown command names the one that may have been meant."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first argument names."""
        word = args[0]
        if word in self.commands or word.startswith("-"):
            return super().resolve_command(ctx, args)
        raise click.UsageError(
            f"{word}: no such command, expected one of {', '.join(self.commands)}"
            + _ask(self._guess_command(ctx, word)),
            ctx,
        )

    def _guess_command(self, ctx: click.Context, word: str) -> str:
        if near := get_close_matches(word, self.commands, n=1):
            return f"{ctx.command_path} {near[0]}"
        from glyphgen.recipe import list_shipped

        return f"glyphgen render {word}" if word in list_shipped() else ""


def explain_option(error: click.NoSuchOption) -> click.UsageError:
    """Return the error about an unknown flag that names what may have been meant."""
    ctx = error.ctx
    if ctx is None:
        return error
    message = f"{error.option_name}: no such option of `{ctx.command_path}`"
    return click.UsageError(message + _ask(_guess_flag(ctx, error.option_name)), ctx)


def _ask(meant: str) -> str:
    return f" (did you mean `{meant}`?)" if meant else ""


def _guess_flag(ctx: click.Context, flag: str) -> str:
    """Return a flag of this command, a key for its --set, or a command that has the flag."""
    word, own = flag.lstrip("-"), set(_list_flags(ctx.command))
    key = _guess_key(word) if "set" in own else ""
    if key.rpartition(".")[2] == word.replace("-", "_"):
        return f"--set {key}=VALUE"
    if near := get_close_matches(word, own, n=1):
        return f"--{near[0]}"
    if key:
        return f"--set {key}=VALUE"
    root = ctx.find_root().command
    others = root.commands.values() if isinstance(root, click.Group) else ()
    return next(
        (f"glyphgen {each.name} {flag}" for each in others if word in _list_flags(each)), ""
    )


def _list_flags(command: click.Command) -> Iterator[str]:
    for parameter in command.params:
        yield from (flag[2:] for flag in parameter.opts if flag.startswith("--"))


def _guess_key(word: str) -> str:
    from glyphgen.recipe import guess_key

    return guess_key(word.replace("-", "_"))
