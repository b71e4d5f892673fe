"""The nouns: one module a table family. Columns hold what is searched, joined, unique or counted.

What Cognito merely keeps and gives back is one JSON column in wire shape.
Rows know nothing of requests; who may change what is decided in accounts/ and operations/.
"""

from authservice.local.models.auditing import Event
from authservice.local.models.messages import OutboxMessage
from authservice.local.models.pools import (AppClient, ClientSecret, Domain, Group, Membership, Pool,
                                            ResourceServer, SigningKey)
from authservice.local.models.signing_in import (Attempts, AuthorizationCode, BrowserSession, ChallengeSession,
                                                 RefreshToken, SignIn)
from authservice.local.models.users import Code, Name, User

__all__ = ["AppClient", "Attempts", "AuthorizationCode", "BrowserSession", "ChallengeSession", "ClientSecret",
           "Code", "Domain", "Event", "Group", "Membership", "Name", "OutboxMessage", "Pool", "RefreshToken",
           "ResourceServer", "SignIn", "SigningKey", "User"]
