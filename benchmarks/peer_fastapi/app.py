"""The cached path of a FastAPI recommender, done well: what benchmarks/serving.py compares the project with.

Each request verifies a JWT, takes its place in a fixed-window rate limit and reads the person's list, both in one Redis
pipeline, and answers through a Pydantic model, with a request id, one JSON log line, and one Prometheus counter and
histogram. There is no lookup of the person, so a revoked token stays valid until it expires.
"""

import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated
from uuid import uuid4

import jwt
import orjson
from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response
from prometheus_client import Counter, Histogram
from pydantic import BaseModel
from redis.asyncio import Redis

SIGNING_KEY = os.environ["PEER_SIGNING_KEY"]
LIMIT, WINDOW = 10_000_000, 60
REQUESTS = Counter("http_requests_total", "Requests.", ["route", "status"])
SECONDS = Histogram("http_request_seconds", "Durations.", ["route"])


class Genre(BaseModel):
    name: str
    slug: str


class Movie(BaseModel):
    id: int
    title: str
    year: int | None
    genres: list[str | Genre]
    poster_url: str | None = None


class Item(BaseModel):
    movie: Movie
    score: float
    sources: dict[str, float]
    reason: dict | None
    predicted_rating: float | None


class RecommendationList(BaseModel):
    recommendation_id: str
    generated_at: str
    model_version: int | None
    user_state: str
    items: list[Item]


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    app.state.redis = Redis.from_url(os.environ["PEER_REDIS_URL"])
    yield
    await app.state.redis.aclose()


app = FastAPI(lifespan=lifespan)


def user_id(request: Request) -> int:
    """The person of the request's token. Raises HTTPException."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        raise HTTPException(401)
    try:
        claims = jwt.decode(token, SIGNING_KEY, algorithms=["HS256"], audience="recsys-api", issuer="recsys")
    except jwt.InvalidTokenError as error:
        raise HTTPException(401) from error
    return int(claims["user_id"])


@app.get("/api/recommendations/")
async def recommendations(
    request: Request,
    response: Response,
    person: Annotated[int, Depends(user_id)],
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> RecommendationList:
    """The person's cached list."""
    started = time.perf_counter()
    request_id = request.headers.get("X-Request-ID") or str(uuid4())
    window = f"peer:limit:{person}:{int(time.time()) // WINDOW}"
    async with request.app.state.redis.pipeline(transaction=False) as pipe:
        pipe.incr(window)
        pipe.expire(window, WINDOW)
        pipe.get(f"peer:list:{person}")
        count, _, data = await pipe.execute()
    if count > LIMIT:
        raise HTTPException(429)
    if data is None:
        raise HTTPException(404)
    rendered = RecommendationList.model_validate_json(data)
    rendered.items = rendered.items[:limit]
    response.headers["X-Request-ID"] = request_id
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["RateLimit"] = f'"user";r={LIMIT - count};t={WINDOW}'
    seconds = time.perf_counter() - started
    REQUESTS.labels("recommendations", "200").inc()
    SECONDS.labels("recommendations").observe(seconds)
    line = {
        "event": "request_finished",
        "request_id": request_id,
        "method": "GET",
        "route": "api/recommendations/",
        "status": 200,
        "duration_ms": round(seconds * 1000, 2),
        "user_id": person,
        "timestamp": time.time(),
    }
    sys.stderr.buffer.write(orjson.dumps(line) + b"\n")
    sys.stderr.buffer.flush()
    return rendered
