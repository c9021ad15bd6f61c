"""``python -m glyphgen``; knows nothing."""

from glyphgen.cli import main

if __name__ == "__main__":
    main()
