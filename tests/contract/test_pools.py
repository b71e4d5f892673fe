"""User pools over the API: defaults, what an update resets, what is refused, paging, MFA configuration."""

import pytest
from sqlalchemy import func, select

from authservice.local.database import Base

SMS = {"SnsCallerArn": "arn:aws:iam::000000000000:role/sms"}
SNS_TEXT = "Your code is {####}"


def make_pool(backend, **settings) -> dict:
    return backend.call("CreateUserPool", {"PoolName": "shop", **settings})["UserPool"]


def described(backend, pool_id: str) -> dict:
    return backend.call("DescribeUserPool", {"UserPoolId": pool_id})["UserPool"]


def schema(pool: dict) -> dict[str, dict]:
    return {entry["Name"]: entry for entry in pool["SchemaAttributes"]}


def refused(backend, **settings) -> str:
    return backend.refusal("CreateUserPool", {"PoolName": "shop", **settings})


def test_a_pool_of_which_only_the_name_is_given_has_cognitos_defaults(backend, clock):
    pool = make_pool(backend)
    region, _, rest = pool["Id"].partition("_")
    assert region == "us-east-1" and len(rest) == 9 and rest.isalnum()
    assert pool["CreationDate"] == pool["LastModifiedDate"] == clock.now
    assert pool["Arn"] == f"arn:aws:cognito-idp:us-east-1:000000000000:userpool/{pool['Id']}"
    assert {name: value for name, value in pool.items()
            if name not in ("Id", "Arn", "CreationDate", "LastModifiedDate", "SchemaAttributes")} == {
        "Name": "shop",
        "Policies": {"PasswordPolicy": {"MinimumLength": 8, "RequireUppercase": True,
                                        "RequireLowercase": True, "RequireNumbers": True,
                                        "RequireSymbols": True,
                                        "TemporaryPasswordValidityDays": 7},
                     "SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD"]}},
        "DeletionProtection": "INACTIVE", "LambdaConfig": {},
        "VerificationMessageTemplate": {"DefaultEmailOption": "CONFIRM_WITH_CODE"},
        "UserAttributeUpdateSettings": {"AttributesRequireVerificationBeforeUpdate": []},
        "MfaConfiguration": "OFF", "EstimatedNumberOfUsers": 0,
        "EmailConfiguration": {"EmailSendingAccount": "COGNITO_DEFAULT"},
        "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": False, "UnusedAccountValidityDays": 7},
        "AccountRecoverySetting": {"RecoveryMechanisms": [{"Priority": 1, "Name": "verified_email"},
                                                          {"Priority": 2, "Name": "verified_phone_number"}]},
        "UserPoolTier": "ESSENTIALS"}
    assert described(backend, pool["Id"]) == pool


def test_the_standard_schema_has_cognitos_order_and_string_limits(backend):
    entries = make_pool(backend)["SchemaAttributes"]
    assert [entry["Name"] for entry in entries] == [
        "sub", "name", "given_name", "family_name", "middle_name", "nickname", "preferred_username",
        "profile", "picture", "website", "email", "email_verified", "gender", "birthdate", "zoneinfo",
        "locale",
        "phone_number", "phone_number_verified", "address", "updated_at"]
    by_name = {entry["Name"]: entry for entry in entries}
    assert by_name["sub"] == {"Name": "sub", "AttributeDataType": "String", "DeveloperOnlyAttribute": False,
                              "Mutable": False, "Required": True,
                              "StringAttributeConstraints": {"MinLength": "1", "MaxLength": "2048"}}
    assert by_name["birthdate"]["StringAttributeConstraints"] == {"MinLength": "10", "MaxLength": "10"}
    assert by_name["updated_at"]["NumberAttributeConstraints"] == {"MinValue": "0"}
    assert "StringAttributeConstraints" not in by_name["email_verified"]


def test_what_is_given_is_given_back(backend):
    given = {"AutoVerifiedAttributes": ["email"], "UsernameAttributes": ["email"],
             "UsernameConfiguration": {"CaseSensitive": False}, "UserPoolTags": {"stage": "test"},
             "DeletionProtection": "ACTIVE", "DeviceConfiguration": {"ChallengeRequiredOnNewDevice": True},
             "LambdaConfig": {"PreSignUp": "arn:aws:lambda:us-east-1:000000000000:function:check"},
             "SmsConfiguration": SMS, "AccountRecoverySetting": {}, "UserPoolTier": "PLUS",
             "UserPoolAddOns": {"AdvancedSecurityMode": "AUDIT"}}
    pool = make_pool(backend, **given)
    assert {name: pool[name] for name in given} == given
    assert described(backend, pool["Id"]) == pool


def test_a_partly_given_password_policy_requires_only_what_it_says(backend):
    pool = make_pool(backend, Policies={"PasswordPolicy": {"MinimumLength": 12, "RequireNumbers": True}})
    assert pool["Policies"]["PasswordPolicy"] == {
        "MinimumLength": 12, "RequireUppercase": False, "RequireLowercase": False, "RequireNumbers": True,
        "RequireSymbols": False, "TemporaryPasswordValidityDays": 7}


def test_verification_texts_show_in_both_places(backend):
    pool = make_pool(backend, EmailVerificationSubject="Welcome",
                     VerificationMessageTemplate={"EmailMessage": "Your code: {####}"})
    assert pool["EmailVerificationMessage"] == "Your code: {####}"
    assert pool["VerificationMessageTemplate"] == {"DefaultEmailOption": "CONFIRM_WITH_CODE",
                                                   "EmailMessage": "Your code: {####}",
                                                   "EmailSubject": "Welcome"}


def test_the_life_of_temporary_passwords_has_two_names_that_may_not_differ(backend):
    pool = make_pool(backend, AdminCreateUserConfig={"UnusedAccountValidityDays": 3})
    assert pool["Policies"]["PasswordPolicy"]["TemporaryPasswordValidityDays"] == 3
    assert refused(backend, AdminCreateUserConfig={"UnusedAccountValidityDays": 3},
                   Policies={"PasswordPolicy": {"TemporaryPasswordValidityDays": 5}}) == (
        "InvalidParameterException: Please use TemporaryPasswordValidityDays in PasswordPolicy instead of "
        "UnusedAccountValidityDays")


@pytest.mark.parametrize("given, message", [
    ({"AliasAttributes": ["email"], "UsernameAttributes": ["email"]},
     "Only one of the aliasAttributes or usernameAttributes can be set in a User pool."),
    ({"AutoVerifiedAttributes": ["phone_number"]},
     "SMS configuration is required when phone_number is selected for auto verification"),
    ({"MfaConfiguration": "ON"},
     "SMS configuration and Auto verification for phone_number are required when MFA is required/optional"),
    ({"EmailConfiguration": {"EmailSendingAccount": "DEVELOPER"}},
     "Source ARN is required to use DEVELOPER email sending owner"),
    ({"AccountRecoverySetting": {"RecoveryMechanisms": [{"Priority": 1, "Name": "admin_only"},
                                                        {"Priority": 2, "Name": "verified_email"}]}},
     "Account Recovery Setting cannot use admin_only setting with any other recovery mechanisms."),
    ({"Policies": {"SignInPolicy": {"AllowedFirstAuthFactors": ["EMAIL_OTP"]}}},
     "Password should be configured as one of the allowed first auth factors."),
])
def test_settings_that_contradict_each_other_are_refused(held, given, message):
    assert refused(held, **given) == f"InvalidParameterException: {message}"


def test_limits_of_the_model_are_checked_before_anything_else(held):
    assert refused(held, PoolName="") == (
        "InvalidParameterException: 2 validation errors detected: Value '' at 'poolName' failed to satisfy "
        "constraint: Member must have length greater than or equal to 1; Value '' at 'poolName' failed to "
        r"satisfy constraint: Member must satisfy regular expression pattern: [\w\s+=,.@-]+")


def test_features_above_the_tier_are_refused(held):
    sentence = ("FeatureUnavailableInTierException: The following features need to be disabled for the {} "
                "pricing tier configured: {}")
    assert refused(held, UserPoolTier="ESSENTIALS", UserPoolAddOns={"AdvancedSecurityMode": "ENFORCED"}) == (
        sentence.format("ESSENTIALS", "Threat Protection"))
    assert refused(held, UserPoolTier="LITE", Policies={"PasswordPolicy": {"PasswordHistorySize": 3}}) == (
        sentence.format("LITE", "Password History"))
    assert make_pool(held, UserPoolAddOns={"AdvancedSecurityMode": "AUDIT"})["UserPoolTier"] == "PLUS"


def test_an_unknown_pool_is_named(backend):
    for operation in ("DescribeUserPool", "UpdateUserPool", "DeleteUserPool", "GetUserPoolMfaConfig"):
        assert backend.refusal(operation, {"UserPoolId": "us-east-1_nothing00"}) == (
            "ResourceNotFoundException: User pool us-east-1_nothing00 does not exist.")


def test_an_update_resets_what_it_leaves_out_but_not_tier_name_and_sign_in_model(backend, clock):
    pool = make_pool(backend, UserPoolTier="LITE", UsernameAttributes=["email"], UserPoolTags={"a": "b"},
                     UsernameConfiguration={"CaseSensitive": False}, AutoVerifiedAttributes=["email"],
                     Policies={"PasswordPolicy": {"MinimumLength": 20}}, DeletionProtection="ACTIVE")
    clock.advance(hours=1)
    assert backend.call("UpdateUserPool", {"UserPoolId": pool["Id"], "EmailVerificationSubject": "Hi"}) == {}
    after = described(backend, pool["Id"])
    assert after["UserPoolTier"] == "LITE" and after["Name"] == "shop"
    assert after["UsernameAttributes"] == ["email"]
    assert after["UsernameConfiguration"] == {"CaseSensitive": False}
    assert after["Policies"]["PasswordPolicy"]["MinimumLength"] == 8
    assert after["DeletionProtection"] == "INACTIVE"
    assert "AutoVerifiedAttributes" not in after and "UserPoolTags" not in after
    assert after["EmailVerificationSubject"] == "Hi"
    assert after["CreationDate"] == pool["CreationDate"] and after["LastModifiedDate"] == clock.now


def test_an_update_may_rename(backend):
    pool = make_pool(backend)
    backend.call("UpdateUserPool", {"UserPoolId": pool["Id"], "PoolName": "other"})
    assert described(backend, pool["Id"])["Name"] == "other"


def test_a_deleted_pool_is_gone_with_its_clients(backend):
    pool_id = make_pool(backend)["Id"]
    made = backend.call("CreateUserPoolClient", {"UserPoolId": pool_id, "ClientName": "web"})
    client = made["UserPoolClient"]
    assert backend.call("DeleteUserPool", {"UserPoolId": pool_id}) == {}
    assert backend.refusal("DescribeUserPool", {"UserPoolId": pool_id}) == (
        f"ResourceNotFoundException: User pool {pool_id} does not exist.")
    assert backend.refusal("ForgotPassword", {"ClientId": client["ClientId"], "Username": "user-1"}) == (
        f"ResourceNotFoundException: User pool client {client['ClientId']} does not exist.")


def test_nothing_of_a_deleted_pool_is_left_in_the_database(backend, request):
    pool_id = make_pool(backend, AutoVerifiedAttributes=["email"])["Id"]
    client = backend.call("CreateUserPoolClient", {
        "UserPoolId": pool_id, "ClientName": "web", "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"]})
    client_id = client["UserPoolClient"]["ClientId"]
    backend.call("SetUserPoolMfaConfig", {"UserPoolId": pool_id, "MfaConfiguration": "OPTIONAL",
                                          "SoftwareTokenMfaConfiguration": {"Enabled": True}})
    backend.call("CreateUserPoolClient", {"UserPoolId": pool_id, "ClientName": "api", "GenerateSecret": True})
    backend.call("CreateGroup", {"UserPoolId": pool_id, "GroupName": "staff"})
    backend.call("CreateResourceServer", {"UserPoolId": pool_id, "Identifier": "api", "Name": "API"})
    password = {"Username": "user-1", "Password": "Right-passw0rd"}
    backend.call("SignUp", {"ClientId": client_id, **password,
                            "UserAttributes": [{"Name": "email", "Value": "user-1@example.com"}]})
    backend.call("AdminConfirmSignUp", {"UserPoolId": pool_id, "Username": "user-1"})
    backend.call("AdminAddUserToGroup", {"UserPoolId": pool_id, "Username": "user-1", "GroupName": "staff"})
    backend.call("InitiateAuth", {"ClientId": client_id, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": {
        "USERNAME": "user-1", "PASSWORD": "Right-passw0rd"}})
    backend.call("AdminCreateUser", {"UserPoolId": pool_id, "Username": "user-2", "MessageAction": "SUPPRESS",
                                     "TemporaryPassword": "Right-passw0rd"})
    backend.call("InitiateAuth", {"ClientId": client_id, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": {
        "USERNAME": "user-2", "PASSWORD": "Right-passw0rd"}})

    engine = getattr(backend.inner, "engine", None) or request.getfixturevalue("local").engine
    filled = rows(engine)
    assert {name for name, count in filled.items() if count} >= {
        "app_clients", "challenge_sessions", "client_secrets", "codes", "groups", "memberships", "names",
        "outbox", "pools", "refresh_tokens", "resource_servers", "sign_ins", "signing_keys", "users"}
    backend.call("DeleteUserPool", {"UserPoolId": pool_id})
    # Only counted tries and the audit trail may stay: they name nobody, and are removed in time.
    assert {name for name, count in rows(engine).items() if count} <= {"attempts", "events"}


def rows(engine) -> dict[str, int]:
    with engine.connect() as connection:
        return {name: connection.scalar(select(func.count()).select_from(table))
                for name, table in Base.metadata.tables.items()}


def test_a_protected_pool_is_deleted_only_after_the_protection_is_lifted(backend):
    pool_id = make_pool(backend, DeletionProtection="ACTIVE")["Id"]
    assert backend.refusal("DeleteUserPool", {"UserPoolId": pool_id}) == (
        "InvalidParameterException: The user pool cannot be deleted because deletion protection is "
        "activated. Deletion protection must be inactivated first.")
    backend.call("UpdateUserPool", {"UserPoolId": pool_id, "DeletionProtection": "INACTIVE"})
    assert backend.call("DeleteUserPool", {"UserPoolId": pool_id}) == {}


def test_pools_are_listed_page_by_page(backend, clock):
    made = []
    for number in range(5):
        made.append(make_pool(backend, PoolName=f"pool {number}")["Id"])
        clock.advance(minutes=number % 2)  # some are as old as their neighbour
    pages, token = [], {}
    while True:
        answer = backend.call("ListUserPools", {"MaxResults": 2, **token})
        pages.append([pool["Id"] for pool in answer["UserPools"]])
        if "NextToken" not in answer:
            break
        token = {"NextToken": answer["NextToken"]}
    assert [len(page) for page in pages] == [2, 2, 1]
    assert sorted(sum(pages, [])) == sorted(made)
    assert set(answer["UserPools"][0]) == {"Id", "Name", "LambdaConfig", "LastModifiedDate", "CreationDate"}


def test_a_page_token_is_good_for_an_hour_and_for_its_own_list(backend, clock):
    first, second = make_pool(backend)["Id"], make_pool(backend)["Id"]
    token = backend.call("ListUserPools", {"MaxResults": 1})["NextToken"]
    for pool in (first, second):
        for name in ("a", "b"):
            backend.call("CreateGroup", {"UserPoolId": pool, "GroupName": name})
    groups = backend.call("ListGroups", {"UserPoolId": first, "Limit": 1})["NextToken"]
    bad = "InvalidParameterException: Invalid pagination token"
    altered = ("A" if token[0] != "A" else "B") + token[1:]
    assert backend.refusal("ListUserPools", {"MaxResults": 1, "NextToken": altered}) == bad
    assert backend.refusal("ListUserPools", {"MaxResults": 1, "NextToken": "nonsense!"}) == bad
    assert backend.refusal("ListUserPools", {"MaxResults": 1, "NextToken": groups}) == bad
    assert backend.refusal("ListGroups", {"UserPoolId": second, "NextToken": groups}) == bad
    clock.advance(minutes=59)
    assert len(backend.call("ListUserPools", {"MaxResults": 1, "NextToken": token})["UserPools"]) == 1
    clock.advance(minutes=1)
    assert backend.refusal("ListUserPools", {"MaxResults": 1, "NextToken": token}) == bad


def test_custom_attributes_get_their_prefix_and_standard_ones_their_new_rules(backend):
    pool = make_pool(backend, Schema=[
        {"Name": "email", "AttributeDataType": "String", "Required": True, "Mutable": False},
        {"Name": "department", "AttributeDataType": "String",
         "StringAttributeConstraints": {"MaxLength": "30"}},
        {"Name": "secret", "AttributeDataType": "Number", "DeveloperOnlyAttribute": True, "Mutable": False}])
    entries = schema(pool)
    assert entries["email"]["Required"] and not entries["email"]["Mutable"]
    assert list(entries)[-2:] == ["custom:department", "dev:custom:secret"]
    assert entries["custom:department"] == {
        "Name": "custom:department", "AttributeDataType": "String", "DeveloperOnlyAttribute": False,
        "Mutable": True, "Required": False, "StringAttributeConstraints": {"MaxLength": "30"}}
    assert entries["dev:custom:secret"]["NumberAttributeConstraints"] == {}


@pytest.mark.parametrize("entry, message", [
    ({"Name": "email", "AttributeDataType": "Number"},
     "You can not change AttributeDataType or set developerOnlyAttribute for standard schema attribute "
     "email"),
    ({"Name": "name", "AttributeDataType": "String", "DeveloperOnlyAttribute": True},
     "You can not change AttributeDataType or set developerOnlyAttribute for standard schema attribute name"),
    ({"Name": "level"},
     "Invalid AttributeDataType input, consider using the provided AttributeDataType enum."),
    ({"Name": "level", "AttributeDataType": "String", "Required": True},
     "Required custom attributes are not supported currently."),
    ({"Name": "level", "AttributeDataType": "Number", "StringAttributeConstraints": {"MinLength": "1"}},
     "Invalid StringAttributeConstraints for schema attribute custom:level"),
    ({"Name": "level", "AttributeDataType": "String", "StringAttributeConstraints": {"MaxLength": "many"}},
     "Invalid StringAttributeConstraints for schema attribute custom:level"),
    ({"Name": "level", "AttributeDataType": "String", "StringAttributeConstraints": {"MaxLength": "2049"}},
     "user.custom:level: String attributes cannot have a length of more than 2048"),
    ({"Name": "level", "AttributeDataType": "String",
      "StringAttributeConstraints": {"MinLength": "3", "MaxLength": "2"}},
     "user.custom:level: Max length cannot be less than min length."),
    ({"Name": "level", "AttributeDataType": "Number",
      "NumberAttributeConstraints": {"MinValue": "3", "MaxValue": "-2"}},
     "user.custom:level: Max value cannot be less than min value."),
])
def test_a_schema_that_cannot_be_is_refused(held, entry, message):
    assert refused(held, Schema=[entry]) == f"InvalidParameterException: {message}"


def test_the_verified_flags_cannot_be_redefined(held):
    assert refused(held, Schema=[{"Name": "phone_number_verified", "AttributeDataType": "Boolean"}]) == (
        "InvalidParameterException: 1 validation error detected: Value 'phone_number_verified' at "
        "'schema.1.member.name' failed to satisfy constraint: Member must have length less than or equal to "
        "20")
    pool = make_pool(held, Schema=[{"Name": "email_verified", "AttributeDataType": "Boolean"}])
    assert "custom:email_verified" in schema(pool)


def test_custom_attributes_can_be_added_but_not_twice(backend):
    pool_id = make_pool(backend, Schema=[{"Name": "level", "AttributeDataType": "Number"}])["Id"]

    def add(*names, **member):
        return {"UserPoolId": pool_id,
                "CustomAttributes": [{"Name": name, "AttributeDataType": "String", **member}
                                     for name in names]}

    assert backend.call("AddCustomAttributes", add("team", "custom:x")) == {}
    assert {"custom:team", "custom:custom:x"} < set(schema(described(backend, pool_id)))
    taken = "InvalidParameterException: custom:level: Existing attribute already has name custom:level."
    assert backend.refusal("AddCustomAttributes", add("level")) == taken
    assert backend.refusal("AddCustomAttributes", add("level", DeveloperOnlyAttribute=True)) == taken
    assert backend.refusal("AddCustomAttributes", add("a", "a")).endswith("already has name custom:a.")
    backend.call("AddCustomAttributes", add(*(f"extra{number}" for number in range(25))))
    backend.call("AddCustomAttributes", add(*(f"more{number}" for number in range(22))))
    assert backend.refusal("AddCustomAttributes", add("one_too_many")).startswith("InvalidParameterException")


def test_mfa_is_off_at_first_and_set_apart_from_the_pool(backend):
    pool_id = make_pool(backend)["Id"]
    assert backend.call("GetUserPoolMfaConfig", {"UserPoolId": pool_id}) == {"MfaConfiguration": "OFF"}
    optional = {"MfaConfiguration": "OPTIONAL", "SoftwareTokenMfaConfiguration": {"Enabled": True}}
    assert backend.call("SetUserPoolMfaConfig", {"UserPoolId": pool_id, **optional}) == optional
    assert backend.call("GetUserPoolMfaConfig", {"UserPoolId": pool_id}) == optional
    assert described(backend, pool_id)["MfaConfiguration"] == "OPTIONAL"
    # With a factor there, UpdateUserPool may keep MFA on without SMS; leaving it out resets it.
    backend.call("UpdateUserPool", {"UserPoolId": pool_id, "MfaConfiguration": "ON"})
    required = {**optional, "MfaConfiguration": "ON"}
    assert backend.call("GetUserPoolMfaConfig", {"UserPoolId": pool_id}) == required
    backend.call("UpdateUserPool", {"UserPoolId": pool_id})
    assert backend.call("GetUserPoolMfaConfig", {"UserPoolId": pool_id}) == {"MfaConfiguration": "OFF"}


def test_the_sms_factor_is_configured_in_one_place_and_shown_in_both(backend):
    pool_id = make_pool(backend)["Id"]
    backend.call("SetUserPoolMfaConfig", {
        "UserPoolId": pool_id, "MfaConfiguration": "ON",
        "SmsMfaConfiguration": {"SmsConfiguration": SMS, "SmsAuthenticationMessage": SNS_TEXT}})
    pool = described(backend, pool_id)
    assert pool["SmsConfiguration"] == SMS and pool["SmsAuthenticationMessage"] == SNS_TEXT
    assert backend.refusal("SetUserPoolMfaConfig", {
        "UserPoolId": pool_id, "MfaConfiguration": "ON",
        "SoftwareTokenMfaConfiguration": {"Enabled": True}}) == (
        "InvalidParameterException: Can't turn off SMS_MFA when SMS configuration is set for the user pool")
    other = make_pool(backend, SmsConfiguration=SMS, MfaConfiguration="OPTIONAL")["Id"]
    assert backend.call("GetUserPoolMfaConfig", {"UserPoolId": other}) == {
        "MfaConfiguration": "OPTIONAL", "SmsMfaConfiguration": {"SmsConfiguration": SMS}}


def test_an_mfa_configuration_that_cannot_be_is_refused(backend):
    pool_id = make_pool(backend)["Id"]

    def refusal(**members):
        return backend.refusal("SetUserPoolMfaConfig", {"UserPoolId": pool_id, **members})

    totp = {"SoftwareTokenMfaConfiguration": {"Enabled": True}}
    assert refusal(MfaConfiguration="ON", SoftwareTokenMfaConfiguration={"Enabled": False}) == (
        "InvalidParameterException: Invalid MFA configuration given, can't disable all MFAs with a required "
        "or optional configuration.")
    assert refusal(MfaConfiguration="OFF", **totp) == (
        "InvalidParameterException: Invalid MFA configuration given, can't turn off MFA and configure an MFA "
        "together.")
    assert refusal(MfaConfiguration="ON", EmailMfaConfiguration={"Subject": "Code"}) == (
        "InvalidParameterException: Cannot set EmailMfaConfiguration when user pool EmailConfiguration "
        "contains an EmailSendingAccount of COGNITO_DEFAULT.")
    assert backend.call("GetUserPoolMfaConfig", {"UserPoolId": pool_id}) == {"MfaConfiguration": "OFF"}


def test_passkey_settings_stay_when_mfa_changes(backend):
    pool_id = make_pool(backend)["Id"]
    passkeys = {"WebAuthnConfiguration": {"RelyingPartyId": "example.com", "UserVerification": "required"}}
    backend.call("SetUserPoolMfaConfig", {"UserPoolId": pool_id, "MfaConfiguration": "OFF", **passkeys})
    backend.call("SetUserPoolMfaConfig", {"UserPoolId": pool_id, "MfaConfiguration": "ON",
                                          "SoftwareTokenMfaConfiguration": {"Enabled": True}})
    backend.call("UpdateUserPool", {"UserPoolId": pool_id})
    assert backend.call("GetUserPoolMfaConfig", {"UserPoolId": pool_id}) == {
        "MfaConfiguration": "OFF", **passkeys}


def test_what_is_kept_without_effect_is_said_in_the_log(held, caplog):
    make_pool(held, SmsConfiguration=SMS, LambdaConfig={
        "CustomMessage": "arn:aws:lambda:us-east-1:000000000000:function:words"})
    assert "kept without effect, not built yet: LambdaConfig.CustomMessage, SmsConfiguration" in caplog.text
