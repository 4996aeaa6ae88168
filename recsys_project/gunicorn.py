"""Gunicorn's settings; WEB_CONCURRENCY and PORT override the number of processes and the port."""

import os

bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = 4
timeout = 30
# Requests are logged as JSON by the middleware, so Gunicorn's own access log stays off.
accesslog = None
