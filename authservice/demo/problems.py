"""What can go wrong for the person at the browser: one exception, one page (templates/problem.html)."""


class Problem(Exception):
    """Ends a request with a page in plain words.

    `what` one sentence, `explanation` why it was refused or failed, `code` the protocol's own name for that,
    `advice` what to do now, `commands` lines to type in a shell, `journey` the steps taken so far (shown below).
    """

    def __init__(self, what: str, explanation: str, *, code: str = "", advice: str = "",
                 commands: tuple[str, ...] = (), journey=None, status: int = 400):
        super().__init__(f"{what}: {explanation}")
        self.what, self.explanation, self.code, self.advice = what, explanation, code, advice
        self.commands, self.journey, self.status = commands, journey, status


def unreachable(url: str, reason: str, journey=None) -> Problem:
    """The service gave no answer at all."""
    return Problem(
        "The service does not answer", f"This site asked {url} and got no answer ({reason}).",
        advice="Start the service in another terminal, then load this page again. The site reads its "
               "address from AUTHSERVICE_DEMO_ISSUER and AUTHSERVICE_DEMO_API.",
        commands=("authservice serve",), journey=journey, status=503)


def untrusted(url: str, journey=None) -> Problem:
    """The service's certificate was not accepted, so nothing was asked."""
    return Problem(
        "The service's certificate is not trusted", f"This site did not send its request to {url}.",
        advice="Where the service has a certificate authority of its own, set AUTHSERVICE_DEMO_CA to that "
               "authority's file (instance/tls/ca.pem), or start this site with --tls.",
        journey=journey, status=503)
