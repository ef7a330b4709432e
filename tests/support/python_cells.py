"""Runs cells of Python as a notebook does: in one namespace, and the value of a last expression is shown.

They come as a JSON list of texts on the input; what each printed goes to the output as JSON.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import sys


def shown(cell: str, names: dict[str, object]) -> str:
    """What a cell prints, with the value of its last line where that is an expression."""
    tree = ast.parse(cell)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(tree, "cell", "exec"), names)
        value = eval(compile(ast.Expression(last.value), "cell", "eval"), names) if isinstance(last, ast.Expr) else None
        if value is not None:
            print(repr(value))
    return printed.getvalue()


if __name__ == "__main__":
    names: dict[str, object] = {}
    told = [shown(cell, names) for cell in json.load(sys.stdin)]
    json.dump(told, sys.stdout)
