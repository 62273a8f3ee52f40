"""What the gateway serves of itself: the description of its API, for programs and for people."""

from jobpool.api.docs_page import POLICY, page
from jobpool.api.openapi import document
from jobpool.api.rest_body import Answer

_HTML = (("content-security-policy", POLICY), ("x-content-type-options", "nosniff"), ("referrer-policy", "no-referrer"))

PATHS = ("/openapi.json", "/docs")


def own_page(path: str, served: frozenset[str]) -> Answer | None:
    """The page under this path, of an API that serves these calls; None: there is none."""
    match path:
        case "/openapi.json":
            return Answer(200, document(served))
        case "/docs":
            return Answer(200, page(served), _HTML, "text/html; charset=utf-8")
        case _:
            return None
