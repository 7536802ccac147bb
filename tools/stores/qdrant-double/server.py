"""A double of a Qdrant server, for tests: Qdrant's own engine (qdrant-edge-py) behind those REST calls that the product
sends. It is no Qdrant: one process, no replication, no clustering, and only what is written here. What it does not know
it refuses, so that a call which has never been tried cannot pass for one that has.

    python3 server.py PORT FOLDER [API_KEY]
"""

import json
import os
import shutil
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlparse

import qdrant_edge as q

PORT, FOLDER = int(sys.argv[1]), sys.argv[2]
KEY = sys.argv[3] if len(sys.argv) > 3 else None
shards, settings, aliases = {}, {}, {}
lock = threading.RLock()


class Refused(Exception):
    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


def only(body, *known):
    unknown = set(body or {}) - set(known)
    if unknown:
        raise Refused(400, f"the double does not know {sorted(unknown)}")
    return body or {}


def shard(name):
    found = shards.get(aliases.get(name, name))
    if found is None:
        raise Refused(404, f"Not found: Collection `{name}` doesn't exist!")
    return found


def quantization(body):
    if not body:
        return None
    only(body, "scalar", "binary")
    if "scalar" in body:
        given = only(body["scalar"], "type", "quantile", "always_ram")
        return q.ScalarQuantizationConfig(q.ScalarType.Int8, given.get("quantile"), given.get("always_ram"))
    return q.BinaryQuantizationConfig(only(body["binary"], "always_ram").get("always_ram"))


def create(name, body):
    only(body, "vectors", "sparse_vectors", "hnsw_config", "quantization_config")
    for each in (body.get("sparse_vectors") or {}).values():
        if each != {"modifier": "idf"}:
            raise Refused(400, f"the double does not know {each}")
    if name in shards:
        raise Refused(409, f"Wrong input: Collection `{name}` already exists!")
    vectors = only(body["vectors"], "size", "distance")
    hnsw = only(body.get("hnsw_config"), "m", "ef_construct", "payload_m")
    config = q.EdgeConfig(
        vectors=q.EdgeVectorParams(vectors["size"], getattr(q.Distance, vectors["distance"])),
        sparse_vectors={name: q.EdgeSparseVectorParams(modifier=q.Modifier.Idf) for name in body.get("sparse_vectors") or {}},
        hnsw_config=q.HnswIndexConfig(hnsw["m"], hnsw["ef_construct"], 10_000, payload_m=hnsw.get("payload_m")),
        quantization_config=quantization(body.get("quantization_config")),
    )
    path = os.path.join(FOLDER, name)
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    shards[name] = q.EdgeShard.create(path, config)
    settings[name] = {"params": {"vectors": body["vectors"]}, "hnsw_config": body.get("hnsw_config"),
                      "quantization_config": body.get("quantization_config"), "payload_schema": {}}
    return True


def drop(name):
    found = shards.pop(name, None)
    settings.pop(name, None)
    if found is not None:
        found.close()
        shutil.rmtree(os.path.join(FOLDER, name), ignore_errors=True)
        for alias in [alias for alias, of in aliases.items() if of == name]:
            del aliases[alias]
    return found is not None


def condition(body):
    only(body, "key", "match", "range")
    if "match" in body:
        match = only(body["match"], "any", "value")
        made = q.MatchAny(match["any"]) if "any" in match else q.MatchValue(match["value"])
        return q.FieldCondition(body["key"], match=made)
    bounds = only(body["range"], "lte", "gte", "lt", "gt")
    return q.FieldCondition(body["key"], range=q.RangeFloat(**bounds))


def filter_of(body):
    if body is None:
        return None
    only(body, "must", "should")
    parts = {name: [condition(each) for each in body[name]] for name in ("must", "should") if body.get(name)}
    return q.Filter(**parts)


def index(name, body):
    only(body, "field_name", "field_schema")
    schema = body["field_schema"]
    plain = {"uuid": q.PayloadSchemaType.Uuid, "integer": q.PayloadSchemaType.Integer, "keyword": q.PayloadSchemaType.Keyword}
    if isinstance(schema, str):
        made = plain[schema]
    else:
        only(schema, "type", "is_tenant")
        made = {"uuid": q.UuidIndexParams, "keyword": q.KeywordIndexParams}[schema["type"]](is_tenant=schema.get("is_tenant"))
    shard(name).update(q.UpdateOperation.create_field_index(body["field_name"], made))
    settings[aliases.get(name, name)]["payload_schema"][body["field_name"]] = schema
    return {"status": "completed"}


def vector_of(given):
    if not isinstance(given, dict):
        return given
    return {name: q.SparseVector(each["indices"], each["values"]) if isinstance(each, dict) else each for name, each in given.items()}


def upsert(name, body):
    only(body, "points", "update_filter")
    size = settings[aliases.get(name, name)]["params"]["vectors"]["size"]
    for each in body["points"]:
        only(each, "id", "vector", "payload")
        dense = each["vector"][""] if isinstance(each["vector"], dict) else each["vector"]
        if len(dense) != size:
            raise Refused(400, f"Wrong input: Vector dimension error: expected dim: {size}, got {len(dense)}")
    points = [q.Point(each["id"], vector_of(each["vector"]), each["payload"]) for each in body["points"]]
    shard(name).update(q.UpdateOperation.upsert_points(points, condition=filter_of(body.get("update_filter"))))
    return {"status": "completed"}


def delete(name, body):
    only(body, "filter")
    shard(name).update(q.UpdateOperation.delete_points_by_filter(filter_of(body["filter"])))
    return {"status": "completed"}


def params(body):
    if body is None:
        return None
    only(body, "quantization", "exact", "hnsw_ef")
    given = only(body.get("quantization"), "rescore", "oversampling")
    quantized = q.QuantizationSearchParams(rescore=given.get("rescore"), oversampling=given.get("oversampling")) if given else None
    return q.SearchParams(hnsw_ef=body.get("hnsw_ef"), exact=body.get("exact", False), quantization=quantized)


def shown(point, scored):
    payload, vector = point.payload, point.vector
    answer = {"id": str(point.id), "payload": payload, "version": 0}
    if scored:
        answer["score"] = point.score
    if isinstance(vector, dict):
        vector = {name: {"indices": each.indices, "values": each.values} if isinstance(each, q.SparseVector) else each
                  for name, each in vector.items()}
    if vector is not None:
        answer["vector"] = vector
    return answer


def prefetch(body):
    only(body, "query", "using", "filter", "limit", "params")
    given = body["query"]
    if isinstance(given, dict):
        given = q.SparseVector(given["indices"], given["values"])
    nearest = q.Query.Nearest(given, using=body["using"]) if "using" in body else q.Query.Nearest(given)
    return q.Prefetch(limit=body["limit"], query=nearest, filter=filter_of(body.get("filter")), params=params(body.get("params")))


def query(name, body):
    only(body, "query", "prefetch", "filter", "limit", "with_payload", "with_vector", "params")
    if "prefetch" in body:
        if body["query"] != {"fusion": "rrf"}:
            raise Refused(400, f"the double does not know {body['query']}")
        found = shard(name).query(q.QueryRequest(
            limit=body["limit"], query=q.Fusion.Rrf(k=2), prefetches=[prefetch(each) for each in body["prefetch"]],
            with_payload=body.get("with_payload", False),
        ))
        return {"points": [shown(point, True) for point in found]}
    size = settings[aliases.get(name, name)]["params"]["vectors"]["size"]
    if len(body["query"]) != size:
        raise Refused(400, f"Wrong input: Vector dimension error: expected dim: {size}, got {len(body['query'])}")
    found = shard(name).query(q.QueryRequest(
        limit=body["limit"], query=q.Query.Nearest(body["query"]), filter=filter_of(body.get("filter")),
        with_payload=body.get("with_payload", False), with_vector=body.get("with_vector", False), params=params(body.get("params")),
    ))
    return {"points": [shown(point, True) for point in found]}


def scroll(name, body):
    only(body, "filter", "limit", "with_payload", "with_vector")
    found, _ = shard(name).scroll(q.ScrollRequest(
        limit=body["limit"], filter=filter_of(body.get("filter")),
        with_payload=body.get("with_payload", True), with_vector=body.get("with_vector", False),
    ))
    return {"points": [shown(point, False) for point in found], "next_page_offset": None}


def count(name, body):
    only(body, "filter", "exact")
    return {"count": shard(name).count(q.CountRequest(exact=True, filter=filter_of(body.get("filter"))))}


def change_aliases(body):
    for action in only(body, "actions")["actions"]:
        only(action, "create_alias", "delete_alias")
        if "delete_alias" in action:
            aliases.pop(action["delete_alias"]["alias_name"], None)
        else:
            shard(action["create_alias"]["collection_name"])
            aliases[action["create_alias"]["alias_name"]] = action["create_alias"]["collection_name"]
    return True


def route(method, path, body):
    parts = [unquote(part) for part in path.strip("/").split("/")]
    rest = tuple(parts[2:])
    if parts[0] == "collections" and len(parts) == 1 and method == "GET":
        return {"collections": [{"name": name} for name in shards]}
    if parts == ["aliases"] and method == "GET":
        return {"aliases": [{"alias_name": alias, "collection_name": of} for alias, of in aliases.items()]}
    if parts == ["collections", "aliases"] and method == "POST":
        return change_aliases(body)
    if parts[0] == "collections" and len(parts) > 1:
        name = parts[1]
        calls = {
            ("PUT",): lambda: create(name, body),
            ("DELETE",): lambda: drop(name),
            ("GET", "exists"): lambda: {"exists": aliases.get(name, name) in shards},
            ("PUT", "index"): lambda: index(name, body),
            ("PUT", "points"): lambda: upsert(name, body),
            ("POST", "points", "delete"): lambda: delete(name, body),
            ("POST", "points", "query"): lambda: query(name, body),
            ("POST", "points", "query", "batch"): lambda: [query(name, each) for each in only(body, "searches")["searches"]],
            ("POST", "points", "scroll"): lambda: scroll(name, body),
            ("POST", "points", "count"): lambda: count(name, body),
        }
        if (method,) == ("GET",) and not rest:
            shard(name)
            return {"status": "green", "config": settings[aliases.get(name, name)]}
        call = calls.get((method, *rest))
        if call:
            return call()
    raise Refused(404, f"the double knows no {method} {path}")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "qdrant-double"

    def answer(self):
        length = int(self.headers.get("content-length") or 0)
        raw = self.rfile.read(length)
        try:
            if KEY is not None and self.headers.get("api-key") != KEY:
                raise Refused(401, "Must provide an API key or an Authorization bearer token")
            if self.headers.get("accept-encoding") != "identity":
                raise Refused(400, "the double wants accept-encoding: identity, as the product promises")
            body = json.loads(raw) if raw else None
            with lock:
                result = route(self.command, urlparse(self.path).path, body)
            self.send(200, {"result": result, "status": "ok", "time": 0.0})
        except Refused as refused:
            self.send(refused.status, {"status": {"error": str(refused)}, "time": 0.0})
        except Exception as error:  # What the engine refuses is the caller's mistake or ours: both are told.
            self.send(400, {"status": {"error": f"{type(error).__name__}: {error}"}, "time": 0.0})

    def send(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_PUT = do_POST = do_DELETE = answer

    def log_message(self, *_):
        pass


os.makedirs(FOLDER, exist_ok=True)
server = ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
server.daemon_threads = True
with open(os.path.join(FOLDER, "pid"), "w") as file:
    file.write(str(os.getpid()))
server.serve_forever()
