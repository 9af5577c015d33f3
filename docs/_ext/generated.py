"""Parts of pages that are written from the program: its commands and its hyper-parameters.

A page holds a line ``<!-- generated: NAME -->`` where NAME is a key of `PARTS`.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import typer

from wvae.cli.app import app as program
from wvae.config import Config, Parameter, parameters

MARK = re.compile(r"^<!-- generated: (\S+) -->$", re.MULTILINE)
GENERATED = ("reference/cli", "reference/parameters", "howto/explore")
PRESETS = ("best", "article", "quick")


def prose(text: str) -> str:
    """Return the text of a help in Markdown: options become code, and nothing is emphasised."""
    parts = " ".join(text.split()).split("`")
    for i in range(0, len(parts), 2):  # the others are code
        parts[i] = re.sub(r"([<>*_])", r"\\\1", parts[i])
        parts[i] = re.sub(r"(?<![\w-])(--[a-z]+(?:-[a-z]+)*)", r"`\1`", parts[i])
    return "`".join(parts)


def escape(text: str) -> str:
    """Return the text of a help for a cell of a Markdown table."""
    return prose(text).replace("|", "\\|")


def code(text: str) -> str:
    """Return text as code in a cell of a Markdown table."""
    return f"`{text.replace('|', chr(92) + '|')}`"


# ---------------------------------------------------------------------- commands


def commands() -> str:
    """Return a section for every command."""
    parts = []
    for path, command in walk(typer.main.get_command(program), ("wvae",)):
        if not hasattr(command, "commands"):
            parts.append(_section(path, command))
    return "\n\n".join(parts)


def walk(command: Any, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], Any]]:
    """Return a command and all its sub-commands, with their names."""
    found = [(path, command)]
    for name, child in getattr(command, "commands", {}).items():
        found += walk(child, (*path, name))
    return found


def _section(path: tuple[str, ...], command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option" and p.name != "help"]
    hyper = {p.name for p in parameters()}
    own = [p for p in options if p.name not in hyper]
    names = " ".join(_argument(p) for p in arguments)
    lines = [
        f"## {' '.join(path)}",
        _help(command),
        f"```text\n{' '.join(path)} {names} [OPTIONS]\n```".replace("  ", " "),
    ]
    rows = [(_argument(p), p.help or "", "") for p in arguments]
    rows += [(_flags(p), p.help or "", _default(p)) for p in own]
    if rows:
        lines.append(_table(("argument or option", "meaning", "default"), rows))
    if len(own) < len(options):
        lines.append(
            "Every [hyper-parameter](parameters.md) is an option, too, and its default is the "
            "preset's:"
        )
        flags = [(_flags(p), p.help or "", "") for p in options if p.name in hyper]
        lines.append(
            "````{dropdown} Options for hyper-parameters\n"
            + _table(("option", "meaning"), [row[:2] for row in flags])
            + "\n````"
        )
    return "\n\n".join(lines)


def _help(command: Any) -> str:
    paragraphs = (command.help or "").split("\n\n")
    return "\n\n".join(prose(paragraph) for paragraph in paragraphs)


def _argument(parameter: Any) -> str:
    name = (parameter.metavar or parameter.name.upper()).strip("[]{}")
    return name if parameter.required else f"[{name}]"


def _flags(parameter: Any) -> str:
    names = [*parameter.opts, *parameter.secondary_opts]
    metavar = parameter.metavar or ""
    choices = get_args(parameter.type_descriptor.annotation)
    if parameter.metavar is None and choices:
        metavar = "|".join(map(str, choices))
    return ", ".join(names) + (f" {metavar}" if metavar else "")


def _default(parameter: Any) -> str:
    shown = parameter.show_default
    if isinstance(shown, str):
        return shown
    value = parameter.default
    if value is None or isinstance(value, bool) or callable(value) or not str(value).strip():
        return ""
    return str(value)


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for first, *others in rows:
        cells = [code(first), *map(escape, others)]
        lines.append("| " + " | ".join(cells[: len(head)]) + " |")
    return "\n".join(lines)


# ---------------------------------------------------------------------- hyper-parameters


def allowed(parameter: Parameter) -> str:
    """Return the values that a hyper-parameter takes, for a reader."""
    if parameter.choices:
        return ", ".join(parameter.choices)
    if parameter.minimum is None:
        return "True, False"
    if parameter.maximum is None:
        return f"≥ {parameter.minimum}"
    return f"{parameter.minimum} to {parameter.maximum}"


def hyper_parameters(*, advanced: bool) -> str:
    """Return a table of the hyper-parameters, with the values of the presets."""
    presets = [Config.preset(name) for name in PRESETS]
    head = ["name", "meaning", *PRESETS, "allowed"]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for parameter in parameters():
        if parameter.advanced == advanced:
            values = [f"{getattr(preset, parameter.name)}" for preset in presets]
            meaning = escape(parameter.description)
            cells = [code(parameter.name), meaning, *values, allowed(parameter)]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


# ---------------------------------------------------------------------- the explorer


def explorer() -> str:
    """Return the explorer in a frame if `make docs` has built it."""
    if not (Path(__file__).parents[1] / "_explorer" / "explorer" / "index.html").exists():
        return "*This build goes without it: `make docs` adds it if Node 20 or newer is installed.*"
    return """```{raw} html
<p><a href="../explorer/index.html">Open it in a page of its own.</a></p>
<iframe class="explorer" src="../explorer/index.html#tab=draw&amp;colour=writer" loading="lazy"
  title="Explorer of the data set handwriting"></iframe>
```"""


PARTS = {
    "commands": commands,
    "parameters": lambda: hyper_parameters(advanced=False),
    "explorer": explorer,
    "advanced-parameters": lambda: hyper_parameters(advanced=True),
}


def replace_marks(app: Any, docname: str, source: list[str]) -> None:
    """Put the generated parts into the text of a page."""
    source[0] = MARK.sub(lambda match: PARTS[match.group(1)](), source[0])


def outdated(app: Any, env: Any, *changes: set[str]) -> list[str]:
    """Return the generated pages, which follow the program and not only their own text."""
    return [name for name in GENERATED if name in env.all_docs]


def setup(app: Any) -> dict[str, bool]:
    """Register the marks."""
    app.connect("source-read", replace_marks)
    app.connect("env-get-outdated", outdated)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
