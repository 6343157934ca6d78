"""The official Elasticsearch Python client, unmodified, against the embedded store."""

import base64

import pytest

pytestmark = pytest.mark.client

elasticsearch = pytest.importorskip("elasticsearch")
from elasticsearch import helpers  # noqa: E402

from conftest import running  # noqa: E402


@pytest.fixture()
def client(server):
    with elasticsearch.Elasticsearch(server.elasticsearch, request_timeout=60) as connected:
        yield connected


def endpoint(server, **settings):
    return {
        "service": "custom",
        "service_settings": {
            "url": f"{server.url}/v1/embeddings",
            "headers": {"Content-Type": "application/json"},
            "request": '{"model":"clip","input":${input}}',
            "response": {"json_parser": {"text_embeddings": "$.data[*].embedding[*]"}},
            "similarity": "cosine",
            **settings,
        },
    }


def data_uri(picture):
    return "data:image/jpeg;base64," + base64.b64encode(picture.read_bytes()).decode()


def test_info_and_ping(client):
    assert client.ping()
    assert client.info()["version"]["number"].startswith("9.")


def test_clients_that_sniff_find_the_one_node(tmp_path):
    with running("embedded", tmp_path) as server, \
            elasticsearch.Elasticsearch(server.elasticsearch, sniff_on_start=True, sniff_on_node_failure=True) as sniffing:
        assert sniffing.ping()
        assert [node.base_url for node in sniffing.transport.node_pool.all()] == [server.elasticsearch]
        assert sniffing.license.get()["license"]["type"] == "basic"
        assert sniffing.cluster.health()["status"] == "green"


def fill_numbers(client, count):
    client.indices.create(index="numbers", mappings={"properties": {"n": {"type": "long"}}})
    documents = ({"_index": "numbers", "_id": str(i), "n": i} for i in range(count))
    assert helpers.bulk(client, documents, refresh=True) == (count, [])


def write_meanwhile(client, step):
    client.index(index="numbers", id=str((step * 17) % 250), document={"n": -step, "again": True}, refresh=True)
    client.index(index="numbers", id=f"new {step}", document={"n": step}, refresh=True)


@pytest.mark.parametrize("order", [{}, {"preserve_order": True, "query": {"sort": [{"n": "desc"}]}}], ids=["by place", "by number"])
def test_scan_finds_each_document_once_while_others_write(client, order):
    fill_numbers(client, 250)
    found = []
    for hit in helpers.scan(client, index="numbers", size=20, scroll="1m", **order):
        found.append(hit["_id"])
        if len(found) % 5 == 0:
            write_meanwhile(client, len(found))
    assert sorted(found, key=int) == [str(i) for i in range(250)]
    if order:
        assert found == [str(i) for i in reversed(range(250))]
    with pytest.raises(elasticsearch.NotFoundError, match="search_context_missing_exception|search_phase_execution_exception"):
        scroll_id = client.search(index="numbers", scroll="1m", size=1)["_scroll_id"]
        assert client.clear_scroll(scroll_id=scroll_id)["num_freed"] == 1
        client.scroll(scroll_id=scroll_id, scroll="1m")


def test_a_point_in_time_is_paged_while_others_write(client):
    fill_numbers(client, 250)
    point = client.open_point_in_time(index="numbers", keep_alive="1m")["id"]
    found, after = [], {}
    while hits := (page := client.search(pit={"id": point, "keep_alive": "1m"}, sort=["_shard_doc"], size=20, **after))["hits"]["hits"]:
        point = page["pit_id"]
        found += [hit["_id"] for hit in hits]
        after = {"search_after": hits[-1]["sort"]}
        write_meanwhile(client, len(found))
    assert sorted(found, key=int) == [str(i) for i in range(250)]
    assert client.close_point_in_time(id=point)["num_freed"] == 1
    with pytest.raises(elasticsearch.NotFoundError):
        client.search(pit={"id": point})


def test_the_whole_way_from_pictures_to_hits(server, client, demo_pictures):
    created = client.inference.put(task_type="text_embedding", inference_id="clip", inference_config=endpoint(server))
    dims = created["service_settings"]["dimensions"]
    embedded = client.inference.inference(task_type="text_embedding", inference_id="clip", input=["a red house", data_uri(demo_pictures[0])])
    assert [len(item["embedding"]) for item in embedded["text_embedding"]] == [dims, dims]

    client.ingest.put_pipeline(id="embed", processors=[
        {"remove": {"field": "vector", "ignore_missing": True}},
        {"inference": {"model_id": "clip", "input_output": [{"input_field": "image", "output_field": "vector"}]}},
        {"remove": {"field": "image"}},
    ])
    simulated = client.ingest.simulate(id="embed", docs=[{"_source": {"image": data_uri(demo_pictures[0])}}])
    source = simulated["docs"][0]["doc"]["_source"]
    assert len(source["vector"]) == dims and source["model_id"] == "clip" and "image" not in source

    client.indices.create(index="pictures", mappings={"properties": {
        "name": {"type": "keyword"}, "model_id": {"type": "keyword"},
        "vector": {"type": "dense_vector", "dims": dims, "similarity": "cosine", "index_options": {"type": "hnsw"}}}})
    documents = ({"_index": "pictures", "_id": str(i), "name": picture.name, "image": data_uri(picture)} for i, picture in enumerate(demo_pictures[:30]))
    assert helpers.bulk(client, documents, pipeline="embed", refresh=True, chunk_size=10) == (30, [])
    assert client.count(index="pictures")["count"] == 30

    def search(text, **options):
        return client.search(index="pictures", knn={
            "field": "vector", "k": 5, "num_candidates": 50,
            "query_vector_builder": {"text_embedding": {"model_id": "clip", "model_text": text}}, **options})["hits"]["hits"]

    own = search(data_uri(demo_pictures[7]))
    assert own[0]["_id"] == "7" and own[0]["_score"] == pytest.approx(1.0, abs=1e-5)
    assert [hit["_score"] for hit in own] == sorted((hit["_score"] for hit in own), reverse=True)
    assert "vector" not in own[0]["_source"]
    assert len(search("a house", filter={"term": {"name": demo_pictures[3].name}})) == 1

    vector = embedded["text_embedding"][0]["embedding"]
    by_vector = client.search(index="pictures", knn={"field": "vector", "query_vector": vector, "k": 5, "num_candidates": 50})
    assert [hit["_id"] for hit in by_vector["hits"]["hits"]] == [hit["_id"] for hit in search("a red house")]


def test_a_bad_picture_fails_alone_in_a_bulk(server, client, demo_pictures):
    client.inference.put(task_type="text_embedding", inference_id="clip", inference_config=endpoint(server))
    client.ingest.put_pipeline(id="embed", processors=[
        {"inference": {"model_id": "clip", "input_output": [{"input_field": "image", "output_field": "vector"}]}}])
    broken = data_uri(demo_pictures[1])[:-4000]
    documents = [{"_index": "pictures", "_id": "good", "image": data_uri(demo_pictures[0])},
                 {"_index": "pictures", "_id": "bad", "image": broken},
                 {"_index": "pictures", "_id": "also good", "image": data_uri(demo_pictures[2])}]
    stored, errors = helpers.bulk(client, documents, pipeline="embed", refresh=True, raise_on_error=False)
    assert stored == 2
    assert [error["index"]["_id"] for error in errors] == ["bad"]
    assert errors[0]["index"]["status"] == 400
    assert "input 0" in errors[0]["index"]["error"]["reason"]
    assert client.count(index="pictures")["count"] == 2


def test_errors_are_the_client_s_own_exceptions(server, client):
    with pytest.raises(elasticsearch.NotFoundError):
        client.get(index="nope", id="1")
    with pytest.raises(elasticsearch.NotFoundError):
        client.inference.get(inference_id="nope")
    with pytest.raises(elasticsearch.BadRequestError, match="Unknown service"):
        client.inference.put(task_type="text_embedding", inference_id="x", inference_config={"service": "nope", "service_settings": {}})
    with pytest.raises(elasticsearch.BadRequestError, match="no-such-model"):
        wrong = endpoint(server, request='{"model":"no-such-model","input":${input}}')
        client.inference.put(task_type="text_embedding", inference_id="x", inference_config=wrong)
    assert not client.indices.exists(index="nope")
