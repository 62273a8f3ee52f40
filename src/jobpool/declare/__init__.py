"""Plans as documents: read, compared with what is stored, made so, written out, and translated from other schedulers.

    async with Client([...]) as client:
        report = await apply_documents(client, parse_documents(text, "plans.yaml"), owner="billing", prune=True)

What belongs here: what documents say and how it is brought about through the API's own calls. No files, no terminal,
and nothing of what a server decides: what a document comes to is asked of the server.
"""

from jobpool.declare.apply import Report, Step, Survey, apply_documents, carry_out, survey, with_fires
from jobpool.declare.differ import FieldChange
from jobpool.declare.documents import Document, parse_documents, write_documents
from jobpool.declare.export import document_of
from jobpool.declare.requests import add_request, update_request

__all__ = [
    "Document",
    "FieldChange",
    "Report",
    "Step",
    "Survey",
    "add_request",
    "apply_documents",
    "carry_out",
    "document_of",
    "parse_documents",
    "survey",
    "update_request",
    "with_fires",
    "write_documents",
]
