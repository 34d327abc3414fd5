"""Sphinx's settings: sphinx-build -W --keep-going -b html docs docs/_build/html"""

import re
import sys
import warnings
from pathlib import Path

from docutils import nodes

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))  # the package in this tree, installed or not

from skflow import __version__  # noqa: E402

project = "skflow"
author = "The skflow developers"
copyright = "the skflow developers"
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "auto_examples/*.ipynb", "auto_examples/*.py"]

# Text
myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
default_role = "literal"  # in docstrings: `fit` is code, a link is asked for by See Also

smartquotes = False  # "auto" is code more often than speech

# The API's pages
autosummary_generate = True
autodoc_typehints = "none"  # the docstrings say it in words
autodoc_member_order = "bysource"
maximum_signature_line_length = 88
toc_object_entries_show_parents = "hide"
numpydoc_show_class_members = False  # the page of a class has its methods below
numpydoc_class_members_toctree = False

# Links
nitpicky = True

# The gallery
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"^(?!plot_)",
    "within_subsection_order": "FileNameSortKey",
    "backreferences_dir": "api/generated/examples",
    "doc_module": ("skflow",),
    "reference_url": {"skflow": None},
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_signature": False,
    "abort_on_example_error": True,
}
# A figure is scraped, not shown.
warnings.filterwarnings("ignore", message="FigureCanvasAgg is non-interactive")

# The theme
html_theme = "pydata_sphinx_theme"
html_title = "skflow"
html_static_path = ["_static"]
html_css_files = ["skflow.css"]
html_show_sourcelink = False
html_copy_source = False
html_sidebars = {page: [] for page in ("getting_started", "faq", "changelog", "benchmarks/*")}
html_theme_options = {
    "navbar_align": "left",
    "header_links_before_dropdown": 7,
    "footer_start": ["copyright"],
    "footer_end": ["sphinx-version"],
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": True,
    "show_toc_level": 2,
}


def link_to_scikit_learn(app, env, node, content):
    """Link names of scikit-learn to its site, which needs no inventory from the network."""
    name = node.get("reftarget", "")
    if not name.startswith("sklearn."):
        return None
    url = f"https://scikit-learn.org/stable/modules/generated/{name}.html"
    return nodes.reference("", "", content, internal=False, refuri=url)


def link_to_gallery(app, page, source):
    """Link to the page of an example where the repository's pages link to its file."""
    example = r"\(\.\./examples/(plot_\w+\.py)\)"
    source[0] = re.sub(example, r"(#sphx_glr_auto_examples_\1)", source[0])


def setup(app):
    app.connect("source-read", link_to_gallery)
    app.connect("missing-reference", link_to_scikit_learn)
