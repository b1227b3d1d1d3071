"""Names of a company's own fields as names of attributes."""

import hashlib
import re
import unicodedata
from typing import Final

from closecurve.crm.mapping_sections import NAME

LONGEST: Final = 63
"""Characters of an attribute's name at most, as NAME has it."""

_MARKED = (
    8  # hexadecimal digits: two of a thousand fields share a mark once in ten thousand exports
)


def attribute_name(text: str) -> str:
    """The attribute that a field of the source becomes: it hangs on the field's own name alone.

    Latin letters lose case and accents, whatever is no letter or digit becomes one `_`. Where
    letters of another script are lost so, or the name is too long, a mark made of the whole name
    is added, so that two fields stay apart. `field_` stands before what begins with no letter.

    >>> [attribute_name(each) for each in ("Deal Size", "Größe (m²)", "2nd contact", "客户级别")]
    ['deal_size', 'grosse_m2', 'field_2nd_contact', 'field_26eab1c9']
    """
    folded = unicodedata.normalize("NFKD", text.strip().casefold())
    bare = "".join(each for each in folded if not unicodedata.combining(each))
    name = re.sub(r"[^a-z0-9]+", "_", bare).strip("_")
    if not name[:1].isalpha():
        name = f"field_{name}".rstrip("_")
    lost = any(each.isalnum() and not each.isascii() for each in bare)
    return name if not lost and NAME.fullmatch(name) and name != "field" else _marked(name, text)


def _marked(name: str, text: str) -> str:
    mark = hashlib.sha256(text.strip().casefold().encode()).hexdigest()[:_MARKED]
    return f"{name[: LONGEST - _MARKED - 1].rstrip('_')}_{mark}"
