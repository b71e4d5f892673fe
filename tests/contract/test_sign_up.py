"""Signing up over the API: registration, the code that confirms it, sending it again, an administrator's word."""

from tests.contract.guest import (CONFIRMED, EXPIRED, LIMIT, MISMATCH, PASSWORD, SMS, UNKNOWN, UNKNOWN_NAME,
                                  attribute_list, refused)

SCHEMA = "InvalidParameterException: Attributes did not conform to the schema: "


def test_a_user_signs_up_and_confirms_with_the_code_that_was_sent(pool, app_client, inbox):
    answer = app_client.sign_up("user-1", email="user-1@example.com")
    assert answer["UserConfirmed"] is False
    assert answer["CodeDeliveryDetails"] == {"Destination": "u***@e***", "DeliveryMedium": "EMAIL",
                                             "AttributeName": "email"}
    assert pool.status() == "UNCONFIRMED"
    assert pool.attributes()["sub"] == answer["UserSub"]
    (message,) = inbox("user-1@example.com")
    assert message["purpose"] == "SignUp" and len(message["code"]) == 6 and message["code"].isdecimal()
    assert app_client.confirm("user-1", message["code"]) == {}
    assert pool.status() == "CONFIRMED"
    assert pool.attributes()["email_verified"] == "true"
    assert "AccessToken" in app_client.tokens()


def test_a_username_is_taken_once(app_client):
    app_client.sign_up("user-1")
    assert refused(app_client.sign_up, "user-1") == "UsernameExistsException: User already exists"


def test_a_taken_username_is_told_even_where_existence_is_hidden(pool):
    client = pool.client(PreventUserExistenceErrors="ENABLED")
    client.sign_up("user-1")
    assert refused(client.sign_up, "user-1") == "UsernameExistsException: User already exists"


def test_without_an_address_to_verify_no_code_is_sent(app_client, make_pool, inbox):
    assert "CodeDeliveryDetails" not in app_client.sign_up("user-1")
    unverifying = make_pool(AutoVerifiedAttributes=[]).client()
    assert "CodeDeliveryDetails" not in unverifying.sign_up("user-1", email="user-1@example.com")
    assert inbox() == []


def test_a_phone_number_goes_before_an_email_address(make_pool, inbox):
    pool = make_pool(AutoVerifiedAttributes=["email", "phone_number"], SmsConfiguration=SMS)
    client = pool.client()
    answer = client.sign_up("user-1", email="user-1@example.com", phone_number="+12065550100")
    assert answer["CodeDeliveryDetails"] == {"Destination": "+*******0100", "DeliveryMedium": "SMS",
                                             "AttributeName": "phone_number"}
    assert inbox("user-1@example.com") == []
    client.confirm("user-1", inbox.code("+12065550100"))
    attributes = pool.attributes()
    assert attributes["phone_number_verified"] == "true" and attributes.get("email_verified") != "true"


def test_a_pool_can_leave_the_making_of_users_to_its_administrators(make_pool):
    client = make_pool(AdminCreateUserConfig={"AllowAdminCreateUserOnly": True}).client()
    assert refused(client.sign_up) == "NotAuthorizedException: SignUp is not permitted for this user pool"


def test_an_unknown_app_client_is_not_found(backend):
    request = {"ClientId": "1example23456789abcdefghij", "Username": "user-1"}
    code = {"ConfirmationCode": "123456"}
    for operation, further in (("SignUp", {"Password": PASSWORD}), ("ConfirmSignUp", code),
                               ("ResendConfirmationCode", {}), ("ForgotPassword", {}),
                               ("ConfirmForgotPassword", {**code, "Password": PASSWORD})):
        assert backend.refusal(operation, {**request, **further}) == (
            "ResourceNotFoundException: User pool client 1example23456789abcdefghij does not exist.")


def test_a_username_has_the_models_form(app_client):
    for username, rule in (
            ("user 1", r"Member must satisfy regular expression pattern: [\p{L}\p{M}\p{S}\p{N}\p{P}]+"),
            ("u" * 129, "Member must have length less than or equal to 128"),
            ("", "Member must have length greater than or equal to 1")):
        refusal = refused(app_client.sign_up, username)
        assert refusal.startswith("InvalidParameterException: ") and "validation error" in refusal
        assert f"Value at 'username' failed to satisfy constraint: {rule}" in refusal


def test_only_what_the_app_client_may_write_is_written(pool):
    unauthorized = "NotAuthorizedException: A client attempted to write unauthorized attribute"
    client = pool.client(WriteAttributes=["email"])
    assert refused(client.sign_up, email="user-1@example.com", name="User One") == unauthorized
    assert refused(client.sign_up, email="user-1@example.com", email_verified="true") == unauthorized
    assert refused(pool.client().sign_up, sub="34c84488-e0e1-70ae-d2ee-991ad1a898c8") == unauthorized
    client.sign_up(email="user-1@example.com")


def test_the_schema_is_kept(make_pool):
    client = make_pool(Schema=[{"Name": "email", "AttributeDataType": "String", "Required": True},
                               {"Name": "age", "AttributeDataType": "Number", "NumberAttributeConstraints": {
                                   "MinValue": "18"}}]).client()
    assert refused(client.sign_up) == f"{SCHEMA}email: The attribute is required\n"
    assert refused(client.sign_up, **{"email": "user-1@example.com", "custom:shoe": "44"}) == (
        f"{SCHEMA}custom:shoe: Attribute does not exist in the schema.\n")
    for age in ("17", "old", "NaN"):
        refusal = refused(client.sign_up, **{"email": "user-1@example.com", "custom:age": age})
        assert refusal.startswith(f"{SCHEMA}custom:age: ")
    client.sign_up(**{"email": "user-1@example.com", "custom:age": "18"})


def test_addresses_have_the_form_of_addresses(app_client):
    for number in ("2065550100", "+1 206 555", "+1206555010a", "+"):
        assert refused(app_client.sign_up, phone_number=number) == (
            "InvalidParameterException: Invalid phone number format.")
    for address in ("user-1", "user-1@", "@example.com", "a b@example.com", "a@b@example.com"):
        assert refused(app_client.sign_up, email=address) == (
            "InvalidParameterException: Invalid email address format.")


def test_an_attribute_may_be_set_at_sign_up_even_if_never_after(make_pool):
    pool = make_pool(Schema=[{"Name": "tenant", "AttributeDataType": "String", "Mutable": False}])
    pool.client().sign_up(**{"custom:tenant": "north"})
    assert pool.attributes()["custom:tenant"] == "north"


def test_a_wrong_code_confirms_nobody(pool, app_client, inbox):
    app_client.sign_up("user-1", email="user-1@example.com")
    code = inbox.code("user-1@example.com")
    wrong = f"{(int(code) + 1) % 10**6:06}"
    assert refused(app_client.confirm, "user-1", wrong) == MISMATCH
    assert pool.status() == "UNCONFIRMED"
    app_client.confirm("user-1", code)


def test_a_sign_up_code_is_good_for_a_day(app_client, inbox, clock):
    app_client.sign_up("user-1", email="user-1@example.com")
    app_client.sign_up("user-2", email="user-2@example.com")
    clock.advance(hours=23, minutes=59)
    app_client.confirm("user-1", inbox.code("user-1@example.com"))
    clock.advance(minutes=1)
    assert refused(app_client.confirm, "user-2", inbox.code("user-2@example.com")) == EXPIRED


def test_a_new_code_ends_the_old_one(app_client, inbox):
    app_client.sign_up("user-1", email="user-1@example.com")
    old = inbox.code("user-1@example.com")
    answer = app_client.call("ResendConfirmationCode", "user-1")
    assert answer == {"CodeDeliveryDetails": {"Destination": "u***@e***", "DeliveryMedium": "EMAIL",
                                              "AttributeName": "email"}}
    new = inbox.code("user-1@example.com")
    if old != new:  # one in a million
        assert refused(app_client.confirm, "user-1", old) == MISMATCH
    app_client.confirm("user-1", new)


def test_a_user_is_confirmed_once(pool, app_client, inbox):
    app_client.sign_up("user-1", email="user-1@example.com")
    code = inbox.code("user-1@example.com")
    app_client.confirm("user-1", code)
    assert refused(app_client.confirm, "user-1", code) == CONFIRMED
    assert refused(pool.call, "AdminConfirmSignUp", "user-1") == CONFIRMED
    assert refused(app_client.call, "ResendConfirmationCode", "user-1") == (
        "InvalidParameterException: User is already confirmed.")


def test_without_a_code_there_is_none_to_be_right(app_client):
    app_client.sign_up("user-1")
    assert refused(app_client.confirm, "user-1", "123456") == EXPIRED


def test_where_nothing_is_verified_no_code_can_be_sent_again(make_pool):
    client = make_pool(AutoVerifiedAttributes=[]).client()
    client.sign_up("user-1", email="user-1@example.com")
    assert refused(client.call, "ResendConfirmationCode", "user-1") == (
        "NotAuthorizedException: Cannot resend codes. Auto verification not turned on.")


def test_an_unknown_user_cannot_be_confirmed(pool, app_client):
    assert refused(app_client.confirm, "nobody", "123456") == UNKNOWN_NAME
    assert refused(app_client.call, "ResendConfirmationCode", "nobody") == UNKNOWN_NAME
    assert refused(pool.call, "AdminConfirmSignUp", "nobody") == UNKNOWN


def test_an_administrator_confirms_without_verifying_an_address(pool, app_client):
    app_client.sign_up("user-1", email="user-1@example.com")
    assert pool.call("AdminConfirmSignUp", "user-1") == {}
    assert pool.status() == "CONFIRMED"
    assert pool.attributes().get("email_verified") != "true"
    assert "AccessToken" in app_client.tokens()


def test_codes_may_be_asked_for_5_times_and_tried_15_times_an_hour(app_client, clock):
    app_client.sign_up("user-1", email="user-1@example.com")
    for _ in range(5):
        app_client.call("ResendConfirmationCode", "user-1")
    assert refused(app_client.call, "ResendConfirmationCode", "user-1") == LIMIT
    for _ in range(15):
        assert refused(app_client.confirm, "user-1", "no-code") == MISMATCH
    assert refused(app_client.confirm, "user-1", "no-code") == LIMIT
    clock.advance(hours=1)
    app_client.call("ResendConfirmationCode", "user-1")
    assert refused(app_client.confirm, "user-1", "no-code") == MISMATCH


def test_a_sign_up_needs_a_password(app_client, backend):
    request = {"ClientId": app_client.id, "Username": "user-1", "UserAttributes": attribute_list({"name": "One"})}
    assert backend.refusal("SignUp", request).startswith("InvalidParameterException: ")


def test_a_refused_sign_up_leaves_nothing_behind(pool, app_client, inbox):
    assert refused(app_client.sign_up, "user-1", "short", email="user-1@example.com").startswith("InvalidPassword")
    assert refused(pool.call, "AdminGetUser", "user-1") == UNKNOWN
    assert inbox() == []
    app_client.sign_up("user-1", email="user-1@example.com")
