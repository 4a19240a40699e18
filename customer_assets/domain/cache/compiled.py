"""From a mapping to a function: the loop over its fields, written out.

A load runs it for every record; a loop that looks up its plan at each field spends most of its time on that. What is
generated is the plain code that one would write by hand, from the same declarations that everything else reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from customer_assets.domain.cache.values import text, text_or_label

if TYPE_CHECKING:
    from customer_assets.domain.cache.mapping import Field, Record

MISSING: Any = object()
_TEXTS = (text, text_or_label)  # both trim text alike
Keeps = Callable[..., bool]
Fill = Callable[["Record", Mapping[str, Any], bool, list[str], dict[str, Any], dict[str, Any], Keeps], int]


def compile_fill(fields: Sequence[tuple[Field, tuple[tuple[str, ...], ...], tuple[str, ...], bool]]) -> Fill:
    """The loop over the fields of a mapping.

    Args:
        fields: each field, its paths cut at the dots, the folded names of its extra fields, and whether a blank of it is
            simply its default.

    Returns:
        A function of (record, extra fields by folded name, whether some of them are unresolved, warnings, values, values
        for a new row, what keeps a blank) that fills `values` and returns how many paths contradicted the first.
    """
    names: dict[str, Any] = {"MISSING": MISSING}
    body = ["def fill(record, extras, unresolved, warnings, values, insert_values, keeps):", " get = record.get"]
    body.append(" conflicts = 0")
    for number, (spec, paths, extra_names, is_plain) in enumerate(fields):
        names[f"spec{number}"], names[f"convert{number}"], names[f"default{number}"] = spec, spec.convert, spec.default
        if is_plain and len(paths) == 1 and not extra_names and spec.convert is text and spec.default is None:
            body += _plain_text(number, spec.column, paths[0])
            continue
        body += [" found = None", " is_given = False"]
        for extra in extra_names:
            body += [
                f" if {extra!r} in extras:",
                "  is_given = True",
                "  if found is None:",
                f"   found = convert{number}(extras[{extra!r}], {spec.column!r}, warnings)",
            ]
        for path in paths:
            body += _path(path)
            body += [
                " if value is not MISSING:",
                "  is_given = True",
                "  if value is not None and value != '':",
                f"   converted = {_converted(spec, number)}",
                "   if found is None:",
                "    found = converted",
                "   elif converted is not None and converted != found:",
                "    conflicts += 1",
            ]
        if is_plain:
            body.append(f" values[{spec.column!r}] = default{number} if found is None else found")
        else:
            unresolved = "unresolved" if extra_names else "False"
            body += [
                " if found is not None:",
                f"  values[{spec.column!r}] = found",
                f" elif not keeps(spec{number}, is_given=is_given, unresolved={unresolved}, insert_values=insert_values):",
                f"  values[{spec.column!r}] = default{number}",
            ]
    body.append(" return conflicts")
    fill: Fill = function("fill", body, names)
    return fill


def _converted(spec: Field, number: int) -> str:
    """The value converted; text, which most is, without a call."""
    call = f"convert{number}(value, {spec.column!r}, warnings)"
    return f"(value.strip() or None) if type(value) is str else {call}" if spec.convert in _TEXTS else call


def _path(path: tuple[str, ...]) -> list[str]:
    """The value at a path: an empty object says that there is nothing; a partial one is silent about the rest."""
    lines = [f" value = get({path[0]!r}, MISSING)"]
    for key in path[1:]:
        lines += [
            " if value is not MISSING:",
            f"  value = value.get({key!r}, MISSING) if isinstance(value, dict) and value else None",
        ]
    return lines


def _plain_text(number: int, column: str, path: tuple[str, ...]) -> list[str]:
    """The commonest field: trimmed text or nothing."""
    return [
        *_path(path),
        " if type(value) is str:",
        f"  values[{column!r}] = value.strip() or None",
        " else:",
        f"  values[{column!r}] = None if value is MISSING or value is None else convert{number}(value, {column!r}, warnings)",
    ]


def function(name: str, lines: list[str], names: dict[str, Any]) -> Any:
    """The function that these lines of code define, with these names in sight."""
    code = "\n".join(lines)
    exec(compile(code, f"<{name} of a declaration>", "exec"), names)  # noqa: S102 (from our own declarations, never from data)
    return names[name]
