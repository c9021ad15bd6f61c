"""``glyphgen`` and ``python -m glyphgen``: the command line.

Processes that make shards import the program that started them: nothing is imported before it runs.
"""


def main() -> None:
    """Run the command that the arguments name, and end the process with its exit code."""
    from glyphgen.cli import main as run

    run()


if __name__ == "__main__":
    main()
