"""A normaliser: what German transcriptions are compared without.

Name it in a task file beside this one: `scorer: wer_raw`, `normalizer: own_normalizer.py:german`.
"""


def german(text):
    """Lower case, ss for ß, umlauts written out, no punctuation."""
    text = text.lower().replace("ß", "ss")
    for umlaut, written in (("ä", "ae"), ("ö", "oe"), ("ü", "ue")):
        text = text.replace(umlaut, written)
    return " ".join("".join(c if c.isalnum() else " " for c in text).split())
