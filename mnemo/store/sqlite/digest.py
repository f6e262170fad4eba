"""What counts as the same text."""

from hashlib import blake2b


def digest(text: str) -> bytes:
    """
    The same for texts that are alike but for their line ends and the white space before them.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    said = "\n".join(line.rstrip() for line in lines).rstrip("\n")
    return blake2b(said.encode(), digest_size=16).digest()
