"""Small charts as SVG, drawn here: no script, no inline style; colours are classes, so that dark and print work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup, escape

WIDTH, HEIGHT, GAP = 420, 90, 2


def bars(columns: Sequence[tuple[str, Mapping[str, int]]], *, label: str) -> Markup:
    """Stacked bars.

    Args:
        columns: what each bar is called, and its parts: class -> number.
        label: what the chart shows, for those who do not see it.

    Returns:
        The chart; empty where all numbers are 0.
    """
    highest = max((sum(parts.values()) for _, parts in columns), default=0)
    if not highest:
        return Markup()
    width = WIDTH / max(1, len(columns))
    drawn = []
    for number, (name, parts) in enumerate(columns):
        top = float(HEIGHT)
        for kind, value in parts.items():
            height = value / highest * (HEIGHT - 4)
            top -= height
            if value:
                drawn.append(
                    f'<rect class="{escape(kind)}" x="{number * width + GAP / 2:.1f}" y="{top:.1f}" '
                    f'width="{width - GAP:.1f}" height="{height:.1f}"></rect>'
                )
        told = ", ".join(f"{kind} {value:,}" for kind, value in parts.items() if value) or "none"
        drawn.append(
            f'<rect class="hit" x="{number * width:.1f}" y="0" width="{width:.1f}" height="{HEIGHT}">'
            f"<title>{escape(name)}: {escape(told)}</title></rect>"
        )
    return _svg(drawn, label, HEIGHT)


def lines(rows: Sequence[tuple[str, int]], *, label: str) -> Markup:
    """Horizontal bars with their names and numbers."""
    highest = max((number for _, number in rows), default=0) or 1
    drawn = []
    for at, (name, number) in enumerate(rows):
        y = at * 20
        drawn.append(f'<text x="0" y="{y + 14}">{escape(name)}</text>')
        drawn.append(f'<rect class="bar" x="90" y="{y + 3}" width="{number / highest * 250:.1f}" height="14"></rect>')
        drawn.append(f'<text x="{96 + number / highest * 250:.1f}" y="{y + 14}">{number:,}</text>')
    return _svg(drawn, label, max(20, len(rows) * 20))


def dots(runs: Sequence[tuple[str, str]], *, label: str) -> Markup:
    """One dot a run, the newest to the right.

    Args:
        runs: (status, what is said of it) each.
        label: what the chart shows.
    """
    drawn = [
        f'<circle class="{escape(status)}" cx="{8 + at * 13}" cy="9" r="5"><title>{escape(told)}</title></circle>'
        for at, (status, told) in enumerate(runs)
    ]
    return _svg(drawn, label, 18)


def _svg(drawn: Sequence[str], label: str, height: int) -> Markup:
    return Markup(
        '<svg class="chart" role="img" aria-label="{}" viewBox="0 0 {} {}" preserveAspectRatio="xMinYMin meet">{}</svg>'
    ).format(label, WIDTH, height, Markup().join(map(Markup, drawn)))
