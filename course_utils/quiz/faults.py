"""What is wrong in a file of items, in sentences: the field, what was expected there, what stands there instead."""

import types
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

SHOWN = 60  # characters of a value in a sentence
MOST_LISTED = 14  # fields in a sentence
NOTHING = "'', "  # of a choice that may be left out
# The errors of YAML that authors meet most, and what to do about them; "" is any other.
YAML = {
    "mapping values are not allowed": "a text with a colon in it needs quotes around it, or `|` before it",
    "cannot start any token": "a text that begins with this sign needs quotes around it; indent with spaces, no tabs",
    "undefined alias": "a text that begins with * needs quotes around it",
    "expected alphabetic or numeric character": "a text that begins with * or & needs quotes around it",
    "expected <block end>": "this line is indented otherwise than its neighbours, or a quote before it isn't closed",
    "could not find expected ':'": "this line is neither `field: value` nor indented below its field",
    "while scanning a quoted scalar": "a quote isn't closed",
    "unexpected end of stream": "a quote or bracket isn't closed",
    "expected ',' or": "a bracket isn't closed, or a text in it needs quotes",
    "": "mend that line",
}
FORMS = {
    "id": 'the assignment\'s number and the item\'s, like "04.2" for a question and "04.A" for an exercise',
    "lesson": "two digits and a name, like 04_frozen",
    "name": "a name of Python, like total or mean_of",
}


def of_yaml(problem: str, context: str = "") -> str:
    """Tell what to do about an error of YAML."""
    return next(said for part, said in YAML.items() if part in f"{problem} {context}")


def of_field(fault: Mapping[str, Any], form: type[BaseModel]) -> str:
    """Say one of pydantic's faults in a sentence.

    Parameters
    ----------
    fault : mapping
        One of `ValidationError.errors()`.
    form : type
        What the file should hold.
    """
    kind, context, given = fault["type"], fault.get("ctx", {}), fault["input"]
    name = next((part for part in reversed(fault["loc"]) if isinstance(part, str)), "")
    if kind == "missing":
        return f"`{name}` is missing"
    if kind == "union_tag_not_found":
        return "`kind` is missing"
    if kind == "union_tag_invalid":
        tags = [tag.strip(" '") for tag in context["expected_tags"].split("',")]
        return f"`kind` is {context['tag']!r}{_near(context['tag'], tags, quote=True)}: give one of {_listed(tags)}"
    if kind == "extra_forbidden":
        known = fields_at(form, fault["loc"][:-1])
        near = _near(name, known)
        listed = (
            f": there are {', '.join(known)}"
            if len(known) <= MOST_LISTED
            else ": docs/items.md lists those of each kind"
        )
        return f"there is no field `{name}` here{near or listed}"
    if kind == "value_error":
        return f"`{name}`: {_own_words(fault)}" if _is_field(fault, form) else _own_words(fault)
    if kind == "no_python":
        return f"`{name}` is no Python ({context['said']}, line {context['line']} of it)"
    part = "" if isinstance(fault["loc"][-1] if fault["loc"] else "", str) else "a part of "
    asked = f"{part}`{name}` should {_asked(kind, context, name, fields_at(form, fault['loc']))}"
    return f"{asked if name else asked.replace('`` ', 'the file ')}, and {_stands(given, kind)}"


def fields_at(form: Any, place: Sequence[str | int]) -> list[str]:
    """List the fields of whatever stands at a place of the file; none where that is no mapping of fields.

    Parameters
    ----------
    form : type
        What the file should hold.
    place : sequence of str and int
        As pydantic has it, with an item's kind among the parts.
    """
    for part in place:
        form = _inside(form, part)
    found = [one for one in _members(form) if isinstance(one, type) and issubclass(one, BaseModel)]
    fields = found[0].model_fields if len(found) == 1 else {}
    return sorted(fields, key=lambda name: name not in ("id", "kind"))  # in their order behind these two


def _inside(form: Any, part: str | int) -> Any:
    for one in _members(form):
        if isinstance(one, type) and issubclass(one, BaseModel):
            if part in one.model_fields:
                return one.model_fields[str(part)].annotation
            tag = one.model_fields.get("kind")
            if tag and part in get_args(tag.annotation):
                return one
        elif get_origin(one) is list and isinstance(part, int):
            return get_args(one)[0]
    return None


def _members(form: Any) -> list[Any]:
    """The types that a field's annotation names, without Annotated and None."""
    if get_origin(form) is Annotated:
        return _members(get_args(form)[0])
    if get_origin(form) in (Union, types.UnionType):
        return [member for one in get_args(form) for member in _members(one)]
    return [] if form is type(None) or get_origin(form) is Literal else [form]


def _is_field(fault: Mapping[str, Any], form: type[BaseModel]) -> bool:
    """Whether the fault is of a field's text, and not of an item as a whole."""
    return not fields_at(form, fault["loc"])


def _own_words(fault: Mapping[str, Any]) -> str:
    return fault["msg"].removeprefix("Value error, ").rstrip(".")


def _asked(kind: str, context: Mapping[str, Any], name: str, fields: list[str]) -> str:
    """What should stand there."""
    bounds = {"greater_than": "gt", "greater_than_equal": "ge", "less_than": "lt", "less_than_equal": "le"}
    if kind in bounds:
        words = {"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}[bounds[kind]]
        return f"be {words} {context[bounds[kind]]:g}"
    if kind in ("too_short", "too_long"):
        least = kind == "too_short"
        many = context["min_length" if least else "max_length"]
        return f"have at {'least' if least else 'most'} {many} part{'' if many == 1 else 's'}"
    if kind == "literal_error":
        return f"be one of {context['expected'].removeprefix(NOTHING).replace(' or ', ', ')}"
    if kind == "string_pattern_mismatch":
        return f"be {FORMS.get(name, 'of the form ' + context['pattern'])}"
    if kind in ("model_type", "model_attributes_type", "dict_type", "dataclass_type"):
        return f"have fields of its own ({', '.join(fields)})" if fields else "be a list of `field: value`"
    return {
        "string_type": "be a text",
        "string_too_short": "be a text",
        "finite_number": "be a finite number",
        "bool_type": "be true or false",
        "list_type": "be a list, each part after a `-` on its own line",
        "int_type": "be a whole number",
        "int_from_float": "be a whole number",
    }.get(kind, "be a number" if kind.startswith(("float", "int")) else kind.replace("_", " "))


def _stands(given: Any, kind: str) -> str:
    """What stands there instead, and how that came, where YAML reads something else than what was meant."""
    if kind in ("too_short", "too_long"):
        return f"has {len(given)}"
    if given is None or (isinstance(given, str) and not given.strip()):
        return "is empty"
    if isinstance(given, (list, dict)):
        quoted = ": put quotes around it" if kind == "string_type" else ""
        return f"is {'a list' if isinstance(given, list) else 'a mapping'}{quoted}"
    if isinstance(given, bool):
        return f"is {str(given).lower()}" + (": put quotes around the word" if kind == "string_type" else "")
    if not isinstance(given, str):
        return f"is {given!s}" + (": put quotes around it" if kind == "string_type" else "")
    text = " ".join(given.split())
    said = f"is the text {text if len(text) <= SHOWN else text[: SHOWN - 1] + '…'!r}"
    if kind.startswith(("float", "int")) and _is_number(given):
        return f"{said}: take away the quotes, and write 1e-3 as 1.0e-3"
    return said


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _near(name: str, known: Sequence[str], quote: bool = False) -> str:
    """The known name that was probably meant, as a question; "" without one."""
    found = get_close_matches(str(name), known, n=1, cutoff=0.6)
    return f" (did you mean {found[0]!r}?)" if found and quote else f": did you mean `{found[0]}`?" if found else ""


def _listed(words: Sequence[str]) -> str:
    return ", ".join(map(repr, words))
