"""Files as other systems write them, for tests."""

import json
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any


def write_database(
    path: Path, tables: Mapping[str, str], rows: Iterable[tuple[str, Mapping[str, Any]]]
) -> Path:
    """A database with these tables and rows."""
    db = sqlite3.connect(path)
    for name, columns in tables.items():
        db.execute(f"CREATE TABLE {name} ({columns})")
    for table, row in rows:
        names, marks = ", ".join(row), ", ".join("?" for _ in row)
        db.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(row.values()))
    db.commit()
    db.close()
    return path


MNEMONIC = {
    "raw_memories": "id TEXT PRIMARY KEY, timestamp, source, type, content, metadata,"
    " heuristic_score, initial_salience, processed, project, session_id, content_hash, created_at",
    "memories": "id TEXT PRIMARY KEY, raw_id, timestamp, type, content, summary, concepts,"
    " embedding BLOB, salience, access_count, state, source, project, session_id, created_at,"
    " updated_at",
    "associations": "source_id, target_id, strength, relation_type, created_at",
    "episodes": "id TEXT PRIMARY KEY, title, start_time, memory_ids, summary, narrative,"
    " concepts, state, project",
    "patterns": "id TEXT PRIMARY KEY, title, description, evidence_ids, project, concepts,"
    " state, created_at",
    "abstractions": "id TEXT PRIMARY KEY, title, description, source_memory_ids, concepts,"
    " state, created_at",
    "memory_amendments": "id, memory_id, old_content, new_content, created_at",
    "concept_sets": "memory_id PRIMARY KEY, topics, entities",
    "retrieval_feedback": "query_id, query_text, retrieved_memory_ids, feedback, created_at",
}

CLAUDE_MEM = {
    "sdk_sessions": "id INTEGER PRIMARY KEY, content_session_id, memory_session_id, project",
    "observations": "id INTEGER PRIMARY KEY, memory_session_id, project, text, type, title,"
    " subtitle, facts, narrative, concepts, files_read, files_modified, merged_into_project,"
    " created_at, created_at_epoch",
    "session_summaries": "id INTEGER PRIMARY KEY, memory_session_id, project, request,"
    " investigated, learned, completed, next_steps, notes, created_at, created_at_epoch",
    "user_prompts": "id INTEGER PRIMARY KEY, content_session_id, prompt_number, prompt_text,"
    " created_at, created_at_epoch",
}

MEMORY_SERVICE = {
    "memories": "id INTEGER PRIMARY KEY, content_hash TEXT UNIQUE, content, tags, memory_type,"
    " metadata, created_at REAL, updated_at REAL, created_at_iso, updated_at_iso, deleted_at REAL",
    "memory_graph": "source_hash, target_hash, similarity, connection_types, metadata,"
    " created_at, relationship_type",
}

MEM0 = {
    "history": "id TEXT PRIMARY KEY, memory_id, old_memory, new_memory, event, created_at,"
    " updated_at, is_deleted, actor_id, role",
    "messages": "id TEXT PRIMARY KEY, content",
}


def write_lines(path: Path, *lines: object) -> Path:
    """A file with a line of JSON for each; text stands as it is."""
    made = (each if isinstance(each, str) else json.dumps(each) for each in lines)
    path.write_text("".join(f"{line}\n" for line in made))
    return path
