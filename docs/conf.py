"""How Sphinx builds the documentation: Markdown pages, and the API from docstrings."""

from glyphgen.version import VERSION

project = "glyphgen"
author = "the glyphgen developers"
release = VERSION
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"glyphgen {release}"
myst_heading_anchors = 3
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_custom_sections = [("Source", "notes_style")]
# Names of NumPy's typing module that no page of ours documents.
nitpicky = False
