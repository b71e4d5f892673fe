"""A pool's settings: completed with Cognito's defaults, and held to its rules.

Owns the settings document (everything but name, schema and MFA, in wire shape) and the MFA
configuration. Does not own the attribute schema (schema.py). Much of the document Cognito,
and so we, merely keep: a sender's role, a Lambda's ARN are given back as they came, and
`without_effect` names those this service does not act on.
Source: API_CreateUserPool, API_UpdateUserPool, API_SetUserPoolMfaConfig.
"""

from copy import deepcopy

from authservice.contract import service
from authservice.errors import CognitoError, invalid_parameter
from authservice.local.accounts import assurance
from authservice.local.models import Pool

ELSEWHERE = {"PoolName", "Schema", "MfaConfiguration"}
"""Members of CreateUserPool that are columns of their own."""
FOR_GOOD = ("AliasAttributes", "UsernameAttributes", "UsernameConfiguration")
"""Members that only CreateUserPool has: no update changes them."""
PASSWORD_POLICY = {"MinimumLength": 8, "RequireUppercase": True, "RequireLowercase": True,
                   "RequireNumbers": True, "RequireSymbols": True}
PARTIAL_POLICY = {"MinimumLength": 8, "RequireUppercase": False, "RequireLowercase": False,
                  "RequireNumbers": False, "RequireSymbols": False}
"""What a PasswordPolicy that is given leaves open: its flags are plain booleans, false unless sent."""
RECOVERY = {"RecoveryMechanisms": [{"Priority": 1, "Name": "verified_email"},
                                   {"Priority": 2, "Name": "verified_phone_number"}]}
MIRRORED = {"SmsVerificationMessage": "SmsMessage", "EmailVerificationMessage": "EmailMessage",
            "EmailVerificationSubject": "EmailSubject"}
"""Members that are the same text as one of VerificationMessageTemplate's."""
MOST_TAGS = 50
SILENT_TRIGGERS = ("CustomMessage", "CustomSMSSender", "CustomEmailSender", "InboundFederation")
"""Those that no call asks for yet; the others make the call that would need them refuse (triggers.py)."""


def complete(request: dict, before: Pool | None = None) -> dict:
    """The settings document for a CreateUserPool request, or for an UpdateUserPool request on `before`.

    An update starts from the defaults again: what it does not name is reset, save the tier and what is
    fixed for good. Refuses what contradicts itself.
    """
    members = service().operation("CreateUserPool").input_shape.members.keys() - ELSEWHERE
    settings = {name: deepcopy(value) for name, value in request.items() if name in members and value != []}
    if before is not None:
        settings |= {name: before.settings[name] for name in FOR_GOOD if name in before.settings}
    settings["AdminCreateUserConfig"], settings["Policies"] = _accounts_and_policies(settings)
    settings.setdefault("DeletionProtection", "INACTIVE")
    settings.setdefault("LambdaConfig", {})
    settings.setdefault("AccountRecoverySetting", deepcopy(RECOVERY))
    settings["EmailConfiguration"] = {"EmailSendingAccount": "COGNITO_DEFAULT",
                                      **settings.get("EmailConfiguration", {})}
    settings["UserAttributeUpdateSettings"] = {"AttributesRequireVerificationBeforeUpdate": [],
                                               **settings.get("UserAttributeUpdateSettings", {})}
    _mirror_messages(settings)
    settings["UserPoolTier"] = _tier(settings, before)
    _check(settings)
    return settings


def _accounts_and_policies(settings: dict) -> tuple[dict, dict]:
    """AdminCreateUserConfig and Policies, which share one number: how long a temporary password is good."""
    accounts, policies = settings.get("AdminCreateUserConfig", {}), settings.get("Policies", {})
    given = policies.get("PasswordPolicy")
    policy = dict(PASSWORD_POLICY) if given is None else {**PARTIAL_POLICY, **given}
    old = accounts.get("UnusedAccountValidityDays")
    new = (given or {}).get("TemporaryPasswordValidityDays")
    if old is not None and new is not None and old != new:
        raise invalid_parameter("Please use TemporaryPasswordValidityDays in PasswordPolicy instead of "
                                "UnusedAccountValidityDays")
    days = next((number for number in (new, old) if number is not None), 7)
    policy["TemporaryPasswordValidityDays"] = days
    accounts = {"AllowAdminCreateUserOnly": False, **accounts, "UnusedAccountValidityDays": days}
    return accounts, {"PasswordPolicy": policy,
                      "SignInPolicy": policies.get("SignInPolicy", {"AllowedFirstAuthFactors": ["PASSWORD"]})}


def _mirror_messages(settings: dict) -> None:
    """A verification text given in one place shows in both; the template is the newer place and wins."""
    template = {"DefaultEmailOption": "CONFIRM_WITH_CODE", **settings.get("VerificationMessageTemplate", {})}
    for outer, inner in MIRRORED.items():
        text = template.get(inner, settings.get(outer))
        if text is not None:
            template[inner] = settings[outer] = text
    settings["VerificationMessageTemplate"] = template


def _tier(settings: dict, before: Pool | None) -> str:
    watched = settings.get("UserPoolAddOns", {}).get("AdvancedSecurityMode", "OFF") != "OFF"
    kept = before.settings["UserPoolTier"] if before is not None else "ESSENTIALS"
    return settings.get("UserPoolTier") or ("PLUS" if watched else kept)


def _check(settings: dict) -> None:
    """Refuse combinations that Cognito refuses, in its words."""
    email = settings["EmailConfiguration"]
    recovery = settings["AccountRecoverySetting"].get("RecoveryMechanisms", [])
    names = [mechanism["Name"] for mechanism in recovery]
    priorities = [mechanism["Priority"] for mechanism in recovery]
    rules = [
        (settings.get("AliasAttributes") and settings.get("UsernameAttributes"),
         "Only one of the aliasAttributes or usernameAttributes can be set in a User pool."),
        ("phone_number" in settings.get("AutoVerifiedAttributes", []) and "SmsConfiguration" not in settings,
         "SMS configuration is required when phone_number is selected for auto verification"),
        ("PASSWORD" not in _first_factors(settings),
         "Password should be configured as one of the allowed first auth factors."),
        (email["EmailSendingAccount"] == "DEVELOPER" and not email.get("SourceArn"),
         "Source ARN is required to use DEVELOPER email sending owner"),
        ("admin_only" in names and len(names) > 1,
         "Account Recovery Setting cannot use admin_only setting with any other recovery mechanisms."),
        (len(set(names)) < len(names) or len(set(priorities)) < len(priorities),
         "Account Recovery Setting cannot name a recovery mechanism or a priority twice."),
        (len(set(assurance.level_names(settings).values())) < 4,
         "The names of the ACR levels must be unique, those that are not configured included."),
    ]
    for broken, message in rules:
        if broken:
            raise invalid_parameter(message)
    check_tags(settings.get("UserPoolTags", {}), lambda text: CognitoError("UserPoolTaggingException", text))
    _check_tier(settings)


def _first_factors(settings: dict) -> list[str]:
    return settings["Policies"]["SignInPolicy"].get("AllowedFirstAuthFactors", ["PASSWORD"])


def _check_tier(settings: dict) -> None:
    """Refuse features that the pool's plan has not. Source: Developer Guide, "User pool feature plans"."""
    tier = settings["UserPoolTier"]
    version = settings["LambdaConfig"].get("PreTokenGenerationConfig", {}).get("LambdaVersion", "V1_0")
    essentials = [
        ("Passwordless Sign-In", _first_factors(settings) != ["PASSWORD"]),
        ("ACR Level Names", bool(settings.get("AcrConfiguration"))),
        ("Password History", settings["Policies"]["PasswordPolicy"].get("PasswordHistorySize", 0) > 0),
        (f"Token Customization with Pre-Token Generation Lambda {version}", version != "V1_0"),
    ]
    watched = settings.get("UserPoolAddOns", {}).get("AdvancedSecurityMode", "OFF") != "OFF"
    in_use = [name for name, used in essentials if used and tier == "LITE"]
    in_use += ["Threat Protection"] if watched and tier != "PLUS" else []
    if in_use:
        raise unavailable_in_tier(tier, in_use)


def unavailable_in_tier(tier: str, features: list[str]) -> CognitoError:
    return CognitoError("FeatureUnavailableInTierException", "The following features need to be disabled for "
                        f"the {tier} pricing tier configured: {', '.join(features)}")


def check_tags(tags: dict, refusal=invalid_parameter) -> None:
    if len(tags) > MOST_TAGS:
        raise refusal(f"A user pool has at most {MOST_TAGS} tags.")


def mfa_by_pool_settings(request: dict, settings: dict, before: Pool | None = None) -> dict:
    """The MFA configuration that CreateUserPool or UpdateUserPool leads to; omitted means OFF.

    Here SMS comes with an SmsConfiguration; the other factors are switched on by SetUserPoolMfaConfig
    alone, and last while MFA stays on.
    """
    mode = request.get("MfaConfiguration", "OFF")
    others = _factors(before.mfa) if before is not None else {}
    others.pop("SmsMfaConfiguration", None)
    kept = {"WebAuthnConfiguration": before.mfa["WebAuthnConfiguration"]} if (
        before is not None and "WebAuthnConfiguration" in before.mfa) else {}
    if mode == "OFF":
        return {"MfaConfiguration": "OFF", **kept}
    sms = settings.get("SmsConfiguration")
    if not sms and not others:
        raise invalid_parameter("SMS configuration and Auto verification for phone_number are required when "
                                "MFA is required/optional")
    if "EmailMfaConfiguration" in others:
        _check_email_mfa(settings)
    factor = {"SmsConfiguration": sms}
    if settings.get("SmsAuthenticationMessage"):
        factor["SmsAuthenticationMessage"] = settings["SmsAuthenticationMessage"]
    return {"MfaConfiguration": mode, **({"SmsMfaConfiguration": factor} if sms else {}), **others, **kept}


def mfa_by_request(request: dict, settings: dict, before: dict) -> dict:
    """The MFA configuration that SetUserPoolMfaConfig leads to, for a pool of these settings.

    A factor it does not name is switched off; an omitted WebAuthnConfiguration stays as `before`.
    """
    mode, chosen = request.get("MfaConfiguration", "OFF"), _factors(request)
    kept = request.get("WebAuthnConfiguration", before.get("WebAuthnConfiguration"))
    webauthn = {"WebAuthnConfiguration": deepcopy(kept)} if kept else {}
    if mode == "OFF":
        if chosen:
            raise invalid_parameter("Invalid MFA configuration given, can't turn off MFA and configure an "
                                    "MFA together.")
        return {"MfaConfiguration": "OFF", **webauthn}
    if not chosen:
        raise invalid_parameter("Invalid MFA configuration given, can't disable all MFAs with a required or "
                                "optional configuration.")
    if "SmsConfiguration" in settings and "SmsMfaConfiguration" not in chosen:
        raise invalid_parameter("Can't turn off SMS_MFA when SMS configuration is set for the user pool")
    if "EmailMfaConfiguration" in chosen:
        _check_email_mfa(settings)
    if "SmsMfaConfiguration" in chosen:
        chosen["SmsMfaConfiguration"] = _sms_factor(chosen["SmsMfaConfiguration"], settings)
    return {"MfaConfiguration": mode, **chosen, **webauthn}


def with_sms_factor(settings: dict, mfa: dict) -> dict:
    """The settings with the SMS factor's configuration and text, which are the pool's own too."""
    return {**settings, **mfa.get("SmsMfaConfiguration", {})}


def _factors(mfa: dict) -> dict:
    """The factors that are on, of a pool or a request."""
    factors = {name: deepcopy(mfa[name]) for name in ("SmsMfaConfiguration", "EmailMfaConfiguration")
               if name in mfa}
    if mfa.get("SoftwareTokenMfaConfiguration", {}).get("Enabled"):
        factors["SoftwareTokenMfaConfiguration"] = {"Enabled": True}
    return factors


def _sms_factor(given: dict, settings: dict) -> dict:
    configuration = given.get("SmsConfiguration") or settings.get("SmsConfiguration")
    if not configuration:
        raise invalid_parameter("SMS configuration and Auto verification for phone_number are required when "
                                "MFA is required/optional")
    return {**given, "SmsConfiguration": configuration}


def _check_email_mfa(settings: dict) -> None:
    tier = settings["UserPoolTier"]
    if tier == "LITE":
        raise unavailable_in_tier(tier, ["Email MFA"])
    if settings["EmailConfiguration"]["EmailSendingAccount"] != "DEVELOPER":
        raise invalid_parameter("Cannot set EmailMfaConfiguration when user pool EmailConfiguration contains "
                                "an EmailSendingAccount of COGNITO_DEFAULT.")
    recovery = settings["AccountRecoverySetting"].get("RecoveryMechanisms", [])
    if [mechanism["Name"] for mechanism in recovery] == ["verified_email"]:
        raise invalid_parameter("Cannot set EmailMfaConfiguration when email is the only account recovery "
                                "option.")


def without_effect(settings: dict, mfa: dict) -> list[str]:
    """The members of a pool that are kept and given back, but that this service does not act on yet."""
    idle = {"SignInPolicy.AllowedFirstAuthFactors": _first_factors(settings) != ["PASSWORD"],
            **{f"LambdaConfig.{name}": name in settings["LambdaConfig"] for name in SILENT_TRIGGERS},
            "SmsConfiguration": "SmsConfiguration" in settings,
            "EmailConfiguration": len(settings["EmailConfiguration"]) > 1,
            "DeviceConfiguration": "DeviceConfiguration" in settings,
            "UserPoolAddOns": settings.get("UserPoolAddOns", {}).get("AdvancedSecurityMode", "OFF") != "OFF",
            "DcrConfiguration": settings.get("DcrConfiguration", {}).get("EnableStatus") == "Enabled",
            "KeyConfiguration": settings.get("KeyConfiguration", {}).get("KeyType") == "CUSTOMER_MANAGED_KEY",
            "IssuerConfiguration": settings.get("IssuerConfiguration", {}).get("Type") == "UPDATED",
            **{name: name in mfa for name in ("SmsMfaConfiguration", "EmailMfaConfiguration",
                                              "WebAuthnConfiguration")}}
    return [name for name, used in idle.items() if used]
