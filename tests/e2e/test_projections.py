"""GET /v1/projections/{index}: maps of the demo pictures, from the embedded store and through the gateway."""

import concurrent.futures

from conftest import call


def projection(server, index, query="", **options):
    return call("GET", f"{server.url}/v1/projections/{index}{query}", **options)


def vectors(server, index):
    status, body = server.es("POST", f"/{index}/_search", {"size": 1000, "_source": False, "fields": ["image_embedding"]})
    assert status == 200, body
    return {hit["_id"]: hit["fields"]["image_embedding"] for hit in body["hits"]["hits"]}


def nearest(ids, distance, k=10):
    return {i: set(sorted((j for j in ids if j != i), key=lambda j: distance(i, j))[:k]) for i in ids}


def kept_neighbours(true, points):
    places = {point["id"]: (point["x"], point["y"]) for point in points}
    found = nearest(list(true), lambda i, j: (places[i][0] - places[j][0]) ** 2 + (places[i][1] - places[j][1]) ** 2)
    return sum(len(true[i] & found[i]) for i in true) / (10 * len(true))


def test_a_map_keeps_neighbours_where_two_components_lose_them(loaded):
    status, mapped = projection(loaded, "clip-images", "?field=image_embedding")
    assert status == 200 and mapped["method"] == "tsne" and (mapped["documents"], mapped["shown"], mapped["sampled"]) == (400, 400, False)
    assert mapped["index"] == "clip-images" and mapped["field"] == "image_embedding"
    status, plain = projection(loaded, "clip-images", "?method=pca")
    assert status == 200 and plain["method"] == "pca"
    for answer in (mapped, plain):
        assert all(0 <= point["x"] <= 1 and 0 <= point["y"] <= 1 and point["name"].endswith(".jpg") for point in answer["points"])
    made = vectors(loaded, "clip-images")
    assert {point["id"] for point in mapped["points"]} == set(made)
    true = nearest(list(made), lambda i, j: -sum(a * b for a, b in zip(made[i], made[j])))
    of_map, of_components = kept_neighbours(true, mapped["points"]), kept_neighbours(true, plain["points"])
    assert of_map > 0.5 and of_components < 0.35, (of_map, of_components)


def test_the_same_documents_give_the_same_map_and_a_sample_is_the_same_too(loaded):
    answers = [projection(loaded, "jina-images", "?max=150") for _ in range(2)]
    assert answers[0][0] == 200 and answers[0][1]["shown"] == 150 and answers[0][1]["sampled"] is True and answers[0][1]["documents"] == 400
    assert answers[0] == answers[1]
    # Several at once: one is made, the others wait for it.
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        several = list(pool.map(lambda _: projection(loaded, "jina-images", "?max=149"), range(4)))
    assert several[0][0] == 200 and all(one == several[0] for one in several)


def test_what_cannot_be_mapped_is_refused_by_name(loaded):
    for query, status, code, says in [("clip-images?field=nope", 404, "no_such_field", "there: image_embedding"),
                                      ("clip-images?field=image_name", 400, "not_a_vector", "of type text, not dense_vector"),
                                      ("nothing-here", 404, "elasticsearch_refused", "no such index [nothing-here]"),
                                      ("a,b", 400, "invalid_index", "not the name of one index"), ("clip*", 400, "invalid_index", "[clip*]"),
                                      ("clip-images?max=20001", 400, "invalid_parameter", "from 1 to 20000"),
                                      ("clip-images?method=umap", 400, "invalid_parameter", "neither tsne nor pca"),
                                      ("clip-images?vector=x", 400, "invalid_parameter", "unknown parameter [vector]")]:
        got, body = projection(loaded, query)
        assert (got, body["error"]["code"]) == (status, code) and says in body["error"]["message"], (query, body)


def test_documents_of_any_name_changed_vectors_and_small_indices(server):
    mapping = {"mappings": {"properties": {"image_name": {"type": "keyword"}, "a": {"properties": {"v": {"type": "dense_vector", "dims": 3, "similarity": "l2_norm"}}}}}}
    assert server.es("PUT", "/odd", mapping)[0] == 200
    status, empty = projection(server, "odd")
    assert status == 404 and "no document of odd has a vector in [a.v]" in empty["error"]["message"]
    names = ["plain.jpg", '"quoted" \\ <script>alert(1)</script>', "\u2028 new\nline \U0001F600", "x" * 3000]
    for number in range(24):
        document = {"image_name": names[number % len(names)], "a": {"v": [number % 5, number % 3, 1 + number]}}
        assert server.es("PUT", f"/odd/_doc/{'a%20%22b%22%2F' if number == 7 else ''}{number}", document)[0] == 201
    server.es("PUT", "/odd/_doc/none", {"image_name": "has no vector"})
    server.es("POST", "/odd/_refresh")
    status, first = projection(server, "odd", "?field=a.v")
    assert status == 200 and first["documents"] == first["shown"] == 24 and first["method"] == "tsne"
    assert {point["name"] for point in first["points"]} == set(names) and 'a "b"/7' in {point["id"] for point in first["points"]}
    assert server.es("POST", "/_aliases", {"actions": [{"add": {"index": "odd", "alias": "other"}}]})[0] == 200
    assert projection(server, "other", "?field=a.v")[1]["index"] == "odd"
    # A document that changes changes the map; one that goes is not on it.
    server.es("PUT", "/odd/_doc/3?refresh=true", {"image_name": "moved", "a": {"v": [90, 90, 90]}})
    status, second = projection(server, "odd", "?field=a.v")
    assert "moved" in {point["name"] for point in second["points"]} and second["points"] != first["points"]
    for number in range(20):
        server.es("DELETE", f"/odd/_doc/{'a%20%22b%22%2F' if number == 7 else ''}{number}")
    server.es("POST", "/odd/_refresh")
    status, few = projection(server, "odd")
    assert status == 200 and few["shown"] == 4 and few["method"] == "pca"


def test_a_server_without_elasticsearch_side_says_so(inference):
    status, body = projection(inference, "clip-images")
    assert status == 404 and "no Elasticsearch side" in body["error"]["message"]
