"""The tokens that a language model knows, by llama.cpp's C interface."""

import ctypes
from typing import Any

from mnemo.inference.answer_stream import MARKS
from mnemo.inference.generation import TokenText
from mnemo.inference.steps import Token


class Vocabulary:
    """
    Texts to tokens and back. It belongs to the thread of its model.

    @ivar pointer: llama.cpp's own
    @ivar size: how many tokens there are
    @ivar bos: the text of the token that begins a text, or empty
    @ivar eos: the text of the token that ends a text, or empty
    @ivar longest: how many bytes the longest token stands for
    """

    def __init__(self, llama: Any, model: Any) -> None:
        self._llama = llama
        self.pointer = llama.llama_model_get_vocab(model)
        self.size: int = llama.llama_vocab_n_tokens(self.pointer)
        self.bos = self._text_of(llama.llama_vocab_bos(self.pointer))
        self.eos = self._text_of(llama.llama_vocab_eos(self.pointer))
        text = llama.llama_vocab_get_text
        self.longest = max(len(text(self.pointer, token) or b"") for token in range(self.size))
        self._known: dict[int, Token] = {}

    def tokenize(self, content: bytes, *, begin: bool) -> list[int]:
        """
        The tokens of a text.

        @param begin: whether what begins a text is put before it
        """
        llama = self._llama
        room = len(content) + 2
        while True:
            tokens = (llama.llama_token * room)()
            count = llama.llama_tokenize(
                self.pointer, content, len(content), tokens, room, begin, True
            )
            if count >= 0:
                return list(tokens[:count])
            room = -count

    def token(self, number: int) -> Token:
        """A token that was sampled. Special ones stand for nothing, but L{MARKS}."""
        if number not in self._known:
            last = bool(self._llama.llama_vocab_is_eog(self.pointer, number))
            special = self._bytes_of(number, special=True) in MARKS
            piece = b"" if last else self._bytes_of(number, special=special)
            self._known[number] = Token(number, piece, last=last)
        return self._known[number]

    def readable(self, number: int) -> TokenText:
        """What a token stands for, special or not."""
        return TokenText.of(self._bytes_of(number, special=True))

    def _text_of(self, number: int) -> str:
        return str(self.readable(number)) if number >= 0 else ""

    def _bytes_of(self, number: int, *, special: bool) -> bytes:
        room = 64
        while True:
            piece = ctypes.create_string_buffer(room)
            length = self._llama.llama_token_to_piece(self.pointer, number, piece, room, 0, special)
            if length >= 0:
                return piece.raw[:length]
            room = -length
