"""Which columns are taken for personal data, by the words of their names."""

from __future__ import annotations

import pytest

from pipelines.onboarding.personal_columns import personal_columns

PERSONAL = (
    "home_address billing_address ip_address IPAddress addresses address2 customer_ssn customerSSN credit_card_number"
    " patient_name CustomerName FIRSTNAME surname username name emails email_1 user_email_hash E-Mail eMail"
    " emailaddress zip_code postcode birth_dt client_dob DateOfBirth iban_code phone_number mobile street"
)
OTHER = (
    "id customer_id microphone headphones streetcar carrier_name product_name mailings has_email is_mobile address_type"
    " email_count mobile_share passenger_count birth_rate zip_file ship_date tip equipment"
)


@pytest.mark.parametrize("name", PERSONAL.split())
def test_names_that_hold_a_word_of_personal_data_are_recognized(name: str) -> None:
    assert personal_columns([name]) == [name]


@pytest.mark.parametrize("name", OTHER.split())
def test_names_that_only_look_alike_are_not(name: str) -> None:
    assert personal_columns([name]) == []


def test_spaces_split_words_too_and_a_name_may_have_none() -> None:
    assert personal_columns(["user name", "", "123", "Phone 1"]) == ["user name", "Phone 1"]
