"""Files that scripts of the demo read and write: the pictures that it searches, and those that its model is trained on."""

import importlib.util
import sys
import unittest.mock

from conftest import ROOT


def module(monkeypatch, path, **others):
    """A script as a module, with others in place of what it imports."""
    for name, other in others.items():
        monkeypatch.setitem(sys.modules, name, other)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def test_the_demo_searches_the_pictures_that_the_loader_loads(monkeypatch, tmp_path):
    folder = tmp_path / "pictures"
    for name in ("a.jpg", "b.JPEG", "sub/c.png", "._a.jpg", ".thumbnails/a.jpg", "sub/.hidden/d.jpg", "folder.jpg/e.webp", "notes.txt"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/f.jpg").write_text("f")
    (folder / "link.jpg").symlink_to(tmp_path / "elsewhere/f.jpg")
    (folder / "linked").symlink_to(tmp_path / "elsewhere")
    (folder / "linked.jpg").symlink_to(tmp_path / "elsewhere")
    found = module(monkeypatch, ROOT / "scripts/demo_queries.py").pictures_in(folder)
    assert [file.relative_to(folder).as_posix() for file in found] == ["a.jpg", "b.JPEG", "folder.jpg/e.webp", "link.jpg", "sub/c.png"]


def test_drawings_for_other_settings_are_not_taken_for_those_asked_for(monkeypatch, tmp_path):
    others = {name: unittest.mock.MagicMock() for name in ("numpy", "PIL", "world", "draw")}
    dataset = module(monkeypatch, ROOT / "scripts/demo_model/dataset.py", **others)
    drawn = []
    monkeypatch.setattr(dataset, "_fill", lambda *arguments: None)
    others["numpy"].lib.format.open_memmap.side_effect = lambda file, *_: drawn.append(file.name)
    for first_seed, is_drawn in ((0, True), (0, False), (9, True), (0, True)):
        drawn.clear()
        dataset.prepare(tmp_path, first_seed, 4, 8)
        assert bool(drawn) == is_drawn, first_seed
        assert [file.name for file in tmp_path.iterdir()] == [f"complete-{first_seed}-4-8"]
