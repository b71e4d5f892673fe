"""An empty Flask route, served exactly as the service is: python -m scripts.measuring.empty_route PORT WORKERS.

What it answers a second is the limit of whatever a worker must answer through Flask and granian.
"""

import sys

from flask import Flask, Response

from authservice import serving, worker


def create_app() -> Flask:
    """The app: one route, two bytes."""
    app = Flask(__name__)

    @app.get("/")
    def empty() -> Response:
        return Response("ok", content_type="text/plain")

    worker.settle()
    return app


if __name__ == "__main__":
    serving.run("scripts.measuring.empty_route:create_app", "127.0.0.1", int(sys.argv[1]), workers=int(sys.argv[2]))
