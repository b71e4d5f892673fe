"""/metrics: what it counts, over all workers, and who may read it."""

import json
import multiprocessing
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families as parse

from authservice import create_app, figures
from authservice.contract import OPERATOR
from authservice.local.backend import LocalBackend
from authservice.watch import Seen
from tests.conftest import make_settings
from tests.services import server

TARGET = "AWSCognitoIdentityProviderService."


def values(text: str) -> dict:
    """{(name, labels as a frozenset of pairs): value}"""
    return {(sample.name, frozenset(sample.labels.items())): sample.value
            for family in parse(text) for sample in family.samples}


def of(found: dict, name: str, **labels) -> float:
    return found.get((f"authservice_{name}", frozenset(labels.items())), 0)


def scrape(client, **headers) -> dict:
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200
    return values(answer.text)


def until(true, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline


def ask(client, operation: str, body: dict, **headers):
    return client.post("/", data=json.dumps(body), headers={"X-Amz-Target": TARGET + operation, **headers})


def test_requests_are_counted_by_operation_and_outcome(client):
    client.get("/healthz")
    ask(client, "ListUserPools", {"MaxResults": 1})
    ask(client, "GetUser", {"AccessToken": "x"})
    client.post("/oauth2/token", data={"grant_type": "nonsense"})
    client.get("/nowhere/at/all")
    client.get("/login")
    found = scrape(client)
    counted = {(dict(labels)["operation"], dict(labels)["outcome"]) for name, labels in found
               if name == "authservice_requests_total"}
    assert counted == {("ListUserPools", "MissingAuthenticationTokenException"), ("GET /healthz", "ok"),
                       ("GetUser", "NotAuthorizedException"), ("POST /oauth2/token", "unsupported_grant_type"),
                       ("GET unknown path", "404"), ("GET /login", "invalid_client")}


def test_latencies_are_classed_and_their_number_is_that_of_the_requests(client):
    for _ in range(3):
        client.get("/healthz")
    found = scrape(client)
    name = "request_duration_seconds"
    assert of(found, f"{name}_count", operation="GET /healthz") == 3
    assert of(found, f"{name}_bucket", operation="GET /healthz", le="10") == 3
    assert of(found, f"{name}_bucket", operation="GET /healthz", le="+Inf") == 3
    assert 0 < of(found, f"{name}_sum", operation="GET /healthz") < 3


@pytest.mark.parametrize(("outcome", "told"), [
    (200, "ok"), (302, "ok"), (404, "404"), ("UsernameExistsException", "UsernameExistsException"),
    ("invalid_grant", "invalid_grant"), ("SomethingNewException", "other"), ("guest's own words", "other")])
def test_an_outcome_is_a_known_one_or_other(outcome, told):
    counted = figures.Figures(dict)
    for _ in range(2):
        counted.count(Seen("1", "GetUser", None, None, outcome, 400, 0.1))
    [own] = counted.of_all()
    assert own["operations"]["GetUser"]["outcomes"] == {told: 2}


def test_no_guest_can_make_a_new_figure(client):
    before = len(scrape(client))
    for word in ("one", "two"):
        client.get(f"/{word}")
        client.open(f"/{word}", method=word)
        client.open("/login", method=word)
        ask(client, word, {})
        client.post("/oauth2/token", data={"grant_type": word})
        client.get(f"/pool-{word}/.well-known/jwks.json")
        if word == "one":
            before = len(scrape(client))
    assert len(scrape(client)) == before


def test_the_figures_of_a_process_and_of_the_build(client):
    found = scrape(client)
    names = {name for name, _ in found}
    assert {"authservice_build_info", "process_resident_memory_bytes", "process_cpu_seconds_total"} <= names
    assert of(found, "workers") == 1
    assert of(found, "hashing_waiting") == of(found, "hashing_running") == 0
    assert of(found, "database_connections") == 0


def test_hashes_that_wait_and_that_run(tmp_path, empty_database, clock):
    """Eight guests, with hashes that take a tenth of a second, and two cores or so."""
    backend = LocalBackend(make_settings(tmp_path, argon2_time=3000), clock)
    client = create_app(backend.settings, backend=backend).test_client()
    with ThreadPoolExecutor(8) as guests:
        for _ in range(8):
            guests.submit(backend.tools.passwords.verify_unknown, "Secret-horse-1")
        until(lambda: of(found := scrape(client), "hashing_waiting") > 0 and of(found, "hashing_running") > 0)
    found = scrape(client)
    assert of(found, "hashing_waiting") == of(found, "hashing_running") == 0
    backend.close()


def test_a_connection_that_is_taken_is_seen(client, local):
    with local.engine.connect():
        assert of(scrape(client), "database_connections") == 1
    assert of(scrape(client), "database_connections") == 0


@pytest.fixture
def mailing(tmp_path, clock, empty_database):
    """A service whose mail server is away."""
    backend = LocalBackend(make_settings(tmp_path, smtp_url="smtp://127.0.0.1:9"), clock)
    yield backend, create_app(backend.settings, backend=backend).test_client()
    backend.close()


def test_the_outbox_tells_how_many_wait_and_for_how_long(mailing, clock):
    backend, client = mailing
    assert of(scrape(client), "outbox_messages") == of(scrape(client), "outbox_oldest_seconds") == 0
    pool = backend.call("CreateUserPool", {"PoolName": "p", "AutoVerifiedAttributes": ["email"]}, OPERATOR)["UserPool"]["Id"]
    app = backend.call("CreateUserPoolClient", {"UserPoolId": pool, "ClientName": "c"}, OPERATOR)["UserPoolClient"]["ClientId"]
    for name in ("one", "two"):
        backend.call("SignUp", {"ClientId": app, "Username": name, "Password": "Secret-horse-1",
                                "UserAttributes": [{"Name": "email", "Value": f"{name}@example.com"}]})
    backend.courier.stop()
    clock.advance(seconds=90)
    until(lambda: of(scrape(client), "outbox_messages") == 2)
    assert of(scrape(client), "outbox_oldest_seconds") >= 90


def test_messages_that_stay_for_a_developer_do_not_wait(client, local):
    pool = local.call("CreateUserPool", {"PoolName": "p", "AutoVerifiedAttributes": ["email"]}, OPERATOR)["UserPool"]["Id"]
    local.call("AdminCreateUser", {"UserPoolId": pool, "Username": "one", "DesiredDeliveryMediums": ["EMAIL"],
                                   "UserAttributes": [{"Name": "email", "Value": "one@example.com"}]}, OPERATOR)
    assert len(client.get("/outbox.json").json) == 1 and of(scrape(client), "outbox_messages") == 0


def test_without_its_database_a_service_still_tells_its_figures(client, local, tmp_path):
    local.tools.connections.close()
    local.engine.dispose()
    for file in tmp_path.glob("authservice.db*"):
        file.write_bytes(b"no database" * 1000)
    found = scrape(client)
    assert of(found, "workers") == 1 and not [name for name, _ in found if "outbox" in name]


def test_it_is_for_this_machine_alone(client):
    assert client.get("/metrics", headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 403
    assert client.get("/metrics", headers={"Host": "auth.example.com"}).status_code == 403
    assert client.get("/metrics", environ_overrides={"REMOTE_ADDR": "192.0.2.1"}).status_code == 403


def test_with_a_token_it_is_for_whoever_presents_it(local, settings):
    guarded = make_settings(settings.instance, metrics_token="a token for the test")
    client = create_app(guarded, backend=local).test_client()
    from_elsewhere = {"REMOTE_ADDR": "192.0.2.1"}
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Bearer "}, {"Authorization": "a token for the test"}):
        refused = client.get("/metrics", headers=headers)
        assert refused.status_code == 401 and refused.headers["WWW-Authenticate"].startswith("Bearer")
    answer = client.get("/metrics", headers={"Authorization": "Bearer a token for the test"}, environ_overrides=from_elsewhere)
    assert answer.status_code == 200


def test_prometheus_own_format_is_spoken_where_it_is_asked_for(client):
    answer = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.content_type.startswith("application/openmetrics-text") and answer.text.endswith("# EOF\n")
    assert client.head("/metrics").status_code == 200


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory):
    instance = tmp_path_factory.mktemp("metrics")
    with server.running_service(instance, workers=2) as service:
        yield service


def scrapes(service, times: int) -> list[dict]:
    """Each on a connection of its own, so that any worker may answer it."""
    return [values(requests.get(f"{service.url}/metrics", timeout=10).text) for _ in range(times)]


def test_one_scrape_tells_of_all_workers(two_workers):
    asked = 0
    while sum(map(bool, answered_by_each(two_workers))) < 2:  # a scrape is to tell of what another worker answered
        assert requests.get(f"{two_workers.url}/nowhere", timeout=10).status_code == 404
        asked += 1
        assert asked < 10_000
    counted = {"operation": "GET unknown path", "outcome": "404"}
    until(lambda: sum(answered_by_each(two_workers)) == asked)
    for found in scrapes(two_workers, 8):
        assert of(found, "requests_total", **counted) == asked
    assert of(found, "request_duration_seconds_count", operation="GET unknown path") == asked
    assert of(found, "workers") == 2
    memory = {dict(labels)["pid"]: value for (name, labels), value in found.items() if name == "process_resident_memory_bytes"}
    assert len(memory) == 2 and all(value > 1e7 for value in memory.values())


def answered_by_each(service) -> list[int]:
    """How often each worker has said that there is no such path, as far as it has told."""
    told = [json.loads(file.read_text())["operations"] for file in figures_of(service)]
    return [operations.get("GET unknown path", {"outcomes": {"404": 0}})["outcomes"]["404"] for operations in told]


def figures_of(service) -> list[Path]:
    [folder] = (Path(service.environment["AUTHSERVICE_INSTANCE"]) / "metrics").iterdir()
    return list(folder.glob("*.json"))


def test_of_a_worker_that_ended_the_counts_remain_and_the_load_does_not(two_workers):
    [file, _] = figures_of(two_workers)
    told = json.loads(file.read_text())
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    counts = {"outcomes": {"ok": 7}, "classes": [7] + [0] * len(figures.BOUNDS), "seconds": 0.1}
    (file.parent / f"{ended.pid}.json").write_text(json.dumps({
        **told, "pid": ended.pid, "operations": {"GET /of/the/past": counts}, "load": {"hashing_waiting": 5}}))
    for found in scrapes(two_workers, 4):
        assert of(found, "requests_total", operation="GET /of/the/past", outcome="ok") == 7
        assert of(found, "workers") == 2 and of(found, "hashing_waiting") == 0


def count_one_and_end(folder: Path) -> None:
    figures.TELL_SECONDS = 1000.0
    last = figures.Figures(dict, folder)
    until(lambda: list(folder.glob("*.json")))
    last.count(Seen("1", "GetUser", None, None, 200, 200, 0.1))


def test_a_worker_that_ends_tells_its_last_counts(tmp_path):
    worker = multiprocessing.get_context("spawn").Process(target=count_one_and_end, args=(tmp_path,))
    worker.start()
    worker.join(60)
    [file] = tmp_path.glob("*.json")
    assert json.loads(file.read_text())["operations"]["GetUser"]["outcomes"] == {"ok": 1}


def test_a_start_forgets_the_figures_of_the_last_one(two_workers):
    before = {file.name for file in figures_of(two_workers)}
    two_workers.restart()
    until(lambda: len(figures_of(two_workers)) == 2)
    assert not before & {file.name for file in figures_of(two_workers)}
    assert not [labels for found in scrapes(two_workers, 1) for _, labels in found if "/of/the/past" in str(labels)]


def test_a_worker_whose_figures_find_no_place_tells_them_when_there_is_one(tmp_path, monkeypatch):
    """A folder that is not there takes no file, as a full disk takes none."""
    monkeypatch.setattr(figures, "TELL_SECONDS", 0.01)
    folder = tmp_path / "not_there"
    tries = []
    alone = figures.Figures(lambda: tries.append(1) or {}, folder)
    alone.count(Seen("1", "GetUser", None, None, 200, 200, 0.1))
    [own] = alone.of_all()
    assert own["operations"]["GetUser"]["outcomes"] == {"ok": 1}
    until(lambda: len(tries) > 3)  # and each but the last in vain
    folder.mkdir()
    until(lambda: list(folder.glob("*.json")))
