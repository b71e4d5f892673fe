"""The service as a real process, killed in the middle of sign-ups."""

import json
import sqlite3
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from authservice.cognito.backend import CognitoBackend
from tests.conftest import HeldToTheModel, make_settings
from tests.contract.guest import PASSWORD, Pool
from tests.services.server import DIRECT, running_service

QUICK = {"AUTHSERVICE_ARGON2_MEMORY_KIB": 64, "AUTHSERVICE_ARGON2_TIME": 1}
KILLS = (8, 20)
"""After so many acknowledged sign-ups the service is killed."""
SIGN_UPS = 32


class OutboxPage:
    """The inbox of a service in another process: its outbox for end-to-end tests."""

    def __init__(self, url: str):
        self._url = url

    def code(self, to: str) -> str:
        with DIRECT.open(f"{self._url}/outbox.json?to={to}", timeout=10) as answer:
            return json.load(answer)[0]["code"]


def guest(service, tmp_path) -> tuple[HeldToTheModel, OutboxPage]:
    url = on_loopback(service)
    settings = make_settings(tmp_path, backend="cognito", region="us-east-1", cognito_endpoint_url=url)
    return HeldToTheModel(CognitoBackend(settings, credentials=("local", "local"))), OutboxPage(url)


def on_loopback(service) -> str:
    return service.url.replace("//localhost:", "//127.0.0.1:")


def post(service, operation: str, request: dict) -> tuple[int, str]:
    """One request and no second try: (status, error type); OSError where no answer came."""
    headers = {"X-Amz-Target": f"AWSCognitoIdentityProviderService.{operation}",
               "Content-Type": "application/x-amz-json-1.1"}
    data = json.dumps(request).encode()
    try:
        with DIRECT.open(urllib.request.Request(on_loopback(service), data, headers), timeout=20) as answer:
            answer.read()
            return answer.status, ""
    except urllib.error.HTTPError as refusal:
        return refusal.code, json.load(refusal)["__type"]


def sign_up_request(client, number: int) -> dict:
    return {"ClientId": client.id, "Username": f"user-{number}", "Password": PASSWORD,
            "UserAttributes": [{"Name": "email", "Value": f"user-{number}@example.com"}]}


def test_a_kill_in_the_middle_of_sign_ups_loses_no_user_and_leaves_no_half_one(tmp_path):
    with running_service(tmp_path, QUICK) as service:
        backend, inbox = guest(service, tmp_path)
        client = Pool.make(backend, inbox).client()
        acknowledged, unanswered = sign_up_under_fire(service, client)
        assert len(acknowledged) + len(unanswered) == SIGN_UPS and len(acknowledged) >= KILLS[-1]

        rows_are_whole(tmp_path, acknowledged)
        for number in unanswered:  # it is safe to try again
            status, error = post(service, "SignUp", sign_up_request(client, number))
            assert (status, error) in ((200, ""), (400, "UsernameExistsException"))
        rows_are_whole(tmp_path, range(SIGN_UPS))
        for number in (*acknowledged[:3], *acknowledged[-3:], *unanswered):
            client.confirm(f"user-{number}", inbox.code(f"user-{number}@example.com"))
            client.tokens(f"user-{number}")


def sign_up_under_fire(service, client) -> tuple[list[int], list[int]]:
    """Sign up in four threads while the service is killed and started again: (acknowledged, unanswered) numbers."""
    numbers, acknowledged, unanswered = iter(range(SIGN_UPS)), [], []
    turn, serving = threading.Lock(), threading.Event()
    serving.set()

    def sign_up():
        while True:
            serving.wait(60)
            with turn:
                number = next(numbers, None)
            if number is None:
                return
            try:
                status, error = post(service, "SignUp", sign_up_request(client, number))
            except (OSError, ValueError):
                unanswered.append(number)
                serving.wait(60)
                continue
            assert (status, error) == (200, "")
            acknowledged.append(number)

    with ThreadPoolExecutor(4) as threads:
        running = [threads.submit(sign_up) for _ in range(4)]
        for enough in KILLS:
            while len(acknowledged) < enough and not all(thread.done() for thread in running):
                time.sleep(0.001)
            serving.clear()
            service.kill9()
            service.restart()
            serving.set()
        for thread in running:
            thread.result(60)
    return acknowledged, unanswered


def rows_are_whole(instance, numbers) -> None:
    """Each of these users is there with name, hash, verifier, code and message; and nobody is there by halves."""
    with sqlite3.connect(instance / "authservice.db") as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        users = db.execute("SELECT id, username, password_hash, srp_salt, srp_verifier FROM users").fetchall()
        for user_id, username, *secrets in users:
            assert all(secrets), username
            names = dict(db.execute("SELECT attribute, key FROM names WHERE user_id = ?", [user_id]))
            assert names == {"username": username, "email": f"{username}@example.com"}
            assert db.execute("SELECT count(*) FROM codes WHERE user_id = ?", [user_id]).fetchone() == (1,)
        sent = [to for (to,) in db.execute("SELECT recipient FROM outbox")]
        assert sorted(sent) == sorted(f"{username}@example.com" for _, username, *_ in users)
        assert {f"user-{number}" for number in numbers} <= {username for _, username, *_ in users}
