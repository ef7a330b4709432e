"""How the documentation is built; its reference of commands and configuration is made of the code itself."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from generated import write_reference  # noqa: E402

write_reference(HERE / "reference")

project = "Lakescore"
extensions = ["myst_parser"]
html_theme = "furo"
html_title = "Lakescore"
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_show_copyright = False
myst_heading_anchors = 3
exclude_patterns = ["_build"]
nitpicky = True
