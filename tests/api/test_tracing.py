"""Traces, as a collector gets them: a real process sends OTLP over HTTP, a real server takes it."""

import gzip
import json
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from authservice import tracing
from tests.services import server

PASSWORD = "Secret-horse-1"
TARGET = "AWSCognitoIdentityProviderService."
THEIR_TRACE, THEIR_SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED = {"traceparent": f"00-{THEIR_TRACE}-{THEIR_SPAN}-01"}


class Collector:
    """Takes spans at `url`, each as (resource, span)."""

    def __init__(self):
        self.spans, self.bodies = [], []
        collector = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                body = gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body
                collector.bodies.append(body)
                for group in ExportTraceServiceRequest.FromString(body).resource_spans:
                    collector.spans += [(group.resource, span) for scope in group.scope_spans for span in scope.spans]
                self.send_response(200)
                self.send_header("Content-Type", "application/x-protobuf")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def named(self, name: str, **attributes) -> list:
        return [span for _, span in list(self.spans) if span.name == name and attributes.items() <= told(span).items()]

    def wait_for(self, name: str, **attributes):
        deadline = time.monotonic() + 15
        while not (found := self.named(name, **attributes)):
            assert time.monotonic() < deadline, sorted({span.name for _, span in self.spans})
        return found[0]


def told(span) -> dict:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes}


@pytest.fixture(scope="module")
def traced(tmp_path_factory):
    """(service, its collector)"""
    collector = Collector()
    environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "50",
                   "AUTHSERVICE_ARGON2_MEMORY_KIB": "64"}
    with server.running_service(tmp_path_factory.mktemp("traced"), environment) as service:
        yield service, collector
    collector.server.shutdown()
    collector.server.server_close()


def call(service, operation: str, headers: dict | None = None, **request):
    signed = {"Authorization": "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/cognito-idp/aws4_request, "
                               "SignedHeaders=host, Signature=0"}
    return requests.post(service.url, json.dumps(request), timeout=10, headers={
        "X-Amz-Target": TARGET + operation, **signed, **(headers or {})})


@pytest.fixture(scope="module")
def signed_up(traced):
    """(pool, client) with a user who has signed up within somebody's trace."""
    service, _ = traced
    pool = call(service, "CreateUserPool", PoolName="traced").json()["UserPool"]["Id"]
    client = call(service, "CreateUserPoolClient", UserPoolId=pool, ClientName="c").json()["UserPoolClient"]["ClientId"]
    answer = call(service, "SignUp", SAMPLED, ClientId=client, Username="user-1", Password=PASSWORD)
    assert answer.status_code == 200, answer.text
    return pool, client


def test_a_call_is_a_span_that_says_what_was_asked_and_how_it_ended(traced, signed_up):
    span = traced[1].wait_for("SignUp")
    pool, client = signed_up
    assert span.kind == span.SPAN_KIND_SERVER and span.end_time_unix_nano > span.start_time_unix_nano
    assert told(span) == {
        "http.request.method": "POST", "http.route": "/", "http.response.status_code": 200, "rpc.system": "aws-api",
        "rpc.service": "CognitoIdentityProvider", "rpc.method": "SignUp", "authservice.pool": pool,
        "authservice.client": client, "authservice.outcome": "200"}


def test_it_is_a_part_of_the_callers_trace(traced, signed_up):
    span = traced[1].wait_for("SignUp")
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (THEIR_TRACE, THEIR_SPAN)


def test_its_parts_are_the_hash_and_the_commit(traced, signed_up):
    span = traced[1].wait_for("SignUp")
    for name in ("argon2id", "commit"):
        part = next(part for part in traced[1].named(name) if part.trace_id.hex() == THEIR_TRACE)
        assert part.parent_span_id == span.span_id
        assert span.start_time_unix_nano <= part.start_time_unix_nano <= part.end_time_unix_nano <= span.end_time_unix_nano


def test_a_trace_that_is_not_sampled_is_not_sent(traced, signed_up):
    service, collector = traced
    unsampled = {"traceparent": f"00-{'b' * 32}-{THEIR_SPAN}-00"}
    call(service, "DescribeUserPool", unsampled, UserPoolId=signed_up[0])
    call(service, "ListUserPools", MaxResults=1)
    collector.wait_for("ListUserPools")
    assert collector.named("DescribeUserPool") == []


def test_the_next_request_of_a_thread_is_a_trace_of_its_own(traced, signed_up):
    service, collector = traced
    for _ in range(20):
        requests.get(f"{service.url}/healthz", timeout=10)
    collector.wait_for("GET /healthz")
    spans = collector.named("GET /healthz")
    assert not any(span.parent_span_id for span in spans)
    assert len({span.trace_id for span in spans}) == len(spans)


def test_a_refusal_is_told_by_its_code_and_only_our_own_faults_are_errors(traced, signed_up):
    service, collector = traced
    call(service, "GetUser", AccessToken="nonsense")
    call(service, "CreateUserImportJob", UserPoolId=signed_up[0], JobName="j", CloudWatchLogsRoleArn="arn:aws:iam::1:role/r")
    refused, fault = collector.wait_for("GetUser"), collector.wait_for("CreateUserImportJob")
    assert told(refused)["error.type"] == told(refused)["authservice.outcome"] == "NotAuthorizedException"
    assert refused.status.code == refused.status.STATUS_CODE_UNSET
    assert told(fault)["http.response.status_code"] == 501 and fault.status.code == fault.status.STATUS_CODE_ERROR


def test_nothing_that_a_guest_writes_is_in_a_span(traced, signed_up):
    service, collector = traced
    words = ("word-in-a-path", "word-in-a-query", "WORDINAMETHOD", "word-in-a-header", "word-in-a-body")
    requests.request(words[2], f"{service.url}/{words[0]}?state={words[1]}", headers={"User-Agent": words[3]}, timeout=10)
    requests.get(f"{service.url}/{words[0]}/.well-known/jwks.json", timeout=10)
    requests.get(f"{service.url}/oauth2/authorize?state={words[1]}&client_id={words[4]}", timeout=10)
    requests.post(f"{service.url}/oauth2/token", {"grant_type": words[4]}, timeout=10)
    requests.get(f"{service.url}/last", timeout=10)
    assert told(collector.wait_for("other unknown path"))["http.request.method"] == "_OTHER"
    collector.wait_for("GET unknown path")
    sent = b"".join(collector.bodies)
    assert not [word for word in (*words, PASSWORD) if word.encode() in sent]


def test_the_log_has_the_trace_under_which_a_request_is_found(traced, signed_up):
    service, _ = traced
    lines = [json.loads(line) for line in service.log.splitlines() if line.startswith("{")]
    assert [line["trace_id"] for line in lines if line.get("operation") == "SignUp"] == [THEIR_TRACE]


def test_the_service_is_named(traced, signed_up):
    traced[1].wait_for("SignUp")
    resource = traced[1].spans[0][0]
    assert told(resource)["service.name"] == "authservice"


def started(tmp_path, before: str, environment: dict) -> subprocess.CompletedProcess:
    """What a process says, that makes the app and answers a request."""
    program = (f"import sys; {before}\nfrom authservice import create_app\n"
               "print(create_app().test_client().get('/healthz').status, 'opentelemetry.sdk' in sys.modules)")
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=server.ROOT,
                          env=server.environment(tmp_path, environment))


def test_nothing_is_loaded_where_no_trace_is_asked_for(tmp_path):
    done = started(tmp_path, "pass", {"OTEL_SERVICE_NAME": "x"})
    assert done.stdout == "200 OK False\n", done.stderr


@pytest.mark.parametrize("environment", [{}, {"OTEL_TRACES_EXPORTER": "none"},
                                         {"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "otlp"}])
def test_there_are_traces_only_where_they_are_asked_for(environment, monkeypatch):
    for name in (*tracing.ASKED_FOR_BY, "OTEL_SDK_DISABLED"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert tracing.open_tracer() is None


def test_without_the_extra_the_service_runs_and_says_what_is_missing(tmp_path):
    done = started(tmp_path, "sys.modules['opentelemetry'] = None", {"OTEL_TRACES_EXPORTER": "otlp"})
    assert done.stdout == "200 OK False\n" and "pip install 'authservice[otel]'" in done.stderr


def test_a_collector_that_is_away_delays_no_request(tmp_path):
    away = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_BSP_SCHEDULE_DELAY": "10",
            "OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
    with server.running_service(tmp_path, away) as service:
        began = time.monotonic()
        for _ in range(20):
            assert requests.get(f"{service.url}/healthz", timeout=5).status_code == 200
        assert time.monotonic() - began < 5


def test_the_last_spans_are_sent_before_a_worker_ends(tmp_path):
    collector = Collector()
    with server.running_service(tmp_path, {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}) as service:
        requests.get(f"{service.url}/nowhere", timeout=5)
    assert collector.named("GET unknown path")
    collector.server.shutdown()
    collector.server.server_close()
