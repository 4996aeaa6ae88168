"""Quality floors of the ranker on real data: a change that costs more than a little fails here."""

from recommendations.evaluation.protocols import Options, ml100k


def test_ours_beats_ease_and_ease_beats_popularity_on_ml100k(ml_100k):
    report = ml100k.run(ml_100k, Options(), splits=1)

    figures = {row.model: row.figures["ndcg@10"] for row in report.rows}
    assert figures["ours"] >= 0.485
    assert figures["ours"] > figures["EASE"] + 0.005
    assert figures["EASE"] > figures["popularity"] + 0.2
    # Every published model of the table stands below.
    assert figures["ours"] > max(row.figures["ndcg@10"] for row in report.published)
