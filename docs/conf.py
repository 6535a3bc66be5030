"""How Sphinx builds the site: `./dev docs`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

from zkc._version import __version__

project = "zkc"
author = "the zkc authors"
project_copyright = author
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "zkc_site"]
exclude_patterns = ["_ext"]
# The pages link to each other's headings as GitHub names them.
myst_heading_anchors = 4

autodoc_class_signature = "mixed"
autodoc_default_options = {"members": True}
autodoc_member_order = "bysource"
# A default is shown as it stands in the code: OPEN_ACL_UNSAFE, and not what that is made of.
autodoc_preserve_defaults = True
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_typehints_format = "short"
napoleon_numpy_docstring = False
python_use_unqualified_type_names = True
maximum_signature_line_length = 90
add_module_names = False

# Nothing is fetched when the site is built: links lead to names of ours only, and one that leads nowhere is an error.
nitpick_ignore_regex = [
    ("py:.*", r"(?!zkc\.).*"),
    ("py:.*", r"zkc\.(.*\.)?_.*"),
    ("py:.*", r"zkc\.types\.(Data|Watch)"),
]

html_theme = "furo"
html_title = "zkc"
html_static_path = ["_static"]
html_css_files = ["zkc.css"]
html_logo = "_static/logo.svg"
html_favicon = "_static/logo.svg"
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b6e6e", "color-brand-content": "#0b6e6e"},
    "dark_css_variables": {"color-brand-primary": "#4fc3c3", "color-brand-content": "#4fc3c3"},
}
