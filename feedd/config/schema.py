"""The JSON Schema of a configuration file (draft 2020-12), made of the model, for editors and other programs.

In: nothing but the model. Out: the schema as a value. It says of each key what TOML holds: meaning, type, range,
pattern, default. It passes everything that `reader` accepts; what it cannot tell, such as whether a day comes in a
month or whether two paths overlap, is left to `feedd check`.

Only keywords that were there in draft 4 are used, so that editors that know no later one understand it all.
"""

from types import GenericAlias, NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
from msgspec import NODEFAULT, Meta
from msgspec.structs import FieldInfo

from feedd.config.model import Config, keys, table_of, unannotated, words

ID = "urn:feedd:configuration"
"""What the schema calls itself; it is nowhere to be fetched."""


def schema() -> dict[str, Any]:
    """The schema of a whole file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": ID,
        "title": "The configuration of feedd",
        "description": "feedd makes RSS, Atom and JSON feeds out of a directory of articles.",
        **_table(Config),
    }


def _table(kind: Any) -> dict[str, Any]:
    found = keys(kind)
    required = [key for key, item in found.items() if item.required]
    properties = {key: _property(item) for key, item in found.items()}
    least = {"required": required} if required else {}
    return {"type": "object", "additionalProperties": False, **least, "properties": properties}


def _property(item: FieldInfo) -> dict[str, Any]:
    inner, many = table_of(item.type)
    if many:
        return {"description": _meaning(item.type), "type": "array", "items": _table(inner)}
    return {"description": _meaning(item.type), **_table(inner)} if inner else _value(item)


def _value(item: FieldInfo) -> dict[str, Any]:
    said = {"description": _meaning(item.type) + _help(item.type)}
    default = None if item.default is NODEFAULT else written(item.type, item.default)
    shown = {} if default is None else {"default": default}
    return said | msgspec.json.schema(_in_toml(item.type)) | said | shown


def _help(kind: Any) -> str:
    """What to write, unless editors show that by themselves."""
    bare, form = unannotated(kind)
    evident = form is None and (bare is bool or get_origin(bare) is Literal)
    return "" if evident else f" Write {words(kind)}."


def _meaning(kind: Any) -> str:
    (meaning,) = (meta.description for meta in kind.__metadata__ if isinstance(meta, Meta) and meta.description)
    return str(meaning)


def written(kind: Any, value: Any) -> Any:
    """A value of a `Config` as TOML has it; None for what is absent there."""
    bare, form = unannotated(kind)
    if get_origin(bare) is tuple:
        return [written(get_args(bare)[0], item) for item in value]
    return form.write(value) if form else value


def _in_toml(kind: Any) -> Any:
    """The type of a value as TOML has it, with all that is said of it."""
    bare, form = unannotated(kind)
    source = form.source if form and form.source else _plain(bare)
    metas = [meta for meta in getattr(kind, "__metadata__", ()) if isinstance(meta, Meta)]
    return Annotated[(source, *metas)] if metas else source


def _plain(bare: Any) -> Any:
    if get_origin(bare) is tuple:
        return GenericAlias(tuple, (_in_toml(get_args(bare)[0]), ...))
    inner = [one for one in get_args(bare) if one is not NoneType]
    return _in_toml(inner[0]) if NoneType in get_args(bare) else bare
