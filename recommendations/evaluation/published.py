"""Published figures, each with its protocol, for comparison in tables and plots."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """One row of a published table; ``figures`` maps our metric names to its values."""

    model: str
    figures: dict[str, float]


# V. W. Anelli et al., Top-N Recommendation Algorithms: A Quest for the State of the Art, UMAP 2022 (protocol);
# the tuned runs published with a RecSys 2023 study of hyperparameter tuning (numbers).
ML1M_FOLD = (
    PublishedRow(
        "EASE",
        {"ndcg@10": 0.34327, "precision@10": 0.27998, "recall@10": 0.19654, "hit_rate@10": 0.88233, "mrr@10": 0.58958},
    ),
    PublishedRow(
        "MultiDAE",
        {"ndcg@10": 0.30009, "precision@10": 0.24705, "recall@10": 0.17799, "hit_rate@10": 0.85544, "mrr@10": 0.52976},
    ),
    PublishedRow(
        "GMF",
        {"ndcg@10": 0.28031, "precision@10": 0.23229, "recall@10": 0.16159, "hit_rate@10": 0.83291, "mrr@10": 0.50627},
    ),
    PublishedRow(
        "ConvNeuMF",
        {"ndcg@10": 0.22556, "precision@10": 0.18633, "recall@10": 0.12053, "hit_rate@10": 0.74096, "mrr@10": 0.43498},
    ),
    PublishedRow(
        "most popular",
        {"ndcg@10": 0.16221, "precision@10": 0.13928, "recall@10": 0.08581, "hit_rate@10": 0.62363, "mrr@10": 0.31854},
    ),
)

# recommenders-team/recommenders, README: ML-100k, 75/25 stratified random split, k = 10, every rating relevant.
ML100K_75_25 = (
    PublishedRow("BiVAE", {"ndcg@10": 0.4751, "precision@10": 0.4118, "recall@10": 0.2191, "map@10": 0.1461}),
    PublishedRow("BPR", {"ndcg@10": 0.4420, "precision@10": 0.3882, "recall@10": 0.2125, "map@10": 0.1325}),
    PublishedRow("LightGCN", {"ndcg@10": 0.4198, "precision@10": 0.3796, "recall@10": 0.1443, "map@10": 0.0885}),
    PublishedRow("NCF", {"ndcg@10": 0.3961, "precision@10": 0.3473, "recall@10": 0.1808, "map@10": 0.1077}),
    PublishedRow("SAR", {"ndcg@10": 0.3825, "precision@10": 0.3308, "recall@10": 0.1764, "map@10": 0.1106}),
    PublishedRow("SVD (Surprise)", {"ndcg@10": 0.0959, "precision@10": 0.0912, "recall@10": 0.0328, "map@10": 0.0129}),
)

# NicolasHug/Surprise, README: 5-fold cross-validation, default parameters.
ML100K_RMSE = (
    PublishedRow("SVD++ (Surprise)", {"rmse": 0.919, "mae": 0.721}),
    PublishedRow("kNN-Baseline (Surprise)", {"rmse": 0.931, "mae": 0.733}),
    PublishedRow("SVD (Surprise)", {"rmse": 0.934, "mae": 0.737}),
    PublishedRow("Baseline (Surprise)", {"rmse": 0.944, "mae": 0.748}),
    PublishedRow("NMF (Surprise)", {"rmse": 0.963, "mae": 0.758}),
)
ML1M_RMSE = (
    PublishedRow("SVD++ (Surprise)", {"rmse": 0.862, "mae": 0.672}),
    PublishedRow("SVD (Surprise)", {"rmse": 0.873, "mae": 0.686}),
)

# Leave-one-out on ML-1M, all items ranked. A study of SASRec and BERT4Rec, RecSys 2023
# (antklen/sasrec-bert4rec-recsys23, README), and gSASRec, RecSys 2023 (asash/gSASRec-pytorch, README).
NEXT_ITEM = (
    PublishedRow("SASRec, 3,000 negatives", {"ndcg@10": 0.1857, "hit_rate@10": 0.3159}),
    PublishedRow("SASRec, full cross-entropy", {"ndcg@10": 0.1821, "hit_rate@10": 0.3152}),
    PublishedRow("gSASRec", {"ndcg@10": 0.1726, "hit_rate@10": 0.3003}),
    PublishedRow("BERT4Rec", {"ndcg@10": 0.1537, "hit_rate@10": 0.2843}),
    PublishedRow("SASRec", {"ndcg@10": 0.1341, "hit_rate@10": 0.2500}),
)


def _after_likes(*values: float) -> dict[str, float]:
    return {f"ndcg@10 after {count}": value for count, value in zip((1, 3, 5, 10, 20), values, strict=True)}


# Measured by this project's maintainers before the pipeline was built (design notes): references, not publications.
COLD_MOVIES = (
    PublishedRow("reference: LSA with genres, by ridge regression", {"ndcg@10": 0.29}),
    PublishedRow("reference: MiniLM with genres, by ridge regression", {"ndcg@10": 0.28}),
    PublishedRow("reference: genres only", {"ndcg@10": 0.14}),
)
NEW_USERS = (
    PublishedRow("reference: popularity", _after_likes(0.396, 0.377, 0.357, 0.330, 0.330)),
    PublishedRow("reference: EASE, exact", _after_likes(0.241, 0.309, 0.348, 0.368, 0.340)),
    PublishedRow("reference: EASE, rank 64", _after_likes(0.278, 0.346, 0.379, 0.388, 0.346)),
    PublishedRow(
        "reference: denoising, rank 64, with 0.1/(1+k) x popularity", _after_likes(0.389, 0.395, 0.403, 0.392, 0.356)
    ),
)
