"""What the other settings are made from: folders, the environment and the addresses of services."""

import os
from pathlib import Path

import environ

from recsys_project.embedded import addresses
from recsys_project.service_urls import redis_urls

BASE_DIR = Path(__file__).resolve().parent.parent.parent
VAR_DIR = addresses.var_dir()

env = environ.Env()
redis_addresses = redis_urls("REDIS_URL", os.environ.get("REDIS_URL") or addresses.redis_url())
