"""sightline-eval against a running server, over a few of the demo's pictures."""

import csv
import html.parser
import json
import os
import re
import shutil

import pytest

from conftest import BIN, DEMO, ROOT, Sightline, run


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("eval")
    sightline = Sightline(folder / "data", folder / "server.log")
    yield sightline
    assert sightline.stop() == 0


@pytest.fixture(scope="module")
def small(tmp_path_factory, demo_rows):
    """Sixty pictures of the demo with their rows."""
    folder = tmp_path_factory.mktemp("small")
    (folder / "pictures").mkdir()
    rows = list(demo_rows.values())[:60]
    for row in rows:
        shutil.copy(DEMO / "pictures" / row["file"], folder / "pictures")
    write_table(folder / "table.csv", rows)
    return folder


def write_table(file, rows):
    with open(file, "w", newline="", encoding="utf-8") as out:
        table = csv.DictWriter(out, rows[0].keys())
        table.writeheader()
        table.writerows(rows)


def evaluate(server, table, *arguments, model="clip"):
    return run([BIN / "sightline-eval", table, "--model", model, "--env-file", "/dev/null", "--quiet", *arguments], server.environment())


SETS = {
    "sets": [
        {"name": "captions", "direction": "text-to-image"},
        {"name": "pictures", "direction": "image-to-text"},
        {"name": "kinds", "direction": "image-to-image", "right": "kind"},
        {"name": "texts", "direction": "text-to-text", "right": ["kind"]},
        {"name": "light", "direction": "text-to-image", "negatives": {"same": ["kind"]},
         "queries": {"template": "a {kind} {time}", "words": {"time": {"day": "by day", "night": "at night", "sunset": "at sunset"}}}},
    ],
    "zero_shot": [{"name": "kind", "attribute": "kind", "template": "a picture of a {}", "labels": {"pool": "swimming pool", "house": "house", "kitchen": "kitchen", "bathroom": "bathroom", "bedroom": "bedroom", "living room": "living room", "garden": "garden"}}],
}


class Page(html.parser.HTMLParser):
    """What a page asks for from elsewhere, and whether its elements close."""

    def __init__(self, text):
        super().__init__()
        self.open, self.sources, self.tags = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.add(tag)
        self.sources += [value for name, value in attributes if name in ("src", "href")]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def approximately(value):
    """Equal but for the last digits of scores, which change with the batch that a vector was computed in."""
    if isinstance(value, dict):
        return {name: approximately(part) for name, part in value.items()}
    if isinstance(value, list):
        return [approximately(part) for part in value]
    return pytest.approx(value, abs=1e-5) if isinstance(value, float) else value


def test_the_demo_model_is_measured_in_all_four_directions(server, small, tmp_path):
    sets = tmp_path / "sets.json"
    sets.write_text(json.dumps(SETS))
    done = evaluate(server, small / "table.csv", "--sets", sets, "--json", tmp_path / "all.json", "--html", tmp_path / "all.html")
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))
    means = {one["name"]: one["models"]["clip"]["means"] for one in result["sets"]}
    assert result["pictures"] == 60 and result["models"][0]["dims"] == 128
    # Far above chance (1 in 60, for texts of one kind 1 in 7), with room for other models of its like.
    assert means["captions"]["recall@10"] > 0.9 and means["pictures"]["MRR"] > 0.6
    assert means["kinds"]["precision@4"] > 0.7 and means["texts"]["nDCG@10"] > 0.4 and means["light"]["hit@1"] > 0.9
    assert result["zero_shot"][0]["models"]["clip"]["accuracy"] > 0.9
    assert "captions (text-to-image, 60 queries, on average 1.0 right of 60.0)" in done.stdout
    # The means are those of the queries that the file lists.
    queries = result["sets"][0]["models"]["clip"]["queries"]
    assert sum(1 / query["first_right_rank"] for query in queries) / len(queries) == pytest.approx(means["captions"]["MRR"])
    for query in queries:
        ranks = [rank for rank, (_, _, right) in enumerate(query["best"], 1) if right]
        assert ranks == ([query["first_right_rank"]] if query["first_right_rank"] <= 10 else [])
        scores = [score for _, score, _ in query["best"]]
        assert scores == sorted(scores, reverse=True)
    page = Page((tmp_path / "all.html").read_text(encoding="utf-8"))
    assert not page.open and not page.sources and not page.tags & {"script", "link", "iframe", "img"}
    again = evaluate(server, small / "table.csv", "--sets", sets, "--json", tmp_path / "again.json")
    assert again.stdout == done.stdout
    assert json.loads((tmp_path / "again.json").read_text(encoding="utf-8")) == approximately(result)


def test_pictures_that_fail_are_named_counted_and_left_out(server, small, tmp_path, demo_rows):
    folder = tmp_path / "pictures"
    shutil.copytree(small / "pictures", folder)
    rows = list(demo_rows.values())[:12]
    (folder / rows[3]["file"]).write_bytes((folder / rows[3]["file"]).read_bytes()[:200])
    (folder / rows[5]["file"]).unlink()
    write_table(tmp_path / "table.csv", rows)
    done = evaluate(server, tmp_path / "table.csv", "--json", tmp_path / "all.json", "--html", tmp_path / "all.html")
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"clip: {rows[3]['file']}: input 0: " in done.stdout and f"clip: {rows[5]['file']}: cannot read" in done.stdout
    result = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))
    assert result["left_out_pictures"] == 2
    assert [failure["input"] for failure in result["models"][0]["failures"]] == [rows[3]["file"], rows[5]["file"]]
    to_image, to_text = result["sets"]
    assert (to_image["queries"], to_image["without_right"], to_image["mean_candidates"]) == (10, 2, 10)
    assert (to_text["queries"], to_text["failed"]) == (10, 2)
    assert rows[5]["file"] in (tmp_path / "all.html").read_text(encoding="utf-8")


def test_exit_codes_tell_what_went_wrong(server, small, tmp_path):
    table = small / "table.csv"
    assert evaluate(server, tmp_path / "absent.csv").returncode == 2
    (tmp_path / "sets.json").write_text('{"sets": [{"name": "x", "direction": "text-to-image", "right": ["colour"]}]}')
    wrong = evaluate(server, table, "--sets", tmp_path / "sets.json")
    assert wrong.returncode == 2 and "no attribute [colour]; it has: kind, color" in wrong.stderr
    nobody = evaluate(server, table, "--server", "http://127.0.0.1:1")
    assert nobody.returncode == 3 and "SIGHTLINE_URL" in nobody.stderr
    no_model = evaluate(server, table, model="clap")
    assert no_model.returncode == 3 and "it lists: clip" in no_model.stderr
    assert "hunter2" not in evaluate(server, table, "--server", "http://me:hunter2@127.0.0.1:1").stderr
    no_settings = run([BIN / "sightline-eval", table, "--model", "clip", "--env-file", tmp_path / "absent.env"], server.environment())
    assert no_settings.returncode == 2 and f"{tmp_path / 'absent.env'} (--env-file) cannot be read" in no_settings.stderr


@pytest.mark.parametrize("option", ["--json", "--html"])
def test_where_a_report_cannot_go_is_said_before_the_measurement(server, small, tmp_path, option):
    table = tmp_path / "table.csv"
    shutil.copy(small / "table.csv", table)
    before = table.read_bytes()
    for place, reason in [(tmp_path / "no/such/folder", "No such file"), (tmp_path, "Is a directory"), (table, "something else than an earlier report")]:
        refused = evaluate(server, table, "--pictures", small / "pictures", option, place)
        assert refused.returncode == 2 and option in refused.stderr and reason in refused.stderr
        assert refused.stdout == ""
    assert table.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["table.csv"]


def test_a_report_goes_over_no_other_file_and_two_do_not_share_one(server, small, tmp_path):
    table = small / "table.csv"
    (tmp_path / "sets.json").write_text(json.dumps({"sets": [{"name": "x", "direction": "text-to-image"}]}))
    (tmp_path / "page.html").write_text("<!doctype html>\n<html lang=en><title>mine</title></html>")
    for option, name in [("--json", "sets.json"), ("--html", "page.html")]:
        before = (tmp_path / name).read_bytes()
        refused = evaluate(server, table, option, tmp_path / name)
        assert refused.returncode == 2 and "something else than an earlier report" in refused.stderr
        assert (tmp_path / name).read_bytes() == before
    refused = evaluate(server, table, "--json", tmp_path / "new", "--html", tmp_path / "new")
    assert refused.returncode == 2 and "--json and --html are the same file" in refused.stderr
    (tmp_path / "empty").touch()
    refused = evaluate(server, table, "--sets", tmp_path / "empty", "--json", tmp_path / "empty")
    assert refused.returncode == 2 and "is a file that this measurement reads" in refused.stderr
    os.mkfifo(tmp_path / "pipe")
    refused = evaluate(server, table, "--json", tmp_path / "pipe")
    assert refused.returncode == 2 and "nobody reads" in refused.stderr
    assert sorted(file.name for file in tmp_path.iterdir()) == ["empty", "page.html", "pipe", "sets.json"]


def test_what_cannot_be_printed_or_written_is_a_failure(server, small):
    command = [BIN / "sightline-eval", small / "table.csv", "--model", "clip", "--env-file", "/dev/null", "--quiet"]
    done = run(["bash", "-c", 'exec "$@" >/dev/full', "bash", *command], server.environment())
    assert done.returncode == 1 and "cannot write to standard output" in done.stderr, done.stderr
    done = run([*command, "--json", "/dev/full"], server.environment())
    assert done.returncode == 2 and "the report /dev/full cannot be written (--json): No space left on device" in done.stderr, done.stderr


def test_a_report_into_the_file_that_is_printed_to_follows_the_table(server, small, tmp_path):
    table = evaluate(server, small / "table.csv").stdout
    command = [BIN / "sightline-eval", small / "table.csv", "--model", "clip", "--env-file", "/dev/null", "--quiet", "--json", "/dev/stdout"]
    done = run(["bash", "-c", f'exec "$@" >{tmp_path / "printed"}', "bash", *command], server.environment())
    printed = (tmp_path / "printed").read_text()
    assert done.returncode == 0 and printed.startswith(table) and json.loads(printed[len(table):])["pictures"] == 60, done.stderr
    cut = run(["bash", "-c", '"$@" | true; exit ${PIPESTATUS[0]}', "bash", *command[:-2]], server.environment())
    assert cut.returncode == 1 and "cannot write to standard output" in cut.stderr


def test_thresholds_part_right_from_wrong_pairs(server, small, tmp_path):
    sets = tmp_path / "sets.json"
    sets.write_text(json.dumps(SETS))
    done = evaluate(server, small / "table.csv", "--sets", sets, "--json", tmp_path / "all.json", "--html", tmp_path / "all.html")
    assert done.returncode == 0, done.stderr
    result = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))
    by_set = {one["name"]: one["models"]["clip"] for one in result["sets"]}
    kinds = by_set["kinds"]["threshold"]
    assert kinds["right_pairs"] + kinds["wrong_pairs"] == 60 * 59
    assert kinds["f1"] == pytest.approx(2 / (1 / kinds["precision"] + 1 / kinds["recall"])) and kinds["score"] == pytest.approx((1 + kinds["cosine"]) / 2)
    # Counted again from the best hits: of no query are more than those above the threshold.
    captions = by_set["captions"]
    above = [right for query in captions["queries"] for _, score, right in query["best"] if score >= captions["threshold"]["cosine"]]
    deep = [query for query in captions["queries"] if query["best"][-1][1] >= captions["threshold"]["cosine"]]
    assert not deep and captions["threshold"]["precision"] == pytest.approx(sum(above) / len(above))
    assert captions["threshold"]["recall"] == pytest.approx(sum(above) / 60)
    assert result["models"][0]["thresholds"]["image-to-image"] == kinds
    assert f"threshold (cosine) {captions['threshold']['cosine']:15.4f}" in done.stdout
    assert "threshold (cosine)" in (tmp_path / "all.html").read_text(encoding="utf-8")
    for query in captions["worst"]:
        assert query["expected"] and len(query["found"]) == 10 and query["expected"][0].endswith(".jpg")
    gains = [query["nDCG@10"] for query in captions["worst"]]
    assert len(gains) == 10 and gains == sorted(gains) and gains[0] == min(query["nDCG@10"] for query in captions["queries"])


def hits(server, knn, size=100):
    status, body = server.es("POST", "/clip-images/_search", {"knn": {"field": "image_embedding", "k": size, "num_candidates": 100, **knn}, "size": size, "_source": False})
    assert status == 200, body
    return [(hit["_id"], hit["_score"]) for hit in body["hits"]["hits"]]


def test_a_cutoff_drops_what_is_below_it_from_a_search(server, small, demo_rows, tmp_path):
    right = [row["caption"] for row in list(demo_rows.values())[:2]]
    sets = tmp_path / "sets.json"
    missing = [{"query": text, "right": "nothing"} for text in ("tomorrow's weather", "elephants on the moon", "a receipt of the post office")]
    sets.write_text(json.dumps({"sets": [*SETS["sets"], {"name": "missing", "direction": "text-to-image", "queries": missing}]}))
    done = evaluate(server, small / "table.csv", "--sets", sets, "--json", tmp_path / "all.json")
    assert done.returncode == 0, done.stderr
    cutoff = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))["models"][0]["cutoffs"]["text-to-image"]
    assert cutoff["wrong_pairs"] == 60 * 59 + 3 * 60 and cutoff["chosen_rate"] == 0.01
    assert 0 <= cutoff["false_positive_rate"] <= 0.01 and cutoff["recall"] > 0.5
    assert cutoff["lowest"] <= cutoff["cosine"] <= cutoff["highest"] and cutoff["score"] == pytest.approx((1 + cutoff["cosine"]) / 2)
    printed = re.search(r"^cut-offs .*\n  text-to-image +([\d.]+)\n", done.stdout, re.M).group(1)
    assert float(printed) == pytest.approx(cutoff["cosine"])

    # The printed number as `similarity` of a knn search keeps the hits above, and drops those below.
    assert run([ROOT / "scripts/register_endpoints.sh", "--models", "clip", "--env-file", "/dev/null"], server.environment()).returncode == 0
    assert run([BIN / "sightline-ingest", small / "pictures", "--index", "clip-images", "--env-file", "/dev/null"], server.environment()).returncode == 0
    kept = {}
    for words in (*right, *(one["query"] for one in missing)):
        builder = {"query_vector_builder": {"text_embedding": {"model_id": "clip-search", "model_text": words}}}
        all_hits = hits(server, builder)
        assert len(all_hits) == 60
        kept[words] = hits(server, {**builder, "similarity": float(printed)})
        assert kept[words] == [hit for hit in all_hits if 2 * hit[1] - 1 >= float(printed)]
    assert all(0 < len(kept[words]) < 60 for words in right), kept
    wrong = sum(len(kept[one["query"]]) for one in missing)
    assert wrong <= 0.01 * cutoff["wrong_pairs"] and kept["a receipt of the post office"] == []


def test_a_rate_with_too_few_wrong_pairs_is_refused_before_the_work(server, small, tmp_path):
    few = evaluate(server, small / "table.csv", "--false-positive-rate", "0.001")
    assert few.returncode == 2 and not few.stdout
    assert "for 0.1 % needs 10000 wrong pairs" in few.stderr and "more than 3540" in few.stderr
    for wrong in ("0", "0.6", "nan", "-1"):
        refused = evaluate(server, small / "table.csv", f"--false-positive-rate={wrong}")
        assert refused.returncode == 2 and "from 0.0001 to 0.5" in refused.stderr, refused.stderr
    # Without the option the other measures are made, and the reason is printed.
    (tmp_path / "sets.json").write_text(json.dumps({"sets": [{"name": "red", "direction": "text-to-image", "queries": [{"query": "a red house", "right": {"color": "red"}}]}]}))
    done = evaluate(server, small / "table.csv", "--sets", tmp_path / "sets.json")
    assert done.returncode == 0 and "text-to-image: clip has no cut-off: " in done.stdout and "needs 1000" in done.stdout


def saved(server, query):
    status, body = server.es("POST", "/sightline-evaluations/_search", {"size": 100, "sort": ["set"], "query": query})
    assert status == 200, body
    return [hit["_source"] for hit in body["hits"]["hits"]]


def test_a_report_is_saved_and_saved_again_under_its_name(server, small, tmp_path):
    sets = tmp_path / "sets.json"
    sets.write_text(json.dumps(SETS))
    done = evaluate(server, small / "table.csv", "--sets", sets, "--json", tmp_path / "all.json", "--save", "first try")
    assert done.returncode == 0 and "saved as first try in sightline-evaluations" in done.stdout, done.stderr
    documents = saved(server, {"term": {"run": "first try"}})
    assert [one["set"] for one in documents] == ["captions", "kind", "kinds", "light", "pictures", "texts"]
    result = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))
    kinds = next(one for one in documents if one["set"] == "kinds")
    reported = next(one for one in result["sets"] if one["name"] == "kinds")["models"]["clip"]
    assert kinds["metrics"] == pytest.approx(reported["means"]) and kinds["threshold"] == pytest.approx(reported["threshold"])
    assert kinds["direction_cutoff"] == pytest.approx(result["models"][0]["cutoffs"]["image-to-image"])
    assert (kinds["model"], kinds["dims"], kinds["direction"], kinds["pictures"]) == ("clip", 128, "image-to-image", 60)
    assert kinds["model_fingerprint"] == result["models"][0]["fingerprint"] != ""
    assert [hit["name"] for hit in kinds["worst"][0]["found"]] == reported["worst"][0]["found"]
    # Another name stands beside it; the same name again takes its place, sets that are gone included.
    assert evaluate(server, small / "table.csv", "--save").returncode == 0
    assert {one["set"] for one in saved(server, {"term": {"run": "table"}})} == {"captions find their pictures", "pictures find their captions"}
    sets.write_text(json.dumps({"sets": SETS["sets"][2:3]}))
    assert evaluate(server, small / "table.csv", "--sets", sets, "--save", "first try").returncode == 0
    assert [one["set"] for one in saved(server, {"term": {"run": "first try"}})] == ["kinds"]
    assert len(saved(server, {"match_all": {}})) == 3
    status, mapping = server.es("GET", "/sightline-evaluations/_mapping")
    assert status == 200 and mapping["sightline-evaluations"]["mappings"]["dynamic"] == "strict"


def test_what_keeps_a_report_from_being_saved_is_said_before_the_work(server, small):
    nobody = evaluate(server, small / "table.csv", "--save", "x", "--elasticsearch", "http://127.0.0.1:1")
    assert nobody.returncode == 3 and "cannot be saved: no answer from Elasticsearch at http://127.0.0.1:1" in nobody.stderr and not nobody.stdout
    alone = evaluate(server, small / "table.csv", "--elasticsearch", server.elasticsearch)
    assert alone.returncode == 2 and "--elasticsearch requires --save" in alone.stderr
    long = evaluate(server, small / "table.csv", "--save", "x" * 300)
    assert long.returncode == 2 and "300 bytes" in long.stderr
    server.es("DELETE", "/sightline-evaluations")
    assert server.es("PUT", "/sightline-evaluations", {"mappings": {"properties": {"run": {"type": "text"}}}})[0] == 200
    other = evaluate(server, small / "table.csv", "--save", "x")
    assert other.returncode == 3 and "cannot be changed from type [text] to [keyword]" in other.stderr and not other.stdout
    server.es("DELETE", "/sightline-evaluations")
