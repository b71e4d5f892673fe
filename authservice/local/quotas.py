"""Cognito's request rates, by the setting `quotas`: with them on, a client's patience can be tried.

Owns which operation counts in which category and what a second may bear. Guards nothing: guesses are lockout.py's
matter. While Redis does not answer, nothing is refused by it.
Source: Developer Guide, "Quotas in Amazon Cognito", the default rates of an account and region.
"""

from datetime import timedelta

from authservice.config import Settings
from authservice.contract import Caller
from authservice.errors import rate_exceeded
from authservice.local.counters import Counters

SECOND = timedelta(seconds=1)

PER_SECOND = {
    "UserAuthentication": (120, "InitiateAuth AdminInitiateAuth"),
    "UserAuthentication, answers": (360, "RespondToAuthChallenge AdminRespondToAuthChallenge"),
    "UserCreation": (50, "SignUp ConfirmSignUp AdminCreateUser AdminConfirmSignUp"),
    "UserAccountRecovery": (30, "ForgotPassword ConfirmForgotPassword ChangePassword AdminResetUserPassword "
                                "AdminSetUserPassword"),
    "UserRead": (120, "GetUser AdminGetUser"),
    "UserUpdate": (25, "UpdateUserAttributes AdminUpdateUserAttributes DeleteUserAttributes AdminDeleteUserAttributes "
                       "VerifyUserAttribute DeleteUser AdminDeleteUser AdminEnableUser AdminDisableUser "
                       "AdminLinkProviderForUser AdminDisableProviderForUser AdminAddUserToGroup "
                       "AdminRemoveUserFromGroup GlobalSignOut AdminUserGlobalSignOut"),
    "UserToken": (120, "RevokeToken GetTokensFromRefreshToken"),
    "UserResourceRead": (50, "GetDevice AdminGetDevice ListDevices AdminListDevices AdminListGroupsForUser "
                             "AdminListUserAuthEvents ResendConfirmationCode GetUserAttributeVerificationCode"),
    "UserResourceUpdate": (25, "ConfirmDevice ForgetDevice AdminForgetDevice UpdateDeviceStatus AdminUpdateDeviceStatus "
                               "SetUserMFAPreference AdminSetUserMFAPreference AssociateSoftwareToken "
                               "VerifySoftwareToken UpdateAuthEventFeedback AdminUpdateAuthEventFeedback"),
    "UserList": (30, "ListUsers ListUsersInGroup"),
    "UserPoolRead": (15, "DescribeUserPool ListUserPools"),
    "UserPoolUpdate": (15, "CreateUserPool UpdateUserPool DeleteUserPool"),
    "UserPoolResourceRead": (20, "GetGroup ListGroups DescribeIdentityProvider ListIdentityProviders "
                                 "GetIdentityProviderByIdentifier DescribeResourceServer ListResourceServers "
                                 "DescribeUserPoolDomain DescribeUserImportJob ListUserImportJobs GetCSVHeader "
                                 "GetUserPoolMfaConfig ListTagsForResource GetUICustomization"),
    "UserPoolResourceUpdate": (15, "AddCustomAttributes CreateGroup UpdateGroup DeleteGroup CreateIdentityProvider "
                                   "UpdateIdentityProvider DeleteIdentityProvider CreateResourceServer "
                                   "UpdateResourceServer DeleteResourceServer CreateUserPoolDomain UpdateUserPoolDomain "
                                   "DeleteUserPoolDomain CreateUserImportJob StartUserImportJob StopUserImportJob "
                                   "SetUserPoolMfaConfig TagResource UntagResource SetUICustomization"),
    "UserPoolClientRead": (15, "DescribeUserPoolClient ListUserPoolClients ListUserPoolClientSecrets"),
    "UserPoolClientUpdate": (15, "CreateUserPoolClient UpdateUserPoolClient DeleteUserPoolClient "
                                 "AddUserPoolClientSecret DeleteUserPoolClientSecret"),
}
"""Requests a second in each category, and its operations; the answers to challenges may come three times as often."""
CATEGORIES = {operation: category for category, (_, operations) in PER_SECOND.items() for operation in operations.split()}


class Quotas:
    """The requests of this second, counted where the counters say."""

    def __init__(self, settings: Settings, counters: Counters):
        self._hit = None
        if settings.quotas == "cognito":
            # Imported here: it takes a quarter of a second, and hardly anybody turns it on.
            from limits import RateLimitItemPerSecond
            from limits.errors import StorageError
            from limits.strategies import FixedWindowRateLimiter
            self._rates = {name: RateLimitItemPerSecond(rate) for name, (rate, _) in PER_SECOND.items()}
            self._hit, self._away = FixedWindowRateLimiter(counters.rates()).hit, StorageError

    def spend(self, operation: str, caller: Caller) -> None:
        """Count an app's request; refuses with TooManyRequestsException when its category's second is full.

        What our pages and the shell ask is no request of the API.
        """
        category = self._hit and CATEGORIES.get(operation)
        if not category or caller.kind not in ("anonymous", "iam"):
            return
        try:
            has_room = self._hit(self._rates[category], category)
        except self._away:
            return
        if not has_room:
            raise rate_exceeded(SECOND)
