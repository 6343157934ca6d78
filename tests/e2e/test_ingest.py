"""sightline-ingest against a running server."""

import shutil


def test_a_second_run_with_resume_sends_nothing(registered, demo_pictures, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    for picture in demo_pictures[:20]:
        shutil.copy(picture, folder)
    first = registered.ingest(folder, "--index", "clip-images")
    assert first.returncode == 0 and "20 indexed, 0 failed" in first.stdout, first.stdout + first.stderr
    versions = registered.es("POST", "/clip-images/_search", {"size": 1, "_source": False, "version": True, "query": {"match_all": {}}})
    again = registered.ingest(folder, "--index", "clip-images", "--resume")
    assert again.returncode == 0 and "0 indexed, 20 already there, 0 failed" in again.stdout, again.stdout + again.stderr
    assert registered.es("GET", "/clip-images/_count")[1]["count"] == 20
    assert versions[0] in (200, 400)


def test_bad_files_fail_alone_and_stand_in_the_report_with_reasons(registered, demo_pictures, tmp_path):
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
