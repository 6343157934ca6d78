"""sightline-ingest against a running server."""

import base64
import contextlib
import csv
import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time
import unicodedata
import urllib.error
import urllib.request

import pytest

from conftest import BIN, ROOT, TEST_CLUSTER, call, run
from fake_server import fake
from gate import K_NONE, Faults, Gate, eventually


def folder_of(tmp_path, pictures, names):
    """A folder with one of the pictures under each name (bytes or text)."""
    folder = tmp_path / "pictures"
    for picture, name in zip(pictures, names):
        path = os.path.join(os.fsencode(folder), os.fsencode(name))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        shutil.copyfile(picture, path)
    return folder


def table_of(tmp_path, text):
    table = tmp_path / "table.csv"
    table.write_text(text, encoding="utf-8")
    return table


def load(server, folder, *options, given=""):
    done = server.ingest(folder, "--index", "clip-images", "--report", folder.parent / "report.csv", *options, given=given)
    return done.returncode, done.stdout, done.stderr


def report_of(folder):
    """The report's lines by file."""
    with open(folder.parent / "report.csv", newline="", encoding="utf-8") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


def sources(server):
    """The documents by the name of their picture, without pictures."""
    status, answer = server.es("POST", "/clip-images/_search", {"size": 1000, "_source": {"excludes": ["*_data", "image_embedding", "model_fingerprint"]}})
    assert status == 200, answer
    return {hit["_source"]["image_name"]: hit["_source"] for hit in answer["hits"]["hits"]}


def types(server):
    properties = server.es("GET", "/clip-images/_mapping")[1]["clip-images"]["mappings"]["properties"]
    return {name: field.get("type") for name, field in properties.items()}


def nearest(server, field, text):
    status, answer = server.es("POST", "/clip-images/_search", {"_source": ["image_name"], "knn": {
        "field": field, "k": 1, "num_candidates": 50, "query_vector_builder": {"text_embedding": {"model_id": "clip-search", "model_text": text}}}})
    assert status == 200, answer
    return [hit["_source"]["image_name"] for hit in answer["hits"]["hits"]]


def test_a_second_run_with_resume_sends_nothing(registered, demo_pictures, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for picture in demo_pictures[:20]:
        shutil.copy(picture, folder)
    first = registered.ingest(folder, "--index", "clip-images")
    assert first.returncode == 0 and "20 indexed, 0 failed" in first.stdout, first.stdout + first.stderr
    before = writes(registered)
    assert len(before) == 20
    again = registered.ingest(folder, "--index", "clip-images", "--resume")
    assert again.returncode == 0 and "0 indexed, 20 already there, 0 failed" in again.stdout, again.stdout + again.stderr
    assert writes(registered) == before


def writes(server):
    """Of each document the number of its last write, and how many it has had."""
    assert server.es("POST", "/clip-images/_refresh")[0] == 200
    found = server.es("POST", "/clip-images/_search", {"size": 1000, "_source": False})[1]["hits"]["hits"]
    documents = server.es("POST", "/clip-images/_mget?_source=false", {"ids": [hit["_id"] for hit in found]})[1]["docs"]
    return {document["_id"]: (document["_seq_no"], document["_version"]) for document in documents}


def test_only_bad_files_fail_and_the_report_has_their_reasons(registered, demo_pictures, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for picture in demo_pictures[:10]:
        shutil.copy(picture, folder)
    whole = demo_pictures[0].read_bytes()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "text.png").write_text("this is no picture")
    (folder / "empty.jpg").write_bytes(b"")
    report = tmp_path / "failures.csv"
    done = registered.ingest(folder, "--index", "clip-images", "--report", report)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "10 indexed, 3 failed" in done.stdout
    lines = report.read_text().splitlines()
    assert len(lines) == 4
    for name in ("cut.jpg", "text.png", "empty.jpg"):
        line = next(line for line in lines if name in line)
        assert "input 0" in line, line
    assert registered.es("GET", "/clip-images/_count")[1]["count"] == 10


def test_exit_codes_tell_what_went_wrong(server, tmp_path):
    (tmp_path / "empty").mkdir()
    assert server.ingest(tmp_path / "absent", "--index", "x").returncode == 2
    assert server.ingest(tmp_path / "empty", "--index", "x").returncode == 2
    assert server.ingest("--index", "x").returncode == 2
    (tmp_path / "a.jpg").write_bytes(b"x")
    no_index = server.ingest(tmp_path, "--index", "nope")
    assert no_index.returncode == 3 and "register_endpoints.sh" in no_index.stderr
    no_cluster = server.ingest(tmp_path, "--index", "nope", "--elasticsearch", "http://127.0.0.1:1")
    assert no_cluster.returncode == 3 and "ELASTICSEARCH_URL" in no_cluster.stderr
    assert "hunter2" not in server.ingest(tmp_path, "--index", "nope", "--elasticsearch", "http://elastic:hunter2@127.0.0.1:1").stderr
    no_settings = run([BIN / "sightline-ingest", tmp_path, "--index", "x", "--env-file", tmp_path / "absent.env"], server.environment())
    assert no_settings.returncode == 2 and f"{tmp_path / 'absent.env'} (--env-file) cannot be read" in no_settings.stderr


def test_entries_that_cannot_be_read_are_named_and_the_rest_is_loaded(registered, demo_pictures, tmp_path):
    folder = folder_of(tmp_path, demo_pictures, ["a.jpg", "sub/b.jpg", b"caf\xe9.jpg"])
    (folder / ".x").symlink_to("/nowhere")
    (folder / "broken.jpg").symlink_to("gone.jpg")
    (folder / "one.jpg").symlink_to("two.jpg")
    (folder / "two.jpg").symlink_to("one.jpg")
    (folder / "device.jpg").symlink_to("/dev/null")
    os.mkfifo(folder / "pipe.jpg")
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.getcwd()
        os.chdir(folder)  # the path of a socket must be short
        listener.bind("s.sock")
        os.chdir(here)
    status, out, err = load(registered, folder)
    assert status == 1, out + err
    assert "3 indexed, 7 failed" in out
    report = report_of(folder)
    assert set(report) == {".x", "broken.jpg", "one.jpg", "two.jpg", "device.jpg", "pipe.jpg", "s.sock"}
    assert all(row["kind"] == "failed" and name in out for name, row in report.items())
    assert "does not exist" in report[".x"]["reason"] and "circle" in report["one.jpg"]["reason"]
    assert set(sources(registered)) == {"a.jpg", "sub/b.jpg", "caf\\xE9.jpg"}


def test_a_name_that_is_not_utf8_is_readable_in_the_report(registered, tmp_path):
    folder = folder_of(tmp_path, [], [])
    folder.mkdir()
    with open(os.path.join(os.fsencode(folder), b"caf\xe9\n.jpg"), "wb") as file:
        file.write(b"no picture")
    status, out, _ = load(registered, folder)
    assert status == 1 and "caf\\xE9\\x0A.jpg: input 0: not a supported picture" in out
    assert report_of(folder)["caf\\xE9\\x0A.jpg"]["status"] == "400"


def test_names_match_in_every_spelling_and_what_matches_nothing_is_told(registered, demo_pictures, tmp_path):
    decomposed = unicodedata.normalize("NFD", "Küche.jpg")
    folder = folder_of(tmp_path, demo_pictures, [decomposed, "Tür.jpg", "plain.jpg", "sub/a.jpg", "A.JPG", "blank.jpg", "tpyo.jpg"])
    table = table_of(tmp_path, "file;n\nKüche.jpg;1\n" + unicodedata.normalize("NFD", "Tür.jpg") + ";2\n./plain.jpg;3\nsub\\a.jpg;4\na.jpg;5\nblank.jpg ;6\ntypo.jpg;7\n")
    status, out, err = load(registered, folder, "--attributes", table)
    assert status == 0, out + err
    assert {name: source.get("n") for name, source in sources(registered).items()} == {
        decomposed: 1, "Tür.jpg": 2, "plain.jpg": 3, "sub/a.jpg": 4, "A.JPG": 5, "blank.jpg": 6, "tpyo.jpg": None}
    assert "1 name in the attributes matches no file\n  typo.jpg: line 8" in out and "did you mean tpyo.jpg?" in out
    assert "1 file has no row in the attributes\n  tpyo.jpg" in out
    assert report_of(folder)["typo.jpg"]["kind"] == "note"


def test_a_column_has_one_type_and_sums_are_right(registered, demo_pictures, tmp_path):
    folder = folder_of(tmp_path, demo_pictures, ["1.jpg", "2.jpg", "3.jpg"])
    table = table_of(tmp_path, "file,unit,zip,price,flag,baths,rooms,sold\n1.jpg,12,94110,250000,true,2,3,2026-01-31\n"
                               "2.jpg,12a,01234,199999.5,maybe,6.5,4,2026-02-28\n3.jpg,7,N1 9GU,0.75,false,3,,\n")
    status, out, err = load(registered, folder, "--attributes", table)
    assert status == 0 and "3 indexed, 0 failed" in out, out + err
    first = sources(registered)["1.jpg"]
    assert (first["unit"], first["zip"], first["price"], first["flag"], first["baths"], first["rooms"]) == ("12", "94110", 250000.0, "true", 2.0, 3)
    mapped = types(registered)
    assert {name: mapped[name] for name in ("unit", "zip", "price", "flag", "baths", "rooms", "sold")} == {
        "unit": "text", "zip": "text", "price": "double", "flag": "text", "baths": "double", "rooms": "long", "sold": "date"}
    totals = registered.es("POST", "/clip-images/_search", {"size": 0, "aggs": {name: {"sum": {"field": name}} for name in ("price", "baths")}})[1]
    assert totals["aggregations"] == {"price": {"value": 450000.25}, "baths": {"value": 11.5}}
    # The field keeps its type; what does not fit is told before, and fails by name.
    status, out, err = load(registered, folder, "--attributes", table_of(tmp_path, "file,rooms\n1.jpg,5\n2.jpg,five\n"))
    assert status == 1 and "rooms: the index maps it as long" in err, out + err
    assert report_of(folder)["2.jpg"]["status"] == "400"
    assert sources(registered)["1.jpg"]["rooms"] == "5"


def test_types_can_be_asked_for(registered, demo_pictures, tmp_path):
    folder = folder_of(tmp_path, demo_pictures, ["1.jpg", "2.jpg"])
    table = table_of(tmp_path, "file,zip,price\n1.jpg,94110,3\n2.jpg,94111,4\n")
    status, out, err = load(registered, folder, "--attributes", table, "--column-type", "zip=text", "--column-type", "price=decimal")
    assert status == 0, out + err
    assert sources(registered)["1.jpg"]["zip"] == "94110"
    assert (types(registered)["zip"], types(registered)["price"]) == ("text", "double")
    status, _, err = load(registered, folder, "--attributes", table, "--column-type", "zip=boolean")
    assert status == 2 and 'line 2: zip is "94110", which is not true or false' in err
    assert load(registered, folder, "--attributes", table, "--column-type", "zip=number")[0] == 2


def test_a_load_keeps_fields_that_it_does_not_bring_and_resume_sends_what_changed(registered, demo_pictures, tmp_path):
    folder = folder_of(tmp_path, demo_pictures, ["1.jpg", "2.jpg", "3.jpg"])
    load(registered, folder, "--attributes", table_of(tmp_path, "file,city,price\n1.jpg,Lyon,1\n2.jpg,Paris,2\n3.jpg,Nice,3\n"))
    status, out, _ = load(registered, folder)
    assert status == 0 and "3 indexed (3 of them updated)" in out
    assert sources(registered)["2.jpg"] == {"image_name": "2.jpg", "city": "Paris", "price": 2, "model_id": "clip-ingest"}
    changed = table_of(tmp_path, "file,price\n1.jpg,1\n2.jpg,20\n3.jpg,3\n")
    status, out, _ = load(registered, folder, "--attributes", changed, "--resume")
    assert status == 0 and "1 indexed (1 of them updated), 2 already there, 0 failed" in out
    assert sources(registered)["2.jpg"] == {"image_name": "2.jpg", "city": "Paris", "price": 20, "model_id": "clip-ingest"}
    assert len(nearest(registered, "image_embedding", "a house")) == 1
    status, out, _ = load(registered, folder, "--attributes", changed, "--resume")
    assert status == 0 and "0 indexed, 3 already there, 0 failed" in out
    status, out, _ = load(registered, folder, "--attributes", changed, "--replace")
    assert status == 0 and "city" not in sources(registered)["2.jpg"]


def test_a_vector_that_another_pipeline_wrote_is_kept(registered, demo_pictures, tmp_path):
    folder = folder_of(tmp_path, demo_pictures, ["1.jpg", "2.jpg"])
    assert registered.es("PUT", "/_ingest/pipeline/other", {"processors": [
        {"inference": {"model_id": "clip-ingest", "input_output": [{"input_field": "image_data", "output_field": "other_embedding"}]}}]})[0] == 200
    assert registered.es("PUT", "/clip-images/_mapping", {"properties": {"other_embedding": {"type": "dense_vector", "dims": 128}}})[0] == 200
    for options in ([], ["--pipeline", "other"], ["--pipeline", "other"], [], ["--pipeline", "other"]):
        status, out, err = load(registered, folder, *options)
        assert status == 0, out + err
    found = nearest(registered, "image_embedding", "a house")
    assert len(found) == 1 and nearest(registered, "other_embedding", "a house") == found


def test_the_same_bytes_in_two_places(registered, demo_pictures, tmp_path):
    folder = folder_of(tmp_path, [demo_pictures[0]] * 3, ["a.jpg", "sub/a.jpg", "z.jpg"])
    table = table_of(tmp_path, "file,price\na.jpg,1\nsub/a.jpg,2\nz.jpg,1\n")
    status, out, err = load(registered, folder, "--attributes", table)
    assert status == 0, out + err
    assert "1 indexed, 2 with the same bytes as another file" in out
    assert "1 file has the bytes of another but other attributes\n  sub/a.jpg" in out
    assert "--id path" in report_of(folder)["sub/a.jpg"]["reason"]
    assert {name: source["price"] for name, source in sources(registered).items()} == {"a.jpg": 1}
    status, out, _ = load(registered, folder, "--attributes", table, "--id", "path")
    assert status == 0 and "3 indexed, 0 failed" in out
    assert registered.es("GET", "/clip-images/_doc/sub%2Fa.jpg?_source_includes=price")[1]["_source"] == {"price": 2}
    status, out, _ = load(registered, folder, "--attributes", table, "--id", "path", "--resume")
    assert status == 0 and "0 indexed, 3 already there" in out
    shutil.copyfile(demo_pictures[1], folder / "z.jpg")
    status, out, _ = load(registered, folder, "--attributes", table, "--id", "path", "--resume")
    assert status == 0 and "1 indexed (1 of them updated), 2 already there" in out


HOUSES = "id,city,front,kitchen\nh1,Lyon,1f.jpg,1k.jpg\nh2,Paris,2f.jpg,2k.jpg\nh3,Nice,3f.jpg,3k.jpg\n"


@pytest.fixture()
def houses(demo_pictures, tmp_path):
    return folder_of(tmp_path, demo_pictures, ["1f.jpg", "1k.jpg", "2f.jpg", "2k.jpg", "spare.jpg"])


def test_several_picture_columns_one_document_per_picture(registered, houses, tmp_path):
    table = table_of(tmp_path, HOUSES)
    status, _, err = load(registered, houses, "--attributes", table)
    assert status == 2 and "its columns are: id, city, front, kitchen" in err
    status, out, err = load(registered, houses, "--attributes", table, "--file-column", "front", "--file-column", "kitchen")
    assert status == 0, out + err
    found = sources(registered)
    assert found["1k.jpg"] == {"image_name": "1k.jpg", "id": "h1", "city": "Lyon", "image_column": "kitchen", "model_id": "clip-ingest"}
    assert found["2f.jpg"]["image_column"] == "front" and "city" not in found["spare.jpg"]
    assert "2 names in the attributes match no file\n  3f.jpg: line 4" in out


def test_several_picture_columns_one_document_per_row(registered, houses, tmp_path):
    table = table_of(tmp_path, HOUSES)
    columns = ["--file-column", "front", "--file-column", "kitchen", "--one-document-per", "row", "--id", "column:id"]
    status, out, err = load(registered, houses, "--attributes", table, *columns)
    assert status == 1 and "2 indexed, 1 failed" in out, out + err
    assert "none of the pictures" in report_of(houses)["line 4"]["reason"]
    assert sources(registered)["2f.jpg"] == {"image_name": "2f.jpg", "id": "h2", "city": "Paris", "front": "2f.jpg", "kitchen": "2k.jpg", "model_id": "clip-ingest"}
    assert types(registered)["kitchen_data"] == "binary"
    # A pipeline of one's own embeds the other pictures, too.
    embed = [{"input_field": "image_data", "output_field": "image_embedding"}, {"input_field": "kitchen_data", "output_field": "kitchen_embedding"}]
    assert registered.es("PUT", "/_ingest/pipeline/two", {"processors": [
        {"remove": {"field": ["image_embedding", "kitchen_embedding"], "ignore_missing": True}},
        {"inference": {"model_id": "clip-ingest", "input_output": embed, "ignore_missing": True}}]})[0] == 200
    assert registered.es("PUT", "/clip-images/_mapping", {"properties": {"kitchen_embedding": {"type": "dense_vector", "dims": 128}}})[0] == 200
    status, out, err = load(registered, houses, "--attributes", table, *columns, "--pipeline", "two")
    assert status == 1 and "2 indexed (2 of them updated), 1 failed" in out, out + err
    assert len(nearest(registered, "kitchen_embedding", "a house")) == 1


def test_a_row_keeps_a_picture_that_only_its_neighbours_bring(registered, houses, tmp_path):
    columns = ["--file-column", "front", "--file-column", "kitchen", "--one-document-per", "row", "--id", "column:id"]
    status, out, err = load(registered, houses, "--attributes", table_of(tmp_path, "id,city,front,kitchen\nh1,Lyon,1f.jpg,1k.jpg\nh2,Paris,2f.jpg,2k.jpg\n"), *columns)
    assert status == 0 and "2 indexed" in out, out + err
    before = {id: registered.es("GET", f"/clip-images/_doc/{id}")[1]["_source"] for id in ("h1", "h2")}
    assert before["h1"]["kitchen_data"] == base64.b64encode((houses / "1k.jpg").read_bytes()).decode()
    status, out, err = load(registered, houses, "--attributes", table_of(tmp_path, "id,city,front,kitchen\nh1,Nice,1f.jpg,\nh2,Rome,2f.jpg,2k.jpg\n"), *columns)
    assert status == 0 and "2 indexed (2 of them updated)" in out, out + err
    for id, city in (("h1", "Nice"), ("h2", "Rome")):
        assert registered.es("GET", f"/clip-images/_doc/{id}")[1]["_source"] == before[id] | {"city": city}


def test_an_id_that_elasticsearch_does_not_take_fails_alone(registered, demo_pictures, tmp_path):
    long = "/".join(["d" * 200] * 3) + "/a.jpg"
    folder = folder_of(tmp_path, demo_pictures, [long, "a.jpg", "b.jpg"])
    status, out, err = load(registered, folder, "--id", "path")
    assert status == 1 and "2 indexed, 1 failed" in out, out + err
    assert "its _id would have 608 bytes; Elasticsearch takes 512" in report_of(folder)[long]["reason"]


def test_pictures_with_an_exif_turn_are_counted(registered, demo_pictures, tmp_path):
    photos = [picture for picture in demo_pictures if picture.suffix == ".jpg"]
    folder = folder_of(tmp_path, photos, ["up.jpg", "side.jpg"])
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    whole = photos[1].read_bytes()
    (folder / "side.jpg").write_bytes(whole[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif + whole[2:])
    # AVIF has its turn in the container; HEIC is always turned.
    for name in ("phone.heic", "side.avif"):
        (folder / name).write_bytes((ROOT / f"tests/fixtures/images/heif_orientation_6.{name[-4:]}").read_bytes())
    status, out, err = load(registered, folder)
    assert status == 0 and "4 indexed" in out, out + err
    assert "2 pictures lie on their side or are mirrored (EXIF); start sightline-server with --exif-orientation to turn them\n  side.avif" in out
    assert "side.jpg" in out and "phone.heic" not in out


def test_the_cause_of_a_refusal_comes_first(registered, demo_pictures, tmp_path):
    folder = folder_of(tmp_path, demo_pictures, ["a.jpg"])
    (folder / "cut.jpg").write_bytes(demo_pictures[0].read_bytes()[:300])
    assert load(registered, folder)[0] == 1
    assert report_of(folder)["cut.jpg"]["reason"].startswith("input 0: ")


def test_an_alias_over_several_indices_is_written_to_where_it_says(registered, demo_pictures, tmp_path):
    folder = folder_of(tmp_path, demo_pictures, ["1.jpg", "2.jpg"])
    table = table_of(tmp_path, "file,price\n1.jpg,1.5\n2.jpg,2\n")
    mappings = registered.es("GET", "/clip-images/_mapping")[1]["clip-images"]["mappings"]
    for name, writes in (("old", False), ("new", True)):
        assert registered.es("PUT", f"/{name}", {"settings": {"default_pipeline": "clip-images"}, "mappings": mappings,
                                                 "aliases": {"pictures": {"is_write_index": writes}}})[0] == 200
    for count in (0, 2):  # the second time the documents are found where they were written
        done = registered.ingest(folder, "--index", "pictures", "--attributes", table, "--resume")
        assert done.returncode == 0 and f"{2 - count} indexed" in done.stdout, done.stdout + done.stderr
    assert registered.es("GET", "/new/_count")[1]["count"] == 2
    assert registered.es("GET", "/new/_mapping")[1]["new"]["mappings"]["properties"]["price"]["type"] == "double"
    assert "price" not in registered.es("GET", "/old/_mapping")[1]["old"]["mappings"]["properties"]


# ---- lists of files


def test_a_list_of_files_is_loaded_as_a_folder_is(registered, demo_pictures, tmp_path):
    folder = folder_of(tmp_path, demo_pictures, ["a.jpg", "sub/b.jpg", "sub/c.jpg", "d.jpg"])
    table = table_of(tmp_path, "file,price\na.jpg,1\nsub/b.jpg,2\nsub/c.jpg,3\ngone.jpg,4\n")
    (folder / "notes.txt").write_text("x")
    (tmp_path / "outside.jpg").write_bytes(demo_pictures[9].read_bytes())
    given = f"sub/b.jpg\nabsent.jpg\n./a.jpg\n../outside.jpg\n{folder}/a.jpg\nnotes.txt\n"
    options = ["--attributes", table, "--id", "path", "--files-from", "-"]
    status, out, err = load(registered, folder, *options, given=given)
    assert status == 1 and "2 indexed, 1 failed" in out, out + err
    report = report_of(folder)
    assert {name: row["kind"] for name, row in report.items()} == {"absent.jpg": "failed", "../outside.jpg": "note", "a.jpg": "note", "notes.txt": "note"}
    assert "1 file is in the list more than once\n  a.jpg" in out and "1 name in the list is outside of the folder" in out
    assert {name: source["price"] for name, source in sources(registered).items()} == {"a.jpg": 1, "sub/b.jpg": 2}
    (tmp_path / "list").write_bytes(b"a.jpg\0sub/c.jpg\0sub/b.jpg\0")
    status, out, err = load(registered, folder, *options[:-1], tmp_path / "list", "--null", "--resume")
    assert status == 0 and "1 indexed, 2 already there, 0 failed" in out, out + err


def documented(heading):
    """The scripts in that part of docs/ingest.md."""
    part = (ROOT / "docs/ingest.md").read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"```sh\n(.*?)```", part, re.S)


def test_the_files_that_find_prints_are_loaded(registered, demo_pictures, tmp_path):
    folder = folder_of(tmp_path, demo_pictures, ["old.jpg"])
    folder.rename(tmp_path / "photos")
    first, later = documented("Lists of files")
    environment = {**registered.environment(), "PATH": f"{BIN}:{os.environ['PATH']}"}

    def script(text):
        return subprocess.run(["bash", "-c", text], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)

    done = script(later)
    assert done.returncode != 0 and not (tmp_path / "stamp").exists(), "without a first load nothing may count as loaded: " + done.stdout + done.stderr
    done = script(first)
    assert done.returncode == 0 and "1 indexed, 0 failed" in done.stdout, done.stdout + done.stderr
    stamp = (tmp_path / "stamp").stat().st_mtime_ns
    while (tmp_path / "photos/old.jpg").stat().st_ctime_ns >= stamp or time.time_ns() < stamp + 50_000_000:  # clocks of files are coarse
        time.sleep(0.01)
    folder_of(tmp_path, demo_pictures[1:], ["new.jpg", "sub/new\nline.jpg"]).rename(tmp_path / "new")
    os.utime(tmp_path / "new/new.jpg", (1, 1))
    for name in ("new.jpg", "sub"):
        shutil.move(tmp_path / "new" / name, tmp_path / "photos" / name)
    done = script(later)
    assert done.returncode == 0 and "2 indexed, 0 failed" in done.stdout, done.stdout + done.stderr
    assert set(sources(registered)) == {"old.jpg", "new.jpg", "sub/new\nline.jpg"}
    assert (tmp_path / "stamp").stat().st_mtime_ns > stamp
    done = script(later)
    assert done.returncode == 0 and "0 indexed, 0 failed" in done.stdout, done.stdout + done.stderr


def test_a_listed_picture_does_not_get_the_row_of_one_that_is_not_listed(registered, demo_pictures, tmp_path):
    folder = folder_of(tmp_path, demo_pictures, ["a.jpg", "sub/a.jpg", "IMG_1.jpg", "img_1.jpg", "b.jpg"])
    options = ["--attributes", table_of(tmp_path, "file,house\na.jpg,A\nImg_1.jpg,I\nb.jpg,B\n"), "--id", "column:house"]
    status, out, err = load(registered, folder, *options)
    assert status == 1 and "2 indexed, 3 failed" in out, out + err
    before = {name: registered.es("GET", f"/clip-images/_doc/{name}") for name in "AB"}
    status, out, err = load(registered, folder, *options, "--files-from", "-", given="sub/a.jpg\nIMG_1.jpg\nb.jpg\n")
    assert status == 1 and "3 pictures to clip-images" in out and "1 indexed (1 of them updated), 2 failed" in out, out + err
    assert registered.es("GET", "/clip-images/_doc/A") == before["A"]
    assert registered.es("GET", "/clip-images/_doc/B")[1]["_source"]["image_data"] == before["B"][1]["_source"]["image_data"]
    assert registered.es("GET", "/clip-images/_doc/I")[0] == 404
    assert set(report_of(folder)) == {"sub/a.jpg", "IMG_1.jpg"}


def test_an_empty_list_costs_nothing_at_cohere(registered, demo_pictures, tmp_path):
    folder = folder_of(tmp_path, demo_pictures, ["a.jpg"])
    noted = {"sightline": {"image_embedding": {"model": "clip", "cohere": {"model": "embed-v4.0", "pictures_per_call": 96}}}}
    assert registered.es("PUT", "/clip-images/_mapping", {"_meta": noted})[0] == 200
    assert "Cohere" not in load(registered, folder, "--files-from", "-", given="")[2]
    assert "embed-v4.0 runs at Cohere: up to 1 pictures" in load(registered, folder, "--files-from", "-", given="a.jpg")[2]


def test_a_list_that_cannot_be_used_is_refused(server, demo_pictures, tmp_path):
    folder = folder_of(tmp_path, demo_pictures, ["a.jpg"])
    for options, message in ((["--files-from", tmp_path / "absent"], "--files-from: cannot read"), (["--files-from", tmp_path], "it is a folder"),
                             (["--null"], "--files-from"), ([tmp_path, "--files-from", "-"], "--files-from is for one FOLDER"),
                             (["--image-url", "photos/"], "--image-url photos/ is not the beginning of pictures' URLs: it does not begin with http:// or https://"),
                             (["--image-url", "https://"], "it is refused: the URL of the picture has no host"),
                             (["--image-url", "https://:80/"], "it is refused: the URL of the picture has no host"),
                             (["--image-url", "https://me:secret@files.example/"], "--image-url is not the beginning of pictures' URLs: it is refused: the URL of the picture contains a user"),
                             (["--image-url", "https://files.example/#"], "it has a #"), (["--image-url", "https://files.example"], "it has no / after the host"),
                             (["--image-url", " https://files.example/"], "it does not begin"), (["--image-url", "https://files.example/a b/"], "must be percent-encoded"),
                             (["--image-url", "https://files.example/" + "a" * 2048], "it has 2070 bytes, the limit is 2048")):
        status, out, err = load(server, folder, *options)
        assert status == 2 and message in err and "secret" not in err, out + err
    status, _, err = load(server, folder, "--files-from", "/dev/zero")
    assert status == 2 and "a name does not end" in err


# ---- pictures that are stored elsewhere


def picture(server, name):
    """The thumbnail of the document with this picture, or (status, message)."""
    status, answer = server.es("POST", "/clip-images/_search", {"_source": False, "query": {"term": {"image_name.keyword": name}}})
    assert status == 200 and len(answer["hits"]["hits"]) == 1, answer
    try:
        with urllib.request.urlopen(f"{server.url}/pictures/clip-images/{urllib.request.quote(answer['hits']['hits'][0]['_id'], safe='')}?size=160") as reply:
            return reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_the_index_keeps_vectors_and_links_and_no_pictures(server, demo_pictures, tmp_path):
    assert server.register("--models", "clip", "--drop-image-data").returncode == 0
    folder = folder_of(tmp_path, demo_pictures, ["a b.jpg", "sub/ü.jpg", "cut.jpg"])
    (folder / "cut.jpg").write_bytes(demo_pictures[0].read_bytes()[:400])
    status, out, err = load(server, folder)
    assert status == 1 and "the documents will have no picture to show" in err, out + err
    links = ["--image-url", "https://files.example/photos/"]
    table = table_of(tmp_path, "file,price\na b.jpg,1\nsub/ü.jpg,2\n")
    status, out, err = load(server, folder, *links, "--attributes", table)
    assert status == 1 and "2 indexed (2 of them updated), 1 failed" in out and "no picture to show" not in err, out + err
    assert "input 0" in report_of(folder)["cut.jpg"]["reason"]
    for name, link in (("a b.jpg", "a%20b.jpg"), ("sub/ü.jpg", "sub/%C3%BC.jpg")):
        document = server.es("GET", f"/clip-images/_doc/{hashlib.sha256((folder / name).read_bytes()).hexdigest()}")[1]["_source"]
        assert document["image_url"] == "https://files.example/photos/" + link and "image_data" not in document and document["model_id"] == "clip-ingest"
    assert types(server)["image_url"] == "keyword"
    (folder / "cut.jpg").unlink()
    status, out, err = load(server, folder, *links, "--resume")
    assert status == 0 and "0 indexed, 2 already there" in out, out + err
    # What another load brings is merged, and the picture is embedded again, from the file.
    status, out, err = load(server, folder, *links, "--attributes", table_of(tmp_path, "file,city\na b.jpg,Lyon\n"), "--resume")
    assert status == 0 and "1 indexed (1 of them updated), 1 already there" in out, out + err
    assert sources(server)["a b.jpg"] == {"image_name": "a b.jpg", "image_url": "https://files.example/photos/a%20b.jpg", "price": 1, "city": "Lyon", "model_id": "clip-ingest"}
    assert len(nearest(server, "image_embedding", "a house")) == 1
    assert "--allow-picture-urls" in picture(server, "a b.jpg")[1]
    # The vector is enough for "more like this".
    like = {"field": "image_embedding", "k": 2, "num_candidates": 10, "query_vector_builder": {
        "lookup": {"index": "clip-images", "id": hashlib.sha256((folder / "a b.jpg").read_bytes()).hexdigest(), "path": "image_embedding"}}}
    assert [hit["_source"]["image_name"] for hit in server.es("POST", "/clip-images/_search", {"knn": like})[1]["hits"]["hits"]] == ["a b.jpg", "sub/ü.jpg"]
    assert server.register("--models", "clip").returncode == 0  # the pipeline keeps pictures again
    status, out, err = load(server, folder)
    assert status == 0 and "image_data" in server.es("POST", "/clip-images/_search", {"size": 1})[1]["hits"]["hits"][0]["_source"], out + err


def test_without_stored_pictures_a_changed_file_is_found_by_its_hash(server, demo_pictures, tmp_path):
    assert server.register("--models", "clip", "--drop-image-data").returncode == 0
    folder = folder_of(tmp_path, demo_pictures, ["a.jpg", "b.jpg"])
    options = ["--id", "path", "--image-url", "https://files.example/"]
    assert load(server, folder, *options)[0] == 0
    status, out, err = load(server, folder, *options, "--resume")
    assert status == 0 and "0 indexed, 2 already there" in out, out + err
    shutil.copyfile(demo_pictures[2], folder / "b.jpg")
    status, out, err = load(server, folder, *options, "--resume")
    assert status == 0 and "1 indexed (1 of them updated), 1 already there" in out, out + err
    assert types(server)["image_sha256"] == "keyword"
    assert server.es("GET", "/clip-images/_doc/b.jpg")[1]["_source"]["image_sha256"] == hashlib.sha256((folder / "b.jpg").read_bytes()).hexdigest()


def test_a_hash_of_an_earlier_picture_is_not_kept(server, demo_pictures, tmp_path):
    folder = folder_of(tmp_path, demo_pictures, ["a.jpg"])
    links = ["--id", "path", "--image-url", "https://files.example/"]
    assert server.register("--models", "clip", "--drop-image-data").returncode == 0
    assert load(server, folder, *links)[0] == 0
    done = server.register("--models", "clip")
    assert done.returncode == 0 and "clip-images: the pipeline no longer removes image_data" in done.stdout, done.stdout + done.stderr
    assert "no longer removes" not in server.register("--models", "clip").stdout
    shutil.copyfile(demo_pictures[1], folder / "a.jpg")
    status, out, err = load(server, folder, "--id", "path")
    assert status == 0 and "1 indexed" in out and "image_sha256" not in sources(server)["a.jpg"], out + err
    shutil.copyfile(demo_pictures[0], folder / "a.jpg")
    status, out, err = load(server, folder, *links, "--resume")
    assert status == 0 and "1 indexed (1 of them updated)" in out, out + err
    assert server.es("GET", "/clip-images/_doc/a.jpg")[1]["_source"]["image_data"] == base64.b64encode(demo_pictures[0].read_bytes()).decode()


def test_a_column_may_have_a_hashs_name_unless_the_loader_writes_hashes(server, demo_pictures, tmp_path):
    folder = folder_of(tmp_path, demo_pictures, ["a.jpg"])
    options = ["--id", "path", "--attributes", table_of(tmp_path, "file,image_sha256\na.jpg,abc\n")]
    assert server.register("--models", "clip").returncode == 0
    assert load(server, folder, *options)[0] == 0 and sources(server)["a.jpg"]["image_sha256"] == "abc"
    status, out, err = load(server, folder, *options, "--resume")
    assert status == 0 and "0 indexed, 1 already there" in out, out + err
    status, out, err = load(server, folder, *options, "--image-url", "https://files.example/")
    assert status == 2 and "image_sha256 is written by the loader" in err, out + err
    assert server.register("--models", "clip", "--drop-image-data").returncode == 0
    status, out, err = load(server, folder, *options)
    assert status == 2 and "image_sha256 is written by the loader" in err, out + err


def test_a_row_has_a_link_to_each_of_its_pictures(registered, houses, tmp_path):
    status, out, err = load(registered, houses, "--attributes", table_of(tmp_path, HOUSES), "--file-column", "front", "--file-column", "kitchen",
                            "--one-document-per", "row", "--id", "column:id", "--image-url", "https://files.example/")
    assert status == 1 and "2 indexed, 1 failed" in out, out + err
    house = sources(registered)["2f.jpg"]
    assert (house["image_url"], house["kitchen_url"]) == ("https://files.example/2f.jpg", "https://files.example/2k.jpg")
    assert {"image_sha256", "kitchen_sha256"} <= set(house)
    assert {name: types(registered)[name] for name in ("image_url", "kitchen_url", "kitchen_sha256")} == dict.fromkeys(("image_url", "kitchen_url", "kitchen_sha256"), "keyword")


# ---- speed


def test_the_summary_has_the_speed_and_the_slowest_stage(registered, demo_pictures, tmp_path):
    folder = folder_of(tmp_path, demo_pictures, [f"{i}.jpg" for i in range(40)])
    status, out, err = load(registered, folder)
    assert status == 0, out + err
    lines = []
    for number in range(16):  # bytes after a JPEG's end are not decoded, but no vector of theirs is cached
        data = demo_pictures[number].read_bytes() + b"%d" % number
        lines += [{"index": {"_index": "clip-images"}}, {"image_data": base64.b64encode(data).decode()}]
    answer = registered.es("POST", "/_bulk", "\n".join(map(json.dumps, lines)) + "\n", content_type="application/x-ndjson")[1]
    assert not answer["errors"] and answer["took"] >= 0 and answer["ingest_took"] > 0, answer  # what the stages are told apart by
    assert re.search(r"^40 pictures in [\d.]+ s \([\d.]+ per second, [\d.]+ MB per second\); slowest: .+, \d+ % of the time$", out, re.MULTILINE), out


# ---- several models in one pass


def test_one_pass_makes_the_vectors_of_two_of_three_models(server, demo_pictures, tmp_path):
    assert server.register("--models", "clip,jina-clip", "--listings").returncode == 0
    folder = folder_of(tmp_path, demo_pictures, ["1.jpg", "2.jpg", "3.jpg"])
    table = table_of(tmp_path, "file,title,price\n1.jpg,red house,1\n2.jpg,blue house,2\n3.jpg,garden,3\n")
    for options in ([], [], ["--resume"]):
        done = server.ingest(folder, "--index", "listings", "--attributes", table, *options)
        assert done.returncode == 0 and "0 failed" in done.stdout, done.stdout + done.stderr
    assert "3 already there" in done.stdout
    for field in ("clip_embedding", "jina_embedding", "clip_fingerprint", "jina_fingerprint", "title"):
        assert server.es("POST", "/listings/_count", {"query": {"exists": {"field": field}}})[1]["count"] == 3, field
    assert "cohere_embedding" not in server.es("GET", "/listings")[1]["listings"]["mappings"]["properties"]


def stored(server, name):
    """The source of a document with its vectors."""
    return server.es("GET", f"/clip-images/_doc/{name}?_source_exclude_vectors=false")[1].get("_source")


def vector_of(server, picture):
    url = "data:image/jpeg;base64," + base64.b64encode(picture.read_bytes()).decode()
    status, answer = server.es("POST", "/_inference/text_embedding/clip-ingest", {"input": [url]})
    assert status == 200, answer
    return answer["text_embedding"][0]["embedding"]


def is_close(a, b):
    return max(abs(x - y) for x, y in zip(a, b, strict=True)) < 1e-5


@pytest.mark.parametrize("without", ["--pipeline _none", "no default pipeline"])
def test_no_vector_of_an_earlier_picture_stays_and_resume_makes_the_new_one(registered, demo_pictures, tmp_path, without):
    folder = folder_of(tmp_path, demo_pictures, ["a.jpg", "b.jpg"])
    assert load(registered, folder, "--id", "path")[0] == 0
    assert is_close(stored(registered, "a.jpg")["image_embedding"], vector_of(registered, demo_pictures[0]))
    shutil.copyfile(demo_pictures[5], folder / "a.jpg")
    options = ["--pipeline", "_none"]
    if without == "no default pipeline":
        options = []
        assert registered.es("PUT", "/clip-images/_settings", {"index.default_pipeline": None})[0] == 200
    status, out, err = load(registered, folder, "--id", "path", *options)
    assert status == 0 and "1 document lost the vectors of its earlier picture" in out, out + err
    document = stored(registered, "a.jpg")
    assert base64.b64decode(document["image_data"]) == demo_pictures[5].read_bytes()
    assert not {"image_embedding", "model_id", "model_fingerprint"} & set(document)
    assert is_close(stored(registered, "b.jpg")["image_embedding"], vector_of(registered, demo_pictures[1]))
    status, out, err = load(registered, folder, "--id", "path", "--pipeline", "clip-images", "--resume")
    assert status == 0 and "1 indexed (1 of them updated), 1 already there" in out, out + err
    assert is_close(stored(registered, "a.jpg")["image_embedding"], vector_of(registered, demo_pictures[5]))


def test_a_final_pipeline_embeds_and_its_vectors_are_made_again(registered, demo_pictures, tmp_path):
    folder = folder_of(tmp_path, demo_pictures, ["a.jpg"])
    assert registered.es("PUT", "/clip-images/_settings", {"index": {"default_pipeline": None, "final_pipeline": "clip-images"}})[0] == 200
    status, out, err = load(registered, folder, "--id", "path")
    assert status == 0 and "not be embedded" not in err, out + err
    # The stand-in cluster runs no guard, which removes the mark.
    unguarded = bool(registered.gateway_to) and not TEST_CLUSTER
    assert ("sent through the Sightline gateway" in stored(registered, "a.jpg")) == unguarded
    if unguarded:
        return
    shutil.copyfile(demo_pictures[5], folder / "a.jpg")
    status, out, err = load(registered, folder, "--id", "path", "--resume")
    assert status == 0 and "1 of them updated" in out and "lost" not in out, out + err
    assert is_close(stored(registered, "a.jpg")["image_embedding"], vector_of(registered, demo_pictures[5]))


def test_an_index_that_is_deleted_during_the_load_is_reported(registered, tmp_path, demo_pictures):
    deleted = threading.Event()
    with Gate(registered.elasticsearch) as gate:
        gate.set(request=lambda number: K_NONE if number < 2 else Faults(until=deleted), when=b"/_bulk")
        command = [BIN / "sightline-ingest", demo_pictures[0].parent, "--index", "clip-images", "--env-file", "/dev/null", "--quiet", "--elasticsearch", gate.url,
                   "--bulk-documents", "4", "--attempts", "1", "--report", tmp_path / "failures.csv"]
        loader = subprocess.Popen([str(part) for part in command], env=registered.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            gate.wait(lambda: gate.used > 2)
            eventually(lambda: registered.es("POST", "/clip-images/_refresh")[0] == 200 and registered.es("GET", "/clip-images/_count")[1]["count"] == 8)
            assert loader.poll() is None, loader.stderr.read()
            assert registered.es("DELETE", "/clip-images")[0] == 200
        finally:
            deleted.set()
        err = loader.communicate(timeout=300)[1]
    # Whether the next write has created another one depends on the store.
    told = "index clip-images was deleted during the load" in err or "the name clip-images no longer leads to the index" in err
    assert loader.returncode == 1 and told, err


def test_a_load_that_cannot_be_meant_is_refused_before_it_begins(registered, demo_pictures, tmp_path):
    folder = folder_of(tmp_path, demo_pictures, ["a.jpg", "b.jpg"])
    table = table_of(tmp_path, "frontal,image\na.jpg,b.jpg\n")
    columns = ["--attributes", table, "--one-document-per", "row", "--file-column"]
    status, out, err = load(registered, folder, *columns, "frontal", "--file-column", "image")
    assert status == 2 and "--file-column image: its pictures would be in image_data" in err and "first, or rename" in err, err
    assert load(registered, folder, *columns, "image", "--file-column", "frontal")[0] == 0
    table = tmp_path / "table.csv"
    table.write_text("file,colour\n1.jpg,red\n")
    done = registered.ingest(folder, "--index", "clip-images", "--attributes", table, "--report", table)
    assert done.returncode == 2 and "holds something else" in done.stderr
    assert table.read_text() == "file,colour\n1.jpg,red\n"
    done = registered.ingest(folder, "--index", "clip-images", "--report", tmp_path / "absent" / "r.csv")
    assert done.returncode == 2 and "cannot be written" in done.stderr and "--report" in done.stderr
    assert not (tmp_path / "report.csv").exists()


def test_the_file_of_a_rows_bad_picture_is_named(registered, houses, tmp_path):
    folder = tmp_path / "rows"
    folder.mkdir()
    for name, picture in zip(("1_frontal.jpg", "1_kitchen.jpg"), sorted(houses.iterdir())):
        shutil.copyfile(picture, folder / name)
    (folder / "1_bedroom.jpg").write_bytes(b"broken")
    columns = ["frontal", "kitchen", "bedroom"]
    table = table_of(tmp_path, ",".join(columns) + "\n" + ",".join(f"1_{column}.jpg" for column in columns) + "\n")
    fields = {"image_data": "image_embedding", "kitchen_data": "kitchen_embedding", "bedroom_data": "bedroom_embedding"}
    assert registered.es("PUT", "/_ingest/pipeline/houses", {"processors": [{"inference": {"model_id": "clip-ingest", "ignore_missing": True, "input_output": [
        {"input_field": field, "output_field": vector} for field, vector in fields.items()]}}]})[0] == 200
    options = [part for column in columns for part in ("--file-column", column)]
    status, out, err = load(registered, folder, "--attributes", table, "--one-document-per", "row", "--pipeline", "houses", *options)
    assert status == 1 and report_of(folder)["1_frontal.jpg"]["reason"].startswith("input 2 (1_bedroom.jpg): "), out + err


@contextlib.contextmanager
def answered_by_a_proxy(server, method, part, status, answered, times=1):
    """Options for the address of a proxy, which itself answers so many requests of that method whose path has `part`."""
    left = [times]

    def answer(asked, path, body):
        if asked == method and part in path and left[0] > 0:
            left[0] -= 1
            return status, answered
        return call(asked, server.elasticsearch + path, body or None, "application/x-ndjson" if "/_bulk" in path else "application/json")

    with fake(answer, with_body=True) as at:
        yield ["--elasticsearch", f"http://{at}"]


BAD_TIME = {"error": {"reason": "asked at a bad time"}}
BEFORE_THE_LOAD = [("GET", "/_settings"), ("GET", "/_mapping"), ("GET", "/_ingest/pipeline/"), ("PUT", "/_mapping")]


@pytest.mark.parametrize("method, part", BEFORE_THE_LOAD)
def test_a_cluster_that_is_not_ready_ends_the_load_before_it_begins(registered, demo_pictures, tmp_path, method, part):
    folder = folder_of(tmp_path, demo_pictures, ["a.jpg"])
    table = table_of(tmp_path, "file,price\na.jpg,1\n")
    with answered_by_a_proxy(registered, method, part, 503, BAD_TIME, times=2) as through:
        code, out, said = load(registered, folder, *through, "--attributes", table, "--attempts", "2")
    assert code == 3 and "asked at a bad time; nothing was loaded, try again later" in said, out + said
    assert sources(registered) == {}
    with answered_by_a_proxy(registered, method, part, 429, BAD_TIME) as through:
        code, out, said = load(registered, folder, *through, "--attributes", table)
    assert code == 0 and "1 indexed, 0 failed" in out and "note" not in said.replace("note: clip is a demo model", ""), out + said


@pytest.mark.parametrize("method, part, says", [("GET", "/_mapping", "the mapping cannot be read"), ("GET", "/_ingest/pipeline/", ""),
                                                ("PUT", "/_mapping", "the new fields are not in the mapping")])
def test_a_missing_privilege_does_not_end_the_load(registered, demo_pictures, tmp_path, method, part, says):
    folder = folder_of(tmp_path, demo_pictures, ["a.jpg"])
    with answered_by_a_proxy(registered, method, part, 403, BAD_TIME, times=100) as through:
        code, out, said = load(registered, folder, *through, "--attributes", table_of(tmp_path, "file,price\na.jpg,1\n"))
    assert code == 0 and "1 indexed, 0 failed" in out and says in said, out + said


def test_fields_that_source_leaves_out_are_a_note(registered, demo_pictures, tmp_path):
    folder = folder_of(tmp_path, demo_pictures, ["a.jpg"])
    mapping = registered.es("GET", "/clip-images/_mapping")[1]
    mapping["clip-images"]["mappings"]["_source"] = {"excludes": ["secret"]}
    for options, is_noted in ([], True), (["--replace"], False):
        with answered_by_a_proxy(registered, "GET", "/_mapping", 200, mapping) as through:
            code, out, said = load(registered, folder, *through, *options)
        assert code == 0 and ("the mapping of clip-images leaves fields out of _source" in said) == is_noted, out + said


def test_what_cannot_be_printed_or_reported_is_a_failure(registered, demo_pictures, tmp_path):
    folder = folder_of(tmp_path, demo_pictures, ["a.jpg", "b.jpg"])
    command = [BIN / "sightline-ingest", folder, "--index", "clip-images", "--env-file", "/dev/null", "--quiet", "--report", tmp_path / "report.csv"]
    done = run(["bash", "-c", 'exec "$@" >/dev/full', "bash", *command], registered.environment())
    assert done.returncode == 1 and "cannot write to standard output" in done.stderr, done.stderr
    done = run([*command[:-1], "/dev/full", "--attributes", table_of(tmp_path, "file,price\na.jpg,1\n")], registered.environment())
    assert done.returncode == 1 and "2 indexed" in done.stdout and "cannot write the whole report /dev/full (--report)" in done.stderr, done.stdout + done.stderr


def test_a_reader_that_leaves_does_not_end_the_load(registered, demo_pictures, tmp_path):
    folder = folder_of(tmp_path, demo_pictures, [f"{number}.jpg" for number in range(20)])
    load = subprocess.Popen([BIN / "sightline-ingest", folder, "--index", "clip-images", "--env-file", "/dev/null", "--report", tmp_path / "report.csv"],
                            env=registered.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert load.stdout.readline() == "20 pictures to clip-images\n"
    load.stdout.close()
    said = load.stderr.read()
    assert load.wait(timeout=300) == 1 and "cannot write to standard output" in said, said
    assert len(sources(registered)) == 20


def test_a_report_into_the_file_that_is_printed_to_is_part_of_it(registered, demo_pictures, tmp_path):
    folder = folder_of(tmp_path, demo_pictures, ["a.jpg", "b.jpg"])
    (folder / "bad.jpg").write_text("no picture")
    command = [BIN / "sightline-ingest", folder, "--index", "clip-images", "--env-file", "/dev/null", "--quiet", "--report", "/dev/stdout"]
    printed = tmp_path / "printed"
    done = run(["bash", "-c", f'exec "$@" >{printed}', "bash", *command], registered.environment())
    lines = printed.read_text().splitlines()
    assert done.returncode == 1 and lines[:2] == ["3 pictures to clip-images", "file,status,attempts,reason,kind"], done.stderr + printed.read_text()
    assert lines[2].startswith('"bad.jpg",400,1,') and lines[3] == "2 indexed, 1 failed" and lines[-1] == "clip-images holds 2 documents"


def test_paths_that_two_folders_share_are_refused_where_they_would_be_mixed(registered, demo_pictures, tmp_path):
    folder = folder_of(tmp_path, demo_pictures, ["one/a.jpg", "two/a.jpg"])
    refused = registered.ingest(folder / "one", folder / "two", "--index", "clip-images", "--image-url", "https://files.example/")
    assert refused.returncode == 2 and "--image-url is for one FOLDER" in refused.stderr
    table = table_of(tmp_path, f"file,n\n{folder}/one/a.jpg,1\n{folder}/two/a.jpg,2\n")
    done = registered.ingest(folder / "one", folder / "two", "--index", "clip-images", "--attributes", table, "--report", tmp_path / "report.csv")
    assert done.returncode == 0, done.stdout + done.stderr
    found = registered.es("POST", "/clip-images/_search", {"_source": ["n"]})[1]["hits"]["hits"]
    assert {hit["_id"]: hit["_source"]["n"] for hit in found} == {hashlib.sha256((folder / name / "a.jpg").read_bytes()).hexdigest(): n for name, n in (("one", 1), ("two", 2))}


def test_a_pattern_of_indices_and_a_report_over_what_is_read_are_refused(registered, demo_pictures, tmp_path):
    folder = folder_of(tmp_path, demo_pictures, ["a.jpg"])
    for index in ("clip-*", "clip-images,other"):
        refused = registered.ingest(folder, "--index", index)
        assert refused.returncode == 2 and f"--index {index} is not the name of one index or alias" in refused.stderr
    table = table_of(tmp_path, "file,status,attempts,reason,kind\na.jpg,1,1,x,note\n")
    before = table.read_bytes()
    refused = registered.ingest(folder, "--index", "clip-images", "--attributes", table, "--report", table)
    assert refused.returncode == 2 and "is a file that this load reads" in refused.stderr and table.read_bytes() == before
