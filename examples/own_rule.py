"""An extraction rule: the option that stands in the last `<final>` tag.

Name it in a task file beside this one: `extraction: [own_rule.py:final_tag, multiple_choice]`.
"""

import re


def final_tag(text, options, question):
    """The letter of the option in the tag; without options, what the tag holds."""
    found = re.findall(r"<final>(.*?)</final>", text, re.DOTALL)
    if not found:
        return None
    said = found[-1].strip()
    if not options:
        return said
    return next((letter for letter, choice in options if said.lower() in (letter.lower(), choice.lower())), None)
