"""The ratios of issue and rotation as bars, beside the goals, in an SVG that needs nothing else."""

from collections.abc import Iterator, Sequence
from html import escape

from bench.requests.client.lines import DIRECT
from bench.requests.measuring.results import Cell, Run, medians, spread

# Ours on PostgreSQL must not cost more than so many signatures.
GOALS = {"issue": 1.60, "refresh": 1.65}
_TITLES = {"issue": "A key for a token", "refresh": "A refresh token for the next"}
_OURS, _OTHERS, _GOAL, _INK = "#0b6e4f", "#9aa5b1", "#c2410c", "#1f2933"
_WIDTH, _LABELS, _NUMBERS = 860, 300, 60
_BAR, _STEP, _HEAD = 18, 28, 54
_FONT = "font-family='system-ui, sans-serif' font-size='13'"


def picture(runs: Sequence[Run], ours: str) -> str:
    """Draw what was measured without nginx; `ours` is the name of the server whose bars stand out."""
    shown = {kind: [cell for cell in medians(runs) if _belongs(cell, kind)] for kind in GOALS}
    longest = max([*GOALS.values(), *(spread(runs, cell)[1] for cells in shown.values() for cell in cells)])
    scale = (_WIDTH - _LABELS - _NUMBERS) / longest
    parts: list[str] = []
    top = 0
    for kind, cells in shown.items():
        parts += _panel(kind, [(cell, *_ratios(runs, cell)) for cell in cells], ours, scale, top)
        top += _HEAD + _STEP * len(cells) + 16
    words = "Processor time of a request, in bare signatures"
    head = f"<svg xmlns='http://www.w3.org/2000/svg' width='{_WIDTH}' height='{top}' viewBox='0 0 {_WIDTH} {top}'"
    opening = [
        f"{head} role='img' {_FONT}>",
        f"<title>{words}</title>",
        "<rect width='100%' height='100%' fill='#fff'/>",
    ]
    return "\n".join([*opening, *parts, "</svg>", ""])


def _belongs(cell: Cell, kind: str) -> bool:
    return cell.work.startswith(kind) and cell.way == DIRECT


def _ratios(runs: Sequence[Run], cell: Cell) -> tuple[float, float, float]:
    return medians(runs)[cell].ratio, *spread(runs, cell)


def _panel(
    kind: str, bars: Sequence[tuple[Cell, float, float, float]], ours: str, scale: float, top: int
) -> Iterator[str]:
    yield _text(12, top + 24, f"{_TITLES[kind]}: processor time in bare signatures", weight="bold")
    begin = top + _HEAD
    goal = _LABELS + GOALS[kind] * scale
    yield _line(goal, begin - 6, goal, begin + _STEP * len(bars), _GOAL, dashes="4 3")
    yield _text(goal + 6, begin - 6, f"goal {GOALS[kind]:.2f}", colour=_GOAL)
    for number, (cell, ratio, lowest, highest) in enumerate(bars):
        y = begin + number * _STEP
        name = f"{cell.server}, {cell.database}, {cell.work.partition(', ')[2]}"
        yield _text(_LABELS - 8, y + 14, name, anchor="end")
        colour = _OURS if cell.server == ours else _OTHERS
        yield f"<rect x='{_LABELS}' y='{y}' width='{ratio * scale:.1f}' height='{_BAR}' rx='2' fill='{colour}'/>"
        middle = y + _BAR / 2
        yield _line(_LABELS + lowest * scale, middle, _LABELS + highest * scale, middle, _INK)
        yield _text(_LABELS + highest * scale + 6, y + 14, f"{ratio:.2f}")


def _text(x: float, y: float, words: str, *, anchor: str = "start", weight: str = "normal", colour: str = _INK) -> str:
    place = f"x='{x:.1f}' y='{y:.1f}' text-anchor='{anchor}' font-weight='{weight}' fill='{colour}'"
    # A rim of the ground, so that words can be read where a line passes below them.
    return f"<text {place} stroke='#fff' stroke-width='4' paint-order='stroke'>{escape(words)}</text>"


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, *, dashes: str = "none") -> str:
    ends = f"x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}'"
    return f"<line {ends} stroke='{colour}' stroke-width='1.5' stroke-dasharray='{dashes}'/>"
