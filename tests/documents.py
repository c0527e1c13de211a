"""The commands that a document tells its reader to type."""

import re
import shlex
from collections.abc import Iterator
from typing import Final

_BLOCK: Final = re.compile(r"^(?P<indent> *)```sh\n(?P<body>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
_INDENTED: Final = re.compile(r"^ {4}(\./bulwark .*)$", re.MULTILINE)
_INLINE: Final = re.compile(r"`(\./bulwark [a-z][^`]*)`")


def lines(text: str) -> Iterator[str]:
    """Yield each command line of a document, whole."""
    for block in _BLOCK.finditer(text):
        yield from block["body"].replace("\\\n", " ").splitlines()
    for match in (*_INDENTED.finditer(text), *_INLINE.finditer(text)):
        yield match[1]


def commands(text: str) -> Iterator[list[str]]:
    """Yield the arguments of each program that a document calls."""
    for line in lines(text):
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
        lexer.whitespace_split = True
        words: list[str] = []
        target = False
        for token in lexer:
            if target:
                target = False
            elif set(token) <= set("<>"):
                target = True
            elif set(token) <= set("|&;"):
                yield words
                words = []
            elif words or not re.fullmatch(r"\w+=.*", token):
                words.append(token)
        if words:
            yield words
