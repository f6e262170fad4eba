"""A report on the daemon's health, in the words for a person."""

from collections.abc import Mapping
from typing import Any


def described(report: Mapping[str, Any], address: str) -> str:
    """A report on the daemon's health, for a person."""
    model, database, test = report["model"], report["database"], report["self_test"] or {}
    language = report.get("language_model") or {}
    rows = [
        ("status", report["status"]),
        ("address", f"{address}/mcp"),
        (
            "process",
            f"pid {report['pid']}, version {report['version']}, up {span(report['uptime'])}",
        ),
        ("sessions", _counts({**report["sessions"], "streams": report["streams"]})),
        ("model", described_embedder(model)),
        *([("language", described_language(language))] if language.get("name") else ()),
        *([("gpu", described_gpu(report["gpu"]))] if report.get("gpu") else ()),
        ("waiting", _counts(report["queues"])),
        *_vectors(report.get("vectors") or {}, model.get("meanwhile")),
        ("database", f"{database['path']}, {database['bytes'] / 1e6:.1f} MB"),
        ("tools", str(report["tools"])),
        ("self-test", ", ".join(f"{leg} {told}" for leg, told in test.items() if leg != "at")),
        *(("reason", reason) for reason in report["reasons"]),
    ]
    return "\n".join(f"{name:10} {value}" for name, value in rows)


def described_embedder(model: Mapping[str, Any]) -> str:
    """A report on the embedding model, for a person."""
    if model["device"] is None:
        return f"{model['name']}, not loaded"
    weights = f"{model['bytes'] / 1e6:.0f} MB " if model.get("bytes") else ""
    return f"{model['name']}, {weights}on {model['device']}"


def described_gpu(gpu: Mapping[str, Any]) -> str:
    """A report on the GPU that a model is on, for a person."""
    if gpu["free"] is None:
        return str(gpu["name"])
    return f"{gpu['name']}, {gpu['free'] / 1e9:.1f} of {gpu['total'] / 1e9:.1f} GB free"


def described_language(model: Mapping[str, Any]) -> str:
    """A report on the language model, for a person."""
    told = [model["name"], {"none": "of a server"}.get(model["state"], model["state"])]
    if model["bytes"]:
        told += [f"{model['bytes'] / 1e6:.0f} MB on {model['device']}"]
    return ", ".join(told)


def _vectors(counts: Mapping[str, int], meanwhile: str | None) -> list[tuple[str, str]]:
    """How far the making of vectors is, where some are missing."""
    made, of = counts.get("made", 0), counts.get("of", 0)
    until = f"; until then {meanwhile} answers" if meanwhile else ""
    return [("vectors", f"{made} of {of}{until}")] if made < of else []


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items())


def span(seconds: float) -> str:
    """A span of time in its largest units."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = ((days, "d"), (hours, "h"), (minutes, "min"), (rest, "s"))
    told = [f"{count} {unit}" for count, unit in parts if count]
    return " ".join(told[:2]) or "0 s"
