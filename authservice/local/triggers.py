"""Lambda triggers: where a user pool's own code has its say.

Triggers are not run yet. A pool may carry a LambdaConfig, as Cognito's does, but a call
that would have to fire one of its triggers is refused by name: to go on without asking
could let in somebody whom the trigger would have turned away.
"""

from authservice.errors import CognitoError
from authservice.local.models import Pool


def fire(pool: Pool, trigger: str) -> None:
    """Ask the pool's trigger (PreSignUp, PostConfirmation, …); with none configured, go on."""
    config = pool.settings.get("LambdaConfig", {})
    if config.get(trigger) or config.get(f"{trigger}Config"):
        raise CognitoError("NotImplementedException",
                           f"The user pool has a {trigger} trigger, and triggers are not built yet.")
