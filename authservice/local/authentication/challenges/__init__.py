"""The challenges, one module each: `ask(call, attempt)` answers with it, `check(call, client, session,
responses)` gives the attempt back once the answer proved right.

To add one: write its module, name it here, and say in next_step.py when it is due.
"""

from authservice.local.authentication.challenges import (mfa_setup, new_password, password_verifier,
                                                         software_token)

CHALLENGES = {
    "PASSWORD_VERIFIER": password_verifier,
    "NEW_PASSWORD_REQUIRED": new_password,
    "SOFTWARE_TOKEN_MFA": software_token,
    "MFA_SETUP": mfa_setup,
}
