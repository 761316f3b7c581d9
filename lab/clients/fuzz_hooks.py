"""Gets schemathesis past the first check: bodies name what the path names, most of the time, and selectors are left out."""
import random

import schemathesis

TYPED = ("apiVersion", "kind")


@schemathesis.hook
def map_body(context, body):
    if not isinstance(body, dict) or random.random() < 0.1:
        return body
    kept = {k: v for k, v in body.items() if k not in TYPED}
    if random.random() < 0.8:
        kept["metadata"] = {"name": random.choice(["a", "b", "c"])}
    return kept


@schemathesis.hook
def map_query(context, query):
    if not isinstance(query, dict) or random.random() < 0.2:
        return query
    return {k: v for k, v in query.items() if k not in ("labelSelector", "fieldSelector", "continue", "resourceVersionMatch", "sendInitialEvents", "resourceVersion")}
