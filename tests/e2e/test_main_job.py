"""The main job: a folder of pictures, loaded through the pipeline, found by text and by picture."""

import base64

from conftest import DEMO, ROOT, run


def test_every_demo_picture_is_indexed_with_its_attributes(loaded, demo_pictures, demo_rows):
    assert loaded.es("GET", "/clip-images/_count")[1]["count"] == len(demo_pictures) >= 390
    with_vector = loaded.es("POST", "/clip-images/_count", {"query": {"exists": {"field": "image_embedding"}}})[1]
    assert with_vector["count"] == len(demo_pictures)
    red_houses = [row for row in demo_rows.values() if row["kind"] == "house" and row["color"] == "red"]
    counted = loaded.es("POST", "/clip-images/_count", {"query": {"bool": {"filter": [
        {"term": {"kind.keyword": "house"}}, {"term": {"color.keyword": "red"}}]}}})[1]
    assert counted["count"] == len(red_houses) > 0


def test_texts_and_pictures_find_the_right_pictures(loaded):
    checked = run(["python3", ROOT / "scripts/demo_queries.py", "--elasticsearch", loaded.elasticsearch,
                   "--models", "clip,jina-clip", "--pictures", DEMO / "pictures", "--queries", DEMO / "queries.json"], loaded.environment())
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "all checks passed" in checked.stdout


def test_one_document_written_alone_goes_the_same_way(registered, demo_pictures):
    picture = base64.b64encode(demo_pictures[0].read_bytes()).decode()
    status, _ = registered.es("PUT", "/clip-images/_doc/alone?refresh=true", {"image_name": "alone", "image_data": picture})
    assert status == 201
    found = registered.es("POST", "/clip-images/_search", {"fields": ["image_embedding"], "_source": ["image_name", "model_id"]})[1]["hits"]["hits"]
    direct = registered.es("POST", "/_inference/text_embedding/clip-ingest", {"input": picture})[1]["text_embedding"][0]["embedding"]
    assert found[0]["_source"] == {"image_name": "alone", "model_id": "clip-ingest"}
    stored = found[0]["fields"]["image_embedding"]
    assert max(abs(a - b) for a, b in zip(stored, direct)) < 1e-6


def test_writing_a_document_again_replaces_its_vector(registered, demo_pictures):
    for picture in demo_pictures[:2]:
        body = {"image_name": picture.name, "image_data": base64.b64encode(picture.read_bytes()).decode()}
        assert registered.es("PUT", "/clip-images/_doc/1?refresh=true", body)[0] in (200, 201)
    source = registered.es("GET", "/clip-images/_doc/1?_source_exclude_vectors=false")[1]["_source"]
    assert source["image_name"] == demo_pictures[1].name
    again = registered.es("PUT", "/clip-images/_doc/1?refresh=true", source)  # as a re-index writes it, old vector included
    assert again[0] == 200, again
