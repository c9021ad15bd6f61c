"""``glyphgen pad``: a drawing board that shows what a trained network reads."""

from pathlib import Path

import click

from glyphgen.cli.talk import choose_run, print_line, print_path, say, show_progress
from glyphgen.text import show_count

__all__ = ["pad"]


@click.command()
@click.argument("model", metavar="[MODEL]", required=False, type=click.Path(path_type=Path))
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    metavar="N",
    help="Of the page, on 127.0.0.1.  [default: one that is free]",
)
@click.option(
    "--collect",
    metavar="CLASSES",
    help="Ask for these characters, or the set of this name, and keep what is drawn.",
)
@click.option(
    "--times",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="How often each is asked for.",
)
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR|FILE",
    help="Folder of the dataset that --collect makes; without it, write the page to FILE.html, for any"
    " browser.  [default: datasets/my-hand]",
)
def pad(model: Path | None, port: int, collect: str | None, times: int, out: Path | None) -> None:
    """Open a board in the browser that shows what MODEL reads while one draws on it.

    MODEL is the folder of a training, or its model.safetensors; without it, it is the newest one
    under runs/. Prints the address of the page, which only this machine can open; Ctrl-C ends it.

    With --collect the page asks for one character after the other. Drawings and their strokes are kept
    beside the dataset's folder, in DIR-drawings; the dataset is made of them at the end, and
    ``glyphgen evaluate`` reads it.

    With --out FILE.html nothing is served: the file holds the network, and reads drawings in any browser.

    \b
    Example:
        glyphgen pad runs/kana-cnn
        glyphgen pad runs/kana-cnn --collect hiragana --out datasets/my-hand
        glyphgen pad runs/kana-cnn --out kana.html
    """
    from glyphgen.baseline import check_training_extra

    check_training_extra()
    if out and not collect and out.suffix != ".html":
        raise click.UsageError(
            f"--out: found {out}, expected FILE.html, or a folder and --collect CLASSES"
        )
    from glyphgen.baseline.predicting import Reader
    from glyphgen.pad import (
        Board,
        Collection,
        choose_classes,
        open_server,
        write_offline_page,
    )

    run, given = choose_run((model,) if model else ())
    if given:
        raise click.UsageError(f"MODEL: found {given[0]}, expected a trained network")
    if out and not collect:
        write_offline_page(run, out)
        print_path(out)
        return
    reader = Reader(run)
    if reader.info.adapted:
        say(f"{run}: {reader.info.adapted.describe()}")
    collection = None
    if collect:
        labels = choose_classes(collect, reader.info.labels)
        collection = Collection(out or Path("datasets", "my-hand"), labels, times)
    with open_server(Board(reader, collection), port) as server:
        print_line(f"http://127.0.0.1:{server.server_address[1]}/")
        say("Ctrl-C ends it")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            say("")
    if not collection:
        return
    with show_progress(quiet=False) as reporter:
        made = collection.make_dataset(side=reader.info.height, reporter=reporter)
    told = collection.tell_next()
    say(f"{collection.folder}: {told['done']} of {show_count(told['total'], 'drawing')}")
    if made:
        print_path(made)
