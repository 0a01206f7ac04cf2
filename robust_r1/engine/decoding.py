"""Turn generated token ids into text one at a time, at a constant cost per token."""

import codecs
import re
from collections.abc import Iterable, Mapping

from transformers import PreTrainedTokenizerBase

from robust_r1.chain import TAGS


class TokenBytes:
    """Look up the UTF-8 bytes of every token.

    Byte-level tokenizers, as Qwen2.5-VL's, write a sign for every byte; those of other models mark
    spaces, and spell out only the bytes of rare characters ("<0x0A>").

    Special tokens (end, padding, vision) have none. Section tags always keep theirs, also where a
    checkpoint made special tokens of them.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase):
        self._tokenizer = tokenizer
        self._known: dict[int, bytes] = {}
        by_bytes = "ByteLevel" in str(tokenizer.backend_tokenizer.decoder)
        self._spell = _token_bytes if by_bytes else _piece_bytes
        added = {index: str(token) for index, token in tokenizer.added_tokens_decoder.items()}
        for index in tokenizer.all_special_ids:
            added.setdefault(index, "")
        special = {*tokenizer.all_special_ids}
        special |= {
            index for index, token in tokenizer.added_tokens_decoder.items() if token.special
        }
        for index, text in added.items():
            hidden = index in special and text not in TAGS
            self._known[index] = b"" if hidden else text.encode()

    def __getitem__(self, index: int) -> bytes:
        """Return the bytes of a token; of an id without a token, none."""
        known = self._known.get(index)
        if known is None:
            token = self._tokenizer.convert_ids_to_tokens(index)
            known = self._known[index] = self._spell(token or "")
        return known


class TextDecoder:
    """Decode the tokens of one answer; characters cut by a token's end wait for the next."""

    def __init__(self, tokens: TokenBytes):
        self._tokens = tokens
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def feed(self, indices: Iterable[int]) -> str:
        """Take the next tokens and return the text that they complete, which may be empty."""
        return self._decoder.decode(b"".join(self._tokens[index] for index in indices))

    def close(self) -> str:
        """Return what is left: a replacement character if the last character is incomplete."""
        return self._decoder.decode(b"", final=True)


def _byte_alphabet() -> Mapping[str, int]:
    """Map the characters that byte-level tokenizers write to the bytes that they stand for.

    Printable Latin-1 characters stand for themselves, the other bytes, in order, for the characters
    from 256 on (Radford et al. 2019, GPT-2).
    """
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1)]
    plain += range(ord("®"), ord("ÿ") + 1)
    others = [byte for byte in range(256) if byte not in plain]
    alphabet = {chr(byte): byte for byte in plain}
    return alphabet | {chr(256 + place): byte for place, byte in enumerate(others)}


_BYTE = re.compile("<0x([0-9A-F]{2})>")
_BYTES = _byte_alphabet()


def _token_bytes(token: str) -> bytes:
    try:
        return bytes(_BYTES[character] for character in token)
    except KeyError:
        return token.encode()


def _piece_bytes(token: str) -> bytes:
    if match := _BYTE.fullmatch(token):
        return bytes([int(match[1], 16)])
    return token.replace("\u2581", " ").encode()
