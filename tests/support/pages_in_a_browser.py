"""Pages of HTML as Chromium shows them: each in a frame of a width, looked at by a script beside it."""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NO_BROWSER = "LAKESCORE_NO_BROWSER"
"""The variable that tells that this machine can have no browser."""
LOOK = """
function parts(color) {
  const numbers = color.match(/[0-9.]+/g).map(Number);
  return numbers.length < 4 ? [...numbers, 1] : numbers;
}
function light(color) {
  const [r, g, b] = parts(color).slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function behind(element, view) {
  for (; element; element = element.parentElement) {
    const color = view.getComputedStyle(element).backgroundColor;
    if (parts(color)[3] > 0) return color;
  }
  return "rgb(255, 255, 255)";
}
function look(frame) {
  const page = frame.contentDocument, view = frame.contentWindow, root = page.documentElement;
  const outside = [], faint = [];
  for (const figure of page.querySelectorAll("figure")) {
    for (const part of figure.querySelectorAll("svg, svg text, h3, figcaption")) {
      const box = (part.ownerSVGElement || figure).getBoundingClientRect(), is = part.getBoundingClientRect();
      if (is.left < box.left - 1 || is.right > box.right + 1 || is.top < box.top - 1 || is.bottom > box.bottom + 1)
        outside.push(figure.querySelector("h3").textContent + ": " + part.textContent.trim().slice(0, 40));
    }
  }
  for (const part of page.body.querySelectorAll("*")) {
    const says = [...part.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
    if (!says || !part.getClientRects().length) continue;
    const style = view.getComputedStyle(part), svg = part.ownerSVGElement;
    const pair = [light(svg ? style.fill : style.color), light(behind(part, view))].sort((a, b) => b - a);
    const contrast = (pair[0] + 0.05) / (pair[1] + 0.05);
    if (contrast < 4.5) faint.push(contrast.toFixed(2) + ": " + part.textContent.trim().slice(0, 40));
  }
  return {
    width: root.scrollWidth, screen: root.clientWidth, height: root.scrollHeight, outside, faint,
    figures: page.querySelectorAll("figure svg").length, ids: [...page.querySelectorAll("[id]")].map(part => part.id),
    background: view.getComputedStyle(page.body).backgroundColor,
  };
}
addEventListener("load", () => {
  const found = [...document.querySelectorAll("iframe")].map(frame => [frame.name, look(frame)]);
  document.getElementById("found").textContent = JSON.stringify(found);
});
"""


def may_be_skipped(browser: str | None = CHROMIUM, told: Mapping[str, str] = os.environ) -> bool:
    """Whether tests in a browser may be left out: never unasked in CI, where nobody would see that they were."""
    return browser is None and (not told.get("CI") or bool(told.get(NO_BROWSER)))


def looked_at(
    pages: Mapping[str, str], widths: Sequence[int], folder: Path, *, dark: bool
) -> tuple[dict[tuple[str, int], dict[str, Any]], str]:
    """What a browser has of each page at each width, and what its console said.

    Args:
        pages: by name.
        widths: in pixels.
        folder: for files of its own.
        dark: whether the person at it prefers dark colors.
    """
    frames = "".join(
        f'<iframe name="{name} {width}" width="{width}" height="900" srcdoc="{html.escape(page)}"></iframe>'
        for name, page in pages.items()
        for width in widths
    )
    file = folder / "frames.html"
    head = '<!doctype html><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
    head += '<link rel="icon" href="data:,">'
    file.write_text(f'{head}{frames}<pre id="found"></pre><script>{LOOK}</script>', encoding="utf-8")
    assert CHROMIUM is not None, f"there is no Chromium on this machine; {NO_BROWSER}=1 leaves these tests out"
    command = [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
    scheme = f"--blink-settings=preferredColorScheme={0 if dark else 1}"
    options = [f"--user-data-dir={folder / 'chromium'}", scheme, "--window-size=1400,900", "--dump-dom", file.as_uri()]
    done = subprocess.run([*command, *options], capture_output=True, text=True, timeout=240, check=True)
    (found,) = re.findall(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    told = {tuple(name.split()): seen for name, seen in json.loads(html.unescape(found))}
    return {(name, int(width)): seen for (name, width), seen in told.items()}, done.stderr
