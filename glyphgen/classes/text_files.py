"""The text files that a recipe's classes come from."""

from glyphgen.files.opening import TEXT, describe_unread, read_regular
from glyphgen.recipe import Recipe

__all__ = ["read_text_file"]


def read_text_file(recipe: Recipe, key: str, name: str | None, problems: list[str]) -> str:
    """Return the text of the file that a key names, empty where it names none.

    Args:
        recipe: Relative to which the file lies.
        key: That names it.
        name: Of the file.
        problems: What is wrong with it is added.
    """
    if name is None:
        return ""
    place = recipe.place(key)
    try:
        return read_regular(recipe.find_path(name), TEXT).decode("utf-8-sig")
    except FileNotFoundError:
        problems.append(f"{place}: no file '{name}' (paths are relative to the recipe)")
    except UnicodeDecodeError:
        problems.append(f"{place}: '{name}' is not UTF-8 (save the file as UTF-8)")
    except OSError as error:
        problems.append(f"{place}: '{name}' {describe_unread(error)}")
    return ""
