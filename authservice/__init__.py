"""authservice: a reference authentication backend with Cognito-style user pools.

`create_app` reads the settings, builds one backend and hangs the doors on it. It is
the only place that builds; there is no logic here.
"""

from contextlib import nullcontext
from pathlib import Path

from flask import Flask, Request, Response, request
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import MapAdapter

from authservice import config
from authservice.body import FormRequest
from authservice.errors import Unavailable


class Service(Flask):
    """Flask, spared what it asks at every request and we know: that no view or hook is a coroutine, no route a host's."""

    request_class = FormRequest

    def ensure_sync(self, func):
        return func

    def create_url_adapter(self, request: Request | None) -> MapAdapter | None:
        """Where a request's route is found: by its path alone, for no route of ours is of one host."""
        if request is None:
            return super().create_url_adapter(None)
        return MapAdapter(self.url_map, request.host.lower(), request.root_path, "", request.scheme, request.path,
                          request.method, request.query_string.decode(errors="replace"))


def create_app(settings: config.Settings | None = None, backend=None, shared: Path | None = None) -> Flask:
    """The service as a WSGI app. `backend` is given by tests that move its clock, `shared` by a worker: the folder where
    it meets the others (figures.py)."""
    from authservice import api, figures, health, logs, metrics, tracing, watch

    settings = settings or config.load()
    logs.set_up(settings.log_level)
    tracer = tracing.open_tracer()
    backend = backend or build_backend(settings, tracer.part if tracer else nullcontext)
    app = Service(__name__)
    app.config["MAX_CONTENT_LENGTH"] = api.LONGEST_READ
    app.extensions["authservice"] = backend
    counted = figures.Figures(backend.load, shared)
    tellers = [counted.count, logs.tell]
    if tracer:
        tellers.append(tracer.tell)
    watched = watch.Watch(*tellers)
    watched.requests(app)
    if settings.backend == "local":
        from authservice.oauth.programs import Programs
        app.wsgi_app = Programs(app.wsgi_app, backend, settings, watched)
    app.wsgi_app = api.Api(app.wsgi_app, backend, settings, watched, _clock_of(backend))
    if tracer:
        app.wsgi_app = tracer.around(app.wsgi_app)
    if settings.trusted_proxies:  # of what they say, only where a guest is: our own address is a setting
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.trusted_proxies, x_proto=0, x_host=0)
    app.register_blueprint(api.create())
    app.register_blueprint(health.create(backend))
    app.register_blueprint(metrics.create(counted, _depth_of_outbox(backend), settings))
    if settings.backend == "local":
        _hang_local_doors(app, backend, settings)
    else:
        from authservice.cognito import domain
        app.register_blueprint(domain.create(settings))

    @app.errorhandler(HTTPException)
    def nowhere(error: HTTPException) -> Response:
        """An address or a method that no door has: said in plain text, which can carry nothing of the request."""
        answer = error.get_response()
        answer.set_data(f"{error.code} {error.name}\n")
        answer.headers.update({"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff",
                               "Cache-Control": "no-store"})
        return answer

    @app.errorhandler(Unavailable)
    def not_now(refusal: Unavailable) -> Response:
        return Response("Please try again in a moment.\n", refusal.status, {"Retry-After": str(refusal.retry_after)},
                        content_type="text/plain")

    @app.errorhandler(500)
    def bug(error) -> Response:
        return Response("Something went wrong.\n", 500, content_type="text/plain")

    return app


def build_backend(settings: config.Settings, part=nullcontext):
    """Who answers: our own pools, or Amazon's. SettingsError where it can be known that nobody will.

    `part(name)` is entered around what takes its time in a call, for the traces.
    """
    if settings.backend == "cognito":
        from authservice.cognito.backend import CognitoBackend
        backend = CognitoBackend(settings)
        backend.check_ready()
        return backend
    from authservice.local.backend import LocalBackend
    return LocalBackend(settings, part=part)


def _clock_of(backend):
    from authservice.local.backend import utc_now
    return backend.tools.clock if hasattr(backend, "tools") else utc_now


def _depth_of_outbox(backend):
    if not hasattr(backend, "engine"):
        return None
    from authservice.local.messaging import outbox
    return lambda: outbox.depth(backend)


def _hang_local_doors(app: Flask, backend, settings: config.Settings) -> None:
    from authservice import browser, hosted, oauth, outbox

    clock = backend.tools.clock
    seal = backend.sealer
    app.session_interface = browser.SealedSessions(
        lambda plain: seal.seal(plain, "cookie login"), lambda sealed: seal.open(sealed, "cookie login"),
        settings.https, lambda: clock().timestamp(), settings.hsts)
    app.register_blueprint(oauth.create(backend, settings))
    app.register_blueprint(hosted.create(backend, *oauth.readers(backend), backend.trail))
    if outbox.enabled(settings):
        app.register_blueprint(outbox.create(backend, settings))
