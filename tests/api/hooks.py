"""Rules of the API that a JSON Schema cannot say, and why. What Schemathesis makes by the schemas and is to be taken is bent to them
before it is sent; what is to be refused goes as it is."""

import schemathesis


def times(body):
    """A time may lie a year ahead at most, which is another day each day; and an end lies behind its beginning."""
    for name, moment in [("starts_at", "2020-01-01T20:00:00+08:00"), ("valid_from", "2020-01-01T00:00:00Z"), ("valid_until", "2020-01-02T00:00:00Z")]:
        if body.get(name):
            body[name] = moment


def prices(body):
    """Of a range the end is not below the beginning, and one price has none."""
    if body.get("price_kind") in (None, "one"):
        body.pop("price_to", None)
    else:
        body["price_to"] = body["price"] = min(body["price"], 2**50)
    body["price"] = min(body["price"], 2**50)


def words(body):
    """Who speaks and what is sent say which of the other fields are there."""
    if body.get("voice") == "user":
        body["from"] = body.get("from") or {"id": "bot"}
    else:
        body.pop("from", None)
    kind = body.get("kind") or "text"
    if kind in ("text", "notice"):
        body["text"] = body.get("text") or "text"
    elif kind == "image":
        body["url"] = body.get("url") or "https://cdn.example.com/a.png"
    else:
        body["name"] = body.get("name") or "vote"


def taking_part(body):
    """Whoever is present has said and given nothing in particular."""
    if body.get("take_part") == "present":
        body.pop("what", None)
    else:
        body["what"] = body.get("what") or "rose"


def one_id(body):
    """What has its id in the path has no other in the body."""
    body.pop("id", None)


def one_subject(query):
    """Of two parameters there is one."""
    if query.get("user"):
        query.pop("ip", None)
    elif not query.get("ip"):
        query["user"] = "u9"


def from_somewhere(query):
    """Of three parameters there is one at least."""
    if not any(query.get(name) for name in ("from", "media_from", "after_seq")):
        query["from"] = 0


BODIES = {
    "POST /rooms": [times],
    "PUT /rooms/{room}": [times],
    "POST /rooms/{room}/goods": [prices],
    "PUT /rooms/{room}/goods/{goods}": [prices, one_id],
    "POST /rooms/{room}/messages": [words],
    "POST /rooms/{room}/lotteries": [taking_part],
}
QUERIES = {
    "DELETE /sanctions": [one_subject],
    "DELETE /rooms/{room}/sanctions": [one_subject],
    "GET /rooms/{room}/replay-chat": [from_somewhere],
}


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    for bend in BODIES.get(case.operation.label, []):
        if isinstance(case.body, dict):
            bend(case.body)
    for bend in QUERIES.get(case.operation.label, []):
        bend(case.query)
