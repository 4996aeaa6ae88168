import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from recommendations.standalone.bundle import BundleError, bundle_read, replaced_folder
from tests.archives import CSV, write_zip


def feedback() -> str:
    """Two tastes of eight items each; everyone has left out two of their own."""
    lines = []
    for person in range(12):
        own = "ab"[person % 2]
        for place in range(8):
            if place not in (person // 2, (person // 2 + 3) % 8):
                lines.append(f"p{person}\t{own}{place}")
    return "\n".join(lines) + "\n"


@pytest.fixture
def data(tmp_path) -> Path:
    path = tmp_path / "tastes.tsv"
    path.write_text(feedback())
    return path


def run(*args: object) -> str:
    out = StringIO()
    call_command(*args, stdout=out)
    return out.getvalue()


def test_training_on_a_file_needs_no_services_and_exports_lists(data, tmp_path):
    out, table = tmp_path / "model", tmp_path / "out.csv"
    environment = {
        **os.environ,
        "DATABASE_URL": "postgresql://nobody@/nothing?host=/nowhere",
        "REDIS_URL": "unix:///nowhere/redis.sock?db=0",
        "DJANGO_SETTINGS_MODULE": "recsys_project.settings.test",
    }
    for arguments in (["train", "--data", data, "--out", out], ["export_recommendations", table, "--model", out]):
        command = [sys.executable, settings.BASE_DIR / "manage.py", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    rows = pl.read_csv(table)
    assert rows.columns == ["user", "movie", "rank", "score"]
    assert rows["user"].n_unique() == 12
    own = rows.filter(pl.col("user") == "p0", pl.col("rank") <= 2)["movie"].to_list()
    assert sorted(own) == ["a0", "a3"]
    seen = pl.read_csv(data, separator="\t", has_header=False, new_columns=["user", "movie"])
    assert rows.join(seen, on=["user", "movie"]).height == 0


def test_a_folder_says_what_was_trained_on_what_and_how_well(data, tmp_path):
    run("train", "--data", data, "--out", tmp_path / "model", "--seed", 3)

    manifest = json.loads((tmp_path / "model" / "model.json").read_text())
    assert (manifest["format"], manifest["format_version"], manifest["dataset"], manifest["seed"]) == (
        "recsys-model",
        1,
        "tastes",
        3,
    )
    assert (manifest["people"], manifest["items"], manifest["interactions"]) == (12, 16, 72)
    assert manifest["metrics"]["ndcg@10"] > manifest["metrics"]["popularity"]["ndcg@10"]
    assert manifest["hyperparameters"]["ranker"]["als"][0]["random_state"] == 3
    assert manifest["seconds"]["fitting"] >= 0
    assert manifest["peak_memory_mib"] > 0
    with np.load(tmp_path / "model" / "factors.npz", allow_pickle=False) as factors:
        assert factors["item_factors"].shape == (16, 128)
        assert factors["trained"].all()
    assert not (tmp_path / "model" / "encoder.npz").exists()


def test_an_archive_also_gives_encoders_and_lists_in_its_own_ids(tmp_path):
    out = tmp_path / "model"

    run("train", "--data", write_zip(tmp_path, "ml-test", CSV), "--out", out)
    run("export_recommendations", tmp_path / "out.parquet", "--model", out, "--limit", 1)

    assert (out / "encoder.npz").is_file()
    rows = pl.read_parquet(tmp_path / "out.parquet")
    assert rows.schema["user"] == rows.schema["movie"] == pl.Int64
    assert rows["rank"].unique().to_list() == [1]
    assert set(rows["movie"]) <= {1, 29, 2571, 171495}


def test_the_same_file_and_seed_give_the_same_bytes(data, tmp_path):
    tables = []
    for name in ("one", "two"):
        run("train", "--data", data, "--out", tmp_path / name, "--quiet")
        run("export_recommendations", tmp_path / f"{name}.csv", "--model", tmp_path / name, "--quiet")
        tables.append((tmp_path / f"{name}.csv").read_bytes())

    assert tables[0] == tables[1]


def test_a_malformed_line_writes_nothing(data, tmp_path):
    data.write_text(feedback() + "p1\n")

    with pytest.raises(CommandError, match=r"tastes\.tsv, line 73: expected 2 fields"):
        run("train", "--data", data, "--out", tmp_path / "model")

    assert [path.name for path in tmp_path.iterdir()] == ["tastes.tsv"]


def test_only_dislikes_are_nothing_to_train_on(tmp_path):
    (tmp_path / "bad.tsv").write_text("1\t2\t1\n2\t2\t1.5\n")

    with pytest.raises(CommandError, match="nothing to train on"):
        run("train", "--data", tmp_path / "bad.tsv", "--out", tmp_path / "model")

    assert not (tmp_path / "model").exists()


def test_only_a_folder_with_an_earlier_model_is_replaced(data, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("keep me")
    with pytest.raises(CommandError, match="holds other files"):
        run("train", "--data", data, "--out", other)
    assert (other / "thesis.txt").read_text() == "keep me"

    model = tmp_path / "model"
    run("train", "--data", data, "--out", model, "--seed", 1)
    run("train", "--data", data, "--out", model, "--seed", 2)
    assert bundle_read(model).manifest["seed"] == 2


def test_a_write_that_fails_leaves_the_earlier_folder(tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    (model / "model.json").write_text("old")

    def write_half() -> None:
        with replaced_folder(model) as folder:
            (folder / "model.json").write_text("new")
            raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        write_half()

    assert (model / "model.json").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--out", "model"], "go together"),
        (["--data", "x.tsv"], "go together"),
        (["--data", "tastes.tsv", "--out", "none/model"], "There is no folder"),
        (["--data", "tastes.tsv", "--out", "model", "--seed", "-1"], "--seed must be 0 or more"),
        (["--data", "gone.tsv", "--out", "model"], "There is nothing at"),
    ],
)
def test_what_cannot_be_done_is_said_before_the_work(data, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)

    with pytest.raises(CommandError, match=message):
        run("train", *arguments)

    assert not (tmp_path / "model").exists()


def test_a_changed_or_missing_file_of_a_model_is_found(data, tmp_path):
    model = tmp_path / "model"
    with pytest.raises(BundleError, match="holds no model"):
        bundle_read(model)
    run("train", "--data", data, "--out", model)
    with (model / "list_items.npy").open("ab") as stream:
        stream.write(b"x")

    with pytest.raises(CommandError, match=r"list_items\.npy is missing, or is not the file"):
        run("export_recommendations", tmp_path / "out.csv", "--model", model)
    assert not (tmp_path / "out.csv").exists()


def test_tuning_first_is_recorded_in_the_folder(data, tmp_path):
    text = run("train", "--data", data, "--out", tmp_path / "model", "--tune", "--trials", 4)

    manifest = json.loads((tmp_path / "model" / "model.json").read_text())
    assert len(manifest["tuning"]["trials"]) == 4
    assert manifest["tuning"]["trials"][0]["part"] == "shipped"
    used = manifest["hyperparameters"]["ranker"]["autoencoder"]
    assert (used == manifest["tuning"]["best"]["ranker"]["autoencoder"]) or not manifest["tuning"]["improves"]
    assert {"shipped_value", "shipped_holdout_value", "best_value", "best_holdout_value"} <= set(manifest["tuning"])
    assert "on a second split" in text


def test_the_tuning_of_an_earlier_release_does_not_matter(data, tmp_path):
    model, table = tmp_path / "model", tmp_path / "out.csv"
    run("train", "--data", data, "--out", model)
    manifest = json.loads((model / "model.json").read_text())
    manifest["tuning"] = {"trials": [], "pays": True, "shipped_confirmed": 0.1, "best_confirmed": 0.2}
    manifest["hyperparameters"]["ranker"]["similar_people_weight"] = 0.15
    (model / "model.json").write_text(json.dumps(manifest))

    run("export_recommendations", table, "--model", model)

    assert pl.read_csv(table)["user"].n_unique() == 12


def test_tuning_goes_with_a_file(db):
    with pytest.raises(CommandError, match="--tune goes with --data"):
        run("train", "--tune")
