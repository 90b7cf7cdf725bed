"""A plot of a few curves, in text."""

from collections.abc import Mapping, Sequence

WIDTH, HEIGHT = 72, 18


def plot(title: str, curves: Mapping[str, Sequence[float]]) -> str:
    """The curves over their places, the first letter of each curve's name as its mark."""
    top = max(max(curve) for curve in curves.values())
    length = max(len(curve) for curve in curves.values())
    cells = [[" "] * WIDTH for _ in range(HEIGHT)]
    for name, curve in curves.items():
        for column in range(WIDTH):
            value = curve[min(column * len(curve) // WIDTH, len(curve) - 1)]
            cells[HEIGHT - 1 - round(value / top * (HEIGHT - 1))][column] = name[0]
    lines = [title, *(f"  {name[0]}: {name}, {curve[-1]:.2f} at the end" for name, curve in curves.items())]
    for row, line in enumerate(cells):
        level = top * (HEIGHT - 1 - row) / (HEIGHT - 1)
        lines.append(f"{level:7.1f} |{''.join(line).rstrip()}")
    lines += [" " * 8 + "+" + "-" * WIDTH, f"{'0':>10}{length:>{WIDTH - 1}}  runs"]
    return "\n".join(lines)
