"""The dashboards' files are what the code builds, and fit Grafana's data source and grid."""

from itertools import combinations

import pytest
import yaml

from deploy.grafana import build, draw, queries, units

GRAFANA = build.FOLDER.parent
BOARDS = queries.boards()


def test_the_files_are_what_the_code_builds():
    on_disk = {path: path.read_text() for path in build.FOLDER.glob("*.json")}

    assert on_disk == build.files(), "Run python -m deploy.grafana.build."


def test_dashboards_have_names_of_their_own_and_lead_to_each_other():
    assert len({board["uid"] for board in BOARDS.values()}) == len(BOARDS) == 5
    assert len({board["title"] for board in BOARDS.values()}) == len(BOARDS)
    for board in BOARDS.values():
        assert board["links"][0]["tags"] == board["tags"] == ["recsys"]


@pytest.mark.parametrize("name", BOARDS)
def test_panels_ask_the_provisioned_source_in_known_units(name):
    provisioned = yaml.safe_load((GRAFANA / "provisioning" / "datasources" / "recsys.yaml").read_text())
    (source,) = provisioned["datasources"]
    panels = list(queries.panels_of(BOARDS[name]))

    assert provisioned["apiVersion"] == 1
    for panel in panels:
        assert hasattr(draw.Drawing, f"_{panel['type']}")
        units.formatted(1.5, panel["fieldConfig"]["defaults"]["unit"])
        for target in panel["targets"]:
            assert target["datasource"] == {"type": source["type"], "uid": source["uid"]}
            # Series of a panel would otherwise be named by all their labels.
            assert target.get("legendFormat") or panel["type"] == "stat"
    assert len({panel["title"] for panel in panels}) == len(panels)


@pytest.mark.parametrize("name", BOARDS)
def test_panels_do_not_overlap(name):
    panels = BOARDS[name]["panels"]
    places = {panel["id"]: panel["gridPos"] for panel in panels}
    assert len(places) == len(panels)
    cells = {
        number: {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        for number, at in places.items()
    }

    assert all(at["x"] + at["w"] <= 24 for at in places.values())
    assert not [pair for pair in combinations(cells, 2) if cells[pair[0]] & cells[pair[1]]]


def test_provisioned_dashboards_lie_where_the_manual_copies_them():
    provisioned = yaml.safe_load((GRAFANA / "provisioning" / "dashboards" / "recsys.yaml").read_text())
    (provider,) = provisioned["providers"]
    manual = (build.FOLDER.parents[2] / "docs" / "operations.md").read_text()

    assert (provisioned["apiVersion"], provider["type"]) == (1, "file")
    assert f"cp -r deploy/grafana/dashboards {provider['options']['path']}" in manual


def test_a_stale_file_is_named_and_stays_with_check(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(build, "FOLDER", tmp_path / "dashboards")
    build.FOLDER.mkdir()
    monkeypatch.setattr("sys.argv", ["build", "--check"])
    assert build.main() == 1
    assert "overview.json differs" in capsys.readouterr().out
    assert not list(build.FOLDER.iterdir())

    monkeypatch.setattr("sys.argv", ["build"])
    (build.FOLDER / "old.json").write_text("{}")
    assert build.main() == 0
    assert {path.name for path in build.FOLDER.iterdir()} == {f"{name}.json" for name in BOARDS}


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0123, "s", "12.3 ms"),
        (93_600, "s", "1.08 d"),
        (0, "s", "0"),
        (0.512, "percentunit", "51.2%"),
        (1_234_567, "bytes", "1.18 MiB"),
        (1234, "short", "1.23 K"),
        (12.345, "reqps", "12.3 req/s"),
        (1, "bool_yes_no", "Yes"),
        (float("nan"), "s", "NaN"),
    ],
)
def test_a_number_has_its_unit(value, unit, text):
    assert units.formatted(value, unit) == text


def test_a_legend_is_its_template_with_labels():
    series = queries.Series({"__name__": "a", "instance": "one", "kind": "web"}, [(1.0, 2.0)])

    assert series.name("{{instance}} {{ kind }}") == "one web"
    assert series.name("{{arm}} all") == "all"
    assert series.name("") == "instance=one, kind=web"


def test_an_address_without_http_is_refused():
    with pytest.raises(ValueError, match="no address"):
        queries.query("file:///etc/passwd", "up")
