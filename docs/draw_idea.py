"""Draw docs/images/idea.svg, the picture of the home page: ``python docs/draw_idea.py``."""

from pathlib import Path

import numpy as np

BLUE, RED, GREY, GREEN = "#0072B2", "#D55E00", "#8a8a8a", "#009E73"
WIDTH, HEIGHT, TOP = 230, 150, 62


def curve(x):
    """Return the truth, between 0 and 1."""
    return 0.55 + 0.28 * np.sin(1.9 * np.pi * x)


def main():
    """Draw the four panels."""
    rng = np.random.default_rng(4)
    x = np.sort(rng.uniform(0.03, 0.97, 44))
    y = curve(x) - 0.13 + rng.normal(0, 0.025, len(x))
    wrong = rng.permutation(len(x)) < 11
    given = y + wrong * rng.uniform(0.22, 0.36, len(x))
    line = np.linspace(0.02, 0.98, 60)

    def place(panel, u, v):
        return 20 + panel * 262 + u * WIDTH, TOP + HEIGHT * (1 - v)

    def dots(panel, u, v, color):
        points = (place(panel, *point) for point in zip(u, v, strict=True))
        return [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3.2" fill="{color}"/>' for a, b in points]

    def path(panel, v, color, width):
        points = " ".join(
            "{:.1f},{:.1f}".format(*place(panel, *p)) for p in zip(line, v, strict=True)
        )
        return f'<polyline points="{points}" fill="none" stroke="{color}" stroke-width="{width}"/>'

    titles = (
        ("1  Some labels are wrong", "and nobody knows which"),
        ("2  A large teacher flags them", "each predicted without its own label"),
        ("3  A small student learns", "from right labels and the teacher"),
        ("4  You ship the student", "and check the labels on a list"),
    )
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1056 232" role="img" '
        'font-family="system-ui, sans-serif">',
        "<title>How distillation copes with wrong labels</title>",
        '<rect width="1056" height="232" rx="10" fill="#ffffff"/>',
    ]
    for panel, (title, text) in enumerate(titles):
        left = 20 + panel * 262
        parts += [
            f'<text x="{left}" y="28" font-size="15" font-weight="600" fill="#222">{title}</text>',
            f'<text x="{left}" y="48" font-size="13" fill="#555">{text}</text>',
            f'<rect x="{left}" y="{TOP}" width="{WIDTH}" height="{HEIGHT}" rx="6" fill="#f4f5f7"/>',
        ]
    parts += dots(0, x, given, GREY)
    parts.append(path(1, curve(line) - 0.13, GREEN, 2))
    for u, v, w in zip(x[wrong], given[wrong], y[wrong], strict=True):
        (a, b), (_, c) = place(1, u, v), place(1, u, w)
        parts.append(
            f'<line x1="{a:.1f}" y1="{b:.1f}" x2="{a:.1f}" y2="{c:.1f}" stroke="{RED}" '
            'stroke-width="1.2" stroke-dasharray="3 2"/>'
        )
    parts += dots(1, x[~wrong], given[~wrong], GREY) + dots(1, x[wrong], given[wrong], RED)
    parts += dots(2, x[~wrong], y[~wrong], GREY)
    parts.append(path(2, curve(line) - 0.13, BLUE, 4))
    for row, (text, size) in enumerate(
        (("15,000 numbers", "60 kB"), ("one prediction", "0.1 ms"), ("90 % intervals", "inside"))
    ):
        y_text = TOP + 32 + 24 * row
        parts += [
            f'<text x="822" y="{y_text}" font-size="14" fill="#222">{text}</text>',
            f'<text x="1020" y="{y_text}" font-size="14" fill="{BLUE}" text-anchor="end" '
            f'font-weight="600">{size}</text>',
        ]
    parts.append(
        f'<text x="822" y="{TOP + 118}" font-size="11.5" fill="#222">scikit-learn, ONNX, C, '
        "JavaScript</text>"
    )
    file = Path(__file__).parent / "images" / "idea.svg"
    file.write_text("\n".join([*parts, "</svg>"]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
