"""How text is made lower case before it is split into words, the same in Python and inside a compiled graph."""

import string

TOKEN_PATTERN = "[a-z]+"
"""What a word is, for `TfidfVectorizer(token_pattern=...)` behind `ascii_lower`."""
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def ascii_lower(text: str) -> str:
    """`text` with A..Z as a..z, and every other character as it is.

    `str.lower` knows all of Unicode, of which two characters become ASCII letters (the Kelvin sign and the capital I
    with a dot), and tables of Unicode differ between languages and releases. This one does not.
    """
    return text.translate(_LOWER)
