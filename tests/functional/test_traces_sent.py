"""A web server sends its traces by OTLP over HTTP to a collector, from each of its forked processes."""

import importlib.util
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Empty, SimpleQueue
from typing import Any

import pytest

from tests.functional.web_server import free_port, web_server

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("opentelemetry") is None,
    reason="The OpenTelemetry packages of requirements-tracing.txt are missing.",
)


class Collector(ThreadingHTTPServer):
    """Takes what exporters send, and answers that all is well."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receiver)
        self.bodies: SimpleQueue[bytes] = SimpleQueue()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def spans(self) -> Iterator[tuple[str, Any]]:
        """The service and the span of each that arrives, until none has for ten seconds."""
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest  # noqa: PLC0415

        while True:
            try:
                message = ExportTraceServiceRequest.FromString(self.bodies.get(timeout=10))
            except Empty:
                return
            for group in message.resource_spans:
                named = {item.key: item.value.string_value for item in group.resource.attributes}
                for scope in group.scope_spans:
                    yield from ((named["service.name"], span) for span in scope.spans)


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/v1/traces":
            self.server.bodies.put(body)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def collector():
    with Collector() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def traced(address: str) -> dict[str, str]:
    return {
        "OTEL_ENABLED": "true",
        "OTEL_SERVICE_NAME": "films",
        "OTEL_EXPORTER_OTLP_ENDPOINT": address,
        # Milliseconds between two batches.
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        # Seconds for which it tries again, also when the process ends.
        "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
        # Otherwise the exporter's library takes a proxy of the machine.
        "NO_PROXY": "127.0.0.1",
    }


@pytest.mark.django_db(transaction=True)
def test_spans_of_a_request_reach_the_collector(tmp_path, collector):
    trace = "a" * 32
    with web_server(tmp_path, OTEL_EXPORTER_OTLP_COMPRESSION="none", **traced(collector.url)) as server:
        answer = server.request("GET", "/api/genres/", traceparent=f"00-{trace}-{'b' * 16}-01")

        assert answer.status == 200
        arrived = ((service, span) for service, span in collector.spans() if span.trace_id.hex() == trace)
        service, span = next(arrived)
        names = {span.name}
        while "GET api/genres/" not in names:
            names.add(next(arrived)[1].name)
        assert service == "films"
        assert "SELECT" in " ".join(names)


@pytest.mark.django_db(transaction=True)
def test_a_collector_that_is_away_stops_no_request(tmp_path):
    with web_server(tmp_path, **traced(f"http://127.0.0.1:{free_port()}")) as server:
        assert [server.request("GET", "/api/genres/").status for _ in range(3)] == [200] * 3
        # Every line is JSON, the exporter's too.
        assert all(line["event"] for line in server.log_lines())
