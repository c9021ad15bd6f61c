"""croissant.json: a dataset described for machines, as catalogs of datasets read it.

Source: mlcommons.org/croissant/1.1; mlcommons.org/croissant/RAI/1.0.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from glyphgen.dataset.index import Index
from glyphgen.exchange.export_format import WrittenFile
from glyphgen.text import dump_json, show_count
from glyphgen.version import VERSION

__all__ = ["dump_croissant"]

_JSON = {"@type": "@json"}
_CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", **_JSON},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", **_JSON},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_KINDS = {
    ".parquet": "application/x-parquet",
    ".tar": "application/x-tar",
    ".json": "application/json",
    ".csv": "text/csv",
    ".npz": "application/zip",
    ".toml": "application/toml",
}


def dump_croissant(
    index: Index,
    digest: str,
    files: Sequence[WrittenFile],
    *,
    license: str,
    limits: str,
    splits: Mapping[str, int],
) -> bytes:
    """Return the content of croissant.json.

    Args:
        index: Of the dataset.
        digest: Of the dataset.
        files: That hold it.
        license: Of the fonts, in words.
        limits: Of the dataset, in words.
        splits: That lie in Parquet files, which can be read record by record; none elsewhere.
    """
    is_synthetic = index.made_by in ("render", "balance")
    made_by = f"glyphgen {index.made_by} {index.versions.get('glyphgen', VERSION)}"
    page = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "name": index.name,
        "description": (
            f"{show_count(index.n_rows, 'labeled image')} of glyphs,"
            f" {show_count(len(index.classes), 'class', 'classes')}, made by {made_by}."
        ),
        "conformsTo": "http://mlcommons.org/croissant/1.1",
        "citeAs": f"{index.name}, a dataset of glyph images made by {made_by}, SHA-256 {digest}",
        "license": license,
        "url": f"urn:sha256:{digest}",
        "rai:hasSyntheticData": is_synthetic,
        "rai:dataCollection": f"Made by {made_by}"
        + (
            ": drawn with fonts, every label proven against what the font draws."
            if is_synthetic
            else "."
        ),
        "rai:dataCollectionType": "Synthetic" if is_synthetic else "Others",
        "rai:dataLimitations": limits,
        "rai:dataBiases": "Faces and forms have the shares that the recipe gives them, not those of texts.",
        "distribution": [_describe_file(file) for file in files],
        "recordSet": [_list_classes(index), *_list_records(files, splits)],
    }
    return dump_json(page)


def _describe_file(file: WrittenFile) -> dict[str, Any]:
    suffix = f".{file.name.rpartition('.')[2]}"
    return {
        "@type": "cr:FileObject",
        "@id": file.name,
        "name": file.name,
        "contentUrl": file.name,
        "contentSize": f"{file.bytes} B",
        "encodingFormat": _KINDS.get(suffix, "application/octet-stream"),
        "sha256": file.sha256,
    }


def _list_classes(index: Index) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": "classes",
        "name": "classes",
        "description": "What each label stands for.",
        "dataType": "sc:Enumeration",
        "key": {"@id": "classes/index"},
        "field": [
            _describe_field("classes/index", "sc:Integer"),
            _describe_field("classes/label", "sc:Text"),
        ],
        "data": [
            {"classes/index": info.index, "classes/label": info.label} for info in index.classes
        ],
    }


def _describe_field(name: str, kind: str) -> dict[str, Any]:
    return {"@type": "cr:Field", "@id": name, "name": name, "dataType": kind}


def _list_records(files: Sequence[WrittenFile], splits: Mapping[str, int]) -> list[dict[str, Any]]:
    """Return the records of each Parquet file: an image and its label."""
    records = []
    for file in files if splits else ():
        stem = file.name.rpartition("/")[2].removesuffix(".parquet")
        place = {"fileObject": {"@id": file.name}}
        image = {"extract": {"column": "image"}, "transform": {"jsonPath": "bytes"}}
        records.append(
            {
                "@type": "cr:RecordSet",
                "@id": stem,
                "name": stem,
                "field": [
                    _describe_field(f"{stem}/image", "sc:ImageObject") | {"source": place | image},
                    _describe_field(f"{stem}/label", "sc:Integer")
                    | {
                        "references": {"field": {"@id": "classes/index"}},
                        "source": place | {"extract": {"column": "label"}},
                    },
                ],
            }
        )
    return records
