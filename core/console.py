"""The console of all commands. It prints nothing that could command a terminal, whoever wrote the text."""

from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.segment import Segment

from core.text import printable


class PrintableConsole(Console):
    """A console of rich that passes on its own control sequences, and none that is within a text."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Render as rich does, without control characters in any text."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                yield Segment(printable(segment.text, multiline=True), segment.style)


def plain(text: str) -> str:
    """Return a text of others for use between rich's markup: printable, in one line, and no markup itself."""
    return escape(printable(text))
